"""Redemptions as a table."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.redemptions.model import Redemption, Stage, decide, evolve
from services.points.tables import redemptions
from shared.aggregate import Aggregate
from shared.contracts.points import (
    RedemptionCancelled,
    RedemptionCollected,
    RedemptionExpired,
    RedemptionReserved,
)
from shared.eventstore import Recorded
from shared.views import Views

REDEMPTIONS = Aggregate("redemption", initial=Redemption(), decide=decide, evolve=evolve)

views = Views(tables=[redemptions])


@views.on(RedemptionReserved)
async def reserve(connection: AsyncConnection, event: RedemptionReserved, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(redemptions).values(
            id=event.redemption_id,
            community=event.community,
            volunteer_id=event.volunteer_id,
            item_id=event.item_id,
            quantity=event.quantity,
            points=event.points,
            stage=Stage.RESERVED.value,
            reserved_at=event.reserved_at,
            collect_by=event.collect_by,
            version=recorded.version,
        )
    )


@views.on(RedemptionCollected)
async def collect(connection: AsyncConnection, event: RedemptionCollected, recorded: Recorded) -> None:
    """Handed over."""
    await _end(connection, event.redemption_id, Stage.COLLECTED, event.collected_at, recorded.version)


@views.on(RedemptionCancelled)
async def cancel(connection: AsyncConnection, event: RedemptionCancelled, recorded: Recorded) -> None:
    """Called off."""
    await _end(connection, event.redemption_id, Stage.CANCELLED, event.cancelled_at, recorded.version)


@views.on(RedemptionExpired)
async def expire(connection: AsyncConnection, event: RedemptionExpired, recorded: Recorded) -> None:
    """Nobody came."""
    await _end(connection, event.redemption_id, Stage.EXPIRED, event.expired_at, recorded.version)


async def _end(connection: AsyncConnection, key: UUID, stage: Stage, at: datetime, version: int) -> None:
    changed = {"stage": stage.value, "ended_at": at, "version": version}
    await connection.execute(update(redemptions).where(redemptions.c.id == key).values(changed))
