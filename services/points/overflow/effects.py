"""What a round of overflow does to the ledger: at once while the service is live, all together at the end of a rebuild.

Told, as expiry is (`expiry.effects`), by whoever books on a ledger.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Protocol
from uuid import UUID

from services.points.earning.services import Service
from services.points.ledger.directory import BatchAccounts
from services.points.ledger.writing import Connection
from services.points.overflow.flowing import Overflow
from services.points.overflow.pooling import Round
from services.points.policy.book import PolicyBook
from services.points.policy.views import PolicyShelf
from services.points.units import SLOTS, Unit
from shared.contracts.points import MinutesPooled
from shared.eventstore import Recorded

_BANKED = SLOTS[Unit.MINUTE]


class OverflowEffects(Protocol):
    """Told by whoever books on a ledger."""

    async def booked(
        self, db: Connection, book: PolicyBook, services: Sequence[Service], accounts: BatchAccounts
    ) -> None:
        """Service was booked, perhaps for days whose round has run."""

    async def reckon_anew(self, db: Connection, book: PolicyBook, volunteers: Iterable[UUID]) -> None:
        """The homes of people became known, perhaps after they earned; or what caps took from them is another."""

    async def dealt_otherwise(self, db: Connection, volunteers: Iterable[UUID]) -> None:
        """What people paid, gave or were given at the time bank turned out to have been otherwise."""

    async def pooled(self, db: Connection, event: MinutesPooled, recorded: Recorded) -> None:
        """A round."""


def round_of(event: MinutesPooled, recorded: Recorded) -> Round:
    """The round that an event tells of."""
    return Round(recorded.event_id, event.through, recorded.occurred_at)


def spent_in(event: MinutesPooled) -> dict[UUID, int]:
    """What an event says that people had spent since the end of the day."""
    return {one.volunteer_id: one.minutes for one in event.spent}


class PoolNow:
    """On the live ledger."""

    def __init__(self, overflow: Overflow) -> None:
        self._overflow = overflow
        self._shelf = PolicyShelf()

    async def booked(
        self, db: Connection, book: PolicyBook, services: Sequence[Service], accounts: BatchAccounts
    ) -> None:
        """Put right what has flowed over, where it is touched."""
        late = _late(await self._overflow.bound(db), services, accounts)
        if late:
            await self._overflow.restate(db, book, await self._overflow.touched(db, book, late))

    async def reckon_anew(self, db: Connection, book: PolicyBook, volunteers: Iterable[UUID]) -> None:
        """Put right what has flowed over from them, or waited for its home to be known."""
        if await self._overflow.bound(db) is not None:
            accounts = await self._overflow.of_people(db, volunteers)
            await self._overflow.restate(db, book, await self._overflow.touched(db, book, accounts))

    async def dealt_otherwise(self, db: Connection, volunteers: Iterable[UUID]) -> None:
        """Put right what has flowed over from them since."""
        await self.reckon_anew(db, await self._shelf.current(db), volunteers)

    async def pooled(self, db: Connection, event: MinutesPooled, recorded: Recorded) -> None:
        """Let flow over what is above."""
        book = await self._shelf.current(db)
        await self._overflow.pool(db, book, event.part, round_of(event, recorded), spent_in(event))


class PoolLater:
    """In a rebuild, where own events come first and the service that time was earned with comes after them."""

    def __init__(self, overflow: Overflow) -> None:
        self._overflow = overflow
        self._rounds_ran = False
        self._late: set[int] = set()
        self._reckoned: dict[int, int] = {}
        """At which version of each pool it was told what it lacked."""

    async def booked(
        self, db: Connection, book: PolicyBook, services: Sequence[Service], accounts: BatchAccounts
    ) -> None:
        """Remember whose."""
        self._late |= _late(await self._overflow.bound(db), services, accounts)

    async def reckon_anew(self, db: Connection, book: PolicyBook, volunteers: Iterable[UUID]) -> None:
        """Remember whose."""
        await self.dealt_otherwise(db, volunteers)

    async def dealt_otherwise(self, db: Connection, volunteers: Iterable[UUID]) -> None:
        """Remember whose."""
        if await self._overflow.bound(db) is not None:
            self._late.update(await self._overflow.of_people(db, volunteers))

    async def pooled(self, db: Connection, event: MinutesPooled, recorded: Recorded) -> None:
        """Note the round."""
        await self._overflow.note(db, event.part, round_of(event, recorded), spent_in(event))
        self._rounds_ran = True

    async def settle(self, db: Connection, book: PolicyBook) -> None:
        """Bring all that was noted into the ledger."""
        accounts = await self._overflow.touched(db, book, self._late)
        if self._rounds_ran:
            accounts = await self._overflow.ever_above(db, book)
        await self._overflow.restate(db, book, accounts)
        # In a replay pools gave before anything had flowed into them; now it can be told what they lacked.
        pools = await self._overflow.all_pools(db)
        moved = {home: pool for home, (pool, version) in pools.items() if self._reckoned.get(pool) != version}
        if moved:
            await self._overflow.make_good(db, moved)
            self._reckoned = dict((await self._overflow.all_pools(db)).values())
        self._rounds_ran, self._late = False, set()


def _late(bound: date | None, services: Sequence[Service], accounts: BatchAccounts) -> set[int]:
    """Accounts at the time bank of those who served on days up to the bound."""
    if bound is None:
        return set()
    last = bound.toordinal()
    return {accounts.volunteers[s.volunteer_id][_BANKED] for s in services if s.day <= last}
