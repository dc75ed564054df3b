"""People in 256 parts, by the last bits of their ids, and the gate between those who book service and those who go
through a part: so that the night on which a year's points lapse is many short transactions, and neither misses what the
other is about to commit.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.points.ledger.writing import Connection
from shared.database import Database, Lost
from shared.metrics import PARTS_FAILED

PARTS = 256
_GATE = 4995421793


def part_of(volunteer_id: UUID) -> int:
    """Which part of the people somebody belongs to."""
    return volunteer_id.int % PARTS


def part_sql(volunteer_id: str) -> str:
    """`part_of` in SQL, of an expression that is a volunteer's id as a uuid."""
    return f"get_byte(uuid_send({volunteer_id}), 15) % {PARTS}"


async def enter_gate(db: Connection) -> None:
    """Before service is booked; it waits while somebody goes through a part."""
    await db.execute("SELECT pg_advisory_xact_lock_shared($1)", _GATE)


async def shut_gate(db: Connection) -> None:
    """Before going through a part alone; it waits for those who book."""
    await db.execute("SELECT pg_advisory_xact_lock($1)", _GATE)


async def go_through(
    database: Database, parts: Iterable[int], deal_with: Callable[[int], Awaitable[None]], name: str, log: Any
) -> set[int]:
    """Deal with parts one after the other, in the round of that name. Returns those that are to be dealt with again.

    One part must not keep the others from their turn, whatever its trouble is: that is told, and the next round tries
    again. Where the database is away it is everybody's trouble, and is raised.
    """
    undone = set[int]()
    for part in sorted(parts):
        try:
            await deal_with(part)
        except Lost:
            undone.add(part)  # another replica did it in the same moment; the next round sees that
        except Exception as error:
            undone.add(part)
            PARTS_FAILED.labels(round=name).inc()
            log.error("part_failed", round=name, part=part, error=type(error).__name__)
            async with database.reading() as connection:
                await connection.execute(text("SELECT 1"))
    return undone
