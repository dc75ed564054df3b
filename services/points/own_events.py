"""The ledger as a view of this service's own events: goods, redemptions, flags, expiry, long days, the time bank.

Applied in the transaction that records an event, and again in a rebuild.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.anomalies.effects import AnomalyEffects
from services.points.deaths.effects import EstateEffects
from services.points.expiry.effects import LapseEffects
from services.points.ledger.writing import Connection, LedgerWriter
from services.points.long_days.effects import LongDayEffects
from services.points.market.flows import Flows
from services.points.market.reversals import MarketReversals
from services.points.overflow.effects import OverflowEffects
from services.points.redemptions.effects import RedemptionEffects
from services.points.settlements.effects import SettlementEffects
from services.points.supplies.effects import SupplyEffects
from services.points.time_gifts.effects import TimeGiftEffects
from services.points.time_orders.effects import TimeOrderEffects
from shared.contracts import Event
from shared.contracts.points import MinutesPooled, PointsLapsed
from shared.database import driver_connection
from shared.eventstore import Recorded
from shared.views import Views

Effect = Callable[[Connection, Any, Recorded], Awaitable[None]]


class LedgerEffects:
    """Every own event that moves the ledger, on one set of its tables."""

    def __init__(
        self, writer: LedgerWriter, lapses: LapseEffects, overflow: OverflowEffects, *, replaying: bool = False
    ) -> None:
        flows = Flows(writer, replaying=replaying)
        reversals = MarketReversals(writer, replaying=replaying)
        redemptions = RedemptionEffects(writer, lapses, replaying=replaying)
        anomalies = AnomalyEffects(writer, lapses, replaying=replaying)
        orders = TimeOrderEffects(writer, overflow, replaying=replaying)
        gifts = TimeGiftEffects(writer, overflow, replaying=replaying)
        supplies = SupplyEffects(writer, replaying=replaying)
        estates = EstateEffects(writer, replaying=replaying)
        self.long_days = LongDayEffects(writer, overflow, replaying=replaying)
        self._effects: dict[type[Event], Effect] = {
            **dict.fromkeys(Flows.EVENTS, flows.apply),
            **dict.fromkeys(MarketReversals.EVENTS, reversals.apply),
            **dict.fromkeys(RedemptionEffects.EVENTS, redemptions.apply),
            **dict.fromkeys(AnomalyEffects.EVENTS, anomalies.apply),
            **dict.fromkeys(TimeOrderEffects.EVENTS, orders.apply),
            **dict.fromkeys(TimeGiftEffects.EVENTS, gifts.apply),
            **dict.fromkeys(SupplyEffects.EVENTS, supplies.apply),
            **dict.fromkeys(EstateEffects.EVENTS, estates.apply),
            **dict.fromkeys(LongDayEffects.EVENTS, self.long_days.apply),
            PointsLapsed: lapses.lapsed,
            MinutesPooled: overflow.pooled,
            **dict.fromkeys(SettlementEffects.EVENTS, SettlementEffects(writer).apply),
        }

    async def apply(self, db: Connection, event: Event, recorded: Recorded) -> None:
        """Let an event change the ledger. Raises the refusal of whatever cannot be."""
        effect = self._effects.get(type(event))
        if effect is not None:
            await effect(db, event, recorded)

    def as_views(self) -> Views:
        """The effects in the shape in which a unit of work runs them."""
        views = Views(tables=[])
        for event_type in self._effects:
            views.on(event_type)(self._on_connection)
        return views

    async def _on_connection(self, connection: AsyncConnection, event: Event, recorded: Recorded) -> None:
        await self.apply(await driver_connection(connection), event, recorded)
