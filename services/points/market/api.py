"""Routes of the love market: items, their prices, their stock."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import func, select, true
from sqlalchemy.sql import Select

from services.points.fields import Points
from services.points.ledger import holders
from services.points.market.model import (
    DelistItem,
    DescribeItem,
    Item,
    ListItem,
    RelistItem,
    RenameItem,
    RepriceItem,
)
from services.points.market.views import ITEMS
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import accounts, item_photos, items
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, NotFound, Paging, Read, Work, etag
from shared.web.fields import Body, Clean, Code, ShortText
from shared.web.nodes import of_caller

api = Api(tags=["market 爱心超市"])


class ListItemBody(Body):
    """上架 An item is offered."""

    community: CommunityCode
    name: ShortText
    price_points: Points


class PriceBody(Body):
    """调价 Another price from now on."""

    price_points: Points


class NameBody(Body):
    """更名 The right name of the item."""

    name: ShortText


class DescriptionBody(Body):
    """物品说明 What the item is; everything is said anew."""

    category: Annotated[Code, Field(description="类别代码 code of the category", examples=["food"])]
    piece: Annotated[str, Field(min_length=1, max_length=10, description="计量单位 one piece", examples=["瓶"]), Clean]
    specification: Annotated[ShortText | None, Field(description="规格 size, contents", examples=["2 kg"])] = None


class ItemStateOut(BaseModel):
    """The item as the command left it."""

    id: UUID
    community: str
    name: str
    price_points: int
    listed: bool
    category: str | None
    piece: str | None = Field(description="计量单位 what one piece is")
    specification: str | None


class ItemOut(ItemStateOut):
    """An item with what is on the shelf."""

    in_stock: int = Field(description="在库件数 pieces on the shelf")
    available: int = Field(description="可兑换件数 pieces that are not reserved")
    photo: str | None = Field(description="照片地址 where its photo is; null without one")


@api.command("/v1/items", permission="market.manage", status=201)
async def list_item(body: ListItemBody, work: Work, caller: Caller) -> ItemStateOut:
    """上架物品。Offer an item for points."""
    caller.require(body.community)
    item_id = work.new_id()
    return _state(work.create(ITEMS, item_id, ListItem(item_id, body.community, body.name, body.price_points)))


@api.command("/v1/items/{item_id}/price", permission="market.manage")
async def reprice_item(item_id: UUID, body: PriceBody, work: Work, caller: Caller) -> ItemStateOut:
    """调价，已预约的不变。Another price; reservations keep theirs."""
    await of_caller(work, caller, ITEMS, item_id)
    return _state(await work.execute(ITEMS, item_id, RepriceItem(body.price_points)))


@api.command("/v1/items/{item_id}/name", permission="market.manage")
async def rename_item(item_id: UUID, body: NameBody, work: Work, caller: Caller) -> ItemStateOut:
    """更正物品名称，已下架的也可以；以前的记录和收据也显示新名称。

    Put the name right, also of what is not listed; records and receipts of before show it, too.
    """
    await of_caller(work, caller, ITEMS, item_id)
    return _state(await work.execute(ITEMS, item_id, RenameItem(body.name)))


@api.command("/v1/items/{item_id}/description", permission="market.manage")
async def describe_item(item_id: UUID, body: DescriptionBody, work: Work, caller: Caller) -> ItemStateOut:
    """填写类别、计量单位和规格。Say what the item is."""
    await of_caller(work, caller, ITEMS, item_id)
    command = DescribeItem(body.category, body.piece, body.specification)
    return _state(await work.execute(ITEMS, item_id, command))


@api.command("/v1/items/{item_id}/delisting", permission="market.manage")
async def delist_item(item_id: UUID, work: Work, caller: Caller) -> ItemStateOut:
    """下架，已预约的仍可领取。Offer it no longer; reservations can still be collected."""
    await of_caller(work, caller, ITEMS, item_id)
    return _state(await work.execute(ITEMS, item_id, DelistItem()))


@api.command("/v1/items/{item_id}/relisting", permission="market.manage")
async def relist_item(item_id: UUID, work: Work, caller: Caller) -> ItemStateOut:
    """重新上架，价格、照片和库存照旧。Offer it again, with the price, the photo and the pieces that it has."""
    await of_caller(work, caller, ITEMS, item_id)
    return _state(await work.execute(ITEMS, item_id, RelistItem()))


@api.query("/v1/items", permission="market.read")
async def list_items(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    listed: Annotated[bool | None, Query(description="只看在架 only what is offered")] = None,
) -> NamedPage[ItemOut]:
    """物品清单。Items of the caller's node."""
    query = _with_stock().where(items.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(items.c.community == community)
    if listed is not None:
        query = query.where(items.c.listed == listed)
    return await with_node_names(read, await page.fetch(read, query, [items.c.id], _item))


@api.query("/v1/items/{item_id}", permission="market.read")
async def get_item(item_id: UUID, read: Read, caller: Caller, response: Response) -> ItemOut:
    """一件物品。One item."""
    row = (await read.execute(_with_stock().where(items.c.id == item_id))).first()
    if row is None:
        raise NotFound("item")
    caller.require(row.community)
    etag(response, row.version)
    return _item(row)


def _with_stock() -> Select[Any]:
    shelf = (
        select(
            func.coalesce(func.sum(accounts.c.credits - accounts.c.debits), 0).label("in_stock"),
            func.coalesce(func.sum(accounts.c.credits - accounts.c.debits - accounts.c.pending_debits), 0).label(
                "available"
            ),
        )
        .where(accounts.c.holder == func.concat(holders.stock_prefix, items.c.id))
        .lateral("shelf")
    )
    # A picture that is not there, after the table of pictures was lost, is not linked.
    pictured = (item_photos.c.item_id == items.c.id) & (item_photos.c.sha256 == items.c.photo_sha256)
    columns = (items, shelf.c.in_stock, shelf.c.available, item_photos.c.sha256.label("photo"))
    return select(*columns).select_from(items).join(shelf, true()).join(item_photos, pictured, isouter=True)


def _state(item: Item) -> ItemStateOut:
    assert item.id is not None
    return ItemStateOut(
        id=item.id,
        community=item.community,
        name=item.name,
        price_points=item.price_points,
        listed=item.listed,
        category=item.category,
        piece=item.piece,
        specification=item.specification,
    )


def _item(row: Any) -> ItemOut:
    return ItemOut(
        id=row.id,
        community=row.community,
        name=row.name,
        price_points=row.price_points,
        listed=row.listed,
        category=row.category,
        piece=row.piece,
        specification=row.specification,
        in_stock=row.in_stock,
        available=row.available,
        photo=None if row.photo is None else photo_address(row.id, row.photo),
    )


def photo_address(item_id: UUID, sha256: str) -> str:
    """Where a photo is; another photo has another address, so that it can be kept for long."""
    return f"/v1/items/{item_id}/photo?v={sha256[:16]}"
