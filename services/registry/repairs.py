"""What commands of this service do beside their events: numbers, names, engagements, and details that are destroyed."""

from sqlalchemy import select

from services.registry.activities.attendance import span_of
from services.registry.activities.engagements import BOOKING, SERVICE, bind_anew, release
from services.registry.activities.state import Stage
from services.registry.activities.streams import ACTIVITIES
from services.registry.tables import teams
from services.registry.teams.names import claim_names, release_name
from services.registry.volunteers.people import note_number
from services.registry.volunteers.registration import lose_details
from shared.contracts import registry as told
from shared.repairs import Repairs
from shared.unit_of_work import UnitOfWork

repairs = Repairs(details=[told.VolunteerRegistered, told.VolunteerDetailsChanged])

_OF_ACTIVITIES = (
    told.ActivityPublished,
    told.ActivityChanged,
    told.ActivityCancelled,
    told.ActivityCompleted,
    told.VolunteerSignedUp,
    told.SignUpWithdrawn,
    told.VolunteerCheckedIn,
    told.VolunteerCheckedOut,
    told.AttendanceBackfilled,
    told.AttendanceWithdrawn,
    told.AttendanceCorrected,
)


@repairs.on(told.VolunteerRegistered)
async def note_volunteer_number(work: UnitOfWork, event: told.VolunteerRegistered) -> None:
    """The next volunteer has another number."""
    await note_number(work.connection, event.volunteer_number)


@repairs.on(told.PersonForgotten)
async def forget(work: UnitOfWork, event: told.PersonForgotten) -> None:
    """The backup knew who it was."""
    await lose_details(work, event.volunteer_id)


@repairs.on(told.TeamDissolved)
async def free_name(work: UnitOfWork, event: told.TeamDissolved) -> None:
    """Another team may be called so."""
    await release_name(work.connection, event.team_id)


@repairs.on(told.TeamFormed)
async def claim_name(work: UnitOfWork, event: told.TeamFormed) -> None:
    """No other team is called like one that is still there."""
    there = select(teams.c.id).where(teams.c.id == event.team_id, teams.c.dissolved_on.is_(None))
    if await work.connection.scalar(there) is not None:
        await claim_names(work.connection, event.community, {event.name: event.team_id})


@repairs.on(*_OF_ACTIVITIES)
async def free_everybody(work: UnitOfWork, event: told.ActivityPublished) -> None:
    """Of all these activities, before anybody is bound: who left one for another is not in its way."""
    for kind in (BOOKING, SERVICE):
        await release(work.connection, event.activity_id, kind)


@repairs.on(*_OF_ACTIVITIES)
async def bind_everybody(work: UnitOfWork, event: told.ActivityPublished) -> None:
    """As the activity stands after all events."""
    activity = (await work.load(ACTIVITIES, event.activity_id)).state
    planned = activity.plan.planned_start, activity.plan.planned_end
    signed_up = activity.signed_up if activity.stage is Stage.PUBLISHED else ()
    served = {who: span_of(activity, entry) for who, entry in activity.attended.items() if entry.minutes != 0}
    await bind_anew(work.connection, event.activity_id, dict.fromkeys(sorted(signed_up), planned), served)
