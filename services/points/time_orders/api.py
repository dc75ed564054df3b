"""Routes of orders: request, approve, accept, serve, confirm, call off; and the timer of what nobody does."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import or_, select

from services.points.accounts.known import known_volunteers
from services.points.beneficiaries.views import beneficiary_row
from services.points.deaths.gate import enter_gate
from services.points.fields import Configured, dated, own_id
from services.points.kin.views import beneficiaries_of
from services.points.node_names import NamedPage, named, names_of, with_node_names
from services.points.policy.in_force import InForce
from services.points.spans import Spanning
from services.points.tables import time_orders
from services.points.time_orders.bodies import (
    AcceptanceBody,
    CancellationBody,
    OrderBody,
    OrderOut,
    OrderStateOut,
    ServiceBody,
)
from services.points.time_orders.concerned import (
    Asked,
    means_of,
    related,
    served_elsewhere,
    standing_of,
)
from services.points.time_orders.credited import credited_elsewhere
from services.points.time_orders.model import (
    Accept,
    Approve,
    Cancel,
    Command,
    Confirm,
    Request,
    Serve,
    TimeOut,
)
from services.points.time_orders.order import ListedStage, Order, Stage
from services.points.time_orders.refusals import OrderElsewhere, OwnRequest
from services.points.time_orders.views import ORDERS
from shared.auth.actors import actor_id
from shared.auth.permissions import Role
from shared.auth.tokens import OutsideNode
from shared.contracts import refuse_if
from shared.contracts.common import CommunityCode
from shared.contracts.time_bank import TimePayer
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Read, Work, etag

api = Api(tags=["time orders 时间订单"])
timers = Timers()

EXPIRY = "time_order.expiry"


@api.command("/v1/time-orders", permission="time_orders.request", status=201)
async def request_order(
    body: OrderBody, work: Work, caller: Caller, policies: InForce, settings: Configured
) -> OrderStateOut:
    """下单并冻结计划分钟；公共池支付的须另一人批准后冻结。

    Order a service: the planned minutes are held; of the public pool once a second person approves.
    """
    await enter_gate(work.connection)
    beneficiary = await beneficiary_row(work.connection, body.beneficiary_id)
    agreed = body.agreed
    if caller.role is Role.VOLUNTEER:
        me = own_id(caller)
        if me not in (beneficiary.volunteer_id, body.payer_volunteer_id):
            raise OutsideNode
        agreed = me == (beneficiary.volunteer_id if body.payer is TimePayer.OWN else body.payer_volunteer_id)
    else:
        caller.require(beneficiary.community)
    # That relatives do not give is for the office to say, which asked them; nobody says it of their own.
    kin_asked = body.kin_asked and caller.role is not Role.VOLUNTEER
    asked = Asked(body.planned_minutes, body.payer, body.payer_volunteer_id, kin_asked)
    order_id = work.new_id()
    command = Request(
        order_id=order_id,
        place=body.place or beneficiary.community,
        service=body.service,
        planned_minutes=body.planned_minutes,
        payer=body.payer,
        standing=await standing_of(work, policies, beneficiary, asked),
        agreed=agreed,
        by=actor_id(work.vault, caller.subject),
        at=dated(work, settings, body.requested_at).within_bounds(),
        serve_by=work.now + timedelta(days=settings.time_order_serve_within_days),
    )
    order = work.create(ORDERS, order_id, command)
    work.schedule(EXPIRY, order_id, command.serve_by)
    return OrderStateOut.of(order)


@api.command("/v1/time-orders/{time_order_id}/approval", permission="time_orders.approve")
async def approve_order(time_order_id: UUID, work: Work, caller: Caller, policies: InForce) -> OrderStateOut:
    """批准由公共池支付，并冻结；下单人不能批准。Approve that the pool pays; not by who requested it."""
    await enter_gate(work.connection)
    order = await _order(work, time_order_id)
    caller.require(order.community)
    beneficiary = await _beneficiary(work, order)
    by = actor_id(work.vault, caller.subject)
    refuse_if(by == beneficiary.volunteer_id, OwnRequest)
    means = await means_of(work, policies, beneficiary, order.planned_minutes, kin_asked=order.kin_asked)
    return await _do(work, time_order_id, Approve(means, by, work.now))


@api.command("/v1/time-orders/{time_order_id}/acceptance", permission="time_orders.serve")
async def accept_order(time_order_id: UUID, body: AcceptanceBody, work: Work, caller: Caller) -> OrderStateOut:
    """接单：志愿者本人（限本社区），或工作人员指派、改派。

    Accept: a volunteer of the community for themselves, or the office for somebody, from wherever they are.
    """
    await enter_gate(work.connection)
    order = await _order(work, time_order_id)
    if caller.role is Role.VOLUNTEER:
        if not caller.covers(order.place):
            raise OrderElsewhere(place=named(order.place, await names_of(work.connection, [order.place])))
        caller.require_self(body.provider_id)
    else:
        _require_office(caller, order)
    beneficiary = await _beneficiary(work, order)
    known = (await known_volunteers(work.connection, [body.provider_id])).get(body.provider_id)
    command = Accept(
        provider_id=body.provider_id,
        provider_community=None if known is None else known.book,
        provider_is_beneficiary=body.provider_id == beneficiary.volunteer_id,
        provider_is_kin=await related(work.connection, body.provider_id, beneficiary),
        provider_closed=known is not None and known.closed,
        instead=caller.role is not Role.VOLUNTEER,
        at=work.now,
    )
    return await _do(work, time_order_id, command)


@api.command("/v1/time-orders/{time_order_id}/service", permission="time_orders.serve")
async def record_service(
    time_order_id: UUID, body: ServiceBody, work: Work, caller: Caller, settings: Configured
) -> OrderStateOut:
    """登记服务起止，不含路程；未用完的分钟即时解冻。逾期前、因身故撤销前已服务的订单，社区可补登，分钟重新冻结。

    Record the service; what was not needed is free at once. Who is to confirm it is reminded after some days. Where it
    was given before the order timed out, or before a death called it off, and nobody had recorded it, the office can
    still enter it: the minutes are held anew. After a time-out, and of a pool, as far as they are there; where a death
    was why (that of whoever served, too) whoever pays owes what is missing, and the community makes good what the dead
    owe.
    """
    order = await _order(work, time_order_id)
    if caller.role is Role.VOLUNTEER:
        caller.require_self(order.provider_id)
    else:
        _require_office(caller, order)
    provider = order.provider
    elsewhere = provider is not None and await served_elsewhere(
        work.connection, provider.id, time_order_id, body.started_at, body.minutes
    )
    by_office = caller.role is not Role.VOLUNTEER
    by = actor_id(work.vault, caller.subject)
    confirm_by = work.now + timedelta(days=settings.time_order_confirm_within_days)
    command = Serve(body.started_at, body.minutes, elsewhere, by, work.now, confirm_by, by_office)
    answer = await _do(work, time_order_id, command)
    work.schedule(EXPIRY, time_order_id, confirm_by)
    return answer


@api.command("/v1/time-orders/{time_order_id}/confirmation", permission="time_orders.confirm")
async def confirm_order(time_order_id: UUID, work: Work, caller: Caller) -> OrderStateOut:
    """确认服务，分钟记给服务者；登记服务的人不能确认。Confirm: the provider has the minutes. Not by who recorded it."""
    order = await _order(work, time_order_id)
    await _require_side_of_beneficiary(work, caller, order)
    elsewhere = False
    if order.started_at is not None and order.provider_id is not None:
        elsewhere = await credited_elsewhere(work.connection, order.provider_id, order.started_at, order.minutes)
    answer = await _do(work, time_order_id, Confirm(elsewhere, actor_id(work.vault, caller.subject), work.now))
    await work.cancel_timer(EXPIRY, time_order_id)
    return answer


@api.command("/v1/time-orders/{time_order_id}/cancellation", permission="time_orders.confirm")
async def cancel_order(time_order_id: UUID, body: CancellationBody, work: Work, caller: Caller) -> OrderStateOut:
    """撤销订单，冻结的分钟解冻。Call it off; what was held is free again."""
    order = await _order(work, time_order_id)
    await _require_side_of_beneficiary(work, caller, order)
    answer = await _do(work, time_order_id, Cancel(body.reason, caller.role is not Role.VOLUNTEER, work.now))
    await work.cancel_timer(EXPIRY, time_order_id)
    return answer


@timers.on(EXPIRY)
async def expire(work: UnitOfWork, time_order_id: UUID) -> None:
    """Nobody served in time, or confirmed."""
    order = await work.execute(ORDERS, time_order_id, TimeOut(work.now))
    if order.stage is Stage.SERVED and order.confirm_by is not None:
        work.schedule(EXPIRY, time_order_id, order.confirm_by)


@api.query("/v1/time-orders", permission="time_orders.read")
async def list_orders(
    read: Read,
    caller: Caller,
    span: Spanning,
    community: Annotated[CommunityCode | None, Query(description="服务对象社区 the beneficiary's community")] = None,
    place: Annotated[CommunityCode | None, Query(description="派单社区 where a provider is looked for")] = None,
    beneficiary_id: Annotated[UUID | None, Query(description="服务对象 beneficiary")] = None,
    provider_id: Annotated[UUID | None, Query(description="服务者 provider")] = None,
    stage: Annotated[ListedStage | None, Query(description="状态 stage")] = None,
    to_correct: Annotated[bool, Query(description="只看有更正待确认的 only where a correction waits")] = False,
    unconfirmed: Annotated[bool, Query(description="只看已催办、仍未确认的 only what was reminded of in vain")] = False,
) -> NamedPage[OrderOut]:
    """订单清单；志愿者可见与本人有关的，和本社区待接的。

    Orders of the caller's node; a volunteer sees their own, and those that wait for a provider in their community.
    """
    if caller.role is Role.VOLUNTEER:
        waiting = (time_orders.c.stage == Stage.REQUESTED.value) & time_orders.c.place.startswith(caller.node)
        mine = _concerns(own_id(caller))
        query = select(time_orders).where(or_(waiting, *mine))
    else:
        mine_too = time_orders.c.place.startswith(caller.node)
        query = select(time_orders).where(or_(time_orders.c.community.startswith(caller.node), mine_too))
    for column, wanted in (
        (time_orders.c.community, community),
        (time_orders.c.place, place),
        (time_orders.c.beneficiary_id, beneficiary_id),
        (time_orders.c.provider_id, provider_id),
        (time_orders.c.stage, None if stage is None else stage.value),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if to_correct:
        query = query.where(time_orders.c.correction.is_not(None))
    if unconfirmed:
        query = query.where(time_orders.c.stage == Stage.SERVED.value, time_orders.c.reminders > 0)
    return await with_node_names(
        read, await span.fetch(read, query, (time_orders.c.requested_at, time_orders.c.id), OrderOut.of_row)
    )


@api.query("/v1/time-orders/{time_order_id}", permission="time_orders.read")
async def get_order(time_order_id: UUID, read: Read, caller: Caller, response: Response) -> OrderOut:
    """一个订单。One order."""
    row = (await read.execute(select(time_orders).where(time_orders.c.id == time_order_id))).first()
    if row is None:
        raise NotFound("time_order")
    if caller.role is Role.VOLUNTEER:
        waiting = row.stage == Stage.REQUESTED.value and caller.covers(row.place)
        concerned = select(time_orders.c.id).where(time_orders.c.id == row.id, or_(*_concerns(own_id(caller))))
        if not waiting and await read.scalar(concerned) is None:
            raise OutsideNode
    else:
        _require_office(caller, row)
    etag(response, row.version)
    return OrderOut.of_row(row)


def _concerns(volunteer_id: UUID) -> list[Any]:
    """Conditions for orders that a volunteer pays, serves, or is served by."""
    return [
        time_orders.c.payer_volunteer_id == volunteer_id,
        time_orders.c.provider_id == volunteer_id,
        time_orders.c.beneficiary_id.in_(beneficiaries_of(volunteer_id)),
    ]


async def _order(work: UnitOfWork, order_id: UUID) -> Order:
    order = (await work.load(ORDERS, order_id)).state
    if order.id is None:
        raise NotFound("time_order")
    return order


async def _beneficiary(work: UnitOfWork, order: Order) -> Any:
    assert order.beneficiary_id is not None
    return await beneficiary_row(work.connection, order.beneficiary_id)


def _require_office(caller: Any, order: Any) -> None:
    """Where the beneficiary lives, or where the provider is looked for."""
    if not caller.covers(order.place):
        caller.require(order.community)


async def _require_side_of_beneficiary(work: UnitOfWork, caller: Any, order: Order) -> None:
    """The office where the beneficiary lives, whoever is served, or whoever pays."""
    if caller.role is not Role.VOLUNTEER:
        caller.require(order.community)
    elif own_id(caller) not in {order.payer_volunteer_id, (await _beneficiary(work, order)).volunteer_id}:
        raise OutsideNode


async def _do(work: UnitOfWork, order_id: UUID, command: Command) -> OrderStateOut:
    return OrderStateOut.of(await work.execute(ORDERS, order_id, command))
