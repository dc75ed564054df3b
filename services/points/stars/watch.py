"""Finds grades whose hours no longer hold after a correction, and flags them.

Bookings are the hot path and do not ask about stars. Instead this looks, every now and then, at the grades in force
joined with the accounts behind them: two lookups by index for each grade, and a district has a few thousand.
"""

from sqlalchemy import Text, cast, func, select

from services.points.stars.commands import LookAtHours
from services.points.stars.views import STARS, Stage
from services.points.tables import accounts, star_applications
from services.points.units import Unit
from shared.clock import local_day
from shared.unit_of_work import Workshop

_AT_ONCE_MAX = 500


async def flag_what_no_longer_holds(workshop: Workshop) -> int:
    """Flag up to `_AT_ONCE_MAX` grades; returns how many. Each in a transaction of its own, decided on a fresh load."""
    a = star_applications.c
    posted = accounts.c.credits - accounts.c.debits
    query = (
        select(a.volunteer_id, func.greatest(0, posted).label("minutes"))
        .join(
            accounts,
            (accounts.c.holder == cast(a.volunteer_id, Text)) & (accounts.c.unit == int(Unit.SERVICE_MINUTE)),
        )
        .where(a.stage == Stage.GRANTED.value, posted < a.floor_minutes)
        .limit(_AT_ONCE_MAX)
    )
    async with workshop.database.reading() as connection:
        rows = (await connection.execute(query)).all()
    for volunteer_id, minutes in rows:
        async with workshop.transaction(actor="watch") as work:
            await work.execute(STARS, volunteer_id, LookAtHours(minutes, local_day(work.now)))
            await work.finish()
    return len(rows)
