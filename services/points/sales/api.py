"""Routes of sales at the counter. For points, goods are redeemed (`redemptions`)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import select

from services.points.fields import (
    Configured,
    Fen,
    ReversalBody,
    ReversalOut,
    Reversible,
    WhetherReversed,
    dated,
    reversing,
)
from services.points.market.lines import LineOut, Lines, goods, require_items
from services.points.market.taken_back import hold_row
from services.points.node_names import NamedPage, with_node_names
from services.points.sales.model import Sell
from services.points.sales.views import SALES
from services.points.spans import Spanning
from services.points.tables import sales
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, NotFound, Read, Work, etag
from shared.web.fields import Body, Moment
from shared.web.nodes import of_caller

api = Api(tags=["sales 售出"])


class SaleBody(Body):
    """售出 Pieces sold for money at the counter; `amount_fen` is what was paid for all of them."""

    community: CommunityCode
    lines: Lines
    amount_fen: Fen
    sold_at: Moment | None = None


class SaleOut(Reversible):
    """A sale."""

    id: UUID
    community: str
    lines: list[LineOut]
    amount_fen: int
    sold_at: datetime


@api.command("/v1/sales", permission="sales.record", status=201)
async def sell(body: SaleBody, work: Work, caller: Caller, settings: Configured) -> SaleOut:
    """柜台售出，收入记入社区账。Sell pieces at the counter; the fen go into the till."""
    caller.require(body.community)
    await require_items(work.connection, body.community, [line.item_id for line in body.lines])
    sale_id, sold = work.new_id(), dated(work, settings, body.sold_at)
    work.create(SALES, sale_id, Sell(sale_id, body.community, goods(body.lines), body.amount_fen, sold))
    return SaleOut(
        id=sale_id,
        community=body.community,
        lines=[LineOut(item_id=line.item_id, quantity=line.quantity) for line in body.lines],
        amount_fen=body.amount_fen,
        sold_at=sold.at,
    )


@api.command("/v1/sales/{sale_id}/reversal", permission="sales.reverse")
async def reverse_sale(
    sale_id: UUID, body: ReversalBody, work: Work, caller: Caller, settings: Configured
) -> ReversalOut:
    """撤回登记错误的售出：物资回到货架，款项退出收入。由区级（街道）办理。

    Take a sale back that was entered wrongly, as a whole: pieces back onto the shelf, the money out of the till.
    """
    await hold_row(work.connection, sales, sale_id)
    await of_caller(work, caller, SALES, sale_id)
    command = reversing(work, settings, body)
    await work.execute(SALES, sale_id, command)
    return ReversalOut(id=sale_id, reason=command.reason, reversed_at=command.at)


@api.query("/v1/sales", permission="sales.read")
async def list_sales(
    read: Read,
    caller: Caller,
    span: Spanning,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    reversed_: WhetherReversed = None,
) -> NamedPage[SaleOut]:
    """售出清单。Sales of the markets of the caller's node."""
    query = select(sales).where(sales.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(sales.c.community == community)
    if reversed_ is not None:
        query = query.where(sales.c.reversed_at.is_not(None) == reversed_)
    return await with_node_names(read, await span.fetch(read, query, (sales.c.sold_at, sales.c.id), _sale))


@api.query("/v1/sales/{sale_id}", permission="sales.read")
async def get_sale(sale_id: UUID, read: Read, caller: Caller, response: Response) -> SaleOut:
    """一次售出。One sale."""
    row = (await read.execute(select(sales).where(sales.c.id == sale_id))).first()
    if row is None:
        raise NotFound("sale")
    caller.require(row.community)
    etag(response, row.version)
    return _sale(row)


def _sale(row: Any) -> SaleOut:
    return SaleOut(
        id=row.id,
        community=row.community,
        lines=[LineOut(**line) for line in row.lines],
        amount_fen=row.amount_fen,
        sold_at=row.sold_at,
        reversed_at=row.reversed_at,
        reversal_reason=row.reversal_reason,
    )
