"""Small synthetic pictures of each kind, with what a phone puts beside the pixels."""

import struct
import zlib

SECRET = b"GPS 39.77N 98.28E, somebody's phone"


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def exif(orientation: int, order: str = ">") -> bytes:
    head = (b"MM" if order == ">" else b"II") + struct.pack(order + "HI", 42, 8)
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0" + head + struct.pack(order + "H", 1) + entry + bytes(4) + SECRET


def jpeg(
    width: int = 64, height: int = 48, *, orientation: int | None = 6, frame: int = 0xC0, after: bytes = b""
) -> bytes:
    """Built like a photo; its entropy-coded data is none that anybody could look at."""
    metadata = b"" if orientation is None else segment(0xE1, exif(orientation))
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x02" + bytes(12)),
            metadata,
            segment(0xED, b"Photoshop 3.0\0" + SECRET),
            segment(0xFE, SECRET),
            segment(0xDB, bytes(65)),
            segment(frame, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0"),
            segment(0xC4, bytes(20)),
            segment(0xDA, b"\x01\x01\0\0\x3f\0"),
            b"\x12\xff\x00\x34\xff\xd0\x56",
            b"\xff\xd9",
            after,
        ]
    )


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int = 64, height: int = 48, *, pixels: bytes | None = None, interlaced: int = 0, after: bytes = b""
) -> bytes:
    rows = pixels if pixels is not None else b"".join(b"\0" + bytes(3 * width) for _ in range(height))
    packed = zlib.compress(rows)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)),
            chunk(b"tEXt", b"Comment\0" + SECRET),
            chunk(b"eXIf", SECRET),
            chunk(b"IDAT", packed[:7]),
            chunk(b"IDAT", packed[7:]),
            chunk(b"IEND", b""),
            after,
        ]
    )


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) & 1) for name, part in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp(width: int = 64, height: int = 48, *, flags: int = 0x2C, animated: bool = False) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frame = b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"pixels!"
    extra = [(b"ANIM", bytes(6))] if animated else []
    return riff(
        (b"VP8X", bytes([flags, 0, 0, 0]) + canvas), (b"ICCP", SECRET), *extra, (b"VP8 ", frame), (b"EXIF", SECRET)
    )


def webp_lossless(width: int = 64, height: int = 48) -> bytes:
    return riff((b"VP8L", b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + b"pixels"))
