"""Anything that happens because time passed: a row with a due time, taken by one worker, becomes a command."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from shared.clock import Clock
from shared.database import Lost, is_transient
from shared.ids import new_id
from shared.metrics import TIMERS_FAILED, TIMERS_FIRED
from shared.rounds import go_round_forever
from shared.telemetry import logger, span
from shared.unit_of_work import UnitOfWork, Workshop

log = logger("timers")

TimerHandler = Callable[[UnitOfWork, UUID], Awaitable[None]]
_BACKOFF_MAX = timedelta(hours=1)
_DUE = text(
    "SELECT kind, subject, due_at FROM timers WHERE due_at <= :now AND kind = ANY(:kinds)"
    " ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_LATER = text(
    "UPDATE timers SET attempts = attempts + 1,"
    " due_at = cast(:now AS timestamptz)"
    " + least(interval '5 seconds' * power(2, least(attempts, 16)), cast(:longest AS interval))"
    " WHERE kind = :kind AND subject = :subject AND due_at = :due_at RETURNING attempts"
)


class Timers:
    """Handlers by kind of timer."""

    def __init__(self) -> None:
        self._handlers: dict[str, TimerHandler] = {}

    def on(self, kind: str) -> Callable[[TimerHandler], TimerHandler]:
        """Register what happens when a timer of this kind is due. It must bear being late."""

        def register(handler: TimerHandler) -> TimerHandler:
            if kind in self._handlers:
                raise ValueError(f"two handlers for the timer {kind}")
            self._handlers[kind] = handler
            return handler

        return register

    @classmethod
    def combine(cls, *parts: "Timers") -> "Timers":
        """All timers of a service."""
        combined = cls()
        for part in parts:
            for kind, handler in part._handlers.items():
                combined.on(kind)(handler)
        return combined

    async def fire_due(self, workshop: Workshop, clock: Clock) -> int:
        """Try every due timer, each in its own transaction; returns how many. Several workers share the rows."""
        fired = 0
        while await self._fire_one(workshop, clock):
            fired += 1
        return fired

    async def _fire_one(self, workshop: Workshop, clock: Clock) -> bool:
        timer: Row[Any] | None = None
        try:
            async with workshop.transaction(actor="timer") as work:
                due = await work.connection.execute(_DUE, {"now": clock(), "kinds": list(self._handlers)})
                timer = due.first()
                if timer is None:
                    return False
                await work.cancel_timer(timer.kind, timer.subject)
                with span(f"timer {timer.kind}", correlation_id=str(new_id())):
                    await self._handlers[timer.kind](work, timer.subject)
                    await work.finish()
        except Exception as error:
            if timer is None:
                raise
            # One that cannot be carried out must not hold up the others, whatever its trouble is: it comes again, later
            # and later. Where the trouble is everybody's, this cannot be written either, and is raised.
            attempts = await self._postpone(workshop, clock, timer)
            passes = isinstance(error, Lost) or is_transient(error)
            if attempts > 1 or not passes:
                TIMERS_FAILED.labels(kind=timer.kind).inc()
                log.error("timer_failed", kind=timer.kind, error=type(error).__name__, attempts=attempts)
            return True
        TIMERS_FIRED.labels(kind=timer.kind).inc()
        return True

    @staticmethod
    async def _postpone(workshop: Workshop, clock: Clock, timer: Row[Any]) -> int:
        """Returns how often it has failed; 0 where somebody has set it anew meanwhile, or taken it back."""
        async with workshop.database.transaction() as connection:
            postponed = await connection.execute(_LATER, {**timer._mapping, "now": clock(), "longest": _BACKOFF_MAX})
            return postponed.scalar() or 0

    async def run(self, workshop: Workshop, clock: Clock, poll_interval_s: float) -> None:
        """Fire timers until cancelled."""
        if self._handlers:
            await go_round_forever(partial(self.fire_due, workshop, clock), poll_interval_s, log, "timers_interrupted")
