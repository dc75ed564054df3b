"""Which teams there are, who joined, left and led them, as the registry tells it. Kept in the ledger's own schema.

All that is told of one team lies in one stream, but a batch may bring it late, twice, or the leaving first. So each
joining, leaving and appointment is kept as a row, by its number in the team's stream, and nothing is overwritten: who
belonged to a team on a day, and who leads it, is a function of the rows, in whatever order they came.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.tables import team_changes, team_leaderships, teams
from shared.contracts import Refusal
from shared.contracts.registry import (
    TeamDissolved,
    TeamFormed,
    TeamLeaderAppointed,
    TeamMemberJoined,
    TeamMemberLeft,
)
from shared.deliveries import Delivery

EVENTS = TeamFormed, TeamMemberJoined, TeamMemberLeft, TeamLeaderAppointed, TeamDissolved
"""What is told of teams."""


class TeamUnknown(Refusal):
    """The registry has not told of such a team, or not yet."""

    code: ClassVar[str] = "team_unknown"
    status: ClassVar[int] = 404


class KnownTeam(NamedTuple):
    """A team as far as it matters who is given something for it."""

    id: UUID
    community: str
    name: str
    leader: UUID | None
    dissolved: bool


async def known_team(connection: AsyncConnection, team_id: UUID) -> KnownTeam:
    """The team as it stands. Raises `TeamUnknown`."""
    row = (await connection.execute(select(teams).where(teams.c.team_id == team_id))).first()
    if row is None:
        raise TeamUnknown
    left = team_changes.alias("left")
    led = team_leaderships
    # The last turn of the team's leadership: nobody, once it was dissolved, and nobody where the leader left since.
    last = (
        await connection.execute(select(led).where(led.c.team_id == team_id).order_by(led.c.sequence.desc()))
    ).first()
    if last is None or last.volunteer_id is None:
        return KnownTeam(team_id, row.community, row.name, None, last is not None)
    gone = exists().where(
        left.c.team_id == team_id,
        left.c.volunteer_id == last.volunteer_id,
        left.c.sequence > last.sequence,
        ~left.c.joined,
    )
    leader = None if await connection.scalar(select(gone)) else last.volunteer_id
    return KnownTeam(team_id, row.community, row.name, leader, False)


async def team_names(read: AsyncConnection, team_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Names of teams, as far as they are known. They are public, like the teams."""
    wanted = sorted(set(team_ids))
    if not wanted:
        return {}
    rows = await read.execute(select(teams.c.team_id, teams.c.name).where(teams.c.team_id.in_(wanted)))
    return {row.team_id: row.name for row in rows}


async def is_member(read: AsyncConnection, team_id: UUID, volunteer_id: UUID) -> bool:
    """Whether somebody belongs to a team now."""
    of_them = team_changes.c.team_id == team_id, team_changes.c.volunteer_id == volunteer_id
    last = select(func.max(team_changes.c.sequence)).where(*of_them).scalar_subquery()
    return bool(await read.scalar(select(team_changes.c.joined).where(*of_them, team_changes.c.sequence == last)))


async def note(db: Any, schema: str, deliveries: Sequence[Delivery]) -> None:
    """Take in teams, their members and leaders; other deliveries are passed over. May be repeated."""
    formed = {d.event.team_id: d.event for d in deliveries if isinstance(d.event, TeamFormed)}
    if formed:
        of_teams = [formed[team_id] for team_id in sorted(formed)]
        await db.execute(
            f"INSERT INTO {schema}.teams (team_id, community, name, kind, formed_on)"
            " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::date[]) ON CONFLICT DO NOTHING",
            [team.team_id for team in of_teams],
            [team.community for team in of_teams],
            # PostgreSQL holds no such character, and a team's name is free text.
            [team.name.replace("\x00", "") for team in of_teams],
            [team.kind.replace("\x00", "") for team in of_teams],
            [team.formed_on for team in of_teams],
        )
    changes = set()
    turns: dict[tuple[UUID, int], tuple[UUID | None, date]] = {}
    for delivery in deliveries:
        event, sequence = delivery.event, delivery.sequence
        if isinstance(event, TeamMemberJoined):
            changes.add((event.team_id, event.volunteer_id, sequence, event.joined_on, True))
        elif isinstance(event, TeamMemberLeft):
            changes.add((event.team_id, event.volunteer_id, sequence, event.left_on, False))
        elif isinstance(event, TeamLeaderAppointed):
            turns[event.team_id, sequence] = event.volunteer_id, event.appointed_on
        elif isinstance(event, TeamDissolved):
            turns[event.team_id, sequence] = None, event.dissolved_on
    # In one order, so that two batches with the same changes cannot wait for each other in a circle.
    if changes:
        team_ids, people, sequences, days, joined = zip(*sorted(changes), strict=True)
        await db.execute(
            f"INSERT INTO {schema}.team_changes (team_id, volunteer_id, sequence, day, joined)"
            " SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::date[], $5::boolean[])"
            " ON CONFLICT DO NOTHING",
            list(team_ids),
            list(people),
            list(sequences),
            list(days),
            list(joined),
        )
    if turns:
        keys = sorted(turns)
        await db.execute(
            f"INSERT INTO {schema}.team_leaderships (team_id, sequence, volunteer_id, day)"
            " SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::date[]) ON CONFLICT DO NOTHING",
            [team_id for team_id, _ in keys],
            [sequence for _, sequence in keys],
            [turns[key][0] for key in keys],
            [turns[key][1] for key in keys],
        )
