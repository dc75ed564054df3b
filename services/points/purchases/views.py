"""Purchases as a table."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.market.lines import as_json
from services.points.purchases.model import Purchase, decide, evolve
from services.points.tables import purchases
from shared.aggregate import Aggregate
from shared.contracts.love_market import GoodsPurchased
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
            version=recorded.version,
        )
    )
