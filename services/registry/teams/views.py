"""Teams, who belonged to them when, and who led them when."""

from collections.abc import Sequence

from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.tables import team_leaderships, team_memberships, teams
from shared.contracts.registry import (
    TeamDissolved,
    TeamFormed,
    TeamLeaderAppointed,
    TeamMemberJoined,
    TeamMemberLeft,
)
from shared.eventstore import Recorded
from shared.views import Views

views = Views([teams, team_memberships, team_leaderships])


@views.on_run(TeamFormed)
async def form(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """New teams."""
    rows = []
    for recorded in run:
        event = recorded.event
        assert isinstance(event, TeamFormed)
        rows.append(
            {
                "id": event.team_id,
                "community": event.community,
                "name": event.name,
                "kind": event.kind,
                "origin": event.origin.value,
                "formed_on": event.formed_on,
                "leader_id": None,
                "members_count": 0,
                "version": recorded.version,
            }
        )
    await connection.execute(insert(teams), rows)


@views.on_run(TeamMemberJoined)
async def join(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """New members, many at once where a roster is imported."""
    joined = [(r.event, r.version) for r in run if isinstance(r.event, TeamMemberJoined)]
    await connection.execute(
        text(
            "WITH joined AS (SELECT * FROM unnest(cast(:teams AS uuid[]), cast(:versions AS int[]),"
            "   cast(:volunteers AS uuid[]), cast(:days AS date[])) AS j(team_id, version, volunteer_id, joined_on)),"
            " kept AS (INSERT INTO team_memberships (team_id, joined_version, volunteer_id, joined_on)"
            "   SELECT team_id, version, volunteer_id, joined_on FROM joined)"
            " UPDATE teams SET members_count = members_count + n, version = last"
            "   FROM (SELECT team_id, count(*) AS n, max(version) AS last FROM joined GROUP BY team_id) AS c"
            "  WHERE teams.id = c.team_id"
        ),
        {
            "teams": [event.team_id for event, _ in joined],
            "versions": [version for _, version in joined],
            "volunteers": [event.volunteer_id for event, _ in joined],
            "days": [event.joined_on for event, _ in joined],
        },
    )


@views.on(TeamMemberLeft)
async def leave(connection: AsyncConnection, event: TeamMemberLeft, recorded: Recorded) -> None:
    """The membership ends, and with it the lead, if it was the leader."""
    m, leaderships = team_memberships, team_leaderships
    await connection.execute(
        update(m)
        .where(m.c.team_id == event.team_id, m.c.volunteer_id == event.volunteer_id, m.c.left_on.is_(None))
        .values(left_on=event.left_on)
    )
    await connection.execute(
        update(leaderships)
        .where(
            leaderships.c.team_id == event.team_id,
            leaderships.c.volunteer_id == event.volunteer_id,
            leaderships.c.until.is_(None),
        )
        .values(until=event.left_on)
    )
    await connection.execute(
        text(
            "UPDATE teams SET members_count = members_count - 1, version = :version,"
            " leader_id = nullif(leader_id, :volunteer_id) WHERE id = :team_id"
        ),
        {"version": recorded.version, "volunteer_id": event.volunteer_id, "team_id": event.team_id},
    )


@views.on(TeamDissolved)
async def dissolve(connection: AsyncConnection, event: TeamDissolved, recorded: Recorded) -> None:
    """The team is no more; who was in it when stays readable."""
    await connection.execute(
        update(teams)
        .where(teams.c.id == event.team_id)
        .values(dissolved_on=event.dissolved_on, version=recorded.version)
    )


@views.on(TeamLeaderAppointed)
async def lead(connection: AsyncConnection, event: TeamLeaderAppointed, recorded: Recorded) -> None:
    """The earlier lead ends where the new one begins."""
    leaderships = team_leaderships
    await connection.execute(
        update(leaderships)
        .where(leaderships.c.team_id == event.team_id, leaderships.c.until.is_(None))
        .values(until=event.appointed_on)
    )
    await connection.execute(
        insert(leaderships).values(
            team_id=event.team_id,
            appointed_version=recorded.version,
            volunteer_id=event.volunteer_id,
            appointed_on=event.appointed_on,
        )
    )
    await connection.execute(
        update(teams).where(teams.c.id == event.team_id).values(leader_id=event.volunteer_id, version=recorded.version)
    )
