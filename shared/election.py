"""Work that one process of a service does while the others stand by: elected by a session lock of the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from shared.database import Database

_POLL_S = 0.5


async def stand_by(connection: Any, lock: int) -> None:
    """Return when the connection holds the lock, and keep it until the connection ends.

    The lock is only tried: a session that waits for it would keep a snapshot all the while, and vacuum would keep every
    row that died since. A process that dies gives the lock up, and one that lost its connection notices with its next
    statement.
    """
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock):
        await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def elected(database: Database, lock: int) -> AsyncIterator[asyncpg.Connection]:
    """A connection of its own that holds the lock, as soon as no other process does; let go at the end."""
    connection = await database.dedicated()
    try:
        await stand_by(connection, lock)
        yield connection
    finally:
        connection.terminate()


async def rest(connection: asyncpg.Connection, seconds: float) -> None:
    """Rest between two looks of who was elected. Raises where the connection has gone meanwhile, and the lock with it:
    somebody else may be at work by then.
    """
    await asyncio.sleep(seconds)
    await connection.execute("SELECT 1")
