"""Tables that follow from no event's view, made again from the events alone."""

from typing import Any

from sqlalchemy import text

from shared.eventstore import read_all
from tests.conftest import Running


async def assert_repaired(running: Running, *tables: str) -> None:
    """Empty tables, do again what was done beside all events, and find what was there."""

    async def rows() -> list[Any]:
        return [[tuple(row) for row in await running.rows(f"SELECT * FROM {table} ORDER BY 1, 2")] for table in tables]

    before = await rows()
    assert all(before), "something is there"
    service = running.service
    async with service.database.transaction() as connection:
        for table in tables:
            await connection.execute(text(f"DELETE FROM {table}"))
        events = [recorded async for recorded in read_all(connection)]
        await service.repairs.repair(service.workshop, connection, events)
    assert await rows() == before
