"""What commands do beside their events, done again for events that were read back after a restore.

Read tables follow from the events. Timers do not, nor do claims, nor does a key that was destroyed because somebody
asked to be forgotten: the backup still has it.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import Event
from shared.eventstore import Recorded
from shared.unit_of_work import UnitOfWork, Workshop

Repair = Callable[[UnitOfWork, Any], Awaitable[None]]
R = TypeVar("R", bound=Repair)


class Due(Protocol):
    """What follows from events that were read back, and takes longer than their transaction."""

    async def note(self, connection: AsyncConnection) -> None:
        """Note, in their transaction, that it is to be done. Whoever has done it lets go of the note."""

    async def stands(self, connection: AsyncConnection) -> bool:
        """Whether it is still to be done."""


class Repairs:
    """Repairs in the order in which they are registered, each for some types of events.

    What people entered beside events of the types `details` (who somebody is, what was said, a photo) nothing brings
    back: whoever restores is told of whom it was.
    """

    def __init__(self, details: Collection[type[Event]] = ()) -> None:
        self.details = frozenset(details)
        self._repairs: list[tuple[frozenset[type[Event]], Repair]] = []

    def on(self, *event_types: type[Event]) -> Callable[[R], R]:
        """Register what is done again. It finds the read tables as they are after all events."""

        def register(repair: R) -> R:
            self._repairs.append((frozenset(event_types), repair))
            return repair

        return register

    async def repair(self, workshop: Workshop, connection: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        """Do again what was done beside these events: one repair after the other, each in the order of the events."""
        work = workshop.on(connection, actor="recover")
        for event_types, repair in self._repairs:
            for item in recorded:
                if type(item.event) in event_types:
                    await repair(work, item.event)
        await work.finish()
