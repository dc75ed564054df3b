"""Pictures that come in: what is kept of them, and what is refused, however it is dressed up."""

import struct
import time
import uuid
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from services.points.market.model import ItemNotListed, ItemWithoutPhoto, RemovePhoto, SetPhoto
from services.points.market.pictures import PhotoSides, PhotoTooLarge, PhotoUnreadable, Picture, picture
from services.points.market.views import ITEMS
from shared.contracts import Refusal
from shared.contracts.love_market import ItemPhotoRemoved, ItemPhotoSet
from shared.contracts.points import ItemDelisted, ItemListed
from tests.conftest import COMMUNITY
from tests.pictures import SECRET, chunk, exif, jpeg, png, riff, segment, webp, webp_lossless
from tests.specification import given

ALL = {"image/jpeg": jpeg(), "image/png": png(), "image/webp": webp()}


def read(content: bytes) -> Picture:
    return picture(content, bytes_max=2_000_000, side_px_max=4096)


@pytest.mark.parametrize("media_type", ALL)
def test_only_the_picture_itself_is_kept(media_type: str) -> None:
    found = read(ALL[media_type])
    assert found.media_type == media_type
    assert SECRET not in found.content
    assert read(found.content) == found, "what is kept is a picture, and nothing more can be taken from it"


def test_kinds_are_told_by_content_and_sides_are_read() -> None:
    assert (read(png()).width_px, read(png()).height_px) == (64, 48)
    assert (read(webp()).width_px, read(webp_lossless()).height_px) == (64, 48)
    assert read(jpeg(orientation=None)).width_px == 64
    assert read(jpeg(frame=0xC2, orientation=1)).height_px == 48


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_photo_that_was_laid_on_its_side_stays_upright(order: str) -> None:
    content = jpeg().replace(segment(0xE1, exif(6)), segment(0xE1, exif(6, order)))
    found = read(content)
    assert (found.width_px, found.height_px) == (48, 64)
    assert found.content.count(b"Exif\0\0") == 1
    assert len(found.content) < len(content)
    for damaged in (b"Exif\0\0", b"Exif\0\0MM\0\x2a\xff\xff\xff\xff", b"Exif\0\0XX", exif(9)):
        assert b"Exif" not in read(content.replace(segment(0xE1, exif(6, order)), segment(0xE1, damaged))).content


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
def test_what_hides_behind_the_end_is_left_out(media_type: str) -> None:
    make = {"image/jpeg": jpeg, "image/png": png}[media_type]
    assert read(make(after=b"PK\x03\x04" + SECRET)) == read(make())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>" + jpeg(),
        b"GIF89a" + bytes(40),
        b"%PDF-1.7",
        jpeg()[:-2],
        jpeg()[:120],
        b"\xff\xd8" + segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"x\xff\xd9",
        b"\xff\xd8\xff\xd9",
        jpeg(frame=0xC9),
        jpeg().replace(segment(0xFE, SECRET), segment(0xF0, SECRET)),
        b"\xff\xd8" + segment(0xFE, b"") * 5000 + jpeg()[2:],
        b"\xff\xd8" + b"\xff" * 100_000,
        jpeg().replace(b"\xff\xd9", (segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"x") * 100 + b"\xff\xd9"),
        png()[:-12],
        png().replace(b"IDAT", b"IDAX"),
        png(pixels=b"\0" * 100),
        png(pixels=b"\0" * 10_000),
        png(interlaced=1),
        png(interlaced=2),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"IEND", b""),
        png().replace(chunk(b"tEXt", b"Comment\0" + SECRET), chunk(b"EVIL", b"")),
        png().replace(chunk(b"IEND", b""), chunk(b"IDAT", SECRET) + chunk(b"IEND", b"")),
        webp(animated=True),
        webp(flags=0x02),
        webp()[:-10],
        riff((b"VP8X", bytes(10))),
        riff((b"VP8 ", b"\x11\0\0\x9d\x01\x2a" + bytes(20))),
        riff((b"VP8X", bytes(10)), (b"VP8 ", b"\x10\0\0\x9d\x01\x2a\x40\0\x30\0" + bytes(20))),
        riff((b"JUNK", b"") , (b"VP8L", b"")),
        b"RIFF\xff\xff\xff\xffWEBP",
    ],
)  # fmt: skip
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(PhotoUnreadable):
        read(content)


@pytest.mark.parametrize(
    "content",
    [jpeg(), jpeg(frame=0xC2), jpeg(orientation=None), png(), webp(), webp_lossless()],
    ids=["jpeg", "progressive", "plain jpeg", "png", "webp", "lossless webp"],
)
def test_an_upload_that_broke_off_is_refused_wherever_it_did(content: bytes) -> None:
    """Pixels are not decoded, but nothing has an end that lost it."""
    for length in range(len(content)):
        with pytest.raises(PhotoUnreadable):
            read(content[:length])


def test_bombs_are_refused_before_they_unpack() -> None:
    began = time.monotonic()
    with pytest.raises(PhotoUnreadable):
        read(png(pixels=bytes(200_000_000)))
    head = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 16, 6, 0, 0, 0)
    with pytest.raises(PhotoSides):
        read(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    assert time.monotonic() - began < 5


def test_too_large_and_too_small_are_told() -> None:
    with pytest.raises(PhotoTooLarge) as large:
        picture(jpeg(), bytes_max=100, side_px_max=4096)
    assert large.value.params == {"kilobytes": 0}
    for content in (jpeg(5000, 20), png(8, 48), webp_lossless(16384, 16384), jpeg(0, 0)):
        with pytest.raises(PhotoSides):
            read(content)


@given_any(st.sampled_from([*ALL.values(), webp_lossless(), png(interlaced=0)]), st.data())
def test_damaged_pictures_are_refused_or_read_and_nothing_else(content: bytes, data: st.DataObject) -> None:
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    try:
        found = read(bytes(damaged))
    except Refusal:
        return
    assert read(found.content) == found


@given_any(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBP"])
)
def test_noise_is_refused(noise: bytes, head: bytes) -> None:
    with pytest.raises(Refusal):
        read(head + noise)


ITEM, AT = uuid.uuid4(), datetime(2026, 3, 5, 2, tzinfo=UTC)
LISTED = ItemListed(item_id=ITEM, community=COMMUNITY, name="大米 5 kg（演示）", price_points=10)
SET = ItemPhotoSet(
    item_id=ITEM,
    community=COMMUNITY,
    sha256="a" * 64,
    media_type="image/png",
    size_bytes=9,
    width_px=64,
    height_px=48,
    set_at=AT,
)
REMOVED = ItemPhotoRemoved(item_id=ITEM, community=COMMUNITY, removed_at=AT)


def test_an_item_has_one_photo_which_can_be_replaced_and_taken_off() -> None:
    show = SetPhoto("a" * 64, "image/png", 9, 64, 48, AT)
    given(ITEMS, LISTED).when(show).then(SET)
    given(ITEMS, LISTED, SET).when(show).then_nothing()
    given(ITEMS, LISTED, SET, REMOVED).when(show).then(SET)
    given(ITEMS, LISTED, SET).when(SetPhoto("b" * 64, "image/png", 9, 64, 48, AT)).then_state(photo_sha256="b" * 64)
    given(ITEMS, LISTED, SET).when(RemovePhoto(AT)).then(REMOVED)
    given(ITEMS, LISTED).when(RemovePhoto(AT)).then_refused(ItemWithoutPhoto)
    delisted = ItemDelisted(item_id=ITEM)
    given(ITEMS, LISTED, SET, delisted).when(RemovePhoto(AT)).then(REMOVED)
    given(ITEMS, LISTED, delisted).when(show).then_refused(ItemNotListed)
    given(ITEMS).when(show).then_refused(ItemNotListed)
