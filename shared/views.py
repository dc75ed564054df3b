"""Read tables kept up to date in the command's own transaction, and rebuilt from the events when they are in doubt."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import Event
from shared.eventstore import Recorded, keep_writers_out, read_all

E = TypeVar("E", bound=Event)
Handler = Callable[[AsyncConnection, Any, Recorded], Awaitable[None]]
RunHandler = Callable[[AsyncConnection, Sequence[Recorded]], Awaitable[None]]
Progress = Callable[[int], None]

_REBUILD_BATCH = 500


class Views:
    """The read tables of one aggregate, and how each event changes them."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.tables = list(tables)
        self._handlers: dict[type[Event], list[Handler]] = {}
        self._run_handlers: dict[type[Event], list[RunHandler]] = {}

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

    def on_run(self, event_type: type[Event]) -> Callable[[RunHandler], RunHandler]:
        """Register how a run of successive events of one type changes the tables, in few statements for many events.

        A run never reorders events: it ends where another type follows.
        """

        def register(handler: RunHandler) -> RunHandler:
            self._run_handlers.setdefault(event_type, []).append(handler)
            return handler

        return register

    @classmethod
    def combine(cls, *parts: "Views") -> "Views":
        """The views of a whole service."""
        combined = cls([table for part in parts for table in part.tables])
        for part in parts:
            for event_type, handlers in part._handlers.items():
                combined._handlers.setdefault(event_type, []).extend(handlers)
            for event_type, run_handlers in part._run_handlers.items():
                combined._run_handlers.setdefault(event_type, []).extend(run_handlers)
        return combined

    async def apply(self, connection: AsyncConnection, recorded: Recorded) -> None:
        """Let one event change the tables."""
        await self.apply_all(connection, [recorded])

    async def apply_all(self, connection: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        """Let events change the tables, in their order; runs of one type go to its run handlers at once."""
        for event_type, group in groupby(recorded, key=lambda item: type(item.event)):
            run = list(group)
            for run_handler in self._run_handlers.get(event_type, ()):
                await run_handler(connection, run)
            for item in run if event_type in self._handlers else ():
                for handler in self._handlers[event_type]:
                    await handler(connection, item.event, item)

    async def rebuild(self, connection: AsyncConnection, progress: Progress = lambda _: None) -> int:
        """Empty the tables and replay the service's events into them, in the caller's transaction.

        Writers are kept out until the caller commits; readers see the old rows until then. Returns the number of events
        replayed. Must be the first thing in its transaction.
        """
        await keep_writers_out(connection)
        for table in reversed(self.tables):
            await connection.execute(table.delete())
        count = 0
        batch: list[Recorded] = []
        async for recorded in read_all(connection):
            batch.append(recorded)
            if len(batch) == _REBUILD_BATCH:
                await self.apply_all(connection, batch)
                count += len(batch)
                batch.clear()
                progress(count)
        await self.apply_all(connection, batch)
        progress(count + len(batch))
        return count + len(batch)
