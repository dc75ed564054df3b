"""Signing up and withdrawing, with the booking that belongs to it."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from services.registry.activities.engagements import BOOKING, book, rebook, release
from services.registry.activities.model import Activity, SignUp, WithdrawSignUp
from services.registry.activities.planning import Change, Dating
from services.registry.activities.streams import ACTIVITIES
from services.registry.volunteers.standing import look_up
from shared.contracts import Refusal
from shared.unit_of_work import UnitOfWork

_NAMED_MAX = 10


class SignedUpElsewhere(Refusal):
    """Some who are signed up are signed up for another activity at the new time; one of the two is to be taken back."""

    code = "signed_up_elsewhere"


async def sign_up(work: UnitOfWork, activity_id: UUID, volunteer_id: UUID, at: datetime, dating: Dating) -> Activity:
    """Sign a volunteer up. Raises `AlreadyBooked` beside the model's refusals."""
    activity = await work.execute(ACTIVITIES, activity_id, SignUp(volunteer_id, at, dating))
    await book(work.connection, activity_id, volunteer_id, (activity.plan.planned_start, activity.plan.planned_end))
    return activity


async def withdraw(work: UnitOfWork, activity_id: UUID, volunteer_id: UUID, at: datetime, dating: Dating) -> Activity:
    """Take a sign-up back."""
    activity = await work.execute(ACTIVITIES, activity_id, WithdrawSignUp(volunteer_id, at, dating))
    await release(work.connection, activity_id, BOOKING, [volunteer_id])
    return activity


async def change(work: UnitOfWork, activity_id: UUID, command: Change) -> Activity:
    """Announce an activity otherwise; whoever signed up stays, and is bound for the new time.

    Raises `SignedUpElsewhere` beside the model's refusals.
    """
    before = (await work.load(ACTIVITIES, activity_id)).state.plan
    activity = await work.execute(ACTIVITIES, activity_id, command)
    planned = activity.plan.planned_start, activity.plan.planned_end
    if planned == (before.planned_start, before.planned_end):
        return activity
    if elsewhere := await rebook(work.connection, activity_id, activity.signed_up, planned):
        found = await look_up(work.connection, elsewhere[:_NAMED_MAX])
        numbers = sorted({volunteer.number for volunteer in found.values()})
        raise SignedUpElsewhere(count=len(elsewhere), numbers="、".join(numbers))
    return activity


async def withdraw_from_all(work: UnitOfWork, volunteer_id: UUID) -> None:
    """Take back every sign-up of a volunteer for an activity that is still to come or still open."""
    rows = await work.connection.execute(
        text(
            "SELECT p.activity_id FROM participations p JOIN activities a ON a.id = p.activity_id"
            " WHERE p.volunteer_id = :id AND p.signed_up_at IS NOT NULL AND p.withdrawn_at IS NULL"
            " AND p.started_at IS NULL AND a.stage = 'published' ORDER BY p.activity_id"
        ),
        {"id": volunteer_id},
    )
    activity_ids = [row[0] for row in rows]
    await work.load_many(ACTIVITIES, activity_ids)
    dating = Dating(now=work.now, earliest=work.now, tolerance=timedelta())
    for activity_id in activity_ids:
        await withdraw(work, activity_id, volunteer_id, work.now, dating)
