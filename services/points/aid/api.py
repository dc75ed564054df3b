"""Routes of aid: propose, approve twice, hand over; refuse, call off; and the timer of what nobody came for."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from services.points.aid.model import (
    Approve,
    Cancel,
    Command,
    Expire,
    Gift,
    HandOver,
    ListedStage,
    Propose,
    Refuse,
    Stage,
)
from services.points.aid.views import GIFTS
from services.points.fields import Configured, ReversalBody, Reversible, reversing
from services.points.households.model import Household
from services.points.households.views import HOUSEHOLDS
from services.points.market.lines import LineOut, Lines, goods, require_items
from services.points.market.taken_back import hold_row
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import aid_gifts
from shared.auth.actors import actor_id
from shared.clock import local_day
from shared.contracts.common import CommunityCode
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Paging, Read, Work, etag
from shared.web.fields import Body
from shared.web.nodes import of_caller

api = Api(tags=["aid 救助"])
timers = Timers()

EXPIRY = "aid.expiry"


class ProposalBody(Body):
    """提出救助 Goods for a household in need."""

    household_id: UUID
    lines: Lines


class HandOverBody(Body):
    """发放 What the household takes, where it is less than was granted."""

    lines: Annotated[
        Lines | None,
        Field(
            description="实际领取的物品和件数，不填即全部；没有列出的物品没有领取"
            " items and pieces that are taken, all if not given; of an item that is not named, nothing"
        ),
    ] = None


class GiftStateOut(BaseModel):
    """The gift as the command left it."""

    id: UUID
    community: str
    household_id: UUID
    stage: Stage
    approvals: int = Field(
        description="已批准人数，两人批准后冻结物资 people who approved; with two the goods are held"
    )
    collect_by: datetime | None


class GiftOut(GiftStateOut, Reversible):
    """A gift."""

    lines: list[LineOut] = Field(description="领取之后是实际领取的 once handed over, what was taken")
    granted_lines: list[LineOut] = Field(description="提出和批准的 what was proposed and granted")
    proposed_at: datetime
    ended_at: datetime | None


@api.command("/v1/aid", permission="aid.propose", status=201)
async def propose_aid(body: ProposalBody, work: Work, caller: Caller) -> GiftStateOut:
    """提出救助，须由另外两人批准。Propose goods for a household; two others must approve."""
    household = await _household(work, body.household_id)
    caller.require(household.community)
    await require_items(work.connection, household.community, [line.item_id for line in body.lines])
    gift_id = work.new_id()
    command = Propose(
        gift_id=gift_id,
        community=household.community,
        household_id=body.household_id,
        household_in_need=household.in_need(local_day(work.now)),
        household_forgotten=household.forgotten,
        lines=goods(body.lines),
        by=actor_id(work.vault, caller.subject),
        at=work.now,
    )
    return _state(work.create(GIFTS, gift_id, command))


@api.command("/v1/aid/{gift_id}/approvals", permission="aid.approve", status=201)
async def approve_aid(gift_id: UUID, work: Work, caller: Caller, settings: Configured) -> GiftStateOut:
    """批准救助：提出人不能批准，两人须不同；第二人批准时冻结物资。

    Approve: not the proposer, and two different people; the second approval holds the goods.
    """
    gift = await of_caller(work, caller, GIFTS, gift_id, "aid")
    assert gift.household_id is not None
    household = await _household(work, gift.household_id)
    collect_by = work.now + timedelta(days=settings.aid_collect_within_days)
    in_need = household.in_need(local_day(work.now))
    by = actor_id(work.vault, caller.subject)
    gift = await work.execute(GIFTS, gift_id, Approve(by, in_need, work.now, collect_by, household.members))
    if gift.stage is Stage.GRANTED:
        work.schedule(EXPIRY, gift_id, collect_by)
    return _state(gift)


@api.command("/v1/aid/{gift_id}/refusal", permission="aid.approve")
async def refuse_aid(gift_id: UUID, work: Work, caller: Caller) -> GiftStateOut:
    """不予批准。Refuse it."""
    return await _end(work, caller, gift_id, Refuse(actor_id(work.vault, caller.subject), work.now))


@api.command("/v1/aid/{gift_id}/handover", permission="aid.hand_over")
async def hand_over_aid(gift_id: UUID, work: Work, caller: Caller, body: HandOverBody | None = None) -> GiftStateOut:
    """发放救助物资；只领一部分的填 `lines`，其余立即解冻。Hand the goods over; what is not taken is free again."""
    taken = None if body is None or body.lines is None else goods(body.lines)
    return await _end(work, caller, gift_id, HandOver(work.now, taken))


@api.command("/v1/aid/{gift_id}/cancellation", permission="aid.propose")
async def cancel_aid(gift_id: UUID, work: Work, caller: Caller) -> GiftStateOut:
    """撤销救助，冻结的物资解冻。Call it off; what was held is free again."""
    return await _end(work, caller, gift_id, Cancel(work.now))


@api.command("/v1/aid/{gift_id}/reversal", permission="aid.hand_over")
async def reverse_aid(
    gift_id: UUID, body: ReversalBody, work: Work, caller: Caller, settings: Configured
) -> GiftStateOut:
    """撤回已发放的救助：物资退回，或登记错误；物资回到货架。

    Take back, as a whole, aid that was handed over: the goods were brought back, or it was entered wrongly.
    """
    await hold_row(work.connection, aid_gifts, gift_id)
    await of_caller(work, caller, GIFTS, gift_id, "aid")
    return _state(await work.execute(GIFTS, gift_id, reversing(work, settings, body)))


@timers.on(EXPIRY)
async def expire(work: UnitOfWork, gift_id: UUID) -> None:
    """Nobody came in time."""
    await work.execute(GIFTS, gift_id, Expire(work.now))


@api.query("/v1/aid", permission="aid.read")
async def list_aid(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    household_id: Annotated[UUID | None, Query(description="家庭 household")] = None,
    stage: Annotated[ListedStage | None, Query(description="状态 stage")] = None,
) -> NamedPage[GiftOut]:
    """救助清单。Gifts of aid of the caller's node."""
    query = select(aid_gifts).where(aid_gifts.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(aid_gifts.c.community == community)
    if household_id is not None:
        query = query.where(aid_gifts.c.household_id == household_id)
    if stage is not None:
        query = query.where(aid_gifts.c.stage == stage.value)
    return await with_node_names(read, await page.fetch(read, query, [aid_gifts.c.id], _gift))


@api.query("/v1/aid/{gift_id}", permission="aid.read")
async def get_aid(gift_id: UUID, read: Read, caller: Caller, response: Response) -> GiftOut:
    """一次救助。One gift of aid."""
    row = (await read.execute(select(aid_gifts).where(aid_gifts.c.id == gift_id))).first()
    if row is None:
        raise NotFound("aid")
    caller.require(row.community)
    etag(response, row.version)
    return _gift(row)


async def _household(work: UnitOfWork, household_id: UUID) -> Household:
    household = (await work.load(HOUSEHOLDS, household_id)).state
    if household.id is None:
        raise NotFound("household")
    return household


async def _end(work: UnitOfWork, caller: Any, gift_id: UUID, command: Command) -> GiftStateOut:
    await of_caller(work, caller, GIFTS, gift_id, "aid")
    gift = await work.execute(GIFTS, gift_id, command)
    await work.cancel_timer(EXPIRY, gift_id)
    return _state(gift)


def _state(gift: Gift) -> GiftStateOut:
    assert gift.id is not None
    assert gift.household_id is not None
    return GiftStateOut(
        id=gift.id,
        community=gift.community,
        household_id=gift.household_id,
        stage=gift.stage,
        approvals=len(gift.approved_by),
        collect_by=gift.collect_by,
    )


def _gift(row: Any) -> GiftOut:
    return GiftOut(
        id=row.id,
        community=row.community,
        household_id=row.household_id,
        stage=Stage(row.stage),
        approvals=row.approvals,
        collect_by=row.collect_by,
        lines=[LineOut(**line) for line in row.lines],
        granted_lines=[LineOut(**line) for line in row.granted_lines],
        proposed_at=row.proposed_at,
        ended_at=row.ended_at,
        reversed_at=row.reversed_at,
        reversal_reason=row.reversal_reason,
    )
