"""Routes of the crews: form, rename, add and remove members, disband, read."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Response
from pydantic import Field
from sqlalchemy import func, select, text

from services.grid_patrol.crews.model import AddMembers, Crew, Disband, FormCrew, RemoveMember, RenameCrew
from services.grid_patrol.crews.names import claim_name, release_name
from services.grid_patrol.crews.streams import CREWS
from services.grid_patrol.fields import Configured, Volunteers
from services.grid_patrol.shifts.state import Stage
from services.grid_patrol.tables import crew_members, crews, shifts
from shared.contracts.common import CommunityCode
from shared.contracts.grid_patrol import CrewKind
from shared.volunteers import require_good
from shared.web import Api, Caller, Page, Paging, Read, Work, etag, narrowed
from shared.web.fields import Body, Out, ShortText
from shared.web.nodes import Within, below, of_caller, row_of_caller

api = Api(tags=["crews 巡逻队"])


class CrewBody(Body):
    """A crew to form."""

    community: CommunityCode
    name: ShortText
    kind: CrewKind
    members: Volunteers = Field(default_factory=list)


class RenameBody(Body):
    """A crew's new name."""

    name: ShortText


class MembersBody(Body):
    """Volunteers to add."""

    volunteers: Annotated[Volunteers, Field(min_length=1)]


class CrewStateOut(Out):
    """A crew after a command."""

    crew_id: UUID
    members_count: int
    disbanded: bool


class CrewOut(Out):
    """A crew."""

    crew_id: UUID
    community: str
    name: str
    kind: CrewKind
    members_count: int
    formed_at: datetime
    disbanded: bool


class MemberOut(Out):
    """A member of a crew."""

    volunteer_id: UUID
    added_at: datetime


@api.command("/v1/crews", permission="crews.manage", status=201)
async def form_crew(body: CrewBody, work: Work, caller: Caller, settings: Configured) -> CrewStateOut:
    """组建巡逻队，本社区内名称不能重复。Form a crew, with or without members; its name is its own in the community."""
    caller.require(body.community)
    await require_good(work.connection, body.members, settings.volunteer_wait_max_ms)
    crew_id = work.new_id()
    crew = work.create(CREWS, crew_id, FormCrew(crew_id, body.community, body.name, body.kind, tuple(body.members)))
    await claim_name(work.connection, body.community, body.name, crew_id)
    return _state(crew)


@api.command("/v1/crews/{crew_id}", permission="crews.manage", method="PATCH")
async def rename_crew(crew_id: UUID, body: RenameBody, work: Work, caller: Caller) -> CrewStateOut:
    """巡逻队更名；班次和队员不变。Rename a crew; its shifts and members stay."""
    await of_caller(work, caller, CREWS, crew_id)
    crew = await work.execute(CREWS, crew_id, RenameCrew(body.name))
    await claim_name(work.connection, crew.community, body.name, crew_id)
    return _state(crew)


@api.command("/v1/crews/{crew_id}/members", permission="crews.manage")
async def add_members(
    crew_id: UUID, body: MembersBody, work: Work, caller: Caller, settings: Configured
) -> CrewStateOut:
    """加入队员，要么全部加入要么全不加入。Add members, all or none."""
    await of_caller(work, caller, CREWS, crew_id)
    await require_good(work.connection, body.volunteers, settings.volunteer_wait_max_ms)
    return _state(await work.execute(CREWS, crew_id, AddMembers(tuple(body.volunteers))))


@api.command("/v1/crews/{crew_id}/members/{volunteer_id}", permission="crews.manage", method="DELETE")
async def remove_member(crew_id: UUID, volunteer_id: UUID, work: Work, caller: Caller) -> CrewStateOut:
    """队员退出。Remove a member; shifts that were planned for them stay as they are."""
    await of_caller(work, caller, CREWS, crew_id)
    return _state(await work.execute(CREWS, crew_id, RemoveMember(volunteer_id)))


@api.command("/v1/crews/{crew_id}/disbanding", permission="crews.manage")
async def disband_crew(crew_id: UUID, work: Work, caller: Caller) -> CrewStateOut:
    """解散巡逻队，名称可再使用；还有未结束的班次时不能解散。Disband a crew without open shifts; its name is free."""
    # Planning a shift locks the same row for share: either the shift is seen here, or planning sees the disbanding.
    await work.connection.execute(text("SELECT 1 FROM crews WHERE crew_id = :id FOR UPDATE"), {"id": crew_id})
    await of_caller(work, caller, CREWS, crew_id)
    open_ = (Stage.PLANNED.value, Stage.RUNNING.value)
    count = select(func.count()).where(shifts.c.crew_id == crew_id, shifts.c.stage.in_(open_))
    open_shifts: int = (await work.connection.execute(count)).scalar_one()
    crew = await work.execute(CREWS, crew_id, Disband(open_shifts))
    await release_name(work.connection, crew_id)
    return _state(crew)


@api.query("/v1/crews", permission="patrol.read")
async def list_crews(
    read: Read,
    caller: Caller,
    page: Paging,
    within: Within = None,
    kind: CrewKind | None = None,
    disbanded: bool | None = None,
) -> Page[CrewOut]:
    """巡逻队列表。The crews of a node and below."""
    query = select(crews).where(below(crews.c.community, within, caller))
    query = narrowed(query, (crews.c.kind, kind), (crews.c.disbanded, disbanded))
    return await page.fetch(read, query, [crews.c.community, crews.c.crew_id], CrewOut.model_validate)


@api.query("/v1/crews/{crew_id}", permission="patrol.read")
async def get_crew(crew_id: UUID, read: Read, caller: Caller, response: Response) -> CrewOut:
    """一支巡逻队。One crew."""
    row = await row_of_caller(read, caller, crews.c.crew_id, crew_id, "crew")
    etag(response, row.version)
    return CrewOut.model_validate(row)


@api.query("/v1/crews/{crew_id}/members", permission="patrol.read")
async def list_members(crew_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[MemberOut]:
    """队员。The members of a crew."""
    await row_of_caller(read, caller, crews.c.crew_id, crew_id, "crew")
    query = select(crew_members).where(crew_members.c.crew_id == crew_id)
    return await page.fetch(
        read,
        query,
        [crew_members.c.volunteer_id],
        lambda row: MemberOut(volunteer_id=row.volunteer_id, added_at=row.added_at),
    )


def _state(crew: Crew) -> CrewStateOut:
    assert crew.id is not None, "a crew that was changed exists"
    return CrewStateOut(crew_id=crew.id, members_count=len(crew.members), disbanded=crew.disbanded)
