"""Looks again and again whether what was granted and certified still has its ground, and whether somebody is to be
reminded where it has not: off the ledger's hot path.
"""

from collections.abc import Awaitable, Callable, Sequence

from shared.rounds import go_round_forever
from shared.telemetry import logger
from shared.unit_of_work import Workshop

log = logger("honours")

Look = Callable[[Workshop], Awaitable[int]]
"""One look; returns of how many there was something to tell."""


class HonourWatch:
    """Runs every look, rests, and looks again. Several processes may: a flag is set once, whoever sets it."""

    def __init__(self, workshop: Workshop, looks: Sequence[Look], interval_s: float) -> None:
        self._workshop = workshop
        self._looks = looks
        self._interval_s = interval_s

    async def run(self) -> None:
        """Look until cancelled."""
        await go_round_forever(self.look, self._interval_s, log, "honours_not_watched")

    async def look(self) -> int:
        """One round of every look; returns of how many there was something to tell."""
        told = 0
        for look in self._looks:
            told += await look(self._workshop)
        if told:
            log.info("honours_watched", told=told)
        return told
