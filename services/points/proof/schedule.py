"""Checks the whole live ledger every few hours, and shows what is wrong as metrics. What `verify` does by hand."""

import asyncio
import time
from typing import Any

from services.points.ledger.schema import LIVE
from services.points.proof.checks import CHECKS, count_breaks
from services.points.seals.proving import broken_days, broken_links
from shared.database import Database
from shared.election import elected, rest
from shared.metrics import LEDGER_BREAKS, LEDGER_VERIFIED
from shared.telemetry import logger

log = logger("ledger")

_LOCK = 4995421792
_POLL_S = 30.0
_FAILED_POLL_S = 300.0
_AFTER_START_S_MAX = 600.0
"""A service that is restarted again and again must not be looking at the whole ledger each time."""
_STATEMENT_TIMEOUT_S = 15 * 60
_SEALED_DAYS = 7
"""So many of the days sealed last; `verify` looks at all."""


class VerifySchedule:
    """Looks at the whole ledger every `interval_s`, in one process of the service; the others stand by."""

    def __init__(self, database: Database, interval_s: int) -> None:
        self._database = database
        self._interval_s = interval_s

    async def run(self) -> None:
        """Look until cancelled. What fails is told and tried again, and the metric of the last look grows old."""
        while self._interval_s:
            try:
                async with elected(self._database, _LOCK) as db:
                    await self._lead(db)
            except Exception as error:
                log.error("ledger_not_verified", error=type(error).__name__, retry_in_s=_FAILED_POLL_S)
                await asyncio.sleep(_FAILED_POLL_S)

    async def _lead(self, db: Any) -> None:
        due = time.monotonic() + min(self._interval_s, _AFTER_START_S_MAX)
        while True:
            if time.monotonic() >= due:
                due = time.monotonic() + self._interval_s
                await self.look(db)
            await rest(db, min(_POLL_S, self._interval_s))

    async def look(self, db: Any) -> dict[str, int]:
        """One look at everything, on an asyncpg connection of its own; what is wrong, by check.

        Each check is one statement and sees one moment. It is a transaction of its own: one for all would keep a
        snapshot for as long as all of them take, and the rows of every account that moves meanwhile with it.
        """
        started = time.monotonic()
        breaks = {}
        for check in CHECKS:
            async with db.transaction(isolation="repeatable_read", readonly=True):
                await _bound(db)
                breaks[check.name] = await count_breaks(db, check, LIVE)
        for name, look in (("seal_chain", broken_links), ("seals", _latest_days)):
            async with db.transaction(isolation="repeatable_read", readonly=True):
                await _bound(db)
                breaks[name] = await look(db)
        for name, count in breaks.items():
            LEDGER_BREAKS.labels(check=name).set(count)
            if count:
                log.error("ledger_broken", check=name, breaks=count)
        LEDGER_VERIFIED.set(time.time())
        log.info("ledger_verified", breaks=sum(breaks.values()), seconds=round(time.monotonic() - started, 1))
        return breaks


async def _latest_days(db: Any) -> int:
    return await broken_days(db, days=_SEALED_DAYS)


async def _bound(db: Any) -> None:
    """At most so long, and on one processor: the others belong to ingest and to the people who wait for an answer."""
    await db.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT_S}s'")
    await db.execute("SET LOCAL max_parallel_workers_per_gather = 0")
