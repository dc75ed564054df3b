"""What a service does on other contexts' events: each becomes a command on its own aggregates."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import Event
from shared.deliveries import Delivery
from shared.telemetry import span
from shared.unit_of_work import UnitOfWork, Workshop

E = TypeVar("E", bound=Event)
Reaction = Callable[[UnitOfWork, Any, Delivery], Awaitable[None]]


class Reactions:
    """Reactions by event type. As a batch handler it runs them in order, in one transaction for the batch."""

    batches_abreast = 1
    """A reaction may depend on what another one decided: one batch after the other."""

    def __init__(self) -> None:
        self._reactions: dict[type[Event], list[Reaction]] = {}
        self._workshop: Workshop | None = None

    def on(
        self, event_type: type[E]
    ) -> Callable[
        [Callable[[UnitOfWork, E, Delivery], Awaitable[None]]], Callable[[UnitOfWork, E, Delivery], Awaitable[None]]
    ]:
        """Register a reaction. It may run late and after a crash again, but its effects are committed once."""

        def register(
            reaction: Callable[[UnitOfWork, E, Delivery], Awaitable[None]],
        ) -> Callable[[UnitOfWork, E, Delivery], Awaitable[None]]:
            self._reactions.setdefault(event_type, []).append(reaction)
            return reaction

        return register

    @classmethod
    def combine(cls, workshop: Workshop, *parts: "Reactions") -> "Reactions":
        """All reactions of a service, bound to its workshop."""
        combined = cls()
        combined._workshop = workshop
        for part in parts:
            for event_type, reactions in part._reactions.items():
                combined._reactions.setdefault(event_type, []).extend(reactions)
        return combined

    @property
    def interests(self) -> frozenset[type[Event]]:
        """The event types that have a reaction."""
        return frozenset(self._reactions)

    async def apply(self, connection: AsyncConnection, deliveries: Sequence[Delivery]) -> None:
        """Run the reactions of a batch and append what they decided, last."""
        assert self._workshop is not None, "reactions are bound to a workshop with `combine`"
        work = self._workshop.on(connection, actor="reaction")
        for delivery in deliveries:
            envelope = delivery.envelope
            with span(
                f"react {envelope.type}",
                SpanKind.CONSUMER,
                correlation_id=envelope.correlation_id or str(envelope.event_id),
                causation_id=str(envelope.event_id),
                traceparent=envelope.traceparent,
            ):
                for reaction in self._reactions[type(delivery.event)]:
                    await reaction(work, delivery.event, delivery)
        await work.finish()
