"""Seals every community's days when they are over, night after night, by one process of the service."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.points.ledger.schema import LIVE
from services.points.seals.lines import NOTHING, CommunityDay, DayLines, changed_days, day_lines
from services.points.seals.model import SealDay
from services.points.seals.views import SEALS
from shared.clock import day_start, local_day
from shared.database import Lost
from shared.election import elected, rest
from shared.metrics import LEDGER_SEALED
from shared.telemetry import logger
from shared.unit_of_work import Workshop

log = logger("seals")

_LOCK = 4995421791
_POLL_S = 30.0
_FAILED_POLL_S = 300.0
_STATEMENT_TIMEOUT_MS = 30 * 60 * 1000
_DAYS_MAX = 31
_TRANSFERS_MAX = 2_000_000
"""What one query for hashes goes over; a single day may have more."""

_REMEMBER = text(
    f"INSERT INTO {LIVE}.sealed_days (community, day, transfers)"
    " SELECT :community, * FROM unnest(cast(:days AS date[]), cast(:transfers AS bigint[]))"
    " ON CONFLICT (community, day) DO UPDATE SET transfers = excluded.transfers"
)


class Sealer:
    """Makes the seals. One process of the service is at it; the others stand by."""

    def __init__(self, workshop: Workshop, margin: timedelta) -> None:
        self._workshop = workshop
        self._margin = margin

    async def run(self) -> None:
        """Seal until cancelled. What fails is told and tried again: a seal that is late must not end the service."""
        while True:
            try:
                async with elected(self._workshop.database, _LOCK) as db:
                    await self._lead(db)
            except Exception as error:
                log.error("not_sealed", error=type(error).__name__, retry_in_s=_FAILED_POLL_S)
                await asyncio.sleep(_FAILED_POLL_S)

    async def _lead(self, db: Any) -> None:
        """Seal once for every day that ends, as long as the lock is held."""
        sealed_until: date | None = None
        while True:
            until = self.until()
            if until != sealed_until:
                await self.seal(db)
                sealed_until = until
                LEDGER_SEALED.set(day_start(until).timestamp())
            await rest(db, _POLL_S)

    def until(self) -> date:
        """The first day that is not over yet, or not for long enough."""
        return local_day(self._workshop.clock() - self._margin)

    async def seal(self, db: Any) -> int:
        """Seal every day that is over and has changed since it was last sealed; returns how many seals were made.

        `db` is an asyncpg connection for reading. The days are counted before their lines are read: transfers that
        come in between make a day look changed the next time, and its lines then have the hash that they have now.
        Interrupted, it goes on where it was the next time.
        """
        async with _patient(db):
            changed = await changed_days(db, self.until())
            made = 0
            for portion in portions(changed):
                first, last = min(of.day for of in portion), max(of.day for of in portion)
                found = await day_lines(db, first, last)
                for community, days in groupby(sorted(portion), key=lambda of: of.community):
                    made += await self._seal(community, {of: found.get(of, NOTHING) for of in days}, changed)
        if made:
            log.info("sealed", seals=made, days=len(changed))
        return made

    async def _seal(
        self, community: str, days: Mapping[CommunityDay, DayLines], transfers: Mapping[CommunityDay, int]
    ) -> int:
        """Seal days of one community in one transaction, and remember what they were sealed on."""
        try:
            async with self._workshop.transaction(actor="seals") as work:
                for of, found in days.items():
                    command = SealDay(community, of.day, found.lines, found.sums, found.sha256)
                    await work.execute(SEALS, community, command)
                remembered = {"days": [of.day for of in days], "transfers": [transfers[of] for of in days]}
                await work.connection.execute(_REMEMBER, {"community": community, **remembered})
                return len(await work.finish())
        except (Lost, IntegrityError) as error:
            if isinstance(error, IntegrityError) and "seals_pkey" not in str(error.orig):
                raise
            # Somebody else, who lost the lock and does not know it yet, made the same seal a moment earlier. If
            # anything is left to seal, the next night finds it.
            log.warning("sealed_by_another", community=community)
            return 0


def portions(changed: Mapping[CommunityDay, int]) -> list[list[CommunityDay]]:
    """Days in their order, in portions that one query for hashes can go over. Days are not divided."""
    found: list[list[CommunityDay]] = []
    begin, transfers = date.min, 0
    for day, of_day in groupby(sorted(changed, key=lambda of: (of.day, of.community)), key=lambda of: of.day):
        communities = list(of_day)
        more = sum(changed[of] for of in communities)
        if not found or (day - begin).days >= _DAYS_MAX or transfers + more > _TRANSFERS_MAX:
            found.append([])
            begin, transfers = day, 0
        found[-1] += communities
        transfers += more
    return found


@asynccontextmanager
async def _patient(db: Any) -> AsyncIterator[None]:
    """Bounded in time, and on one processor: the others belong to the people who wait for an answer."""
    await db.execute(
        "SELECT set_config('statement_timeout', $1, false), set_config('max_parallel_workers_per_gather', '0', false)",
        str(_STATEMENT_TIMEOUT_MS),
    )
    try:
        yield
    finally:
        if not db.is_closed():
            await db.execute("RESET statement_timeout; RESET max_parallel_workers_per_gather")
