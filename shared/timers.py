"""Anything that happens because time passed: a row with a due time, taken by one worker, becomes a command."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from opentelemetry.trace import SpanKind
from sqlalchemy import text

from shared.clock import Clock
from shared.database import Lost, is_transient
from shared.ids import new_id
from shared.metrics import TIMERS_FAILED, TIMERS_FIRED
from shared.telemetry import logger, span
from shared.unit_of_work import UnitOfWork, Workshop

log = logger("timers")

TimerHandler = Callable[[UnitOfWork, UUID], Awaitable[None]]
_BACKOFF_MAX = timedelta(hours=1)


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
        """Fire every due timer, each in its own transaction; returns how many. Several workers share the rows."""
        fired = 0
        while await self._fire_one(workshop, clock):
            fired += 1
        return fired

    async def _fire_one(self, workshop: Workshop, clock: Clock) -> bool:
        kind, subject = "", None
        try:
            async with workshop.transaction(actor="timer") as work:
                row = (
                    await work.connection.execute(
                        text(
                            "SELECT kind, subject FROM timers WHERE due_at <= :now AND kind = ANY(:kinds)"
                            " ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED"
                        ),
                        {"now": clock(), "kinds": list(self._handlers)},
                    )
                ).first()
                if row is None:
                    return False
                kind, subject = row
                await work.cancel_timer(kind, subject)
                with span(f"timer {kind}", SpanKind.INTERNAL, correlation_id=str(new_id())):
                    await self._handlers[kind](work, subject)
                    await work.finish()
        except Lost:
            return True  # somebody acted on the subject in the same moment; the row is still there for the next round
        except Exception as error:
            if subject is None or is_transient(error):
                raise
            # One timer that cannot be carried out must not hold up the others: it comes again, later and later.
            TIMERS_FAILED.labels(kind=kind).inc()
            log.error("timer_failed", kind=kind, error=type(error).__name__)
            await self._postpone(workshop, clock, kind, subject)
            return True
        TIMERS_FIRED.labels(kind=kind).inc()
        return True

    @staticmethod
    async def _postpone(workshop: Workshop, clock: Clock, kind: str, subject: UUID) -> None:
        async with workshop.database.transaction() as connection:
            await connection.execute(
                text(
                    "UPDATE timers SET attempts = attempts + 1,"
                    " due_at = cast(:now AS timestamptz)"
                    " + least(interval '5 seconds' * power(2, least(attempts, 16)), cast(:longest AS interval))"
                    " WHERE kind = :kind AND subject = :subject"
                ),
                {"now": clock(), "longest": _BACKOFF_MAX, "kind": kind, "subject": subject},
            )

    async def run(self, workshop: Workshop, clock: Clock, poll_interval_s: float) -> None:
        """Fire timers until cancelled."""
        if not self._handlers:
            return
        while True:
            try:
                await self.fire_due(workshop, clock)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("timers_interrupted", error=type(error).__name__)
            await asyncio.sleep(poll_interval_s)
