"""Finds grades whose hours no longer hold after a correction, or whose service turns out badly, and flags them.

Bookings are the hot path and do not ask about stars. Instead this looks, every now and then, at the grades in force
joined with the accounts behind them: two lookups by index for each grade, and a district has a few thousand. One that
is flagged already is looked at again when its record moves: something else may be the cause by then, or nothing be
missing any more.
"""

from uuid import UUID

from sqlalchemy import exists, or_, select

from services.points.grounds.looking import AT_ONCE_MAX, is_to_be_told, keep_look, moved, with_record
from services.points.grounds.reminding import Remind
from services.points.policy.in_force import PoliciesInForce
from services.points.stars.assessments import all_assessed, assessed
from services.points.stars.commands import LookAtHours
from services.points.stars.standing import asked_of_held, confirmed_minutes, requirement, taken_from
from services.points.stars.views import IN_FORCE, OPEN, STARS, Stage
from services.points.tables import accounts, assessments, star_applications
from shared.clock import local_day
from shared.contracts.registry import ServiceQuality
from shared.unit_of_work import UnitOfWork, Workshop


async def flag_what_no_longer_holds(workshop: Workshop) -> int:
    """Look at what may not hold; returns how many were flagged, or are borne again. Each in a transaction, decided on a
    fresh load.
    """
    a = star_applications.c
    posted = accounts.c.credits - accounts.c.debits
    query = with_record(select(a.id, a.volunteer_id), a.id, a.volunteer_id).where(
        or_(
            (a.stage == Stage.GRANTED.value) & (posted < a.floor_minutes),
            (a.stage == Stage.FLAGGED.value) & moved,
        )
    )
    async with workshop.database.reading() as connection:
        rows = (await connection.execute(query)).all()
    changed = 0
    for row in rows:
        async with workshop.transaction(actor="watch") as work:
            await keep_look(work.connection, row.id, row.credits, row.debits)
            await _look(work, row.volunteer_id)
            changed += bool(await work.finish())
    return changed


async def _look(work: UnitOfWork, volunteer_id: UUID) -> None:
    stars = (await work.load(STARS, volunteer_id)).state
    if stars.in_force is None:
        return
    minutes = await confirmed_minutes(work.connection, volunteer_id)
    cause = await taken_from(work.connection, stars, minutes)
    asked, said = await asked_of_held(work.connection, stars), await assessed(work.connection, volunteer_id)
    await work.execute(STARS, volunteer_id, LookAtHours(minutes, local_day(work.now), cause, asked, said))


async def remind_of_what_waits(workshop: Workshop, within_days: int) -> int:
    """Remind of flagged grades, and of applications, that have waited for a decision for so many days; returns of how
    many.
    """
    a, today = star_applications.c, local_day(workshop.clock())
    waits = a.stage.in_([Stage.FLAGGED.value, *OPEN])
    query = select(a.volunteer_id).where(waits, is_to_be_told(a, within_days, today)).distinct()
    async with workshop.database.reading() as connection:
        people = (await connection.scalars(query.limit(AT_ONCE_MAX))).all()
    reminded = 0
    for volunteer_id in people:
        async with workshop.transaction(actor="watch") as work:
            await work.execute(STARS, volunteer_id, Remind(within_days, local_day(work.now)))
            reminded += len(await work.finish())
    return reminded


async def flag_what_was_served_badly(workshop: Workshop) -> int:
    """Flag grades for which too little of the service is assessed as good; returns how many.

    Only where somebody said of some service that it was not good: most have no such record, and are not counted up.
    """
    a, said = star_applications.c, assessments.c
    not_good = exists().where(said.volunteer_id == a.volunteer_id, said.quality != ServiceQuality.GOOD.value)
    query = select(a.volunteer_id, a.community, a.grade, a.applied_on).where(a.stage.in_(IN_FORCE), not_good)
    short = []
    async with workshop.database.reading() as connection:
        rows = (await connection.execute(query)).all()
        book = await PoliciesInForce().book(connection)
        asked = {row.volunteer_id: requirement(book.terms(row.community, row.applied_on), row.grade) for row in rows}
        asking = [one for one, grade in asked.items() if grade.good_percent_min]
        for start in range(0, len(asking), AT_ONCE_MAX):
            counted = await all_assessed(connection, asking[start : start + AT_ONCE_MAX])
            short += [one for one, told in counted.items() if told.good_percent < asked[one].good_percent_min]
    flagged = 0
    for volunteer_id in short:
        async with workshop.transaction(actor="watch") as work:
            await _look(work, volunteer_id)
            flagged += bool(await work.finish())
    return flagged
