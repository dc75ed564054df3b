"""Read tables kept up to date in the command's own transaction, and rebuilt from the events when they are in doubt."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import Event
from shared.eventstore import Recorded, read_all

E = TypeVar("E", bound=Event)
Handler = Callable[[AsyncConnection, Any, Recorded], Awaitable[None]]
Progress = Callable[[int], None]


class Views:
    """The read tables of one aggregate, and how each event changes them."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.tables = list(tables)
        self._handlers: dict[type[Event], list[Handler]] = {}

    def on(
        self, event_type: type[E]
    ) -> Callable[
        [Callable[[AsyncConnection, E, Recorded], Awaitable[None]]],
        Callable[[AsyncConnection, E, Recorded], Awaitable[None]],
    ]:
        """Register how an event type changes the tables."""

        def register(
            handler: Callable[[AsyncConnection, E, Recorded], Awaitable[None]],
        ) -> Callable[[AsyncConnection, E, Recorded], Awaitable[None]]:
            self._handlers.setdefault(event_type, []).append(handler)
            return handler

        return register

    @classmethod
    def combine(cls, *parts: "Views") -> "Views":
        """The views of a whole service."""
        combined = cls([table for part in parts for table in part.tables])
        for part in parts:
            for event_type, handlers in part._handlers.items():
                combined._handlers.setdefault(event_type, []).extend(handlers)
        return combined

    async def apply(self, connection: AsyncConnection, recorded: Recorded) -> None:
        """Let one event change the tables."""
        for handler in self._handlers.get(type(recorded.event), ()):
            await handler(connection, recorded.event, recorded)

    async def rebuild(self, connection: AsyncConnection, progress: Progress = lambda _: None) -> int:
        """Empty the tables and replay the service's events into them, in the caller's transaction.

        Writers are kept out by the store's own append lock until the caller commits; readers see the old rows until
        then. Returns the number of events replayed.
        """
        await connection.execute(text("SELECT pg_advisory_xact_lock(append_lock())"))
        for table in reversed(self.tables):
            await connection.execute(table.delete())
        count = 0
        async for recorded in read_all(connection):
            await self.apply(connection, recorded)
            count += 1
            if count % 500 == 0:
                progress(count)
        progress(count)
        return count
