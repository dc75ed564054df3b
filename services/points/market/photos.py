"""Routes of items' photos: put one in the catalogue, look at it, take it off.

The bytes lie in a table of their own. They follow from no event: an event says which picture it is, by its hash. So a
rebuild of the read tables leaves the pictures alone, and one that was taken off is gone for good.
"""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import File, Header, Query, Response, UploadFile
from pydantic import BaseModel, Field
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from services.points.fields import Configured
from services.points.market.api import photo_address
from services.points.market.model import RemovePhoto, SetPhoto
from services.points.market.pictures import picture
from services.points.market.views import ITEMS
from services.points.tables import item_photos, items
from shared.web import Api, Caller, NotFound, Read, Work
from shared.web.nodes import of_caller

api = Api(tags=["market 爱心超市"])

_A_YEAR_S = 365 * 24 * 3600
_TYPES: dict[str, Any] = {kind: {} for kind in ("image/jpeg", "image/png", "image/webp")}


class PhotoOut(BaseModel):
    """The photo as it is kept."""

    item_id: UUID
    photo: str = Field(description="图片地址 where the picture is")
    media_type: str
    width_px: int
    height_px: int
    size_bytes: int
    sha256: str = Field(description="保留内容的 SHA-256 of what is kept")


class PhotoRemovedOut(BaseModel):
    """The item has no photo."""

    item_id: UUID


@api.command("/v1/items/{item_id}/photo", permission="market.manage")
async def set_photo(
    item_id: UUID,
    photo: Annotated[UploadFile, File(description="JPEG、PNG 或 WebP 图片 picture")],
    work: Work,
    caller: Caller,
    settings: Configured,
) -> PhotoOut:
    """上传物品照片，取代原有的。格式由内容判断；拍摄地点、设备等信息不保留。

    Set the item's photo, in the place of an earlier one. What it is, is told by its content; where it was taken, and
    with what, is not kept.
    """
    await of_caller(work, caller, ITEMS, item_id)
    limits = {"bytes_max": settings.item_photo_bytes_max, "side_px_max": settings.item_photo_side_px_max}
    found = await asyncio.to_thread(picture, await photo.read(), **limits)
    sha256, size = found.sha256, len(found.content)
    command = SetPhoto(sha256, found.media_type, size, found.width_px, found.height_px, work.now)
    await work.execute(ITEMS, item_id, command)
    kept = {"sha256": sha256, "media_type": found.media_type, "content": found.content}
    await work.connection.execute(
        insert(item_photos)
        .values(item_id=item_id, **kept)
        .on_conflict_do_update(index_elements=[item_photos.c.item_id], set_=kept)
    )
    return PhotoOut(
        item_id=item_id,
        photo=photo_address(item_id, sha256),
        media_type=found.media_type,
        width_px=found.width_px,
        height_px=found.height_px,
        size_bytes=size,
        sha256=sha256,
    )


@api.command("/v1/items/{item_id}/photo/removal", permission="market.manage")
async def remove_photo(item_id: UUID, work: Work, caller: Caller) -> PhotoRemovedOut:
    """删除物品照片，图片不再保存。Take the photo off; the picture is deleted."""
    await of_caller(work, caller, ITEMS, item_id)
    await work.execute(ITEMS, item_id, RemovePhoto(work.now))
    await work.connection.execute(delete(item_photos).where(item_photos.c.item_id == item_id))
    return PhotoRemovedOut(item_id=item_id)


@api.query(
    "/v1/items/{item_id}/photo",
    permission="market.read",
    response_class=Response,
    responses={
        200: {"description": "图片 the picture", "content": _TYPES},
        304: {"description": "没有变化 not changed"},
    },
)
async def get_photo(
    item_id: UUID,
    read: Read,
    caller: Caller,
    v: Annotated[
        str | None, Query(max_length=64, description="图片版本 which picture, as the item's link says")
    ] = None,
    if_none_match: Annotated[str | None, Header(max_length=1000)] = None,
) -> Response:
    """物品照片。The item's photo."""
    query = (
        select(items.c.community, item_photos)
        .join(item_photos, (item_photos.c.item_id == items.c.id) & (item_photos.c.sha256 == items.c.photo_sha256))
        .where(items.c.id == item_id)
    )
    row = (await read.execute(query)).first()
    if row is None:
        raise NotFound("photo")
    caller.require(row.community)
    tag = f'"{row.sha256}"'
    # Whoever names the picture may keep it: under this address there will never be another one.
    named = v is not None and len(v) >= 16 and row.sha256.startswith(v)
    headers = {
        "ETag": tag,
        "Cache-Control": f"private, max-age={_A_YEAR_S}, immutable" if named else "private, no-cache",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline",
    }
    if if_none_match is not None and (tag in if_none_match or if_none_match.strip() == "*"):
        return Response(status_code=304, headers=headers)
    return Response(row.content, media_type=row.media_type, headers=headers)
