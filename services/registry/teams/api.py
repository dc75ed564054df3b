"""Routes of teams: formed, joined, left, led."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.fields import Configured, VolunteerReference, earliest_day, own_id, volunteer_of_caller
from services.registry.organisation.views import require_community
from services.registry.settings import RegistrySettings
from services.registry.tables import team_leaderships, team_memberships, teams, volunteers
from services.registry.teams.model import AppointLeader, Dated, Dissolve, FormTeam, Join, Leave, Team, TeamAlreadyFormed
from services.registry.teams.names import claim_names, release_name
from services.registry.teams.streams import TEAMS
from services.registry.volunteers.standing import Found, VolunteerUnknown, by_number, look_up, require_good
from shared.clock import local_day
from shared.contracts import NodeCode
from shared.contracts.common import CommunityCode
from shared.contracts.registry import TeamOrigin
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, Page, Paging, Read, Work, etag, narrowed
from shared.web.fields import Body, Day, Out, ShortText
from shared.web.nodes import below, of_caller, row_of_caller

api = Api(tags=["teams 服务队"])

_Kind = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$", examples=["women", "culture", "environment", "health"])]


class FormTeamBody(Body):
    """成立服务队 A team comes into being."""

    community: CommunityCode
    name: ShortText
    kind: _Kind
    origin: TeamOrigin = TeamOrigin.APPOINTED
    formed_on: Day | None = None


class JoinBody(Body):
    """入队：志愿者编号或 id。Volunteers by number or id; all of them join, or none."""

    volunteers: Annotated[tuple[VolunteerReference, ...], Field(min_length=1, max_length=500)]
    joined_on: Day | None = None


class LeaveBody(Body):
    """离队 A member leaves."""

    volunteer: VolunteerReference
    left_on: Day | None = None


class LeaderBody(Body):
    """任命队长 A member takes the lead."""

    volunteer: VolunteerReference
    appointed_on: Day | None = None


class DissolutionBody(Body):
    """解散服务队 A team is no more."""

    dissolved_on: Day | None = None


class TeamOut(Out):
    """A team."""

    id: UUID
    community: NodeCode
    name: str
    kind: str
    origin: TeamOrigin
    formed_on: date
    leader_id: UUID | None
    members_count: int
    dissolved_on: date | None


class TeamStateOut(Out):
    """The team as the command left it."""

    id: UUID
    community: NodeCode
    leader_id: UUID | None
    members_count: int


class MembershipOut(Out):
    """A membership, current while `left_on` is null."""

    team_id: UUID
    volunteer_id: UUID
    joined_version: int
    number: str | None = None
    joined_on: date
    left_on: date | None


class LeadershipOut(Out):
    """Who led the team, current while `until` is null."""

    volunteer_id: UUID
    appointed_version: int
    appointed_on: date
    until: date | None


@api.command("/v1/teams", permission="teams.manage", status=201)
async def form_team(body: FormTeamBody, work: Work, caller: Caller, settings: Configured) -> TeamStateOut:
    """成立服务队，名称在本社区内唯一。Form a team; its name is unique in the community."""
    caller.require(body.community)
    await require_community(work.connection, body.community)
    team_id = work.new_id()
    if not await claim_names(work.connection, body.community, {body.name: team_id}):
        raise TeamAlreadyFormed(name=body.name)
    command = FormTeam(
        team_id, body.community, body.name, body.kind, body.origin, _dated(work, settings, body.formed_on)
    )
    return _state(work.create(TEAMS, team_id, command))


@api.command("/v1/teams/{team_id}/members", permission="teams.manage")
async def join_team(team_id: UUID, body: JoinBody, work: Work, caller: Caller, settings: Configured) -> TeamStateOut:
    """入队，可一次多人。Volunteers in good standing join, up to 500 at once."""
    await of_caller(work, caller, TEAMS, team_id)
    found = await require_good(work.connection, body.volunteers)
    dated = _dated(work, settings, body.joined_on)
    with by_number(found):
        return _state(await work.execute(TEAMS, team_id, Join({found[ref].id: dated for ref in body.volunteers})))


@api.command("/v1/teams/{team_id}/departures", permission="teams.manage")
async def leave_team(team_id: UUID, body: LeaveBody, work: Work, caller: Caller, settings: Configured) -> TeamStateOut:
    """离队。A member leaves; a leader who leaves no longer leads."""
    await of_caller(work, caller, TEAMS, team_id)
    found = await _known(work.connection, body.volunteer)
    command = Leave(found[body.volunteer].id, _dated(work, settings, body.left_on))
    with by_number(found):
        return _state(await work.execute(TEAMS, team_id, command))


@api.command("/v1/teams/{team_id}/leader", permission="teams.manage")
async def appoint_leader(
    team_id: UUID, body: LeaderBody, work: Work, caller: Caller, settings: Configured
) -> TeamStateOut:
    """任命队长，须为本队队员。A member becomes the leader."""
    await of_caller(work, caller, TEAMS, team_id)
    found = await require_good(work.connection, [body.volunteer])
    command = AppointLeader(found[body.volunteer].id, _dated(work, settings, body.appointed_on))
    with by_number(found):
        return _state(await work.execute(TEAMS, team_id, command))


@api.command("/v1/teams/{team_id}/dissolution", permission="teams.manage")
async def dissolve_team(
    team_id: UUID, body: DissolutionBody, work: Work, caller: Caller, settings: Configured
) -> TeamStateOut:
    """解散服务队：队员全部离队，名称可再使用。Dissolve a team: its members leave it, and its name is free again."""
    await of_caller(work, caller, TEAMS, team_id)
    team = await work.execute(TEAMS, team_id, Dissolve(_dated(work, settings, body.dissolved_on)))
    await release_name(work.connection, team_id)
    return _state(team)


@api.query("/v1/teams", permission="teams.read")
async def list_teams(
    read: Read,
    caller: Caller,
    page: Paging,
    node: Annotated[NodeCode | None, Query(description="该节点及下级 this node and below; 默认本人所在节点")] = None,
    kind: _Kind | None = None,
    origin: TeamOrigin | None = None,
    dissolved: Annotated[bool, Query(description="包括已解散的 also those that were dissolved")] = False,
) -> Page[TeamOut]:
    """服务队列表。Teams of a node and below."""
    query = select(teams).where(below(teams.c.community, node, caller))
    if not dissolved:
        query = query.where(teams.c.dissolved_on.is_(None))
    query = narrowed(query, (teams.c.kind, kind), (teams.c.origin, origin))
    return await page.fetch(read, query, [teams.c.community, teams.c.id], TeamOut.model_validate)


@api.query("/v1/teams/{team_id}", permission="teams.read")
async def get_team(team_id: UUID, read: Read, caller: Caller, response: Response) -> TeamOut:
    """一支服务队。One team."""
    row = await row_of_caller(read, caller, teams.c.id, team_id, "team")
    etag(response, row.version)
    return TeamOut.model_validate(row)


@api.query("/v1/teams/{team_id}/members", permission="teams.read")
async def list_members(
    team_id: UUID,
    read: Read,
    caller: Caller,
    page: Paging,
    past: Annotated[bool, Query(description="包括已离队的 also those who left")] = False,
) -> Page[MembershipOut]:
    """队员，只有编号；志愿者只看到自己。Members by number; a volunteer sees only the own membership."""
    await row_of_caller(read, caller, teams.c.id, team_id, "team")
    m = team_memberships
    query = (
        select(m, volunteers.c.number)
        .join(volunteers, volunteers.c.id == m.c.volunteer_id)
        .where(m.c.team_id == team_id)
    )
    if not past:
        query = query.where(m.c.left_on.is_(None))
    if (own := own_id(caller)) is not None:
        query = query.where(m.c.volunteer_id == own)
    return await page.fetch(read, query, [m.c.joined_version], MembershipOut.model_validate)


@api.query("/v1/teams/{team_id}/leaders", permission="teams.read")
async def list_leaders(team_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[LeadershipOut]:
    """历任队长。Leaders, first to present."""
    await row_of_caller(read, caller, teams.c.id, team_id, "team")
    leaderships = team_leaderships
    query = select(leaderships).where(leaderships.c.team_id == team_id)
    return await page.fetch(read, query, [leaderships.c.appointed_version], LeadershipOut.model_validate)


@api.query("/v1/volunteers/{volunteer_id}/teams", permission="teams.read")
async def list_teams_of(volunteer_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[MembershipOut]:
    """某志愿者加入过的服务队。The teams a volunteer is or was in."""
    await volunteer_of_caller(read, caller, volunteer_id)
    m = team_memberships
    query = select(m).where(m.c.volunteer_id == volunteer_id)
    return await page.fetch(read, query, [m.c.joined_on, m.c.team_id, m.c.joined_version], MembershipOut.model_validate)


async def _known(connection: AsyncConnection, reference: UUID | str) -> Mapping[UUID | str, Found]:
    """Somebody who leaves need not be in good standing, only known."""
    found = await look_up(connection, [reference])
    if reference not in found:
        raise VolunteerUnknown(volunteer=str(reference))
    return found


def _dated(work: UnitOfWork, settings: RegistrySettings, day: date | None) -> Dated:
    today = local_day(work.now)
    return Dated(day or today, today, earliest_day(work.now, settings.backdating_max_days))


def _state(team: Team) -> TeamStateOut:
    assert team.id is not None
    return TeamStateOut(id=team.id, community=team.community, leader_id=team.leader, members_count=len(team.members))
