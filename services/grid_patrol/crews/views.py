"""Crews and their members as tables."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.grid_patrol.tables import crew_members, crews
from shared.contracts.grid_patrol import CrewDisbanded, CrewFormed, CrewMemberAdded, CrewMemberRemoved, CrewRenamed
from shared.eventstore import Recorded
from shared.views import Views

views = Views([crews, crew_members])


@views.on(CrewFormed)
async def form(connection: AsyncConnection, event: CrewFormed, recorded: Recorded) -> None:
    """A new crew, still without members."""
    await connection.execute(
        insert(crews).values(
            crew_id=event.crew_id,
            community=event.community,
            name=event.name,
            kind=event.kind.value,
            members_count=0,
            formed_at=recorded.occurred_at,
            disbanded=False,
            version=recorded.version,
        )
    )


@views.on(CrewRenamed)
async def rename(connection: AsyncConnection, event: CrewRenamed, recorded: Recorded) -> None:
    """Another name."""
    await connection.execute(
        update(crews).where(crews.c.crew_id == event.crew_id).values(name=event.name, version=recorded.version)
    )


@views.on_run(CrewMemberAdded)
async def add(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """Members joined, often many at once. Nobody joins twice within a run: between lies a leaving."""
    added = [recorded.event for recorded in run if isinstance(recorded.event, CrewMemberAdded)]
    await connection.execute(
        text(
            "WITH run AS (SELECT * FROM unnest(cast(:crews AS uuid[]), cast(:volunteers AS uuid[]),"
            " cast(:moments AS timestamptz[]), cast(:versions AS int[])) AS r(crew_id, volunteer_id, moment, version)),"
            " joined AS (INSERT INTO crew_members (crew_id, volunteer_id, added_at)"
            " SELECT crew_id, volunteer_id, moment FROM run)"
            " UPDATE crews SET members_count = members_count + c.n, version = c.version"
            " FROM (SELECT crew_id, count(*) AS n, max(version) AS version FROM run GROUP BY crew_id) AS c"
            " WHERE crews.crew_id = c.crew_id"
        ),
        {
            "crews": [event.crew_id for event in added],
            "volunteers": [event.volunteer_id for event in added],
            "moments": [recorded.occurred_at for recorded in run],
            "versions": [recorded.version for recorded in run],
        },
    )


@views.on(CrewMemberRemoved)
async def remove(connection: AsyncConnection, event: CrewMemberRemoved, recorded: Recorded) -> None:
    """A member left."""
    await connection.execute(
        delete(crew_members).where(
            crew_members.c.crew_id == event.crew_id, crew_members.c.volunteer_id == event.volunteer_id
        )
    )
    await connection.execute(
        update(crews)
        .where(crews.c.crew_id == event.crew_id)
        .values(members_count=crews.c.members_count - 1, version=recorded.version)
    )


@views.on(CrewDisbanded)
async def disband(connection: AsyncConnection, event: CrewDisbanded, recorded: Recorded) -> None:
    """The crew is gone; who was in it stays readable."""
    await connection.execute(
        update(crews).where(crews.c.crew_id == event.crew_id).values(disbanded=True, version=recorded.version)
    )
