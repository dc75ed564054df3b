"""Long days as a table: the last approval of each, and whether it was withdrawn."""

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.long_days.model import LongDay, Stage, decide, evolve
from services.points.tables import long_days
from shared.aggregate import Aggregate
from shared.contracts.points import LongDayApprovalWithdrawn, LongDayApproved
from shared.eventstore import Recorded
from shared.views import Views

LONG_DAYS = Aggregate("long_day", initial=LongDay(), decide=decide, evolve=evolve)

views = Views(tables=[long_days])


@views.on(LongDayApproved)
async def approve(connection: AsyncConnection, event: LongDayApproved, recorded: Recorded) -> None:
    """A row, or what takes the place of an earlier approval."""
    said = {
        "community": event.community,
        "stage": Stage.APPROVED.value,
        "minutes_max": event.minutes_max,
        "level": event.level.value,
        "reason": event.reason.value,
        "policy_version": event.policy_version,
        "approved_by": event.approved_by,
        "approved_at": event.approved_at,
        "event_id": recorded.event_id,
        "withdrawn_by": None,
        "withdrawn_at": None,
        "withdrawal_event_id": None,
        "version": recorded.version,
    }
    row = insert(long_days).values(id=event.long_day_id, volunteer_id=event.volunteer_id, day=event.day, **said)
    await connection.execute(row.on_conflict_do_update(index_elements=[long_days.c.id], set_=said))


@views.on(LongDayApprovalWithdrawn)
async def withdraw(connection: AsyncConnection, event: LongDayApprovalWithdrawn, recorded: Recorded) -> None:
    """The cap is as before."""
    await connection.execute(
        update(long_days)
        .where(long_days.c.id == event.long_day_id)
        .values(
            stage=Stage.WITHDRAWN.value,
            withdrawn_by=event.withdrawn_by,
            withdrawn_at=event.withdrawn_at,
            withdrawal_event_id=recorded.event_id,
            version=recorded.version,
        )
    )
