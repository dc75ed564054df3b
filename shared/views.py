"""Read tables kept up to date in the command's own transaction, and rebuilt from the events when they are in doubt."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Table, text
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
        count, _ = await self._replay(connection, 0, progress)
        return count

    async def _replay(self, connection: AsyncConnection, after: int, progress: Progress) -> tuple[int, int]:
        """Replay the events behind a position. Returns how many there were, and the position of the last."""
        count, batch = 0, list[Recorded]()
        async for recorded in read_all(connection, after):
            batch.append(recorded)
            after = recorded.position or after
            if len(batch) == _REBUILD_BATCH:
                await self.apply_all(connection, batch)
                count += len(batch)
                batch.clear()
                progress(count)
        await self.apply_all(connection, batch)
        progress(count + len(batch))
        return count + len(batch), after


class Beside:
    """A second set of a service's read tables, filled from its events while the service goes on.

    They are temporary tables of one connection. PostgreSQL finds these before others of the same name, so handlers that
    run on this connection write to them and leave the real ones alone.
    """

    def __init__(self, views: Views, connection: AsyncConnection) -> None:
        self._views = views
        self._connection = connection
        self._position = 0

    async def set_up(self) -> None:
        """Empty tables, built like the real ones. They go with a rollback, or the connection."""
        for table in self._views.tables:
            await self._execute(f'CREATE TEMPORARY TABLE "{table.name}" (LIKE public."{table.name}" INCLUDING ALL)')
        # Statements that this connection has prepared before still mean the real tables.
        await self._execute("DISCARD PLANS")

    async def catch_up(self, progress: Progress = lambda _: None) -> int:
        """Replay the events that were not replayed yet, as far as the transaction sees them. Returns their number."""
        count, self._position = await self._views._replay(self._connection, self._position, progress)
        return count

    async def differing(self) -> list[str]:
        """Names of the real tables that hold something else.

        Events and tables must be of one moment: in a transaction of REPEATABLE READ, or with the writers kept out.
        """
        found = []
        for table in self._views.tables:
            if await self._connection.scalar(text(_DIFFERS.format(table=table.name))):
                found.append(table.name)
        return found

    async def put_in_place(self, names: Collection[str]) -> None:
        """Let these of the real tables hold what stands here, in the caller's transaction; writers are kept out."""
        tables = [table for table in self._views.tables if table.name in names]
        for table in reversed(tables):
            await self._execute(f'DELETE FROM public."{table.name}"')
        for table in tables:
            await self._execute(f'INSERT INTO public."{table.name}" SELECT * FROM pg_temp."{table.name}"')

    async def _execute(self, statement: str) -> None:
        await self._connection.execute(text(statement))


async def differing_read_tables(
    connection: AsyncConnection, views: Views, progress: Progress = lambda _: None
) -> tuple[int, list[str]]:
    """The number of events, and the names of the tables that a replay would make differently. Nobody waits meanwhile.

    Must come first in its transaction, which is to be rolled back.
    """
    await connection.execute(text(ONE_MOMENT))
    beside = Beside(views, connection)
    await beside.set_up()
    return await beside.catch_up(progress), await beside.differing()


ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
"""The first statement of a transaction in which everything is seen as of one moment."""

_DIFFERS = """
    SELECT EXISTS (
        (SELECT r::text FROM public."{table}" AS r EXCEPT ALL SELECT b::text FROM pg_temp."{table}" AS b)
        UNION ALL
        (SELECT b::text FROM pg_temp."{table}" AS b EXCEPT ALL SELECT r::text FROM public."{table}" AS r))
"""
