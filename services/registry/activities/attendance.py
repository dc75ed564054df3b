"""Recording, confirming and correcting service, with the engagements that belong to it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from services.registry.activities.engagements import BOOKING, SERVICE, Span, release, serve
from services.registry.activities.model import (
    Activity,
    Cancel,
    CancellationReason,
    CheckedOut,
    Complete,
    Correct,
    Entry,
    RecordAttendance,
    WithdrawAttendance,
)
from services.registry.activities.planning import Dating
from services.registry.activities.state import Attended
from services.registry.activities.streams import ACTIVITIES
from shared.unit_of_work import UnitOfWork


async def record(work: UnitOfWork, activity_id: UUID, entries: Sequence[Entry], dating: Dating) -> Activity:
    """Record attendances of volunteers in good standing. Raises `AlreadyServing` beside the model's refusals."""
    activity = await work.execute(ACTIVITIES, activity_id, RecordAttendance(entries, dating))
    arriving = [e.volunteer_id for e in entries if not isinstance(e, CheckedOut)]
    departing = [e.volunteer_id for e in entries if isinstance(e, CheckedOut)]
    await serve(work.connection, activity_id, _spans(activity, departing), replacing=True)
    await serve(work.connection, activity_id, _spans(activity, arriving))
    return activity


async def withdraw(work: UnitOfWork, activity_id: UUID, volunteer_id: UUID) -> Activity:
    """Take a mistaken attendance back; the volunteer may serve elsewhere at that time."""
    activity = await work.execute(ACTIVITIES, activity_id, WithdrawAttendance(volunteer_id, work.now))
    await release(work.connection, activity_id, SERVICE, [volunteer_id])
    return activity


async def complete(
    work: UnitOfWork, activity_id: UUID, completed_at: datetime, dating: Dating, by: UUID | None = None
) -> Activity:
    """Confirm every attendance; those of people who were forgotten meanwhile are left out."""
    attended = (await work.load(ACTIVITIES, activity_id)).state.attended
    forgotten = await _forgotten(work, list(attended))
    activity = await work.execute(ACTIVITIES, activity_id, Complete(completed_at, forgotten, dating, by))
    await release(work.connection, activity_id, BOOKING)
    if forgotten:
        await release(work.connection, activity_id, SERVICE, forgotten)
    return activity


async def correct(work: UnitOfWork, activity_id: UUID, command: Correct) -> Activity:
    """Correct one confirmed attendance; a void one no longer binds the volunteer."""
    activity = await work.execute(ACTIVITIES, activity_id, command)
    if command.minutes == 0:
        await release(work.connection, activity_id, SERVICE, [command.volunteer_id])
    else:
        await serve(work.connection, activity_id, _spans(activity, [command.volunteer_id]), replacing=True)
    return activity


async def cancel(work: UnitOfWork, activity_id: UUID, reason: CancellationReason) -> Activity:
    """Call an activity off; whoever signed up is free again."""
    activity = await work.execute(ACTIVITIES, activity_id, Cancel(reason))
    await release(work.connection, activity_id, BOOKING)
    return activity


async def _forgotten(work: UnitOfWork, volunteer_ids: Sequence[UUID]) -> frozenset[UUID]:
    # The rows are locked, so that someone who is forgotten in this moment is either seen here or waits.
    rows = await work.connection.execute(
        text("SELECT id, standing FROM volunteers WHERE id = ANY(:ids) ORDER BY id FOR SHARE"),
        {"ids": list(volunteer_ids)},
    )
    return frozenset(row.id for row in rows if row.standing == "forgotten")


def _spans(activity: Activity, volunteer_ids: Sequence[UUID]) -> dict[UUID, Span]:
    return {volunteer_id: span_of(activity, activity.attended[volunteer_id]) for volunteer_id in volunteer_ids}


def span_of(activity: Activity, attended: Attended) -> Span:
    """The time that an attendance binds: until the planned end while the check-out is open."""
    if attended.minutes is None:
        return attended.started_at, max(activity.plan.planned_end, attended.started_at)
    return attended.started_at, attended.started_at + timedelta(minutes=attended.minutes)
