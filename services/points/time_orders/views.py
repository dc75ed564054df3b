"""Orders as a table."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.tables import time_orders
from services.points.time_orders.model import decide
from services.points.time_orders.order import OPEN, Order, Stage, evolve
from shared.aggregate import Aggregate
from shared.contracts.time_bank import (
    TimeOrderAccepted,
    TimeOrderApproved,
    TimeOrderCancelled,
    TimeOrderConfirmed,
    TimeOrderCorrected,
    TimeOrderCorrectionProposed,
    TimeOrderCorrectionWithdrawn,
    TimeOrderReopened,
    TimeOrderRequested,
    TimeOrderServed,
    TimeOrderTimedOut,
    TimeOrderUnconfirmed,
    TimePayer,
)
from shared.eventstore import Recorded
from shared.views import Views

ORDERS = Aggregate("time_order", initial=Order(), decide=decide, evolve=evolve)

views = Views(tables=[time_orders])


@views.on(TimeOrderRequested)
async def request(connection: AsyncConnection, event: TimeOrderRequested, recorded: Recorded) -> None:
    """A new row."""
    stage = Stage.PROPOSED if event.payer is TimePayer.POOL else Stage.REQUESTED
    await connection.execute(
        insert(time_orders).values(
            id=event.time_order_id,
            community=event.community,
            place=event.place,
            beneficiary_id=event.beneficiary_id,
            service=event.service.value,
            planned_minutes=event.planned_minutes,
            payer=event.payer.value,
            payer_volunteer_id=event.payer_volunteer_id,
            payer_community=event.payer_community,
            stage=stage.value,
            requested_at=event.requested_at,
            serve_by=event.serve_by,
            reminders=0,
            version=recorded.version,
        )
    )


@views.on(TimeOrderApproved)
async def approve(connection: AsyncConnection, event: TimeOrderApproved, recorded: Recorded) -> None:
    """The pool pays."""
    await _set(connection, event.time_order_id, recorded, Stage.REQUESTED)


@views.on(TimeOrderAccepted)
async def accept(connection: AsyncConnection, event: TimeOrderAccepted, recorded: Recorded) -> None:
    """Somebody will come."""
    await _set(
        connection,
        event.time_order_id,
        recorded,
        Stage.ACCEPTED,
        provider_id=event.provider_id,
        provider_community=event.provider_community,
    )


@views.on(TimeOrderReopened)
async def reopen(connection: AsyncConnection, event: TimeOrderReopened, recorded: Recorded) -> None:
    """Somebody else is to come."""
    nobody = {"provider_id": None, "provider_community": None}
    await _set(connection, event.time_order_id, recorded, Stage.REQUESTED, **nobody)


@views.on(TimeOrderServed)
async def serve(connection: AsyncConnection, event: TimeOrderServed, recorded: Recorded) -> None:
    """Somebody came."""
    told = event.model_dump(include={"minutes", "started_at", "confirm_by", "provider_id", "provider_community"})
    # One that had timed out, or was called off, has not ended after all.
    not_ended = {"ended_at": None, "cancel_reason": None}
    await _set(connection, event.time_order_id, recorded, Stage.SERVED, **told, **not_ended)


@views.on(TimeOrderUnconfirmed)
async def remind(connection: AsyncConnection, event: TimeOrderUnconfirmed, recorded: Recorded) -> None:
    """Somebody is to look."""
    told = {"confirm_by": event.confirm_by, "reminders": event.reminder}
    await _set(connection, event.time_order_id, recorded, Stage.SERVED, **told)


@views.on(TimeOrderConfirmed)
async def confirm(connection: AsyncConnection, event: TimeOrderConfirmed, recorded: Recorded) -> None:
    """Paid."""
    await _set(connection, event.time_order_id, recorded, Stage.CONFIRMED, ended_at=event.confirmed_at)


@views.on(TimeOrderCancelled)
async def cancel(connection: AsyncConnection, event: TimeOrderCancelled, recorded: Recorded) -> None:
    """Called off."""
    told = {"ended_at": event.cancelled_at, "cancel_reason": event.reason.value}
    await _set(connection, event.time_order_id, recorded, Stage.CANCELLED, **told)


@views.on(TimeOrderTimedOut)
async def time_out(connection: AsyncConnection, event: TimeOrderTimedOut, recorded: Recorded) -> None:
    """Nobody came."""
    await _set(connection, event.time_order_id, recorded, Stage.TIMED_OUT, ended_at=event.timed_out_at)


@views.on(TimeOrderCorrectionProposed)
async def propose_correction(
    connection: AsyncConnection, event: TimeOrderCorrectionProposed, recorded: Recorded
) -> None:
    """Somebody else is to look; the order stands as it stood."""
    said = event.model_dump(mode="json", include={"minutes", "service", "reason", "proposed_by", "proposed_at"})
    await _note(connection, event.time_order_id, recorded, correction=said)


@views.on(TimeOrderCorrectionWithdrawn)
async def withdraw_correction(
    connection: AsyncConnection, event: TimeOrderCorrectionWithdrawn, recorded: Recorded
) -> None:
    """Nothing is to be corrected, or something else."""
    await _note(connection, event.time_order_id, recorded, correction=null())


@views.on(TimeOrderCorrected)
async def correct(connection: AsyncConnection, event: TimeOrderCorrected, recorded: Recorded) -> None:
    """It was so, and not as it had been confirmed."""
    told = {
        "minutes": event.minutes,
        "confirmed_minutes": func.coalesce(time_orders.c.confirmed_minutes, event.minutes_before),
        "correction": null(),
        "correction_reason": event.reason.value,
        "corrected_at": event.corrected_at,
        "correction_event_id": recorded.event_id,
    }
    if event.service is not None:
        told["service"] = event.service.value
    await _set(connection, event.time_order_id, recorded, Stage.CONFIRMED if event.minutes else Stage.VOIDED, **told)


async def _note(connection: AsyncConnection, order_id: UUID, recorded: Recorded, **values: Any) -> None:
    changed = {**values, "version": recorded.version}
    await connection.execute(update(time_orders).where(time_orders.c.id == order_id).values(changed))


async def _set(connection: AsyncConnection, order_id: UUID, recorded: Recorded, stage: Stage, **values: Any) -> None:
    await _note(connection, order_id, recorded, stage=stage.value, **values)


async def open_orders(connection: AsyncConnection, beneficiary_id: UUID) -> int:
    """How many orders for a beneficiary are open."""
    query = select(func.count()).where(
        time_orders.c.beneficiary_id == beneficiary_id, time_orders.c.stage.in_([stage.value for stage in OPEN])
    )
    return int(await connection.scalar(query) or 0)
