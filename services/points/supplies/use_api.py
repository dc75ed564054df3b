"""Routes of what teams bring back and what they use."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import Select, Table, select

from services.points.fields import Configured, dated
from services.points.market.dated import Dated
from services.points.market.lines import LINES_MAX, LineBody, LineOut, Lines, goods, require_items
from services.points.market.taken_back import hold_row
from services.points.node_names import NamedPage, with_node_names
from services.points.spans import Spanning
from services.points.supplies.accounting import Account, BringBack, ReturnWithdrawn, Withdraw
from services.points.supplies.views import RETURNS, USES
from services.points.tables import supply_returns, supply_uses, teams
from services.points.teams import KnownTeam, known_team
from shared.auth.actors import actor_id
from shared.contracts import refuse_if
from shared.contracts.common import CommunityCode
from shared.contracts.supplies import SupplyFate, UsedLine
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Read, Work, etag, narrowed
from shared.web.fields import Body, Moment
from shared.web.nodes import of_caller

api = Api(tags=["supplies 活动物资"])


class ReturnBody(Body):
    """退回活动物资 What a team did not need."""

    team_id: UUID
    lines: Lines
    returned_at: Moment | None = None


class RightReturnBody(Body):
    """改正退回 What the team did bring back, whole."""

    lines: Lines
    returned_at: Annotated[Moment | None, Field(description="不填即原退回时间 as before, if not given")] = None


class ReturnOut(BaseModel):
    """A return."""

    id: UUID
    community: str
    team_id: UUID
    lines: list[LineOut]
    returned_at: datetime


class ReturnListedOut(ReturnOut):
    """A return in a list."""

    team_name: str | None
    withdrawn_at: datetime | None = Field(description="登记有误而撤回 it was entered by mistake")
    replaced_by: UUID | None = Field(description="改正后的退回 the return that is right")


class UsedLineBody(LineBody):
    """件数和去向 Pieces of one item, and what became of them."""

    fate: SupplyFate


class UsedLineOut(LineOut):
    """Pieces of one item, and what became of them."""

    fate: SupplyFate


def _each_once(lines: list[UsedLineBody]) -> list[UsedLineBody]:
    if len({(line.item_id, line.fate) for line in lines}) != len(lines):
        raise PydanticCustomError("repeated", "must not name any item twice with the same fate")
    return lines


UsedLines = Annotated[list[UsedLineBody], Field(min_length=1, max_length=LINES_MAX), AfterValidator(_each_once)]


class UseBody(Body):
    """活动物资使用登记 What became of supplies at an activity."""

    team_id: UUID
    activity_id: Annotated[
        UUID | None, Field(description="哪次活动（登记服务的编号，不核对） which activity; by its id in the registry")
    ] = None
    people_reached: Annotated[int, Field(ge=0, le=100_000, description="服务人次 people whom the activity was for")] = 0
    lines: UsedLines
    used_at: Moment | None = None


class UseOut(BaseModel):
    """A use."""

    id: UUID
    community: str
    team_id: UUID
    activity_id: UUID | None
    people_reached: int
    lines: list[UsedLineOut]
    used_at: datetime


class UseListedOut(UseOut):
    """A use in a list."""

    team_name: str | None
    withdrawn_at: datetime | None = Field(description="登记有误而撤回 it was entered by mistake")


class ReturnStateOut(BaseModel):
    """The return as the command left it."""

    id: UUID
    community: str
    withdrawn: bool


class UseStateOut(BaseModel):
    """The use as the command left it."""

    id: UUID
    community: str
    withdrawn: bool


@api.command("/v1/supplies/returns", permission="supplies.record", status=201)
async def bring_back(body: ReturnBody, work: Work, caller: Caller, settings: Configured) -> ReturnOut:
    """登记退回：没用完的物资回到货架。What a team did not need is on the shelf again."""
    team = await _team(work, caller, body.team_id)
    return await _bring_back(work, team.community, team.id, body.lines, dated(work, settings, body.returned_at))


async def _bring_back(
    work: UnitOfWork, community: str, team_id: UUID, lines: Lines, returned: Dated, replaces: UUID | None = None
) -> ReturnOut:
    await require_items(work.connection, community, [line.item_id for line in lines])
    return_id = work.new_id()
    work.create(RETURNS, return_id, BringBack(return_id, community, team_id, goods(lines), returned, replaces))
    return ReturnOut(
        id=return_id,
        community=community,
        team_id=team_id,
        lines=[LineOut(**line.model_dump()) for line in lines],
        returned_at=returned.at,
    )


@api.command("/v1/supplies/returns/{return_id}/withdrawal", permission="supplies.record")
async def withdraw_return(return_id: UUID, work: Work, caller: Caller) -> ReturnStateOut:
    """撤回登记错了的退回：物资下架，仍在该队名下，重新登记即可；货架上没有被预约的不够的不能撤回。

    It was entered by mistake: the team has the pieces again. Not where they are no longer on the shelf.
    """
    await hold_row(work.connection, supply_returns, return_id)
    await of_caller(work, caller, RETURNS, return_id)
    state = await work.execute(RETURNS, return_id, Withdraw(actor_id(work.vault, caller.subject), work.now))
    return ReturnStateOut(id=return_id, community=state.community, withdrawn=state.withdrawn)


@api.command("/v1/supplies/returns/{return_id}/replacement", permission="supplies.record", status=201)
async def replace_return(
    return_id: UUID, body: RightReturnBody, work: Work, caller: Caller, settings: Configured
) -> ReturnOut:
    """改正登记错了的退回：一步撤回错的、登记对的，货架和该队在手的只看差额。队名错了的撤回再登记。

    Withdraw a return that was entered wrongly and enter the right one of the same team, in one step: only the
    difference must be there. Answers with the right one.
    """
    await hold_row(work.connection, supply_returns, return_id)
    wrong = await of_caller(work, caller, RETURNS, return_id)
    refuse_if(wrong.withdrawn, ReturnWithdrawn)
    assert wrong.team_id is not None
    returned = dated(work, settings, body.returned_at or wrong.returned_at)
    # Before the wrong one is withdrawn: only then does the ledger look for what both have moved together.
    right = await _bring_back(work, wrong.community, wrong.team_id, body.lines, returned, return_id)
    by = actor_id(work.vault, caller.subject)
    await work.execute(RETURNS, return_id, Withdraw(by, work.now, replaced_by=right.id))
    return right


@api.command("/v1/supplies/uses", permission="supplies.record", status=201)
async def account_for_use(body: UseBody, work: Work, caller: Caller, settings: Configured) -> UseOut:
    """登记使用：消耗、发给居民或遗失损坏的件数，和服务人次。

    Account for what was used at an activity: used up, handed out or lost, and how many people it reached.
    """
    team = await _team(work, caller, body.team_id)
    await require_items(work.connection, team.community, list({line.item_id for line in body.lines}))
    use_id, used = work.new_id(), dated(work, settings, body.used_at)
    lines = tuple(UsedLine(**line.model_dump()) for line in body.lines)
    command = Account(use_id, team.community, team.id, body.activity_id, body.people_reached, lines, used)
    work.create(USES, use_id, command)
    return UseOut(
        id=use_id,
        community=team.community,
        team_id=team.id,
        activity_id=body.activity_id,
        people_reached=body.people_reached,
        lines=[UsedLineOut(**line.model_dump()) for line in body.lines],
        used_at=used.at,
    )


@api.command("/v1/supplies/uses/{use_id}/withdrawal", permission="supplies.record")
async def withdraw_use(use_id: UUID, work: Work, caller: Caller) -> UseStateOut:
    """撤回登记错了的使用：物资仍在该队名下，重新登记即可。It was entered by mistake: the team has the pieces again."""
    await of_caller(work, caller, USES, use_id)
    use = await work.execute(USES, use_id, Withdraw(actor_id(work.vault, caller.subject), work.now))
    return UseStateOut(id=use_id, community=use.community, withdrawn=use.withdrawn)


@api.query("/v1/supplies/returns", permission="supplies.read")
async def list_returns(
    read: Read,
    caller: Caller,
    span: Spanning,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    team_id: Annotated[UUID | None, Query(description="服务队 team")] = None,
) -> NamedPage[ReturnListedOut]:
    """退回清单。What teams of the caller's node brought back."""
    table = supply_returns.c
    query = _named(supply_returns).where(table.community.startswith(caller.node))
    query = narrowed(query, (table.community, community), (table.team_id, team_id))
    return await with_node_names(read, await span.fetch(read, query, (table.returned_at, table.id), _returned))


@api.query("/v1/supplies/uses", permission="supplies.read")
async def list_uses(
    read: Read,
    caller: Caller,
    span: Spanning,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    team_id: Annotated[UUID | None, Query(description="服务队 team")] = None,
    activity_id: Annotated[UUID | None, Query(description="活动 activity")] = None,
) -> NamedPage[UseListedOut]:
    """使用登记清单，可按服务队或活动。What teams of the caller's node used; by team or activity."""
    table = supply_uses.c
    query = _named(supply_uses).where(table.community.startswith(caller.node))
    query = narrowed(query, (table.community, community), (table.team_id, team_id), (table.activity_id, activity_id))
    return await with_node_names(read, await span.fetch(read, query, (table.used_at, table.id), _use))


@api.query("/v1/supplies/uses/{use_id}", permission="supplies.read")
async def get_use(use_id: UUID, read: Read, caller: Caller, response: Response) -> UseListedOut:
    """一次使用登记。One use."""
    row = (await read.execute(_named(supply_uses).where(supply_uses.c.id == use_id))).first()
    if row is None:
        raise NotFound("supply_use")
    caller.require(row.community)
    etag(response, row.version)
    return _use(row)


def _named(table: Table) -> Select[Any]:
    named = table.join(teams, teams.c.team_id == table.c.team_id, isouter=True)
    return select(table, teams.c.name.label("team_name")).select_from(named)


async def _team(work: UnitOfWork, caller: Any, team_id: UUID) -> KnownTeam:
    """A team that the caller's node covers, dissolved or not. Raises `TeamUnknown` or `OutsideNode`."""
    team = await known_team(work.connection, team_id)
    caller.require(team.community)
    return team


def _returned(row: Any) -> ReturnListedOut:
    return ReturnListedOut(
        id=row.id,
        community=row.community,
        team_id=row.team_id,
        team_name=row.team_name,
        lines=[LineOut(**line) for line in row.lines],
        returned_at=row.returned_at,
        withdrawn_at=row.withdrawn_at,
        replaced_by=row.replaced_by,
    )


def _use(row: Any) -> UseListedOut:
    return UseListedOut(
        id=row.id,
        community=row.community,
        team_id=row.team_id,
        team_name=row.team_name,
        activity_id=row.activity_id,
        people_reached=row.people_reached,
        lines=[UsedLineOut(**line) for line in row.lines],
        used_at=row.used_at,
        withdrawn_at=row.withdrawn_at,
    )
