"""What market and redemption events do to the ledger, in the transaction that records them, and again in a rebuild."""

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.expiry.effects import LapseEffects
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Holds, Leg, NotAvailable, Outcome
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter, Movements
from services.points.units import Unit, goods_code
from shared.contracts import Event, Refusal
from shared.contracts.points import (
    ItemListed,
    PointsLapsed,
    RedemptionCancelled,
    RedemptionCollected,
    RedemptionExpired,
    RedemptionReserved,
    StockReceived,
)
from shared.database import driver_connection
from shared.eventstore import Recorded
from shared.views import Views


class NotEnoughPoints(Refusal):
    """The volunteer does not have that many points available."""

    code: ClassVar[str] = "not_enough_points"


class OutOfStock(Refusal):
    """There are not that many pieces left."""

    code: ClassVar[str] = "out_of_stock"


_OUTCOMES: Mapping[type[Event], Outcome] = {
    RedemptionCollected: Outcome.POSTED,
    RedemptionCancelled: Outcome.VOIDED,
    RedemptionExpired: Outcome.TIMED_OUT,
}


class LedgerEffects:
    """The ledger as a view of this service's own events."""

    def __init__(self, writer: LedgerWriter, lapses: LapseEffects, *, replaying: bool = False) -> None:
        self._writer = writer
        self._lapses = lapses
        self._holds = Holds(writer, replaying=replaying)

    async def apply(self, db: Connection, event: Event, recorded: Recorded) -> None:
        """Let an event change the ledger. Raises `NotEnoughPoints` or `OutOfStock` for a reservation that cannot be."""
        match event:
            case ItemListed():
                await self._open_unit(db, event.item_id)
            case StockReceived():
                await self._receive(db, event, recorded)
            case RedemptionReserved():
                await self._reserve(db, event, recorded)
            case RedemptionCollected() | RedemptionCancelled() | RedemptionExpired():
                outcome = _OUTCOMES[type(event)]
                await self._holds.settle(db, event.redemption_id, outcome, recorded.event_id, recorded.occurred_at)
                if outcome is not Outcome.POSTED:
                    await self._lapses.freed(db, event.redemption_id)
            case PointsLapsed():
                await self._lapses.lapsed(db, event, recorded)
            case _:
                pass

    def as_views(self) -> Views:
        """The effects in the shape in which a unit of work runs them."""
        views = Views(tables=[])
        touched: list[type[Event]] = [ItemListed, StockReceived, RedemptionReserved, *_OUTCOMES, PointsLapsed]
        for event_type in touched:
            views.on(event_type)(self._on_connection)
        return views

    async def _on_connection(self, connection: AsyncConnection, event: Event, recorded: Recorded) -> None:
        await self.apply(await driver_connection(connection), event, recorded)

    async def _open_unit(self, db: Connection, item_id: UUID) -> None:
        """Every item has a unit of its own: pieces of different things do not add up."""
        await db.execute(
            "INSERT INTO units (id, code) VALUES (nextval('unit_ids'), $1) ON CONFLICT (code) DO NOTHING",
            goods_code(item_id),
        )

    async def _unit(self, db: Connection, item_id: UUID) -> int:
        return int(await db.fetchval("SELECT id FROM units WHERE code = $1", goods_code(item_id)))

    async def _receive(self, db: Connection, event: StockReceived, recorded: Recorded) -> None:
        unit = await self._unit(db, event.item_id)
        source = AccountKey(holders.supply(event.community), unit)
        shelf = AccountKey(holders.stock(event.item_id), unit)
        numbers = await self._writer.accounts(db, [source, shelf], event.community)
        transfer = Transfer(
            numbers[source],
            numbers[shelf],
            event.quantity,
            None,
            recorded.occurred_at,
            recorded.occurred_at,
            recorded.event_id,
            event.receipt_id,
            unit,
            None,
            Clause.STOCK_RECEIVED,
        )
        movements = Movements.none()
        movements.add(transfer)
        await self._writer.insert_transfers(db, [transfer])
        await self._writer.move(db, movements)

    async def _reserve(self, db: Connection, event: RedemptionReserved, recorded: Recorded) -> None:
        unit = await self._unit(db, event.item_id)
        person = holders.volunteer(event.volunteer_id)
        purse, till = AccountKey(person, Unit.POINT), AccountKey(holders.market(event.community), Unit.POINT)
        shelf, basket = AccountKey(holders.stock(event.item_id), unit), AccountKey(person, unit)
        numbers = await self._writer.accounts(db, [purse, till, shelf, basket], event.community)
        pieces = Leg(numbers[shelf], numbers[basket], unit, event.quantity, Clause.GOODS_HANDED_OVER)
        points = Leg(numbers[purse], numbers[till], Unit.POINT, event.points, Clause.REDEMPTION)
        try:
            await self._holds.hold(db, event.redemption_id, [points, pieces], recorded.event_id, recorded.occurred_at)
        except NotAvailable as error:
            raise (OutOfStock() if error.leg is pieces else NotEnoughPoints(points=event.points)) from error
