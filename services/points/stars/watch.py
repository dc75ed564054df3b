"""Finds grades whose hours no longer hold after a correction, and flags them.

Bookings are the hot path and do not ask about stars. Instead this looks, every now and then, at the grades in force
joined with the accounts behind them: two lookups by index for each grade, and a district has a few thousand. One that
is flagged already is looked at again when its record moves: something else may be the cause by then.
"""

from sqlalchemy import or_, select

from services.points.grounds.looking import keep_look, moved, with_record
from services.points.stars.commands import LookAtHours
from services.points.stars.standing import confirmed_minutes, taken_from
from services.points.stars.views import IN_FORCE, STARS, Stage
from services.points.tables import accounts, star_applications
from shared.clock import local_day
from shared.unit_of_work import Workshop


async def flag_what_no_longer_holds(workshop: Workshop) -> int:
    """Look at what may not hold; returns how many flags there were. Each in a transaction, decided on a fresh load."""
    a = star_applications.c
    posted = accounts.c.credits - accounts.c.debits
    query = with_record(select(a.id, a.volunteer_id), a.id, a.volunteer_id).where(
        a.stage.in_(IN_FORCE), posted < a.floor_minutes, or_(a.stage == Stage.GRANTED.value, moved)
    )
    async with workshop.database.reading() as connection:
        rows = (await connection.execute(query)).all()
    changed = 0
    for row in rows:
        async with workshop.transaction(actor="watch") as work:
            await keep_look(work.connection, row.id, row.credits, row.debits)
            stars = (await work.load(STARS, row.volunteer_id)).state
            minutes = await confirmed_minutes(work.connection, row.volunteer_id)
            cause = await taken_from(work.connection, stars, minutes)
            after = await work.execute(STARS, row.volunteer_id, LookAtHours(minutes, local_day(work.now), cause))
            changed += after != stars
            await work.finish()
    return changed
