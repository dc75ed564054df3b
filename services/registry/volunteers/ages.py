"""Tells five-year age groups, never birth dates: each person is looked at again when the next group begins."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from sqlalchemy import text

from services.registry.volunteers import people
from services.registry.volunteers.model import LookAtAge, Standing, Volunteer, next_age_group_on
from services.registry.volunteers.streams import VOLUNTEERS
from shared.clock import day_start, local_day
from shared.service import Service
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork

AGE_GROUP = "volunteers.age_group"

timers = Timers()


@timers.on(AGE_GROUP)
async def age(work: UnitOfWork, volunteer_id: UUID) -> None:
    """Tell the group that the person is in now, however late. Who was forgotten or withdrew consent is left alone."""
    if (await work.load(VOLUNTEERS, volunteer_id)).state.standing is not Standing.REGISTERED:
        return
    person = (await people.people_of(work.connection, work.vault, [volunteer_id])).get(volunteer_id)
    if person is not None:
        await look(work, volunteer_id, person.born_on)


async def look(work: UnitOfWork, volunteer_id: UUID, born_on: date) -> Volunteer:
    """Tell the person's age group if it is another one, and look again when the next one begins."""
    volunteer = await work.execute(VOLUNTEERS, volunteer_id, LookAtAge(born_on, local_day(work.now)))
    await look_later(work, {volunteer_id: born_on})
    return volunteer


async def look_later(work: UnitOfWork, born_on: Mapping[UUID, date]) -> None:
    """Set the timers of people for the day on which their next age group begins; a whole roster in one statement."""
    today = local_day(work.now)
    await work.connection.execute(
        text(
            "INSERT INTO timers (kind, subject, due_at)"
            " SELECT :kind, subject, due_at FROM unnest(cast(:subjects AS uuid[]), cast(:due AS timestamptz[]))"
            " AS row(subject, due_at) ORDER BY subject"
            " ON CONFLICT (kind, subject) DO UPDATE SET due_at = excluded.due_at, attempts = 0"
        ),
        {
            "kind": AGE_GROUP,
            "subjects": list(born_on),
            "due": [day_start(next_age_group_on(today, born)) for born in born_on.values()],
        },
    )


async def look_no_more(work: UnitOfWork, volunteer_id: UUID) -> None:
    """The person is forgotten, or withdrew consent."""
    await work.cancel_timer(AGE_GROUP, volunteer_id)


async def look_at_everybody(service: Service) -> None:
    """Set a timer for everybody who has none, due at once: those registered before age groups were told."""
    async with service.database.transaction() as connection:
        await connection.execute(
            text(
                "INSERT INTO timers (kind, subject, due_at) SELECT :kind, id, :now FROM volunteers"
                " WHERE standing = :registered ORDER BY id ON CONFLICT DO NOTHING"
            ),
            {"kind": AGE_GROUP, "now": service.clock(), "registered": Standing.REGISTERED.value},
        )
