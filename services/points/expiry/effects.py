"""What a run of expiry does to the ledger: at once while the service is live, all together at the end of a rebuild."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

from services.points.earning.services import Service
from services.points.expiry.lapsing import Lapsing
from services.points.expiry.lots import Lapse
from services.points.ledger.directory import BatchAccounts
from services.points.ledger.writing import Connection, Movements
from services.points.policy.book import PolicyBook
from services.points.policy.views import PolicyShelf
from services.points.units import EARNED_UNITS, Unit
from shared.contracts.points import PointsLapsed
from shared.eventstore import Recorded

_POINTS = EARNED_UNITS.index(Unit.POINT)


class LapseEffects(Protocol):
    """Told by whoever books on a ledger."""

    async def booked(
        self, db: Connection, book: PolicyBook, services: Sequence[Service], accounts: BatchAccounts, moved: Movements
    ) -> None:
        """Service was booked, perhaps for days whose points have lapsed. Of what is old, much moves no points."""

    async def lapsed(self, db: Connection, event: PointsLapsed, recorded: Recorded) -> None:
        """A run of expiry."""

    async def freed(self, db: Connection, hold_id: UUID) -> None:
        """What was held came back, and may have lapsed meanwhile."""


def lapse_of(event: PointsLapsed, recorded: Recorded) -> Lapse:
    """The run that an event tells of."""
    return Lapse(recorded.event_id, event.through, recorded.occurred_at)


class LapseNow:
    """On the live ledger."""

    def __init__(self, lapsing: Lapsing) -> None:
        self._lapsing = lapsing
        self._shelf = PolicyShelf()

    async def booked(
        self, db: Connection, book: PolicyBook, services: Sequence[Service], accounts: BatchAccounts, moved: Movements
    ) -> None:
        """Put right what has lapsed, where it is touched."""
        late = _late(await self._lapsing.bound(db, book), services, accounts, moved)
        await self._lapsing.restate(db, book, sorted(late))

    async def lapsed(self, db: Connection, event: PointsLapsed, recorded: Recorded) -> None:
        """Lapse what is due."""
        await self._lapsing.lapse(db, await self._shelf.current(db), event.part, lapse_of(event, recorded))

    async def freed(self, db: Connection, hold_id: UUID) -> None:
        """Let lapse what would have, had it not been held."""
        accounts = await self._lapsing.held_while_lapsing(db, [hold_id])
        if accounts:
            await self._lapsing.restate(db, await self._shelf.current(db), accounts)


class LapseLater:
    """In a rebuild, where own events come first and the service that points were earned with comes after them."""

    def __init__(self, lapsing: Lapsing) -> None:
        self._lapsing = lapsing
        self._runs: dict[int, tuple[date | None, date]] = {}
        """By part, from after which day until which its runs go that are not settled."""
        self._through: dict[int, date] = {}
        self._holds: list[UUID] = []
        self._late: set[int] = set()

    async def booked(
        self, db: Connection, book: PolicyBook, services: Sequence[Service], accounts: BatchAccounts, moved: Movements
    ) -> None:
        """Remember whose."""
        self._late |= _late(await self._lapsing.bound(db, book), services, accounts, moved)

    async def lapsed(self, db: Connection, event: PointsLapsed, recorded: Recorded) -> None:
        """Note the run."""
        await self._lapsing.note(db, event.part, lapse_of(event, recorded))
        after, _ = self._runs.get(event.part) or (self._through.get(event.part), None)
        self._runs[event.part] = (after, event.through)
        self._through[event.part] = event.through

    async def freed(self, db: Connection, hold_id: UUID) -> None:
        """Remember the hold."""
        self._holds.append(hold_id)

    async def settle(self, db: Connection, book: PolicyBook) -> None:
        """Bring all that was noted into the ledger."""
        accounts = self._late
        for part, (after, through) in self._runs.items():
            accounts |= set(await self._lapsing.candidates(db, book, part, after, through))
        accounts |= set(await self._lapsing.held_while_lapsing(db, self._holds))
        await self._lapsing.restate(db, book, sorted(accounts))
        self._runs.clear()
        self._holds.clear()
        self._late = set()


def _late(bound: date | None, services: Sequence[Service], accounts: BatchAccounts, moved: Movements) -> set[int]:
    """Accounts of points that moved, of those who served on days up to the bound."""
    if bound is None:
        return set()
    last = bound.toordinal()
    late = {accounts.volunteers[s.volunteer_id][_POINTS] for s in services if s.day <= last}
    return late & (moved.credits.keys() | moved.debits.keys()) if late else late
