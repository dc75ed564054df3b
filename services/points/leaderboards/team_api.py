"""Routes of leaderboards by team: teams of a community against each other, and members within one team.

What somebody served counts for a team on the days on which they belonged to it: from the day of joining to the day
before leaving; for each of their teams, where there are several. Whoever opted out is not shown, and is not in the sum
of the team either: in a small one the difference would tell what they served. Nor are the dead, who are no members now.
"""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, Text, Uuid, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.leaderboards.api import PLACE_COLUMNS, SHOWN, PlaceOut, Since, Until, period, places_of, ranked
from services.points.ledger.schema import LIVE
from services.points.units import Unit
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, NotFound, Page, Paging, Read

api = Api(tags=["leaderboards 排行榜"])


class TeamPlaceOut(BaseModel):
    """A place on the leaderboard of teams. Equal minutes have equal rank."""

    rank: int
    team_id: UUID
    name: str
    kind: str
    members: int = Field(description="现有队员 members now")
    minutes: int


class TeamLeaderboardOut(Page[TeamPlaceOut]):
    """Which teams of a community served most, best first."""

    community: str
    since: date
    until: date


class MembersLeaderboardOut(Page[PlaceOut]):
    """Who of a team served most while they belonged to it, without names: those are the registry's."""

    team_id: UUID
    community: str
    name: str
    since: date
    until: date
    mine: PlaceOut | None = Field(description="本人名次 the caller's own place, for a volunteer who is on it")


# A joining lasts until whatever comes next in the team's stream. Both statement indexes are read as for people.
_SERVED = f"""
    WITH spans AS (
        SELECT c.team_id, c.volunteer_id, c.joined, c.day AS first,
               lead(c.day) OVER (PARTITION BY c.team_id, c.volunteer_id ORDER BY c.sequence) AS ended
          FROM {LIVE}.team_changes AS c
         WHERE c.team_id IN (SELECT t.team_id FROM {LIVE}.teams AS t WHERE {{of}})
    ), bounds AS (
        SELECT s.team_id, s.volunteer_id, m.number, a.id,
               greatest(:since, s.first::timestamp AT TIME ZONE 'Asia/Shanghai') AS since,
               least(:until, coalesce(s.ended::timestamp AT TIME ZONE 'Asia/Shanghai', 'infinity')) AS until
          FROM spans AS s
          JOIN {LIVE}.members AS m ON m.volunteer_id = s.volunteer_id
          JOIN {LIVE}.accounts AS a ON a.holder = s.volunteer_id::text AND a.unit = {Unit.SERVICE_MINUTE:d}
         WHERE s.joined AND {SHOWN}
    ), served AS (
        SELECT b.team_id, b.volunteer_id, b.number,
               sum(coalesce((SELECT sum(t.amount) FROM {LIVE}.transfers AS t
                              WHERE t.credit_account = b.id AND t.credit_account > 0
                                AND t.occurred_at >= b.since AND t.occurred_at < b.until), 0)
                   - coalesce((SELECT sum(t.amount) FROM {LIVE}.transfers AS t
                                WHERE t.debit_account = b.id AND t.debit_account > 0
                                  AND t.occurred_at >= b.since AND t.occurred_at < b.until), 0))::bigint AS minutes
          FROM bounds AS b GROUP BY b.team_id, b.volunteer_id, b.number
    )
"""

_TEAMS = text(
    _SERVED.format(of="t.community = :community")
    + f""", present AS (
        SELECT team_id, count(*) AS members FROM (
               SELECT DISTINCT ON (c.team_id, c.volunteer_id) c.team_id, c.joined AND m.forgotten_at IS NULL
                      AND NOT EXISTS (SELECT FROM deaths AS d WHERE d.volunteer_id = c.volunteer_id) AS belongs
                 FROM {LIVE}.team_changes AS c
                 JOIN {LIVE}.teams AS t USING (team_id)
                 LEFT JOIN {LIVE}.members AS m ON m.volunteer_id = c.volunteer_id
                WHERE t.community = :community
                ORDER BY c.team_id, c.volunteer_id, c.sequence DESC) AS latest
         WHERE belongs GROUP BY team_id
    ), sums AS (
        SELECT team_id, sum(minutes)::bigint AS minutes FROM served WHERE minutes > 0 GROUP BY team_id
    )
    SELECT rank() OVER (ORDER BY s.minutes DESC) AS rank, t.team_id, t.name, t.kind,
           coalesce(p.members, 0) AS members, s.minutes
      FROM sums AS s JOIN {LIVE}.teams AS t USING (team_id) LEFT JOIN present AS p USING (team_id)
"""
)
_TEAM_COLUMNS = {
    "rank": BigInteger,
    "team_id": Uuid,
    "name": Text,
    "kind": Text,
    "members": BigInteger,
    "minutes": BigInteger,
}

_MEMBERS = text(
    _SERVED.format(of="t.team_id = :team_id")
    + """
    SELECT rank() OVER (ORDER BY minutes DESC) AS rank, volunteer_id, number AS volunteer_number, minutes
      FROM served WHERE minutes > 0
"""
)


@api.query("/v1/leaderboards/teams", permission="leaderboards.read")
async def get_team_leaderboard(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode, Query(description="社区 community")],
    since: Since,
    until: Until,
) -> TeamLeaderboardOut:
    """社区各服务队某期间的服务时长排行。Which teams of a community served most in a period."""
    caller.require(community)
    places = ranked(_TEAMS, _TEAM_COLUMNS, {**period(since, until), "community": community})
    order = [places.c.minutes, places.c.team_id]
    found = await page.fetch(read, select(places), order, _place, descending=True)
    return TeamLeaderboardOut(community=community, since=since, until=until, **dict(found))


@api.query("/v1/leaderboards/teams/{team_id}", permission="leaderboards.read")
async def get_members_leaderboard(
    team_id: UUID, read: Read, caller: Caller, page: Paging, since: Since, until: Until
) -> MembersLeaderboardOut:
    """一支服务队内的服务时长排行，不含姓名和退出者。Who of a team served most in a period."""
    team = await _team(read, team_id)
    caller.require(team.community)
    places = ranked(_MEMBERS, PLACE_COLUMNS, {**period(since, until), "team_id": team_id})
    found, mine = await places_of(read, page, caller, places)
    return MembersLeaderboardOut(
        team_id=team_id, community=team.community, name=team.name, since=since, until=until, mine=mine, **dict(found)
    )


def _place(row: Any) -> TeamPlaceOut:
    return TeamPlaceOut.model_validate(row, from_attributes=True)


async def _team(read: AsyncConnection, team_id: UUID) -> Any:
    query = text(f"SELECT community, name FROM {LIVE}.teams WHERE team_id = :team_id")
    row = (await read.execute(query, {"team_id": team_id})).first()
    if row is None:
        raise NotFound("team")
    return row
