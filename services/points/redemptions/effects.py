"""What redemptions do to the ledger: points and pieces are held, then posted or set free."""

from collections.abc import Mapping
from typing import ClassVar

from services.points.expiry.effects import LapseEffects
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Holds, Leg, NotAvailable, Outcome
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter
from services.points.market.flows import OutOfStock
from services.points.units import Unit, goods_code
from shared.contracts import Event, Refusal
from shared.contracts.points import (
    RedemptionCancelled,
    RedemptionCollected,
    RedemptionExpired,
    RedemptionReserved,
)
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

    EVENTS: ClassVar[tuple[type[Event], ...]] = (RedemptionReserved, *_OUTCOMES)

    def __init__(self, writer: LedgerWriter, lapses: LapseEffects, *, replaying: bool = False) -> None:
        self._writer = writer
        self._lapses = lapses
        self._holds = Holds(writer, replaying=replaying)
        self._accounts = (
            f"SELECT u.id, a.holder, a.id FROM units AS u LEFT JOIN {writer.schema}.accounts AS a"
            " ON a.unit = u.id AND a.holder = ANY($3::text[]) WHERE u.code = $1 OR u.id = $2"
        )

    async def apply(self, db: Connection, event: Event, recorded: Recorded) -> None:
        """Let an event hold or settle. Raises `NotEnoughPoints` or `OutOfStock` for a reservation that cannot be."""
        if isinstance(event, RedemptionReserved):
            await self._reserve(db, event, recorded)
        elif isinstance(event, RedemptionCollected | RedemptionCancelled | RedemptionExpired):
            outcome = _OUTCOMES[type(event)]
            await self._holds.settle(db, event.redemption_id, outcome, recorded.event_id, recorded.occurred_at)
            if outcome is not Outcome.POSTED:
                await self._lapses.freed(db, event.redemption_id)

    async def _reserve(self, db: Connection, event: RedemptionReserved, recorded: Recorded) -> None:
        person, market = holders.volunteer(event.volunteer_id), holders.market(event.community)
        stock = holders.stock(event.item_id)
        # The item's unit and the accounts in one question; all of them are there from somebody's second piece on.
        rows = await db.fetch(self._accounts, goods_code(event.item_id), int(Unit.POINT), [person, market, stock])
        unit = next(int(row[0]) for row in rows if row[0] != Unit.POINT)
        numbers = {AccountKey(row[1], row[0]): row[2] for row in rows}
        purse, till = AccountKey(person, Unit.POINT), AccountKey(market, Unit.POINT)
        shelf, basket = AccountKey(stock, unit), AccountKey(person, unit)
        if not numbers.keys() >= {purse, till, shelf, basket}:
            numbers = await self._writer.accounts(db, [purse, till, shelf, basket], event.community)
        pieces = Leg(numbers[shelf], numbers[basket], unit, event.quantity, Clause.GOODS_HANDED_OVER)
        points = Leg(numbers[purse], numbers[till], Unit.POINT, event.points, Clause.REDEMPTION)
        try:
            await self._holds.hold(db, event.redemption_id, [points, pieces], recorded.event_id, recorded.occurred_at)
        except NotAvailable as error:
            if error.leg is pieces:
                raise OutOfStock from error
            raise NotEnoughPoints(points=event.points, available=error.available or 0) from error
