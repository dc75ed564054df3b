"""What an approval of a long day does to the ledger: the caps of that day are reckoned anew, then and ever after.

It is noted first; whoever books service of the day from then on knows of it. What was booked before is put right here,
at once while the service is live. In a rebuild own events come first, and the service that they are about after them.
"""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar
from uuid import UUID

from services.points.earning.cap_keeping import CapKeeping
from services.points.earning.tellings import look_again
from services.points.ledger.holders import volunteer
from services.points.ledger.writing import Connection, LedgerWriter
from services.points.overflow.effects import OverflowEffects
from services.points.policy.book import PolicyBook
from services.points.policy.views import PolicyShelf
from services.points.units import Unit
from shared.contracts import Event
from shared.contracts.points import LongDayApprovalWithdrawn, LongDayApproved
from shared.eventstore import Recorded


class LongDayEffects:
    """Approved long days on one set of ledger tables."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (LongDayApproved, LongDayApprovalWithdrawn)

    def __init__(self, writer: LedgerWriter, overflow: OverflowEffects, *, replaying: bool = False) -> None:
        self._writer = writer
        self._overflow = overflow
        self._replaying = replaying
        self._shelf = PolicyShelf()
        self._later: set[tuple[UUID, date]] = set()

    async def apply(
        self, db: Connection, event: LongDayApproved | LongDayApprovalWithdrawn, recorded: Recorded
    ) -> None:
        """Note what was said, and on the live ledger post what it changes. Nobody may book meanwhile (`parts`)."""
        if isinstance(event, LongDayApproved):
            at, minutes = event.approved_at, event.minutes_max
        else:
            at, minutes = event.withdrawn_at, None
        await db.execute(
            _NOTE.format(schema=self._writer.schema),
            volunteer(event.volunteer_id),
            event.day,
            recorded.version,
            recorded.event_id,
            at,
            minutes,
            event.level.value,
            event.reason.value,
            event.limit_minutes,
            event.policy_version,
        )
        if self._replaying:
            self._later.add((event.volunteer_id, event.day))
            return
        await self._restate(db, await self._shelf.current(db), [(event.volunteer_id, event.day)])
        # So that a sign of too long a day goes when the day is approved, and is there again when it no longer is.
        await look_again(db, volunteer(event.volunteer_id), event.day)

    async def settle(self, db: Connection, book: PolicyBook) -> None:
        """In a rebuild, bring all that was noted into the ledger."""
        days, self._later = sorted(self._later), set()
        await self._restate(db, book, days)

    async def _restate(self, db: Connection, book: PolicyBook, days: Sequence[tuple[UUID, date]]) -> None:
        """Bring days that something was said of under the caps that hold for them now."""
        rows = await db.fetch(
            _FULL.format(schema=self._writer.schema),
            [volunteer(person) for person, _ in days],
            [day for _, day in days],
            book.uncapped_minutes_per_day,
        )
        if not rows:
            return
        caps = CapKeeping(self._writer, {}, book)
        purses = await caps.purses(db, [row[0] for row in rows])
        await self._writer.post(db, await caps.due(db, [(purses[row[0]], row[1]) for row in rows]))
        await self._overflow.reckon_anew(db, book, {person for person, _ in days})


_NOTE = """
    INSERT INTO {schema}.day_approvals
           (holder, day, sequence, event_id, approved_at, minutes, level, reason, limit_minutes, policy_version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

# Days with more minutes than any cap allows, by account of the service record; they stay locked until the commit.
_FULL = f"""
    SELECT a.id, d.day
      FROM unnest($1::text[], $2::date[]) AS k(holder, day)
      JOIN {{schema}}.accounts AS a ON a.holder = k.holder AND a.unit = {Unit.SERVICE_MINUTE:d}
      JOIN {{schema}}.days AS d ON d.account = a.id AND d.day = k.day
     WHERE d.minutes > $3
     ORDER BY a.id, d.day FOR UPDATE OF d
"""
