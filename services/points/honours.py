"""Looks again and again whether what was granted and certified still has its ground: not on the ledger's hot path."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from shared.database import Lost, is_transient
from shared.telemetry import logger
from shared.unit_of_work import Workshop

log = logger("honours")

Look = Callable[[Workshop], Awaitable[int]]
"""One look; returns how many were flagged."""


class HonourWatch:
    """Runs every look, rests, and looks again. Several processes may: a flag is set once, whoever sets it."""

    def __init__(self, workshop: Workshop, looks: Sequence[Look], interval_s: float) -> None:
        self._workshop = workshop
        self._looks = looks
        self._interval_s = interval_s

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Lost:
                pass  # somebody acted on the same one in the same moment; the next look sees what is left
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("honours_not_watched", error=type(error).__name__)
            await asyncio.sleep(self._interval_s)

    async def look(self) -> int:
        """One round of every look; returns how many were flagged."""
        flagged = 0
        for look in self._looks:
            flagged += await look(self._workshop)
        if flagged:
            log.info("honours_flagged", count=flagged)
        return flagged
