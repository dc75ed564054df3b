"""Routes of correcting what was confirmed of an order: one proposes what is right, another confirms it."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlalchemy import select

from services.points.fields import Configured
from services.points.ledger.parts import enter_gate
from services.points.tables import time_orders
from services.points.time_orders.bodies import OrderStateOut
from services.points.time_orders.concerned import served_elsewhere
from services.points.time_orders.correcting import (
    ConfirmCorrection,
    Elsewhere,
    ProposeCorrection,
    WithdrawCorrection,
)
from services.points.time_orders.credited import credited_elsewhere
from services.points.time_orders.order import Order
from services.points.time_orders.views import ORDERS
from shared.auth.actors import actor_id
from shared.contracts.time_bank import TimeBankCorrectionReason, TimeService
from shared.database import driver_connection
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, Work
from shared.web.fields import Body
from shared.web.nodes import of_caller

api = Api(tags=["time orders 时间订单"])


class CorrectionBody(Body):
    """更正已确认的订单 What was right of a confirmed order."""

    minutes: Annotated[
        int, Field(ge=0, le=480, description="正确的分钟，0 为没有服务 the right minutes; 0: it was not served")
    ]
    service: Annotated[
        TimeService | None, Field(description="正确的服务类别，没有错的不填 the right kind, where it was wrong")
    ] = None
    reason: TimeBankCorrectionReason


@api.command("/v1/time-orders/{time_order_id}/correction", permission="time_orders.correct")
async def propose_correction(
    time_order_id: UUID, body: CorrectionBody, work: Work, caller: Caller, settings: Configured
) -> OrderStateOut:
    """提出更正已确认的订单：分钟或服务类别有误，或没有服务（0 分钟）；须由另一人确认后才入账。

    Say what was right of a confirmed order: other minutes, up to those that were planned, another kind of service, or
    0: it was not served. Nothing moves until a second person confirms it.
    """
    order = await of_caller(work, caller, ORDERS, time_order_id)
    command = ProposeCorrection(
        minutes=body.minutes,
        service=body.service,
        reason=body.reason,
        elsewhere=await _elsewhere(work, order, body.minutes),
        within=timedelta(days=settings.minutes_correct_within_days),
        by=actor_id(work.vault, caller.subject),
        at=work.now,
    )
    return OrderStateOut.of(await work.execute(ORDERS, time_order_id, command))


@api.command("/v1/time-orders/{time_order_id}/correction/confirmation", permission="time_orders.correct")
async def confirm_correction(time_order_id: UUID, work: Work, caller: Caller, settings: Configured) -> OrderStateOut:
    """确认更正：多付的退回付出方，服务者已用掉的记为欠；少付的由付出方补付。提出的人不能确认；期限与提出相同，过期只能撤回。

    Confirm: what was paid too much goes back, and the provider owes what they have spent of it; what was paid too
    little is paid, if it is there. Not by who proposed it, served or pays, and not later than it could be proposed.
    """
    # The nights on which minutes flowed over are reckoned anew: not while one is at work.
    await enter_gate(await driver_connection(work.connection))
    # Of two who confirm at one moment the second learns that nothing waits, not that the payer lacks what they paid.
    await work.connection.execute(select(time_orders.c.id).where(time_orders.c.id == time_order_id).with_for_update())
    order = await of_caller(work, caller, ORDERS, time_order_id)
    minutes = 0 if order.correction is None else order.correction.minutes
    elsewhere, within = await _elsewhere(work, order, minutes), timedelta(days=settings.minutes_correct_within_days)
    command = ConfirmCorrection(elsewhere, within, actor_id(work.vault, caller.subject), work.now)
    return OrderStateOut.of(await work.execute(ORDERS, time_order_id, command))


@api.command("/v1/time-orders/{time_order_id}/correction/withdrawal", permission="time_orders.correct")
async def withdraw_correction(time_order_id: UUID, work: Work, caller: Caller) -> OrderStateOut:
    """撤回还没有确认的更正。Withdraw a correction that nobody has confirmed yet."""
    await of_caller(work, caller, ORDERS, time_order_id)
    command = WithdrawCorrection(actor_id(work.vault, caller.subject), work.now)
    return OrderStateOut.of(await work.execute(ORDERS, time_order_id, command))


async def _elsewhere(work: UnitOfWork, order: Order, minutes: int) -> Elsewhere:
    """Looked for only where the service lasted longer than was confirmed: for less, nobody is in two places."""
    if minutes <= order.minutes or order.provider_id is None or order.started_at is None or order.id is None:
        return Elsewhere()
    provider, since = order.provider_id, order.started_at
    return Elsewhere(
        served=await served_elsewhere(work.connection, provider, order.id, since, minutes),
        credited=await credited_elsewhere(work.connection, provider, since, minutes),
    )
