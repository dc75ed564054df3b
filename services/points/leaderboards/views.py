"""Who stays off leaderboards, as a table."""

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.leaderboards.model import Appearance, decide, evolve
from services.points.tables import leaderboard_opt_outs
from shared.aggregate import Aggregate
from shared.contracts.honours import LeaderboardOptedIn, LeaderboardOptedOut
from shared.eventstore import Recorded
from shared.views import Views

APPEARANCES = Aggregate("leaderboard", initial=Appearance(), decide=decide, evolve=evolve)
"""One stream for each volunteer."""

views = Views(tables=[leaderboard_opt_outs])


@views.on(LeaderboardOptedOut)
async def opt_out(connection: AsyncConnection, event: LeaderboardOptedOut, _: Recorded) -> None:
    """A row for whoever stays off."""
    row = insert(leaderboard_opt_outs).values(volunteer_id=event.volunteer_id, opted_out_on=event.opted_out_on)
    # Said twice in the same moment, the second is left to the store, which has it decided anew.
    await connection.execute(row.on_conflict_do_nothing())


@views.on(LeaderboardOptedIn)
async def opt_in(connection: AsyncConnection, event: LeaderboardOptedIn, _: Recorded) -> None:
    """No row."""
    await connection.execute(
        delete(leaderboard_opt_outs).where(leaderboard_opt_outs.c.volunteer_id == event.volunteer_id)
    )
