"""Routes of households. Name, address and why one is in need come from the vault, and are shown to the office only."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from services.points.fields import DetailsBody, put_right
from services.points.households.model import (
    ChangeMembers,
    Command,
    EndNeed,
    ForgetHousehold,
    Household,
    RecogniseNeed,
    RegisterHousehold,
)
from services.points.households.reasons import NEED_REASON
from services.points.households.views import HOUSEHOLDS, marked
from services.points.names import Named, NamesAsked, with_names
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import household_members, households, members
from shared.clock import local_day
from shared.contracts import Refusal, refuse_if
from shared.contracts.common import CommunityCode
from shared.contracts.love_market import NeedReason
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Page, Paging, Read, Vaulted, Work, etag
from shared.web.fields import Body, Day, EachOnce, LongText, ShortText
from shared.web.nodes import of_caller

api = Api(tags=["households 家庭"])

Members = Annotated[list[UUID], Field(max_length=20), EachOnce]


class MemberOfAnotherCommunity(Refusal):
    """One of these volunteers is registered with another community, or their data was erased."""

    code: ClassVar[str] = "member_of_another_community"


class HouseholdBody(Body):
    """登记家庭 A household; name and address are kept encrypted."""

    community: CommunityCode
    name: Annotated[ShortText, Field(description="户主姓名 whose household it is")]
    address: LongText | None = None
    members: Annotated[Members, Field(default=[], description="成员中的志愿者 volunteers among its members")]


class HouseholdDetailsBody(DetailsBody):
    """更正家庭信息：写要改的、核对无误的。What changes, or was found right; null takes the address away."""

    name: Annotated[ShortText | None, Field(description="户主姓名 whose household it is")] = None
    address: LongText | None = None


class MembersBody(Body):
    """家庭成员 The volunteers among its members: the whole list."""

    members: Members


class NeedBody(Body):
    """认定困难家庭 In need until a day, for a reason; that is kept encrypted."""

    reason: NeedReason
    until: Day


class HouseholdOut(BaseModel):
    """A household, without name and address, and without why it is in need."""

    id: UUID
    community: str
    members: list[UUID]
    need_until: date | None = Field(description="困难情形认定至 last day; it may be over")
    forgotten: bool


class HouseholdListedOut(HouseholdOut, Named):
    """A household in a list."""

    member_forgotten_at: datetime | None = Field(
        description="何时有成员被遗忘，此后无人核对户主姓名"
        " when a member was forgotten, where nobody has looked at the name since"
    )


class HouseholdIdentityOut(HouseholdOut):
    """A household with what identifies it, and why it is in need; null where it was not given, or erased."""

    name: str | None
    address: str | None
    need_reason: NeedReason | None = Field(
        description="困难原因，认定结束或到期即删除 why it is in need; erased once it is no more"
    )
    registered_at: datetime


@api.command("/v1/households", permission="households.manage", status=201)
async def register_household(body: HouseholdBody, work: Work, caller: Caller) -> HouseholdOut:
    """登记家庭；一名志愿者只属于一户。Register a household; a volunteer belongs to one at most."""
    caller.require(body.community)
    await _require_own_people(work, body.community, body.members)
    household_id = work.new_id()
    command = RegisterHousehold(household_id, body.community, tuple(body.members), work.now)
    household = work.create(HOUSEHOLDS, household_id, command)
    identity = {"name": body.name} | ({"address": body.address} if body.address is not None else {})
    await work.vault.put(work.connection, household_id, identity)
    return _state(household)


@api.command("/v1/households/{household_id}", permission="households.manage", method="PATCH")
async def change_household(household_id: UUID, body: HouseholdDetailsBody, work: Work, caller: Caller) -> HouseholdOut:
    """更正户主姓名或搬家后的住址；困难认定、成员和救助记录不变。有成员被遗忘的，户主姓名无误也照填一次，即算核对过。

    Another name or address; need, members and aid stay. Where a member was forgotten, the name is given also where it
    is right: it counts as looked at then.
    """
    await of_caller(work, caller, HOUSEHOLDS, household_id)
    doubted = {"name"} if await marked(work.connection, household_id) else ()
    details = body.model_dump(exclude_unset=True)
    return _state(await put_right(work, HOUSEHOLDS, household_id, details, doubted=doubted))


@api.command("/v1/households/{household_id}/members", permission="households.manage")
async def change_members(household_id: UUID, body: MembersBody, work: Work, caller: Caller) -> HouseholdOut:
    """变更家庭成员（给出全部成员）。Say who belongs to it; the whole list."""
    household = await of_caller(work, caller, HOUSEHOLDS, household_id)
    await _require_own_people(work, household.community, body.members)
    return await _do(work, caller, household_id, ChangeMembers(tuple(body.members), work.now))


@api.command("/v1/households/{household_id}/need", permission="households.manage")
async def recognise_need(household_id: UUID, body: NeedBody, work: Work, caller: Caller) -> HouseholdOut:
    """认定困难家庭，最长两年；原因只有社区和区可见。

    Recognise need until a day, two years at the most; why is for the office alone to see.
    """
    answer = await _do(work, caller, household_id, RecogniseNeed(body.until, local_day(work.now), work.now))
    await work.vault.put(work.connection, household_id, {NEED_REASON: body.reason.value})
    return answer


@api.command("/v1/households/{household_id}/need/end", permission="households.manage")
async def end_need(household_id: UUID, work: Work, caller: Caller) -> HouseholdOut:
    """困难情形结束。The household is no longer in need."""
    answer = await _do(work, caller, household_id, EndNeed(work.now))
    await work.vault.clear(work.connection, household_id, [NEED_REASON])
    return answer


@api.command("/v1/households/{household_id}/forgetting", permission="households.manage")
async def forget_household(household_id: UUID, work: Work, caller: Caller) -> HouseholdOut:
    """删除家庭信息（个人信息保护法 47）。Erase who the household is; what it was given stays."""
    answer = await _do(work, caller, household_id, ForgetHousehold(work.now))
    await work.vault.forget(work.connection, household_id)
    return answer


@api.query("/v1/households", permission="households.read")
async def list_households(
    read: Read,
    caller: Caller,
    page: Paging,
    vault: Vaulted,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    in_need_on: Annotated[Day | None, Query(description="该日困难 in need on this day")] = None,
    member: Annotated[UUID | None, Query(description="某志愿者所在的一户 the household of a volunteer")] = None,
    member_forgotten: Annotated[
        bool | None,
        Query(description="有成员被遗忘，待核对、更正或删除 a member was forgotten; to be looked at"),
    ] = None,
    names: NamesAsked = False,
) -> NamedPage[HouseholdListedOut]:
    """家庭清单；社区和区可附户名。Households of the caller's node; the office may ask for names."""
    query = select(households).where(households.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(households.c.community == community)
    if in_need_on is not None:
        query = query.where(households.c.need_until >= in_need_on)
    if member is not None:
        belongs = select(household_members.c.household_id).where(household_members.c.volunteer_id == member)
        query = query.where(households.c.id.in_(belongs))
    if member_forgotten is not None:
        left = households.c.member_forgotten_at.is_not(None)
        query = query.where(left if member_forgotten else ~left)
    rows: Page[Any] = await page.fetch(read, query, [households.c.id], lambda row: row)
    people = await _members_of(read, [row.id for row in rows.items])
    found: Page[HouseholdListedOut] = Page(
        items=[
            HouseholdListedOut(
                **_plain(row),
                members=people.get(row.id, []),
                member_forgotten_at=row.member_forgotten_at,
            )
            for row in rows.items
        ],
        next_cursor=rows.next_cursor,
    )
    return await with_node_names(
        read, await with_names(found, read, vault, caller, "households.read_identity") if names else found
    )


@api.query("/v1/households/{household_id}", permission="households.read_identity")
async def get_household(
    household_id: UUID, read: Read, caller: Caller, vault: Vaulted, response: Response
) -> HouseholdIdentityOut:
    """一户家庭，含姓名、住址和困难原因。One household, with name and address, and why it is in need."""
    row = (await read.execute(select(households).where(households.c.id == household_id))).first()
    if row is None:
        raise NotFound("household")
    caller.require(row.community)
    etag(response, row.version)
    known = await vault.get(read, household_id)
    return HouseholdIdentityOut(
        **_plain(row),
        members=(await _members_of(read, [household_id])).get(household_id, []),
        name=known.get("name"),
        address=known.get("address"),
        need_reason=NeedReason(known[NEED_REASON]) if NEED_REASON in known else None,
        registered_at=row.registered_at,
    )


async def _do(work: UnitOfWork, caller: Any, household_id: UUID, command: Command) -> HouseholdOut:
    await of_caller(work, caller, HOUSEHOLDS, household_id)
    return _state(await work.execute(HOUSEHOLDS, household_id, command))


async def _require_own_people(work: UnitOfWork, community: str, wanted: list[UUID]) -> None:
    """Nobody of another community. Those whom nobody has registered yet pass: registry may be behind."""
    elsewhere = await work.connection.scalar(
        select(members.c.volunteer_id)
        .where(
            members.c.volunteer_id.in_(wanted),
            (members.c.community != community) | members.c.forgotten_at.is_not(None),
        )
        .limit(1)
    )
    refuse_if(elsewhere is not None, MemberOfAnotherCommunity)


async def _members_of(read: Any, wanted: list[UUID]) -> dict[UUID, list[UUID]]:
    query = select(household_members).where(household_members.c.household_id.in_(wanted))
    people: dict[UUID, list[UUID]] = {}
    for row in await read.execute(query.order_by(household_members.c.volunteer_id)):
        people.setdefault(row.household_id, []).append(row.volunteer_id)
    return people


def _state(household: Household) -> HouseholdOut:
    assert household.id is not None
    return HouseholdOut(
        id=household.id,
        community=household.community,
        members=sorted(household.members),
        need_until=household.need_until,
        forgotten=household.forgotten,
    )


def _plain(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "community": row.community,
        "need_until": row.need_until,
        "forgotten": row.forgotten_at is not None,
    }
