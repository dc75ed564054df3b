"""Gifts of aid as a table."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.aid.model import Gift, Stage, decide, evolve
from services.points.market.lines import as_json
from services.points.market.taken_back import mark_reversed
from services.points.tables import aid_gifts
from shared.aggregate import Aggregate
from shared.contracts.love_market import (
    AidApproved,
    AidCancelled,
    AidExpired,
    AidGranted,
    AidHandedOver,
    AidProposed,
    AidRefused,
)
from shared.contracts.reversals import AidReversed
from shared.eventstore import Recorded
from shared.views import Views

GIFTS = Aggregate("gift", initial=Gift(), decide=decide, evolve=evolve)

views = Views(tables=[aid_gifts])


@views.on(AidProposed)
async def propose(connection: AsyncConnection, event: AidProposed, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(aid_gifts).values(
            id=event.gift_id,
            community=event.community,
            household_id=event.household_id,
            lines=as_json(event.lines),
            granted_lines=as_json(event.lines),
            stage=Stage.PROPOSED.value,
            approvals=0,
            proposed_at=event.proposed_at,
            version=recorded.version,
        )
    )


@views.on(AidApproved)
async def approve(connection: AsyncConnection, event: AidApproved, recorded: Recorded) -> None:
    """One of two has approved."""
    await _set(connection, event.gift_id, recorded, approvals=1)


@views.on(AidGranted)
async def grant(connection: AsyncConnection, event: AidGranted, recorded: Recorded) -> None:
    """Both have approved."""
    stage = Stage.GRANTED.value
    await _set(connection, event.gift_id, recorded, approvals=2, stage=stage, collect_by=event.collect_by)


@views.on(AidHandedOver)
async def hand_over(connection: AsyncConnection, event: AidHandedOver, recorded: Recorded) -> None:
    """The household has it, and the row says what was taken."""
    if event.lines is not None:
        await _set(connection, event.gift_id, recorded, lines=as_json(event.lines))
    await _end(connection, event.gift_id, recorded, Stage.HANDED_OVER, event.handed_over_at)


@views.on(AidRefused)
async def refuse(connection: AsyncConnection, event: AidRefused, recorded: Recorded) -> None:
    """Somebody said no."""
    await _end(connection, event.gift_id, recorded, Stage.REFUSED, event.refused_at)


@views.on(AidCancelled)
async def cancel(connection: AsyncConnection, event: AidCancelled, recorded: Recorded) -> None:
    """Called off."""
    await _end(connection, event.gift_id, recorded, Stage.CANCELLED, event.cancelled_at)


@views.on(AidExpired)
async def expire(connection: AsyncConnection, event: AidExpired, recorded: Recorded) -> None:
    """Nobody came."""
    await _end(connection, event.gift_id, recorded, Stage.EXPIRED, event.expired_at)


@views.on(AidReversed)
async def reverse(connection: AsyncConnection, event: AidReversed, recorded: Recorded) -> None:
    """Handed over, and taken back."""
    stage = Stage.REVERSED.value
    await mark_reversed(connection, aid_gifts, event.gift_id, event, stage=stage, version=recorded.version)


async def _end(connection: AsyncConnection, gift_id: UUID, recorded: Recorded, stage: Stage, at: datetime) -> None:
    await _set(connection, gift_id, recorded, stage=stage.value, ended_at=at)


async def _set(connection: AsyncConnection, gift_id: UUID, recorded: Recorded, **values: Any) -> None:
    changed = {**values, "version": recorded.version}
    await connection.execute(update(aid_gifts).where(aid_gifts.c.id == gift_id).values(changed))
