"""Pictures that come in: what they are is read from their bytes, and only what is needed to show them is kept.

Nothing here decodes pixels; no library for that is among our dependencies. JPEG (ITU-T T.81), PNG (ISO/IEC 15948, its
pixel data is unpacked and counted) and WebP (RFC 9649) are walked part by part, strictly, and written anew from the
parts that carry the picture: places, devices, names, thumbnails, comments, and whatever hides behind the end stay out.
Of a JPEG's metadata one number stays, which side is up; phones lay pictures on their side and rely on it. Pure.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Final

from shared.contracts import Refusal, refuse_if, refuse_unless

_PARTS_MAX: Final = 4000
"""Parts of a file; those of a real one are a few dozen, or some hundreds of rows of pixels."""
_SCANS_MAX: Final = 64
_SIDE_MIN: Final = 16


class PhotoUnreadable(Refusal):
    """Not a JPEG, PNG or still WebP picture, or a damaged one."""

    code: ClassVar[str] = "photo_unreadable"
    status: ClassVar[int] = 422


class PhotoTooLarge(Refusal):
    """More bytes than a photo may have. Params: `kilobytes`."""

    code: ClassVar[str] = "photo_too_large"
    status: ClassVar[int] = 413


class PhotoSides(Refusal):
    """Too many or too few pixels to a side. Params: `side_min`, `side_max`, `width`, `height`."""

    code: ClassVar[str] = "photo_sides"
    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept and shown."""

    content: bytes
    media_type: str
    width_px: int
    height_px: int

    @property
    def sha256(self) -> str:
        """Of the content, in hexadecimal."""
        return sha256(self.content).hexdigest()


def picture(content: bytes, *, bytes_max: int, side_px_max: int) -> Picture:
    """The picture in some bytes, whoever sent them and whatever they say it is.

    Raises `PhotoTooLarge`, `PhotoUnreadable` or `PhotoSides`. Blocking for up to a second: run it in a thread.
    """
    refuse_if(len(content) > bytes_max, PhotoTooLarge(kilobytes=bytes_max // 1024))
    try:
        if content.startswith(b"\xff\xd8\xff"):
            found = _jpeg(content)
        elif content.startswith(_PNG):
            found = _png(content, side_px_max)
        elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            found = _webp(content)
        else:
            raise PhotoUnreadable
    except (struct.error, IndexError, zlib.error) as error:
        raise PhotoUnreadable from error
    _require_sides(found.width_px, found.height_px, side_px_max)
    return found


def _require_sides(width: int, height: int, side_max: int) -> None:
    fits = all(_SIDE_MIN <= side <= side_max for side in (width, height))
    refuse_unless(fits, PhotoSides(side_min=_SIDE_MIN, side_max=side_max, width=width, height=height))


# JPEG: segments of FF, a marker, a length and that many bytes; after each start of scan comes entropy-coded data, in
# which FF is followed by 00 or by a restart marker.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_SOS, _EOI, _COMMENT, _APP0, _APP1, _APP14, _APP15 = 0xDA, 0xD9, 0xFE, 0xE0, 0xE1, 0xEE, 0xEF
_FRAMES = (0xC0, 0xC1, 0xC2)
_TABLES = (0xC4, 0xDB, 0xDD)
"""Huffman and quantization tables, restart interval."""


def _jpeg(content: bytes) -> Picture:
    out, scans, upright = [b""], 0, 1
    sides: tuple[int, int] | None = None
    for marker, begin, end in _jpeg_segments(content):
        body, whole = content[begin + 4 : end], content[begin:end]
        if marker == _APP1 and body.startswith(b"Exif\0\0"):
            upright = _orientation(body[6:]) or upright
        elif marker == _APP0 and body.startswith(b"JFIF\0"):
            out.append(b"\xff\xe0\0\x10" + body[:12].ljust(12, b"\0") + b"\0\0")  # without its thumbnail
        elif marker in _FRAMES:
            refuse_unless(sides is None, PhotoUnreadable)
            _, height, width = struct.unpack_from(">BHH", body)
            sides = (width, height)
            out.append(whole)
        elif marker == _SOS:
            scans += 1
            refuse_if(sides is None or scans > _SCANS_MAX, PhotoUnreadable)
            out.append(whole)
        elif marker in _TABLES or (marker == _APP14 and body.startswith(b"Adobe")):
            out.append(whole)
        else:
            refuse_unless(_APP0 <= marker <= _APP15 or marker == _COMMENT, PhotoUnreadable)
    if sides is None or not scans:
        raise PhotoUnreadable
    if upright != 1:
        out[0] = _EXIF + struct.pack(">H", upright) + bytes(6)
    width, height = sides if upright < 5 else sides[::-1]
    return Picture(b"\xff\xd8" + b"".join(out) + b"\xff\xd9", "image/jpeg", width, height)


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of every segment up to the end of the picture, entropy-coded data with its scan."""
    place = 2
    for _ in range(_PARTS_MAX):
        while content[place : place + 2] == b"\xff\xff":
            place += 1
        refuse_unless(content[place] == 0xFF, PhotoUnreadable)
        marker = content[place + 1]
        if marker == _EOI:
            return
        (length,) = struct.unpack_from(">H", content, place + 2)
        end = place + 2 + length
        refuse_if(length < 2 or end > len(content), PhotoUnreadable)
        if marker == _SOS:
            following = _MARKER.search(content, end)
            if following is None:
                raise PhotoUnreadable
            end = following.start()
        yield marker, place, end
        place = end
    raise PhotoUnreadable


# One segment with one entry: tag 0x0112, a short, once.
_EXIF = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01"


def _orientation(exif: bytes) -> int | None:
    """Which side is up, 1 to 8; None where the metadata does not say, or is damaged: it is no reason to refuse."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return None
    try:
        (first,) = struct.unpack_from(order + "I", exif, 4)
        (entries,) = struct.unpack_from(order + "H", exif, first)
        for number in range(min(entries, 200)):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, first + 2 + 12 * number)
            if (tag, kind) == (0x0112, 3):
                return value if 1 <= value <= 8 else None
    except struct.error:
        pass
    return None


# PNG: chunks of a length, a name, that many bytes and a checksum.
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_KEPT: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def _png(content: bytes, side_px_max: int) -> Picture:
    out, pixels, head, palette, ended = [_PNG], [], b"", b"", False
    for name, body, whole in _png_chunks(content):
        refuse_if(not head and name != b"IHDR", PhotoUnreadable)
        if name == b"IHDR":
            refuse_if(bool(head) or len(body) != 13, PhotoUnreadable)
            head = body
        elif name == b"IDAT":
            pixels.append(body)
        elif name == b"PLTE":
            palette = body
        elif name not in _KEPT:
            refuse_if(name[0] & 0x20 == 0, PhotoUnreadable)  # critical, and not known
            continue
        out.append(whole)
        if name == b"IEND":
            ended = True
            break
    refuse_unless(ended, PhotoUnreadable)
    width, height, depth, colour, packing, filtering, interlaced = struct.unpack(">IIBBBBB", head)
    known = depth in _DEPTHS.get(colour, ()) and (packing, filtering) == (0, 0) and interlaced in (0, 1)
    refuse_unless(known, PhotoUnreadable)
    refuse_if(colour == 3 and not palette, PhotoUnreadable)
    _require_sides(width, height, side_px_max)
    expected = sum(_pass_bytes(w, h, depth * _SAMPLES[colour]) for w, h in _pass_sides(width, height, interlaced))
    refuse_unless(_unpacks_to(pixels, expected), PhotoUnreadable)
    return Picture(b"".join(out), "image/png", width, height)


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Name, body and the whole of every chunk, each with the right checksum."""
    place = len(_PNG)
    for _ in range(_PARTS_MAX):
        length, name = struct.unpack_from(">I4s", content, place)
        end = place + 12 + length
        refuse_if(end > len(content), PhotoUnreadable)
        (checksum,) = struct.unpack_from(">I", content, end - 4)
        refuse_if(zlib.crc32(content[place + 4 : end - 4]) != checksum, PhotoUnreadable)
        yield name, content[place + 8 : end - 4], content[place:end]
        place = end
    raise PhotoUnreadable


def _pass_sides(width: int, height: int, interlaced: int) -> list[tuple[int, int]]:
    if not interlaced:
        return [(width, height)]
    return [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in _PASSES if width > x and height > y]


def _pass_bytes(width: int, height: int, bits: int) -> int:
    return height * (1 + (width * bits + 7) // 8)


def _unpacks_to(packed: list[bytes], expected: int) -> bool:
    """Whether the stream is whole and gives just so many bytes. No more than 64 kB of it are held at a time."""
    unpacking, count = zlib.decompressobj(), 0
    for piece in packed:
        rest = piece
        if rest and unpacking.eof:
            return False
        while rest and not unpacking.eof:
            count += len(unpacking.decompress(rest, 65536))
            if count > expected:
                return False
            rest = unpacking.unconsumed_tail
    while not unpacking.eof and (more := unpacking.decompress(unpacking.unconsumed_tail, 65536)):
        count += len(more)
        if count > expected:
            return False
    return unpacking.eof and not unpacking.unused_data and count == expected


# WebP: a RIFF file of chunks of a name, a length, that many bytes, and one more where the length is odd.
_ICC, _ALPHA, _EXIF_FLAG, _XMP, _ANIMATED = 0x20, 0x10, 0x08, 0x04, 0x02


def _webp(content: bytes) -> Picture:
    (size,) = struct.unpack_from("<I", content, 4)
    refuse_if(size + 8 > len(content) or size < 4, PhotoUnreadable)
    content, place, parts = content[: size + 8], 12, 0
    chunks: dict[bytes, bytes] = {}
    while place < len(content):
        parts += 1
        refuse_if(parts > _PARTS_MAX, PhotoUnreadable)
        name, length = struct.unpack_from("<4sI", content, place)
        refuse_if(place + 8 + length > len(content), PhotoUnreadable)
        chunks.setdefault(name, content[place + 8 : place + 8 + length])
        place += 8 + length + (length & 1)
    refuse_if(b"ANIM" in chunks or b"ANMF" in chunks, PhotoUnreadable)
    refuse_unless((b"VP8 " in chunks) != (b"VP8L" in chunks), PhotoUnreadable)
    sides = _vp8_sides(chunks[b"VP8 "]) if b"VP8 " in chunks else _vp8l_sides(chunks[b"VP8L"])
    kept = []
    if b"VP8X" in chunks:
        extended = chunks[b"VP8X"]
        refuse_if(len(extended) != 10 or bool(extended[0] & _ANIMATED), PhotoUnreadable)
        canvas = tuple(1 + int.from_bytes(extended[at : at + 3], "little") for at in (4, 7))
        refuse_if(canvas != sides, PhotoUnreadable)
        kept.append((b"VP8X", bytes([extended[0] & _ALPHA]) + extended[1:]))
        if b"ALPH" in chunks:
            kept.append((b"ALPH", chunks[b"ALPH"]))
    kept += [(name, chunks[name]) for name in (b"VP8 ", b"VP8L") if name in chunks]
    body = b"".join(name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) & 1) for name, part in kept)
    return Picture(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body, "image/webp", *sides)


def _vp8_sides(frame: bytes) -> tuple[int, int]:
    refuse_unless(len(frame) > 10 and frame[0] & 1 == 0 and frame[3:6] == b"\x9d\x01\x2a", PhotoUnreadable)
    width, height = struct.unpack_from("<HH", frame, 6)
    return width & 0x3FFF, height & 0x3FFF


def _vp8l_sides(frame: bytes) -> tuple[int, int]:
    refuse_unless(len(frame) > 5 and frame[0] == 0x2F and frame[4] >> 5 == 0, PhotoUnreadable)
    bits = int.from_bytes(frame[1:5], "little")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
