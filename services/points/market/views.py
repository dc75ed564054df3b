"""The love market's items as a table. Pieces are counted by the ledger."""

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.market.model import Item, decide, evolve
from services.points.market.taken_back import mark_reversed
from services.points.tables import item_prices, items, stock_counts, stock_receipts
from shared.aggregate import Aggregate
from shared.contracts.love_market import (
    ItemDescribed,
    ItemPhotoRemoved,
    ItemPhotoSet,
    ItemPricePlanned,
    ItemPriceWithdrawn,
    ItemRelisted,
    ItemRenamed,
    StockCounted,
)
from shared.contracts.points import ItemDelisted, ItemListed, ItemRepriced, StockReceived
from shared.contracts.reversals import StockReceiptReversed
from shared.eventstore import Recorded
from shared.views import Views

ITEMS = Aggregate("item", initial=Item(), decide=decide, evolve=evolve)

views = Views(tables=[items, item_prices, stock_counts, stock_receipts])


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


@views.on(ItemRenamed)
async def rename(connection: AsyncConnection, event: ItemRenamed, recorded: Recorded) -> None:
    """Another name."""
    changed = {"name": event.name, "version": recorded.version}
    await connection.execute(update(items).where(items.c.id == event.item_id).values(changed))


@views.on(ItemDescribed)
async def describe(connection: AsyncConnection, event: ItemDescribed, recorded: Recorded) -> None:
    """What it is."""
    changed = {
        "category": event.category,
        "piece": event.piece,
        "specification": event.specification,
        "version": recorded.version,
    }
    await connection.execute(update(items).where(items.c.id == event.item_id).values(changed))


@views.on(ItemPricePlanned)
async def plan_price(connection: AsyncConnection, event: ItemPricePlanned, recorded: Recorded) -> None:
    """Another price for a time."""
    await connection.execute(
        insert(item_prices).values(
            item_id=event.item_id,
            first_day=event.first_day,
            last_day=event.last_day,
            price_points=event.price_points,
        )
    )
    await connection.execute(update(items).where(items.c.id == event.item_id).values(version=recorded.version))


@views.on(ItemPriceWithdrawn)
async def withdraw_price(connection: AsyncConnection, event: ItemPriceWithdrawn, recorded: Recorded) -> None:
    """That price does not hold."""
    await connection.execute(
        delete(item_prices).where(item_prices.c.item_id == event.item_id, item_prices.c.first_day == event.first_day)
    )
    await connection.execute(update(items).where(items.c.id == event.item_id).values(version=recorded.version))


@views.on(ItemDelisted)
async def delist(connection: AsyncConnection, event: ItemDelisted, recorded: Recorded) -> None:
    """Offered no longer."""
    changed = {"listed": False, "version": recorded.version}
    await connection.execute(update(items).where(items.c.id == event.item_id).values(changed))


@views.on(ItemRelisted)
async def relist(connection: AsyncConnection, event: ItemRelisted, recorded: Recorded) -> None:
    """Offered again."""
    changed = {"listed": True, "version": recorded.version}
    await connection.execute(update(items).where(items.c.id == event.item_id).values(changed))


@views.on(ItemPhotoSet)
async def set_photo(connection: AsyncConnection, event: ItemPhotoSet, recorded: Recorded) -> None:
    """Which picture it is; the picture itself lies in a table that is no view."""
    changed = {"photo_sha256": event.sha256, "version": recorded.version}
    await connection.execute(update(items).where(items.c.id == event.item_id).values(changed))


@views.on(ItemPhotoRemoved)
async def remove_photo(connection: AsyncConnection, event: ItemPhotoRemoved, recorded: Recorded) -> None:
    """No picture."""
    changed = {"photo_sha256": None, "version": recorded.version}
    await connection.execute(update(items).where(items.c.id == event.item_id).values(changed))


@views.on(StockReceived)
async def restock(connection: AsyncConnection, event: StockReceived, recorded: Recorded) -> None:
    """A new row, and the item's version moves; the pieces are in the ledger."""
    await connection.execute(
        insert(stock_receipts).values(
            id=event.receipt_id,
            item_id=event.item_id,
            community=event.community,
            quantity=event.quantity,
            received_at=recorded.occurred_at,
        )
    )
    await connection.execute(update(items).where(items.c.id == event.item_id).values(version=recorded.version))


@views.on(StockReceiptReversed)
async def reverse_receipt(connection: AsyncConnection, event: StockReceiptReversed, recorded: Recorded) -> None:
    """Taken back, and the item's version moves."""
    await mark_reversed(connection, stock_receipts, event.receipt_id, event)
    await connection.execute(update(items).where(items.c.id == event.item_id).values(version=recorded.version))


@views.on(StockCounted)
async def count(connection: AsyncConnection, event: StockCounted, recorded: Recorded) -> None:
    """What was counted, and the item's version moves."""
    await connection.execute(
        insert(stock_counts).values(
            id=event.count_id,
            item_id=event.item_id,
            community=event.community,
            counted=event.counted,
            expected=event.expected,
            reason=event.reason.value if event.reason is not None else None,
            counted_at=event.counted_at,
        )
    )
    await connection.execute(update(items).where(items.c.id == event.item_id).values(version=recorded.version))
