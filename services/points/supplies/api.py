"""Routes of requests of supplies: ask, approve, issue; refuse, call off; and the timer of what nobody took."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import Select, select

from services.points.fields import Configured
from services.points.market.lines import LineOut, Lines, goods, require_items
from services.points.node_names import NamedPage, with_node_names
from services.points.supplies.model import (
    Approve,
    Ask,
    Cancel,
    Command,
    Expire,
    Issue,
    ListedStage,
    Refuse,
    Request,
    Stage,
)
from services.points.supplies.views import REQUESTS
from services.points.tables import supply_requests, teams
from services.points.teams import KnownTeam, known_team
from shared.auth.actors import actor_id
from shared.contracts.common import CommunityCode
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Paging, Read, Work, etag, narrowed
from shared.web.fields import Body
from shared.web.nodes import of_caller

api = Api(tags=["supplies 活动物资"])
timers = Timers()

EXPIRY = "supplies.expiry"


class RequestBody(Body):
    """申领活动物资 Supplies for a team's activities."""

    team_id: UUID
    activity_id: Annotated[
        UUID | None,
        Field(description="用于哪次活动（登记服务的编号，不核对） which activity; by its id in the registry"),
    ] = None
    lines: Lines


class RequestStateOut(BaseModel):
    """The request as the command left it."""

    id: UUID
    community: str
    team_id: UUID
    stage: Stage
    collect_by: datetime = Field(description="此时仍未获准或未领取的，自动取消 else it is off, and the pieces are free")


class RequestOut(RequestStateOut):
    """A request."""

    team_name: str | None
    activity_id: UUID | None
    lines: list[LineOut]
    requested_at: datetime
    ended_at: datetime | None


@api.command("/v1/supplies/requests", permission="supplies.request", status=201)
async def ask_for_supplies(body: RequestBody, work: Work, caller: Caller, settings: Configured) -> RequestStateOut:
    """申领活动物资：物资即时冻结，须由另一人批准后发放。

    Ask that a team be given supplies; they are held at once, and handed out when a second person has approved.
    """
    team = await _team(work, caller, body.team_id)
    await require_items(work.connection, team.community, [line.item_id for line in body.lines])
    request_id = work.new_id()
    command = Ask(
        request_id=request_id,
        community=team.community,
        team_id=team.id,
        team_dissolved=team.dissolved,
        activity_id=body.activity_id,
        lines=goods(body.lines),
        by=actor_id(work.vault, caller.subject),
        at=work.now,
        collect_by=work.now + timedelta(days=settings.supplies_collect_within_days),
    )
    request = work.create(REQUESTS, request_id, command)
    work.schedule(EXPIRY, request_id, command.collect_by)
    return _state(request)


@api.command("/v1/supplies/requests/{request_id}/approval", permission="supplies.approve")
async def approve_supplies(request_id: UUID, work: Work, caller: Caller, settings: Configured) -> RequestStateOut:
    """批准申领：申领人和该队队长不能批准。Approve: neither whoever asked, nor who leads the team."""
    team = await _team_of(work, caller, request_id)
    by, collect_by = actor_id(work.vault, caller.subject), work.now + timedelta(settings.supplies_collect_within_days)
    command = Approve(by, team.leader, team.dissolved, work.now, collect_by)
    request = await work.execute(REQUESTS, request_id, command)
    work.schedule(EXPIRY, request_id, collect_by)
    return _state(request)


@api.command("/v1/supplies/requests/{request_id}/refusal", permission="supplies.approve")
async def refuse_supplies(request_id: UUID, work: Work, caller: Caller) -> RequestStateOut:
    """不予批准，冻结的物资解冻。Refuse it; what was held is free again."""
    return await _end(work, caller, request_id, Refuse(actor_id(work.vault, caller.subject), work.now))


@api.command("/v1/supplies/requests/{request_id}/issue", permission="supplies.record")
async def issue_supplies(request_id: UUID, work: Work, caller: Caller) -> RequestStateOut:
    """发放：服务队领走物资，记在该队名下。Hand the supplies to the team, which accounts for them from now on."""
    team = await _team_of(work, caller, request_id)
    return await _end(work, caller, request_id, Issue(team.dissolved, work.now))


@api.command("/v1/supplies/requests/{request_id}/cancellation", permission="supplies.request")
async def cancel_supplies(request_id: UUID, work: Work, caller: Caller) -> RequestStateOut:
    """撤销申领，冻结的物资解冻。Call it off; what was held is free again."""
    return await _end(work, caller, request_id, Cancel(work.now))


@timers.on(EXPIRY)
async def expire(work: UnitOfWork, request_id: UUID) -> None:
    """Nobody approved it, or came, in time."""
    await work.execute(REQUESTS, request_id, Expire(work.now))


@api.query("/v1/supplies/requests", permission="supplies.read")
async def list_requests(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    team_id: Annotated[UUID | None, Query(description="服务队 team")] = None,
    stage: Annotated[ListedStage | None, Query(description="状态 stage")] = None,
) -> NamedPage[RequestOut]:
    """活动物资申领清单。Requests of supplies of the caller's node."""
    table = supply_requests.c
    query = narrowed(
        _requests().where(table.community.startswith(caller.node)),
        (table.community, community),
        (table.team_id, team_id),
        (table.stage, None if stage is None else stage.value),
    )
    return await with_node_names(read, await page.fetch(read, query, [table.id], _request))


@api.query("/v1/supplies/requests/{request_id}", permission="supplies.read")
async def get_request(request_id: UUID, read: Read, caller: Caller, response: Response) -> RequestOut:
    """一次申领。One request."""
    row = (await read.execute(_requests().where(supply_requests.c.id == request_id))).first()
    if row is None:
        raise NotFound("supply_request")
    caller.require(row.community)
    etag(response, row.version)
    return _request(row)


def _requests() -> Select[Any]:
    named = supply_requests.join(teams, teams.c.team_id == supply_requests.c.team_id, isouter=True)
    return select(supply_requests, teams.c.name.label("team_name")).select_from(named)


async def _team(work: UnitOfWork, caller: Any, team_id: UUID) -> KnownTeam:
    """A team that the caller's node covers. Raises `TeamUnknown` or `OutsideNode`."""
    team = await known_team(work.connection, team_id)
    caller.require(team.community)
    return team


async def _team_of(work: UnitOfWork, caller: Any, request_id: UUID) -> KnownTeam:
    request = await of_caller(work, caller, REQUESTS, request_id)
    assert request.team_id is not None
    return await known_team(work.connection, request.team_id)


async def _end(work: UnitOfWork, caller: Any, request_id: UUID, command: Command) -> RequestStateOut:
    await of_caller(work, caller, REQUESTS, request_id)
    request = await work.execute(REQUESTS, request_id, command)
    await work.cancel_timer(EXPIRY, request_id)
    return _state(request)


def _state(request: Request) -> RequestStateOut:
    assert request.id is not None
    assert request.team_id is not None
    assert request.collect_by is not None
    return RequestStateOut(
        id=request.id,
        community=request.community,
        team_id=request.team_id,
        stage=request.stage,
        collect_by=request.collect_by,
    )


def _request(row: Any) -> RequestOut:
    return RequestOut(
        id=row.id,
        community=row.community,
        team_id=row.team_id,
        team_name=row.team_name,
        activity_id=row.activity_id,
        stage=Stage(row.stage),
        collect_by=row.collect_by,
        lines=[LineOut(**line) for line in row.lines],
        requested_at=row.requested_at,
        ended_at=row.ended_at,
    )
