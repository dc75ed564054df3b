"""What redemptions do to the ledger: points and pieces are held, then posted or set free."""

from collections.abc import Mapping
from typing import ClassVar

from services.points.expiry.effects import LapseEffects
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Holds, NamedLeg, NotAvailable, Outcome
from services.points.ledger.reversing import Reversals
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter, UnknownAccounts
from services.points.market.flows import OutOfStock
from services.points.units import Unit, goods_code
from shared.contracts import Event, Refusal
from shared.contracts.points import (
    RedemptionCancelled,
    RedemptionCollected,
    RedemptionExpired,
    RedemptionReserved,
)
from shared.contracts.reversals import RedemptionReversed
from shared.eventstore import Recorded


class NotEnoughPoints(Refusal):
    """The volunteer does not have that many points available. Params: `points` needed, `available`."""

    code: ClassVar[str] = "not_enough_points"


_OUTCOMES: Mapping[type[Event], Outcome] = {
    RedemptionCollected: Outcome.POSTED,
    RedemptionCancelled: Outcome.VOIDED,
    RedemptionExpired: Outcome.TIMED_OUT,
}


class RedemptionEffects:
    """Redemptions on one set of ledger tables."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (RedemptionReserved, *_OUTCOMES, RedemptionReversed)

    def __init__(self, writer: LedgerWriter, lapses: LapseEffects, *, replaying: bool = False) -> None:
        self._writer = writer
        self._lapses = lapses
        self._holds = Holds(writer, replaying=replaying)
        self._reversals = Reversals(writer, replaying=replaying)

    async def apply(self, db: Connection, event: Event, recorded: Recorded) -> None:
        """Let an event hold or settle. Raises `NotEnoughPoints` or `OutOfStock` for a reservation that cannot be."""
        if isinstance(event, RedemptionReserved):
            await self._reserve(db, event, recorded)
        elif isinstance(event, RedemptionCollected | RedemptionCancelled | RedemptionExpired):
            outcome, taken = _OUTCOMES[type(event)], None
            if isinstance(event, RedemptionCollected) and event.points is not None and event.quantity is not None:
                taken = (event.points, event.quantity)
            await self._holds.settle(db, event.redemption_id, outcome, recorded.event_id, recorded.occurred_at, taken)
            if outcome is not Outcome.POSTED or taken is not None:
                await self._lapses.freed(db, event.redemption_id)
        elif isinstance(event, RedemptionReversed):
            person = holders.volunteer(event.volunteer_id)
            back = await self._reversals.counter_transfers(
                db, person, [], event.redemption_id, recorded, Clause.TAKEN_BACK
            )
            await self._reversals.pay(db, back)
            await self._lapses.freed(db, event.redemption_id)

    async def _reserve(self, db: Connection, event: RedemptionReserved, recorded: Recorded) -> None:
        person, market = holders.volunteer(event.volunteer_id), holders.market(event.community)
        goods, stock = goods_code(event.item_id), holders.stock(event.item_id)
        pieces = NamedLeg(stock, person, goods, event.quantity, Clause.GOODS_HANDED_OVER)
        points = NamedLeg(person, market, Unit.POINT.name, event.points, Clause.REDEMPTION)
        hold = (db, event.redemption_id, (points, pieces), recorded.event_id, recorded.occurred_at)
        try:
            # Before somebody's first piece of an item they have no account of it.
            if not await self._holds.hold_named(*hold):
                unit = int(await db.fetchval("SELECT id FROM units WHERE code = $1", goods))
                keys = [AccountKey(name, Unit.POINT) for name in (person, market)]
                keys += [AccountKey(name, unit) for name in (stock, person)]
                await self._writer.accounts(db, keys, event.community)
                if not await self._holds.hold_named(*hold):
                    raise UnknownAccounts
        except NotAvailable as error:
            if error.leg is pieces:
                raise OutOfStock from error
            raise NotEnoughPoints(points=event.points, available=error.available or 0) from error
