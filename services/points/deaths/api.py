"""Routes of deaths: record, confirm, withdraw; what became of the minutes; and the timer that follows up."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import or_, select, text

from services.points.accounts.known import available, known_volunteers
from services.points.deaths.gate import shut_gate
from services.points.deaths.model import (
    Confirm,
    Death,
    DeathNotRecorded,
    Heir,
    ListedStage,
    Record,
    Settle,
    Stage,
    Withdraw,
)
from services.points.deaths.views import DEATHS
from services.points.kin.views import beneficiaries_of, relatives
from services.points.ledger import holders
from services.points.ledger.schema import LIVE
from services.points.node_names import NamedPage, with_node_names
from services.points.policy.in_force import InForce
from services.points.tables import deaths, time_orders
from services.points.time_orders.api import EXPIRY as ORDER_EXPIRY
from services.points.time_orders.model import Cancel, Reopen
from services.points.time_orders.order import NOT_YET_SERVED
from services.points.time_orders.views import ORDERS
from services.points.units import Unit
from shared.auth.actors import actor_id
from shared.clock import local_day
from shared.contracts import refuse_if
from shared.contracts.common import CommunityCode
from shared.contracts.deaths import OnDeathOutcome
from shared.contracts.time_bank import (
    TimeOrderCancelReason,
)
from shared.ids import derived_id
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Paging, Read, Work, etag
from shared.web.fields import Body, Day, EachOnce
from shared.web.nodes import of_caller

api = Api(tags=["deaths 身故处理"])
timers = Timers()

FOLLOW_UP = "death.follow_up"
_A_DAY, _FOLLOWED_UP = timedelta(days=1), timedelta(days=365)
_UNITS = (Unit.MINUTE, Unit.DONATION_MINUTE)


class DeathBody(Body):
    """登记身故 An account holder died; heirs are volunteers among the verified relatives."""

    volunteer_id: UUID
    died_on: Day
    heirs: Annotated[
        list[UUID],
        Field(
            default=[],
            max_length=20,
            description="继承时间的亲属（志愿者），按顺序平分 who is to have the minutes, in equal shares",
        ),
        EachOnce,
    ]


class DeathStateOut(BaseModel):
    """As the command left it."""

    id: UUID
    community: str
    volunteer_id: UUID
    died_on: date
    heirs: list[UUID]
    stage: Stage


class DeathOut(DeathStateOut):
    """A death, and what became of the minutes."""

    outcome: OnDeathOutcome | None = Field(description="按办法 as the policy of that day says")
    policy_version: int | None
    minutes: int = Field(description="已处理的分钟 minutes that went their way so far")
    donation_minutes: int = Field(description="其中仅可捐出的 donate-only minutes, so far")
    made_good_minutes: int = Field(
        description="处理后因更正或补登而不足、由社区补足的分钟 made up for by the community since"
    )
    made_good_donation_minutes: int = Field(description="其中仅可捐出的 of donate-only minutes")
    recorded_at: datetime
    confirmed_at: datetime | None


@api.command("/v1/deaths", permission="deaths.manage", status=201)
async def record_death(body: DeathBody, work: Work, caller: Caller) -> DeathStateOut:
    """登记身故，账户即停用；须由另一人核实。Record a death: nothing is spent any more; a second person confirms."""
    await shut_gate(work.connection)
    known = (await known_volunteers(work.connection, [body.volunteer_id])).get(body.volunteer_id)
    if known is None:
        raise NotFound("volunteer")
    caller.require(known.community)
    related = await relatives(work.connection, body.volunteer_id)
    # Whoever is erased already can still have died.
    command = Record(
        death_id=death_of(body.volunteer_id),
        volunteer_id=body.volunteer_id,
        community=known.community,
        died_on=body.died_on,
        today=local_day(work.now),
        heirs=tuple(body.heirs),
        relatives=frozenset(relative.volunteer_id for relative in related),
        by=actor_id(work.vault, caller.subject),
        at=work.now,
        book=known.book_elsewhere,
    )
    return _state(await work.execute(DEATHS, command.death_id, command))


@api.command("/v1/deaths/{death_id}/withdrawal", permission="deaths.manage")
async def withdraw_death(death_id: UUID, work: Work, caller: Caller) -> DeathStateOut:
    """撤回误登，账户恢复；核实后不能撤回。It was a mistake; only before it is confirmed."""
    await of_caller(work, caller, DEATHS, death_id)
    return _state(await work.execute(DEATHS, death_id, Withdraw(work.now)))


@api.command("/v1/deaths/{death_id}/confirmation", permission="deaths.manage")
async def confirm_death(death_id: UUID, work: Work, caller: Caller, policies: InForce) -> DeathStateOut:
    """核实身故：未服务的订单撤销，身故者只是接单人的重新待接；时间按当日办法归亲属、公共池或作废。

    Confirm: orders that were not served are off, or wait for somebody else where the dead was only to serve; the
    minutes go to relatives, to the pool, or lapse. Service that was given and not recorded yet can still be entered.
    """
    await shut_gate(work.connection)
    death = await of_caller(work, caller, DEATHS, death_id)
    refuse_if(death.stage is Stage.NONE or death.died_on is None, DeathNotRecorded)
    assert death.died_on is not None
    said = (await policies.terms(work.connection, death.community, death.died_on)).time_bank.on_death
    confirm = Confirm(OnDeathOutcome(said.value.value), said.version, actor_id(work.vault, caller.subject), work.now)
    death = await work.execute(DEATHS, death_id, confirm)
    await _settle(work, death_id, freed_minutes=await _call_orders_off(work, death))
    await _look_again(work, death_id)
    return _state(death)


@api.command("/v1/deaths/{death_id}/settlement", permission="deaths.manage")
async def settle_estate(death_id: UUID, work: Work, caller: Caller) -> DeathStateOut:
    """处理核实后才入账的时间；更正造成的不足由社区补足（每天也会自动处理）。

    Let what became known since go the same way; what a correction took of it, the community makes up for.
    """
    await shut_gate(work.connection)
    await of_caller(work, caller, DEATHS, death_id)
    return _state(await _settle(work, death_id))


@api.query("/v1/deaths", permission="deaths.read")
async def list_deaths(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    stage: Annotated[ListedStage | None, Query(description="状态 stage")] = None,
) -> NamedPage[DeathOut]:
    """身故处理清单。Deaths of the caller's node."""
    query = select(deaths).where(deaths.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(deaths.c.community == community)
    if stage is not None:
        query = query.where(deaths.c.stage == stage.value)
    return await with_node_names(read, await page.fetch(read, query, [deaths.c.id], _death))


@api.query("/v1/deaths/{death_id}", permission="deaths.read")
async def get_death(death_id: UUID, read: Read, caller: Caller, response: Response) -> DeathOut:
    """一次身故处理。One death, and what became of the minutes."""
    row = (await read.execute(select(deaths).where(deaths.c.id == death_id))).first()
    if row is None:
        raise NotFound("death")
    caller.require(row.community)
    etag(response, row.version)
    return _death(row)


@timers.on(FOLLOW_UP)
async def follow_up(work: UnitOfWork, death_id: UUID) -> None:
    """Look once a day for a year whether something became known of the dead: service told late, orders that ended."""
    await shut_gate(work.connection)
    await _settle(work, death_id)
    await _look_again(work, death_id)


def death_of(volunteer_id: UUID) -> UUID:
    """Somebody dies once."""
    return derived_id("points", "death", volunteer_id)


async def _look_again(work: UnitOfWork, death_id: UUID) -> None:
    confirmed_at = await work.connection.scalar(select(deaths.c.confirmed_at).where(deaths.c.id == death_id))
    if confirmed_at is None or work.now - confirmed_at < _FOLLOWED_UP:
        work.schedule(FOLLOW_UP, death_id, work.now + _A_DAY)


async def _settle(work: UnitOfWork, death_id: UUID, freed_minutes: int = 0) -> Death:
    """`freed_minutes` are held still, and will not be when it comes to this."""
    death = (await work.load(DEATHS, death_id)).state
    if any(await _left(work, death)):
        await _lock_accounts(work, death)
    minutes, donation_minutes = await _left(work, death)
    known = await known_volunteers(work.connection, death.heirs)
    heirs = [Heir(one, known[one].book) for one in death.heirs if one in known and not known[one].closed]
    return await work.execute(DEATHS, death_id, Settle(minutes + freed_minutes, donation_minutes, heirs, work.now))


async def _left(work: UnitOfWork, death: Death) -> list[int]:
    """What there is of each unit; below zero where a correction took what had gone already."""
    assert death.volunteer_id is not None
    holder = holders.volunteer(death.volunteer_id)
    return [(await available(work.connection, [holder], unit)).get(holder, 0) for unit in _UNITS]


async def _call_orders_off(work: UnitOfWork, death: Death) -> int:
    """Orders that the dead pays or is served by, and that nobody served yet. Returns what the dead had held.

    Whoever waits for service by the dead still needs it: these orders wait for somebody else.
    """
    assert death.volunteer_id is not None
    own = (await work.connection.scalars(beneficiaries_of(death.volunteer_id))).all()
    query = select(time_orders).where(
        time_orders.c.stage.in_([stage.value for stage in NOT_YET_SERVED]),
        or_(
            time_orders.c.payer_volunteer_id == death.volunteer_id,
            time_orders.c.provider_id == death.volunteer_id,
            time_orders.c.beneficiary_id.in_(own),
        ),
    )
    orders = (await work.connection.execute(query.order_by(time_orders.c.id))).all()
    await _lock_accounts(work, death, orders)
    for order in orders:
        if order.payer_volunteer_id != death.volunteer_id and order.beneficiary_id not in own:
            await work.execute(ORDERS, order.id, Reopen(work.now))
            continue
        off = Cancel(TimeOrderCancelReason.DEATH, by_office=True, at=work.now)
        await work.execute(ORDERS, order.id, off)
        await work.cancel_timer(ORDER_EXPIRY, order.id)
    return sum(order.planned_minutes for order in orders if order.payer_volunteer_id == death.volunteer_id)


async def _lock_accounts(work: UnitOfWork, death: Death, orders: Any = ()) -> None:
    """All accounts that are about to move, in the order of their numbers, which every writer keeps."""
    assert death.volunteer_id is not None
    names = {holders.volunteer(one) for one in (death.volunteer_id, *death.heirs)}
    places = {death.community, death.book or death.community}
    names |= {make(place) for place in places for make in (holders.pool, holders.clearing, holders.issuance)}
    # Of heirs elsewhere, too: a settlement takes the same clearing accounts, and would be met halfway.
    heirs = await known_volunteers(work.connection, death.heirs)
    names |= {holders.clearing(heir.book) for heir in heirs.values()}
    for order in orders:
        payer = order.payer_volunteer_id
        names.add(holders.pool(order.payer_community) if payer is None else holders.volunteer(payer))
    query = f"SELECT FROM {LIVE}.accounts WHERE holder = ANY(:names) AND unit = ANY(:units) ORDER BY id FOR UPDATE"
    await work.connection.execute(text(query), {"names": sorted(names), "units": [int(unit) for unit in _UNITS]})


def _state(death: Death) -> DeathStateOut:
    assert death.id is not None
    assert death.volunteer_id is not None
    assert death.died_on is not None
    return DeathStateOut(
        id=death.id,
        community=death.community,
        volunteer_id=death.volunteer_id,
        died_on=death.died_on,
        heirs=list(death.heirs),
        stage=death.stage,
    )


def _death(row: Any) -> DeathOut:
    return DeathOut(**{name: getattr(row, name) for name in DeathOut.model_fields})
