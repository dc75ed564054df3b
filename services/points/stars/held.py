"""What the rules need to know of a volunteer's stars: the grades held, and the one that is applied for. Pure."""

from dataclasses import dataclass
from uuid import UUID

from services.points.grounds.reminding import Waiting
from services.points.stars.commands import Assessed, Requirement
from shared.contracts.honours import CorrectingEvent, Quality
from shared.contracts.registry import NodeLevel


@dataclass(frozen=True, slots=True)
class Application:
    """A grade that was applied for and is not decided yet."""

    id: UUID
    grade: int
    threshold_minutes: int
    granted_by: NodeLevel
    policy_version: int
    waiting: Waiting
    quality: Quality | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A grade that was granted and not withdrawn."""

    application_id: UUID
    grade: int
    granted_by: NodeLevel
    threshold_minutes: int
    known_minutes: int
    """Confirmed minutes when it was granted, or last found to hold."""
    floor_minutes: int
    """Below this the grade is flagged: the threshold, or fewer where the authority let it stand with fewer."""
    flagged: bool = False
    lacks_hours: bool = False
    """It is flagged for hours that have not come back since."""
    lacks_assessments: bool = False
    """It is flagged for assessments, whatever it was flagged for since."""
    corrected_by: tuple[CorrectingEvent, ...] = ()
    """Why it is flagged."""
    waiting: Waiting | None = None
    """For a decision, while it is flagged."""
    assessed_floor: int = 100
    good_floor: int = 100
    """Percents of assessments with which the authority let it stand; where less is asked, less is enough."""

    def falls_short(self, said: Assessed, asked: Requirement, *, yearly: bool) -> bool:
        """Whether the assessments are below what is asked, and below what the authority let stand.

        How many records were assessed counts in the yearly review only: who serves on is assessed later.
        """
        assessed_min = min(asked.assessed_percent_min, self.assessed_floor) if yearly else 0
        return said.assessed_percent < assessed_min or said.good_percent < min(asked.good_percent_min, self.good_floor)


@dataclass(frozen=True, slots=True)
class Stars:
    """A volunteer's stars as their events tell them."""

    volunteer_id: UUID | None = None
    community: str = ""
    application: Application | None = None
    held: tuple[Held, ...] = ()
    """Ascending; the last one is in force, the others come into force again when it is withdrawn."""

    @property
    def in_force(self) -> Held | None:
        """The grade in force."""
        return self.held[-1] if self.held else None

    @property
    def grade(self) -> int:
        """The grade in force; 0 for none."""
        return self.held[-1].grade if self.held else 0
