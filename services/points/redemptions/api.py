"""Routes of redemptions: reserve, hand over, cancel; and the timer of those nobody came for."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel
from sqlalchemy import select

from services.points.fields import Quantity, own_id
from services.points.market.model import ItemNotListed
from services.points.policy.in_force import InForce
from services.points.redemptions.model import Cancel, Collect, Command, Expire, Reserve, Stage
from services.points.redemptions.views import REDEMPTIONS
from services.points.tables import items, members, redemptions
from shared.auth.permissions import Role
from shared.clock import local_day
from shared.contracts import refuse_unless
from shared.contracts.common import CommunityCode
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Page, Paging, Read, Work, etag
from shared.web.fields import Body

api = Api(tags=["redemptions 积分兑换"])
timers = Timers()

_EXPIRY = "redemption.expiry"


class ReserveBody(Body):
    """预约兑换 Points and pieces are held until collected."""

    volunteer_id: UUID
    item_id: UUID
    quantity: Quantity = 1


class ReservedOut(BaseModel):
    """A reservation."""

    id: UUID
    community: str
    volunteer_id: UUID
    item_id: UUID
    quantity: int
    points: int
    stage: Stage
    collect_by: datetime


class StageOut(BaseModel):
    """The redemption as the command left it."""

    id: UUID
    stage: Stage


class RedemptionOut(ReservedOut):
    """A redemption."""

    reserved_at: datetime
    ended_at: datetime | None


@api.command("/v1/redemptions", permission="redemptions.reserve", status=201)
async def reserve(body: ReserveBody, work: Work, caller: Caller, policies: InForce) -> ReservedOut:
    """预约兑换：冻结积分和物品，到期未领自动取消。Reserve: hold points and pieces until collected or expired."""
    redemption_id = work.new_id()
    # The row rather than the stream: it is as fresh, and an item with many receipts has a long stream.
    item = (await work.connection.execute(select(items).where(items.c.id == body.item_id))).first()
    if item is None:
        raise NotFound("item")
    caller.require(item.community, body.volunteer_id)
    refuse_unless(item.listed, ItemNotListed)
    forgotten = await work.connection.scalar(
        select(members.c.forgotten_at).where(members.c.volunteer_id == body.volunteer_id)
    )
    terms = await policies.terms(work.connection, item.community, local_day(work.now))
    command = Reserve(
        redemption_id=redemption_id,
        community=item.community,
        volunteer_id=body.volunteer_id,
        item_id=body.item_id,
        quantity=body.quantity,
        price_points=item.price_points,
        account_closed=forgotten is not None,
        reserved_at=work.now,
        collect_by=work.now + timedelta(hours=terms.redemption.collect_within_hours.value),
    )
    state = work.create(REDEMPTIONS, redemption_id, command)
    await work.schedule(_EXPIRY, redemption_id, command.collect_by)
    return ReservedOut(
        id=redemption_id,
        community=item.community,
        volunteer_id=body.volunteer_id,
        item_id=body.item_id,
        quantity=body.quantity,
        points=body.quantity * item.price_points,
        stage=state.stage,
        collect_by=command.collect_by,
    )


@api.command("/v1/redemptions/{redemption_id}/collection", permission="redemptions.hand_over")
async def collect(redemption_id: UUID, work: Work, caller: Caller) -> StageOut:
    """领取：积分扣除，物品出库。Hand the goods over; the points are spent."""
    return await _end(work, caller, redemption_id, Collect(work.now))


@api.command("/v1/redemptions/{redemption_id}/cancellation", permission="redemptions.hand_over")
async def cancel(redemption_id: UUID, work: Work, caller: Caller) -> StageOut:
    """撤销：积分和物品解冻。Call it off; points and pieces are free again."""
    return await _end(work, caller, redemption_id, Cancel(work.now))


async def _end(work: UnitOfWork, caller: Any, redemption_id: UUID, command: Command) -> StageOut:
    redemption = (await work.load(REDEMPTIONS, redemption_id)).state
    if redemption.id is None:
        raise NotFound("redemption")
    caller.require(redemption.community, redemption.volunteer_id)
    state = await work.execute(REDEMPTIONS, redemption_id, command)
    await work.cancel_timer(_EXPIRY, redemption_id)
    return StageOut(id=redemption_id, stage=state.stage)


@timers.on(_EXPIRY)
async def expire(work: UnitOfWork, redemption_id: UUID) -> None:
    """Nobody came in time."""
    await work.execute(REDEMPTIONS, redemption_id, Expire(work.now))


@api.query("/v1/redemptions", permission="redemptions.read")
async def list_redemptions(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    volunteer_id: Annotated[UUID | None, Query(description="志愿者 volunteer")] = None,
    stage: Annotated[Stage | None, Query(description="状态 stage")] = None,
) -> Page[RedemptionOut]:
    """兑换清单。Redemptions of the caller's node; a volunteer sees their own."""
    query = select(redemptions).where(redemptions.c.community.startswith(caller.node))
    if caller.role is Role.VOLUNTEER:
        query = select(redemptions).where(redemptions.c.volunteer_id == own_id(caller))
    if community is not None:
        query = query.where(redemptions.c.community == community)
    if volunteer_id is not None:
        query = query.where(redemptions.c.volunteer_id == volunteer_id)
    if stage is not None:
        query = query.where(redemptions.c.stage == stage.value)
    return await page.fetch(read, query, [redemptions.c.id], _redemption)


@api.query("/v1/redemptions/{redemption_id}", permission="redemptions.read")
async def get_redemption(redemption_id: UUID, read: Read, caller: Caller, response: Response) -> RedemptionOut:
    """一次兑换。One redemption."""
    row = (await read.execute(select(redemptions).where(redemptions.c.id == redemption_id))).first()
    if row is None:
        raise NotFound("redemption")
    caller.require(row.community, row.volunteer_id)
    etag(response, row.version)
    return _redemption(row)


def _redemption(row: Any) -> RedemptionOut:
    return RedemptionOut(
        id=row.id,
        community=row.community,
        volunteer_id=row.volunteer_id,
        item_id=row.item_id,
        quantity=row.quantity,
        points=row.points,
        stage=Stage(row.stage),
        reserved_at=row.reserved_at,
        collect_by=row.collect_by,
        ended_at=row.ended_at,
    )
