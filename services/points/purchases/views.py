"""Purchases as a table."""

from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.market.lines import as_json
from services.points.market.repeated import Repeated
from services.points.market.taken_back import mark_reversed
from services.points.purchases.model import Purchase, decide, evolve
from services.points.tables import purchases, suppliers
from shared.aggregate import Aggregate
from shared.contracts.love_market import GoodsPurchased, RepeatReason
from shared.contracts.reversals import PurchaseReversed
from shared.eventstore import Recorded
from shared.views import Views

PURCHASES = Aggregate("purchase", initial=Purchase(), decide=decide, evolve=evolve)

views = Views(tables=[purchases])


@views.on(GoodsPurchased)
async def buy(connection: AsyncConnection, event: GoodsPurchased, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(purchases).values(
            id=event.purchase_id,
            community=event.community,
            supplier_id=event.supplier_id,
            lines=as_json(event.lines),
            amount_fen=event.amount_fen,
            receipt_reference=event.receipt_reference,
            purchased_at=event.purchased_at,
            repeats=event.repeats,
            repeat_reason=event.repeat_reason,
            version=recorded.version,
        )
    )


@views.on(PurchaseReversed)
async def reverse(connection: AsyncConnection, event: PurchaseReversed, recorded: Recorded) -> None:
    """Taken back."""
    more = {"version": recorded.version, "replaced_by": event.replaced_by}
    await mark_reversed(connection, purchases, event.purchase_id, event, **more)


async def entered(
    connection: AsyncConnection, supplier_id: UUID, reference: str, reason: RepeatReason | None, replaced: UUID | None
) -> Repeated | None:
    """The latest purchase that holds from a supplier with this number, in capitals or not; None where there is none.
    One that is being `replaced` does not hold.

    Whoever asks holds the supplier's row until the commit: of two of one moment the second sees the first.
    """
    await connection.execute(select(suppliers.c.id).where(suppliers.c.id == supplier_id).with_for_update())
    p = purchases.c
    query = select(p.id, p.purchased_at, p.receipt_reference).where(
        p.supplier_id == supplier_id, func.upper(p.receipt_reference) == reference.upper(), p.reversed_at.is_(None)
    )
    if replaced is not None:
        query = query.where(p.id != replaced)
    row = (await connection.execute(query.order_by(p.id.desc()).limit(1))).first()
    return None if row is None else Repeated(row.id, row.purchased_at, row.receipt_reference, reason)
