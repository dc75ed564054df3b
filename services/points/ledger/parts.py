"""People in 256 parts, by the last bits of their ids, and the gate between those who book service and those who go
through a part: so that the night on which a year's points lapse is many short transactions, and neither misses what the
other is about to commit.
"""

from uuid import UUID

from services.points.ledger.writing import Connection

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
