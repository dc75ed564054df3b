"""One person sits in one session at a time: who sat when, kept by a constraint of the database."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.mediation.cases.refusals import MediatorElsewhere
from shared.database import excluded_is_lost


async def sit(
    connection: AsyncConnection,
    *,
    case_id: UUID,
    session_id: UUID,
    mediators: Collection[UUID],
    start: datetime,
    end: datetime,
) -> None:
    """These mediators sat from start to end.

    Raises `MediatorElsewhere` for the first of them who sat in another session then. Two sessions entered in the same
    moment do not see each other; the constraint stops the second, which is decided again and then sees the first.
    """
    times = {"session": session_id, "case": case_id, "people": sorted(mediators), "start": start, "end": end}
    busy = (
        await connection.execute(
            text(
                "SELECT mediator_id FROM mediator_times WHERE mediator_id = ANY(cast(:people AS uuid[]))"
                " AND during && tstzrange(:start, :end) ORDER BY mediator_id LIMIT 1"
            ),
            times,
        )
    ).first()
    if busy is not None:
        raise MediatorElsewhere(mediator_id=str(busy.mediator_id))
    with excluded_is_lost():
        await connection.execute(
            text(
                "INSERT INTO mediator_times (session_id, mediator_id, case_id, during)"
                " SELECT :session, person, :case, tstzrange(:start, :end)"
                " FROM unnest(cast(:people AS uuid[])) AS p(person)"
            ),
            times,
        )


async def leave(connection: AsyncConnection, sessions: Collection[UUID], mediator_id: UUID) -> None:
    """The mediator did not sit in these sessions."""
    await connection.execute(
        text("DELETE FROM mediator_times WHERE session_id = ANY(:sessions) AND mediator_id = :mediator"),
        {"sessions": list(sessions), "mediator": mediator_id},
    )
