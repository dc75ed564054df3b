"""Routes of purchases: goods come in, fen go out of the budget."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import select

from services.points.fields import Configured, ReversalBody, ReversalOut, Reversible, WhetherReversed, dated, reversing
from services.points.market.dated import Dated
from services.points.market.lines import LINES_MAX, EachItemOnce, LineBody, LineOut, require_items
from services.points.market.taken_back import hold_row
from services.points.node_names import NamedPage, with_node_names
from services.points.purchases.model import Buy, Replace
from services.points.purchases.views import PURCHASES, entered
from services.points.reversal import AlreadyReversed
from services.points.spans import Spanning
from services.points.suppliers.model import Supplier
from services.points.suppliers.views import SUPPLIERS
from services.points.tables import purchases
from shared.contracts import refuse_if
from shared.contracts.common import CommunityCode
from shared.contracts.love_market import PurchasedLine, RepeatReason
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Read, Work, etag
from shared.web.fields import Body, Code, Moment
from shared.web.nodes import of_caller

api = Api(tags=["purchases 采购"])


class PurchasedLineBody(LineBody):
    """件数和单价 Pieces of one item, and what each cost."""

    unit_price_fen: Annotated[int, Field(ge=0, le=100_000_000)]


class PurchaseBody(Body):
    """采购入库 Goods bought from a supplier, paid from the community's budget."""

    supplier_id: UUID
    lines: Annotated[list[PurchasedLineBody], Field(min_length=1, max_length=LINES_MAX), EachItemOnce]
    receipt_reference: Annotated[Code, Field(description="发票或收据号 number of the invoice or receipt")]
    purchased_at: Moment | None = None
    repeat_reason: Annotated[
        RepeatReason | None,
        Field(
            description="该供应商的同号发票已登记时须说明为何再登记 why there is to be another purchase with this"
            " number of the supplier; needed where there is one: 409 `invoice_entered` says where"
        ),
    ] = None


class ReplacementBody(PurchaseBody, ReversalBody):
    """改正采购 The purchase as it was, whole, and what was wrong with the one before."""

    purchased_at: Annotated[Moment | None, Field(description="不填即原采购时间 as before, if not given")] = None


class PurchasedLineOut(LineOut):
    """Pieces of one item, and what each cost."""

    unit_price_fen: int


class PurchaseOut(Reversible):
    """A purchase."""

    id: UUID
    community: str
    supplier_id: UUID
    lines: list[PurchasedLineOut]
    amount_fen: int
    receipt_reference: str
    purchased_at: datetime
    repeats: UUID | None = Field(description="同号的前一次采购 the purchase with this number before it")
    repeat_reason: RepeatReason | None
    replaced_by: UUID | None = Field(default=None, description="改正后的采购 the purchase that is right")


@api.command("/v1/purchases", permission="purchases.manage", status=201)
async def purchase(body: PurchaseBody, work: Work, caller: Caller, settings: Configured) -> PurchaseOut:
    """采购入库，同时支付经费；经费不足则不办理。Buy goods: pieces in, fen out, or neither where the budget is short.

    A number of a supplier's invoice is entered twice only where somebody says why: `repeat_reason`.
    """
    supplier = await of_caller(work, caller, SUPPLIERS, body.supplier_id)
    return await _buy(work, body, supplier, dated(work, settings, body.purchased_at))


async def _buy(
    work: UnitOfWork, body: PurchaseBody, supplier: Supplier, purchased: Dated, replaces: UUID | None = None
) -> PurchaseOut:
    await require_items(work.connection, supplier.community, [line.item_id for line in body.lines])
    purchase_id = work.new_id()
    repeated = await entered(work.connection, body.supplier_id, body.receipt_reference, body.repeat_reason, replaces)
    command = Buy(
        purchase_id=purchase_id,
        community=supplier.community,
        supplier_id=body.supplier_id,
        supplier_forgotten=supplier.forgotten,
        lines=tuple(PurchasedLine.model_validate(line.model_dump()) for line in body.lines),
        receipt_reference=body.receipt_reference,
        purchased=purchased,
        repeated=repeated,
        replaces=replaces,
    )
    bought = work.create(PURCHASES, purchase_id, command)
    return PurchaseOut(
        id=purchase_id,
        community=bought.community,
        supplier_id=body.supplier_id,
        lines=[PurchasedLineOut(**line.model_dump()) for line in body.lines],
        amount_fen=bought.amount_fen,
        receipt_reference=body.receipt_reference,
        purchased_at=command.purchased.at,
        repeats=None if repeated is None else repeated.first,
        repeat_reason=None if repeated is None else repeated.reason,
    )


@api.command("/v1/purchases/{purchase_id}/reversal", permission="purchases.reverse")
async def reverse_purchase(
    purchase_id: UUID, body: ReversalBody, work: Work, caller: Caller, settings: Configured
) -> ReversalOut:
    """撤回登记错误的采购：物资下架，货款退回经费；货架上件数不够的不能撤回。由区级（街道）办理。

    Take a purchase back that was entered wrongly, as a whole: pieces off the shelf, the price back into the budget. Not
    where the pieces are no longer there.
    """
    await hold_row(work.connection, purchases, purchase_id)
    await of_caller(work, caller, PURCHASES, purchase_id)
    command = reversing(work, settings, body)
    await work.execute(PURCHASES, purchase_id, command)
    return ReversalOut(id=purchase_id, reason=command.reason, reversed_at=command.at)


@api.command("/v1/purchases/{purchase_id}/replacement", permission="purchases.reverse", status=201)
async def replace_purchase(
    purchase_id: UUID, body: ReplacementBody, work: Work, caller: Caller, settings: Configured
) -> PurchaseOut:
    """改正登记错误的采购：一步撤回错的、登记对的，经费和货架只看差额。由区级（街道）办理。

    Take a purchase back that was entered wrongly and enter the right one, in one step: of money and pieces only the
    difference must be there. Answers with the right one.
    """
    await hold_row(work.connection, purchases, purchase_id)
    wrong = await of_caller(work, caller, PURCHASES, purchase_id)
    refuse_if(wrong.reversed, AlreadyReversed)
    supplier = await of_caller(work, caller, SUPPLIERS, body.supplier_id)
    if supplier.community != wrong.community:
        raise NotFound("supplier")
    # Before what it replaces is taken back: only then does the ledger look for what both have moved together.
    right = await _buy(
        work, body, supplier, dated(work, settings, body.purchased_at or wrong.purchased_at), purchase_id
    )
    await work.execute(PURCHASES, purchase_id, Replace(reversing(work, settings, body), right.id))
    return right


@api.query("/v1/purchases", permission="purchases.read")
async def list_purchases(
    read: Read,
    caller: Caller,
    span: Spanning,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    reversed_: WhetherReversed = None,
) -> NamedPage[PurchaseOut]:
    """采购清单。Purchases of the markets of the caller's node."""
    query = select(purchases).where(purchases.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(purchases.c.community == community)
    if reversed_ is not None:
        query = query.where(purchases.c.reversed_at.is_not(None) == reversed_)
    return await with_node_names(
        read, await span.fetch(read, query, (purchases.c.purchased_at, purchases.c.id), _purchase)
    )


@api.query("/v1/purchases/{purchase_id}", permission="purchases.read")
async def get_purchase(purchase_id: UUID, read: Read, caller: Caller, response: Response) -> PurchaseOut:
    """一次采购。One purchase."""
    row = (await read.execute(select(purchases).where(purchases.c.id == purchase_id))).first()
    if row is None:
        raise NotFound("purchase")
    caller.require(row.community)
    etag(response, row.version)
    return _purchase(row)


def _purchase(row: Any) -> PurchaseOut:
    return PurchaseOut(
        id=row.id,
        community=row.community,
        supplier_id=row.supplier_id,
        lines=[PurchasedLineOut(**line) for line in row.lines],
        amount_fen=row.amount_fen,
        receipt_reference=row.receipt_reference,
        purchased_at=row.purchased_at,
        repeats=row.repeats,
        repeat_reason=row.repeat_reason,
        replaced_by=row.replaced_by,
        reversed_at=row.reversed_at,
        reversal_reason=row.reversal_reason,
    )
