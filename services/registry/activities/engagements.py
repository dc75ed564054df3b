"""Nobody is at two activities at once: a constraint over all streams, claimed in the command's own transaction.

Two kinds of engagement bind a person for a span of time: a `booking` by sign-up (double bookings), and `service` by
attendance. They do not exclude each other: whoever signed up here may still turn up there. A claim waits for a
concurrent one to commit or roll back, so of two that overlap exactly one is refused, with a typed 409.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import Refusal

Span = tuple[datetime, datetime]

BOOKING = "booking"
SERVICE = "service"


class AlreadyServing(Refusal):
    """The volunteer serves in another activity at that time."""

    code = "already_serving"


class AlreadyBooked(Refusal):
    """The volunteer is signed up for another activity at that time."""

    code = "already_booked"


async def book(connection: AsyncConnection, activity_id: UUID, volunteer_id: UUID, planned: Span) -> None:
    """Bind a volunteer for the planned time. Raises `AlreadyBooked`."""
    if await _claim(connection, activity_id, BOOKING, {volunteer_id: planned}):
        raise AlreadyBooked


async def bind_anew(
    connection: AsyncConnection, activity_id: UUID, booked: Mapping[UUID, Span], served: Mapping[UUID, Span]
) -> None:
    """Bind those who are bound by an activity that binds nobody, and who are free."""
    await _claim(connection, activity_id, BOOKING, booked)
    await _claim(connection, activity_id, SERVICE, served)


async def rebook(
    connection: AsyncConnection, activity_id: UUID, volunteer_ids: Collection[UUID], planned: Span
) -> list[UUID]:
    """Bind those who are booked for another time instead. Returns who is booked elsewhere then."""
    await release(connection, activity_id, BOOKING)
    return await _claim(connection, activity_id, BOOKING, dict.fromkeys(sorted(volunteer_ids), planned))


async def serve(
    connection: AsyncConnection, activity_id: UUID, spans: Mapping[UUID, Span], *, replacing: bool = False
) -> None:
    """Bind volunteers for the time they serve. Raises `AlreadyServing` for the first who serves elsewhere then.

    `replacing` where they are bound by this activity already: at a check-out, or by a correction.
    """
    if not spans:
        return
    if replacing:
        await release(connection, activity_id, SERVICE, spans.keys())
    if refused := await _claim(connection, activity_id, SERVICE, spans):
        raise AlreadyServing(volunteer_id=refused[0])


async def serving_elsewhere(
    connection: AsyncConnection, activity_id: UUID, spans: Mapping[UUID, Span]
) -> frozenset[UUID]:
    """Who of these volunteers serves in another activity at that time, as far as is known now."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT e.volunteer_id FROM unnest(cast(:volunteers AS uuid[]), cast(:starts AS timestamptz[]),"
            " cast(:ends AS timestamptz[])) AS s(volunteer_id, start, until)"
            " JOIN engagements e ON e.volunteer_id = s.volunteer_id AND e.kind = :kind"
            " AND e.span && tstzrange(s.start, s.until) AND e.activity_id <> :activity_id"
        ),
        {**_columns(spans), "kind": SERVICE, "activity_id": activity_id},
    )
    return frozenset(row[0] for row in rows)


async def release(
    connection: AsyncConnection, activity_id: UUID, kind: str, volunteer_ids: Collection[UUID] | None = None
) -> None:
    """Free volunteers, or all of them, from an activity."""
    await connection.execute(
        text(
            "DELETE FROM engagements WHERE activity_id = :activity_id AND kind = :kind"
            " AND (cast(:volunteers AS uuid[]) IS NULL OR volunteer_id = ANY(:volunteers))"
        ),
        {
            "activity_id": activity_id,
            "kind": kind,
            "volunteers": None if volunteer_ids is None else list(volunteer_ids),
        },
    )


async def _claim(connection: AsyncConnection, activity_id: UUID, kind: str, spans: Mapping[UUID, Span]) -> list[UUID]:
    """Insert the engagements; returns who could not be bound."""
    # In one order for all: two claims over the same people wait for each other one way only, and never in a circle.
    rows = await connection.execute(
        text(
            "INSERT INTO engagements (activity_id, volunteer_id, kind, span)"
            " SELECT :activity_id, v, :kind, tstzrange(s, e) FROM unnest(cast(:volunteers AS uuid[]),"
            " cast(:starts AS timestamptz[]), cast(:ends AS timestamptz[])) AS row(v, s, e) ORDER BY v"
            " ON CONFLICT DO NOTHING RETURNING volunteer_id"
        ),
        {**_columns(spans), "kind": kind, "activity_id": activity_id},
    )
    bound = {row[0] for row in rows}
    return [volunteer_id for volunteer_id in spans if volunteer_id not in bound]


def _columns(spans: Mapping[UUID, Span]) -> dict[str, list[UUID] | list[datetime]]:
    return {
        "volunteers": list(spans),
        "starts": [start for start, _ in spans.values()],
        "ends": [end for _, end in spans.values()],
    }
