"""What happens to a shift because time passed."""

from datetime import datetime
from uuid import UUID

from services.grid_patrol.shifts.model import Graces, MarkMissed, Shift
from services.grid_patrol.shifts.streams import SHIFTS
from shared.timers import Timers
from shared.unit_of_work import UnitOfWork

timers = Timers()

GRACE = "shift.grace"


def missed_at(shift: Shift, graces: Graces, now: datetime) -> datetime:
    """When a planned shift counts as missed. A shift that is entered afterwards gets its grace from then on."""
    return max(shift.planned_start, now) + graces.missed_after


@timers.on(GRACE)
async def miss(work: UnitOfWork, shift_id: UUID) -> None:
    """The grace time is over; where the crew has set out meanwhile, nothing follows."""
    await work.execute(SHIFTS, shift_id, MarkMissed())
