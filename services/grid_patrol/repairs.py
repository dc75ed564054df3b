"""What commands of this service do beside their events: names of crews, and the wait for a crew to set out."""

from datetime import timedelta

from sqlalchemy import select

from services.grid_patrol.crews.names import claim_name, release_name
from services.grid_patrol.shifts.timers import GRACE
from services.grid_patrol.tables import crews
from shared.contracts.grid_patrol import CrewDisbanded, CrewFormed, CrewRenamed, PatrolFindingReported, ShiftPlanned
from shared.repairs import Repairs
from shared.unit_of_work import UnitOfWork

repairs = Repairs(details=[PatrolFindingReported])

_TO_ENTER_IT = timedelta(days=1)
"""After an outage: a crew may have set out meanwhile, and nobody could enter it."""


@repairs.on(CrewDisbanded, CrewRenamed)
async def free_name(work: UnitOfWork, event: CrewDisbanded | CrewRenamed) -> None:
    """Of all these crews, before any of them claims another one."""
    await release_name(work.connection, event.crew_id)


@repairs.on(CrewFormed, CrewRenamed)
async def take_name(work: UnitOfWork, event: CrewFormed | CrewRenamed) -> None:
    """No other crew has the name of one that is still there."""
    query = select(crews.c.community, crews.c.name).where(
        crews.c.crew_id == event.crew_id, crews.c.disbanded.is_(False)
    )
    if (crew := (await work.connection.execute(query)).first()) is not None:
        await claim_name(work.connection, crew.community, crew.name, event.crew_id)


@repairs.on(ShiftPlanned)
async def await_crew(work: UnitOfWork, event: ShiftPlanned) -> None:
    """A shift that nobody set out for is missed."""
    work.schedule(GRACE, event.shift_id, max(event.planned_end, work.now + _TO_ENTER_IT))
