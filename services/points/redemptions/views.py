"""Redemptions as a table, and what each household has had in a month."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.market.taken_back import mark_reversed
from services.points.redemptions.model import Redemption, Stage, decide, evolve
from services.points.tables import household_months, redemptions
from shared.aggregate import Aggregate
from shared.clock import local_day
from shared.contracts.points import (
    RedemptionCancelled,
    RedemptionCollected,
    RedemptionExpired,
    RedemptionReserved,
)
from shared.contracts.reversals import RedemptionReversed
from shared.database import driver_connection
from shared.eventstore import Recorded
from shared.views import Views

REDEMPTIONS = Aggregate("redemption", initial=Redemption(), decide=decide, evolve=evolve)

views = Views(tables=[redemptions, household_months])

# For the driver itself: on market days every layer between costs as much as the statement.
_RESERVE = """
    WITH counted AS (
        INSERT INTO household_months AS m (subject, month, pieces) VALUES (coalesce($10::uuid, $3), $11, $5)
        ON CONFLICT (subject, month) DO UPDATE SET pieces = m.pieces + excluded.pieces
    )
    INSERT INTO redemptions (id, community, volunteer_id, item_id, quantity, reserved_quantity, points, stage,
                             reserved_at, collect_by, household_id, version)
    VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $12)
"""


@views.on(RedemptionReserved)
async def reserve(connection: AsyncConnection, event: RedemptionReserved, recorded: Recorded) -> None:
    """A new row, and its pieces count in the month of the household, in one statement."""
    db = await driver_connection(connection)
    await db.execute(
        _RESERVE,
        event.redemption_id,
        event.community,
        event.volunteer_id,
        event.item_id,
        event.quantity,
        event.points,
        Stage.RESERVED.value,
        event.reserved_at,
        event.collect_by,
        event.household_id,
        month_of(event.reserved_at),
        recorded.version,
    )


@views.on(RedemptionCollected)
async def collect(connection: AsyncConnection, event: RedemptionCollected, recorded: Recorded) -> None:
    """Handed over, and the row says what was taken."""
    taken: dict[str, Any] = {"identified_by": event.identified_by.value if event.identified_by is not None else None}
    if event.quantity is not None:
        taken |= {"quantity": event.quantity, "points": event.points}
    await _end(connection, event.redemption_id, Stage.COLLECTED, event.collected_at, recorded.version, taken)


@views.on(RedemptionReversed)
async def reverse(connection: AsyncConnection, event: RedemptionReversed, recorded: Recorded) -> None:
    """Collected, and taken back: it counts in no month. The row goes on saying what had been taken."""
    stage = Stage.REVERSED.value
    await mark_reversed(connection, redemptions, event.redemption_id, event, stage=stage, version=recorded.version)
    row = (await connection.execute(select(redemptions).where(redemptions.c.id == event.redemption_id))).one()
    await _count_less(connection, row, row.quantity)


@views.on(RedemptionCancelled)
async def cancel(connection: AsyncConnection, event: RedemptionCancelled, recorded: Recorded) -> None:
    """Called off."""
    await _end(connection, event.redemption_id, Stage.CANCELLED, event.cancelled_at, recorded.version)


@views.on(RedemptionExpired)
async def expire(connection: AsyncConnection, event: RedemptionExpired, recorded: Recorded) -> None:
    """Nobody came."""
    await _end(connection, event.redemption_id, Stage.EXPIRED, event.expired_at, recorded.version)


async def _end(
    connection: AsyncConnection, key: UUID, stage: Stage, at: datetime, version: int, taken: Mapping[str, Any] = {}
) -> None:
    """It has ended, and what was not taken no longer counts in the month that it was reserved in."""
    ended = update(redemptions).where(redemptions.c.id == key)
    ended = ended.values(stage=stage.value, ended_at=at, version=version, **taken)
    row = (
        await connection.execute(
            ended.returning(
                redemptions.c.household_id,
                redemptions.c.volunteer_id,
                redemptions.c.reserved_at,
                redemptions.c.reserved_quantity,
                redemptions.c.quantity,
            )
        )
    ).one()
    await _count_less(connection, row, row.reserved_quantity - (row.quantity if stage is Stage.COLLECTED else 0))


async def _count_less(connection: AsyncConnection, row: Any, pieces: int) -> None:
    """Pieces of a redemption no longer count in the month that it was reserved in."""
    if pieces == 0:
        return
    await connection.execute(
        update(household_months)
        .where(
            household_months.c.subject == (row.household_id or row.volunteer_id),
            household_months.c.month == month_of(row.reserved_at),
        )
        .values(pieces=household_months.c.pieces - pieces)
    )


def month_of(moment: datetime) -> date:
    """The first day of the month in Asia/Shanghai in which a moment falls."""
    return local_day(moment).replace(day=1)


async def pieces_in_month(connection: AsyncConnection, subject: UUID, month: date) -> int:
    """What a household (or a volunteer without one) has reserved or taken in a month.

    Its row stays locked until the commit: whoever else of the household reserves now waits, and then sees this.
    """
    row = upsert(household_months).values(subject=subject, month=month, pieces=0)
    locked = row.on_conflict_do_update(
        index_elements=["subject", "month"], set_={"pieces": household_months.c.pieces}
    ).returning(household_months.c.pieces)
    return int((await connection.execute(locked)).scalar_one())
