"""What can be configured beside the common settings."""

from datetime import timedelta

from pydantic import Field

from services.grid_patrol.shifts.model import Graces
from shared.settings import Settings


class GridPatrolSettings(Settings):
    """Settings of the patrol grid."""

    shift_late_after_minutes: int = Field(default=5, ge=0, le=120)
    """A crew that sets out later than this after the planned start is late."""
    shift_missed_after_minutes: int = Field(default=30, ge=1, le=12 * 60)
    """A shift that nobody set out on within this time after the planned start is missed."""
    volunteer_wait_max_ms: int = Field(default=2000, ge=0, le=10_000)
    """How long a command waits for news of a volunteer who is not known yet, before it is refused."""

    @property
    def graces(self) -> Graces:
        """How late is late, and how late is missed."""
        return Graces(
            late_after=timedelta(minutes=self.shift_late_after_minutes),
            missed_after=timedelta(minutes=self.shift_missed_after_minutes),
        )
