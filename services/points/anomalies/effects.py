"""What flags do to the ledger: points are held, and set free again. They are never posted.

The event says how many of whose, as they were there when it was recorded: a rebuild holds the same.
"""

from typing import ClassVar

from services.points.expiry.effects import LapseEffects
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Holds, Leg, NotAvailable, Outcome
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter
from services.points.units import Unit
from shared.contracts import Event
from shared.contracts.anomalies import AnomalyPointsHeld, AnomalyPointsReleased
from shared.database import Lost
from shared.eventstore import Recorded


class AnomalyEffects:
    """Flags on one set of ledger tables."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (AnomalyPointsHeld, AnomalyPointsReleased)

    def __init__(self, writer: LedgerWriter, lapses: LapseEffects, *, replaying: bool = False) -> None:
        self._writer = writer
        self._lapses = lapses
        self._holds = Holds(writer, replaying=replaying)

    async def apply(self, db: Connection, event: Event, recorded: Recorded) -> None:
        """Let an event hold or set free."""
        if isinstance(event, AnomalyPointsHeld):
            await self._hold(db, event, recorded)
        elif isinstance(event, AnomalyPointsReleased) and await self._holds.is_open(db, event.hold_id):
            # Where another flag holds the records' points, this one has a hold with nothing in it.
            await self._holds.settle(db, event.hold_id, Outcome.VOIDED, recorded.event_id, recorded.occurred_at)
            await self._lapses.freed(db, event.hold_id)

    async def _hold(self, db: Connection, event: AnomalyPointsHeld, recorded: Recorded) -> None:
        source = AccountKey(holders.issuance(event.community), Unit.POINT)
        purses = {
            AccountKey(holders.volunteer(one.volunteer_id), Unit.POINT): one.points for one in event.held if one.points
        }
        if not purses:
            return
        numbers = await self._writer.accounts(db, [source, *purses], event.community)
        legs = [
            Leg(numbers[key], numbers[source], Unit.POINT, points, Clause.SUSPECTED) for key, points in purses.items()
        ]
        granted = event.taken_over_from is not None
        try:
            await self._holds.hold(db, event.hold_id, legs, recorded.event_id, recorded.occurred_at, granted=granted)
        except NotAvailable as error:
            # The points were there under lock a moment ago; whoever came in between is seen by the next attempt.
            raise Lost from error
