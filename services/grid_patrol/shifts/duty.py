"""One person is on one shift at a time: who is out when, kept by a constraint of the database."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.grid_patrol.shifts.refusals import OnAnotherShift
from shared.database import excluded_is_lost


async def occupy(
    connection: AsyncConnection, shift_id: UUID, people: Collection[UUID], start: datetime, end: datetime
) -> None:
    """These people are out on the shift from start to end, in the place of what was known of it before.

    Raises `OnAnotherShift` for the first of them who is on another shift then. Two shifts that start in the same
    moment do not see each other; the constraint stops the second, which is decided again and then sees the first.
    """
    times = {"shift": shift_id, "people": sorted(people), "start": start, "end": end}
    busy = (
        await connection.execute(
            text(
                "WITH before AS (DELETE FROM shift_times WHERE shift_id = :shift)"
                " SELECT volunteer_id, shift_id FROM shift_times WHERE volunteer_id = ANY(cast(:people AS uuid[]))"
                " AND during && tstzrange(:start, :end) AND shift_id <> :shift ORDER BY volunteer_id LIMIT 1"
            ),
            times,
        )
    ).first()
    if busy is not None:
        raise OnAnotherShift(volunteer_id=str(busy.volunteer_id), shift_id=str(busy.shift_id))
    with excluded_is_lost():
        await connection.execute(
            text(
                "INSERT INTO shift_times (shift_id, volunteer_id, during)"
                " SELECT :shift, person, tstzrange(:start, :end) FROM unnest(cast(:people AS uuid[])) AS p(person)"
            ),
            times,
        )


async def release(connection: AsyncConnection, shift_id: UUID) -> None:
    """Nobody is out on the shift."""
    await connection.execute(text("DELETE FROM shift_times WHERE shift_id = :shift"), {"shift": shift_id})
