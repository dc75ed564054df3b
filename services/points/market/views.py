"""The love market's items as a table. Pieces are counted by the ledger."""

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.market.model import Item, decide, evolve
from services.points.tables import items
from shared.aggregate import Aggregate
from shared.contracts.points import ItemDelisted, ItemListed, ItemRepriced, StockReceived
from shared.eventstore import Recorded
from shared.views import Views

ITEMS = Aggregate("item", initial=Item(), decide=decide, evolve=evolve)

views = Views(tables=[items])


@views.on(ItemListed)
async def add(connection: AsyncConnection, event: ItemListed, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(items).values(
            id=event.item_id,
            community=event.community,
            name=event.name,
            price_points=event.price_points,
            listed=True,
            version=recorded.version,
        )
    )


@views.on(ItemRepriced)
async def reprice(connection: AsyncConnection, event: ItemRepriced, recorded: Recorded) -> None:
    """Another price."""
    changed = {"price_points": event.price_points, "version": recorded.version}
    await connection.execute(update(items).where(items.c.id == event.item_id).values(changed))


@views.on(ItemDelisted)
async def delist(connection: AsyncConnection, event: ItemDelisted, recorded: Recorded) -> None:
    """Offered no longer."""
    changed = {"listed": False, "version": recorded.version}
    await connection.execute(update(items).where(items.c.id == event.item_id).values(changed))


@views.on(StockReceived)
async def restock(connection: AsyncConnection, event: StockReceived, recorded: Recorded) -> None:
    """Only the version moves; the pieces are in the ledger."""
    await connection.execute(update(items).where(items.c.id == event.item_id).values(version=recorded.version))
