"""Work that one process of a service does while the others stand by: elected by a session lock of the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from shared.database import Database


@asynccontextmanager
async def elected(database: Database, lock: int) -> AsyncIterator[asyncpg.Connection | None]:
    """A connection of its own that holds the lock, or None while another process holds it.

    The lock is only tried: a session that waits for it would keep a snapshot all the while, and vacuum would keep every
    row that died since. Whoever is not elected asks again later. The lock ends with the connection, so a process that
    dies gives it up, and one that lost its connection notices with its next statement.
    """
    connection = await database.dedicated()
    try:
        yield connection if await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock) else None
    finally:
        connection.terminate()
