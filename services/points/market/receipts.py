"""Routes of opening stock (期初入库): pieces that were there before the system."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from services.points.fields import Configured, Quantity, ReversalBody, ReversalOut, Reversible, reversing
from services.points.market.model import ReceiveStock, ReverseReceipt
from services.points.market.taken_back import hold_row
from services.points.market.views import ITEMS
from services.points.tables import items, stock_receipts
from shared.web import Api, Caller, NotFound, Page, Paging, Read, Work
from shared.web.fields import Body
from shared.web.nodes import of_caller

api = Api(tags=["market 爱心超市"])


class ReceiptBody(Body):
    """期初入库 Pieces that were there before the system; what comes in later is donated or bought."""

    quantity: Quantity


class ReceiptOut(BaseModel):
    """A receipt of goods, as it was just made."""

    receipt_id: UUID
    item_id: UUID
    quantity: int


class EnteredReceiptOut(ReceiptOut, Reversible):
    """A receipt of goods, as it is listed."""

    received_at: datetime


@api.command("/v1/items/{item_id}/receipts", permission="market.manage", status=201)
async def receive_stock(item_id: UUID, body: ReceiptBody, work: Work, caller: Caller) -> ReceiptOut:
    """期初库存入库；此后的物资走捐赠或采购。

    Put pieces on the shelf that were there before the system (opening stock). What comes in later has an origin:
    `POST /v1/donations` or `POST /v1/purchases`.
    """
    await of_caller(work, caller, ITEMS, item_id)
    receipt_id = work.new_id()
    await work.execute(ITEMS, item_id, ReceiveStock(receipt_id, body.quantity))
    return ReceiptOut(receipt_id=receipt_id, item_id=item_id, quantity=body.quantity)


@api.command("/v1/items/{item_id}/receipts/{receipt_id}/reversal", permission="market.manage")
async def reverse_receipt(
    item_id: UUID, receipt_id: UUID, body: ReversalBody, work: Work, caller: Caller, settings: Configured
) -> ReversalOut:
    """撤回登记错误的期初入库；货架上件数不够的不能撤回。

    Take opening stock back that was entered wrongly, as a whole. Not where the pieces are no longer there.
    """
    await hold_row(work.connection, stock_receipts, receipt_id)
    await of_caller(work, caller, ITEMS, item_id)
    of_item = (stock_receipts.c.id == receipt_id) & (stock_receipts.c.item_id == item_id)
    row = (await work.connection.execute(select(stock_receipts).where(of_item))).first()
    if row is None:
        raise NotFound("receipt")
    reverse = reversing(work, settings, body)
    command = ReverseReceipt(receipt_id, row.quantity, row.received_at, row.reversed_at is not None, reverse)
    await work.execute(ITEMS, item_id, command)
    return ReversalOut(id=receipt_id, reason=reverse.reason, reversed_at=reverse.at)


@api.query("/v1/items/{item_id}/receipts", permission="market.trace")
async def list_receipts(item_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[EnteredReceiptOut]:
    """一件物品的期初入库记录。Opening stock of one item, as it was entered."""
    community = await read.scalar(select(items.c.community).where(items.c.id == item_id))
    if community is None:
        raise NotFound("item")
    caller.require(community)
    query = select(stock_receipts).where(stock_receipts.c.item_id == item_id)
    return await page.fetch(read, query, [stock_receipts.c.id], _receipt)


def _receipt(row: Any) -> EnteredReceiptOut:
    return EnteredReceiptOut(
        receipt_id=row.id,
        item_id=row.item_id,
        quantity=row.quantity,
        received_at=row.received_at,
        reversed_at=row.reversed_at,
        reversal_reason=row.reversal_reason,
    )
