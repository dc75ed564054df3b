"""What can be asked of a volunteer's stars. Whatever a decision needs of the world comes with the command."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.points.durations import months_later
from services.points.grounds.reminding import Remind
from shared.contracts.honours import CorrectingEvent, Quality, QualityReason, StarDeclineReason, StarWithdrawalReason
from shared.contracts.registry import NodeLevel


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a policy asks for one grade."""

    minutes: int
    granted_by: NodeLevel
    months_min: int
    """Months since registration."""
    policy_version: int
    assessed_percent_min: int = 0
    """How many of a hundred records somebody must have assessed; 0 for none."""
    good_percent_min: int = 0
    """How many of a hundred assessments must be good; 0 for none."""

    def member_from(self, member_since: date | None) -> date | None:
        """The first day on which somebody has been a member long enough; None while nobody knows since when."""
        return None if member_since is None else months_later(member_since, self.months_min)

    def met_by(self, minutes: int, member_since: date | None, day: date, said: "Assessed") -> bool:
        """Whether somebody has all that is asked for, and could apply but for what they hold or applied for already."""
        if minutes < self.minutes or not said.reaches(self):
            return False
        member_from = self.member_from(member_since) if self.months_min else day
        return member_from is not None and member_from <= day


@dataclass(frozen=True, slots=True)
class Assessed:
    """What registry's assessments say of a volunteer's service. A record may be assessed by both sides."""

    records: int = 0
    assessed: int = 0
    """Records that somebody assessed."""
    good: int = 0
    fair: int = 0
    poor: int = 0

    @property
    def assessed_percent(self) -> int:
        """Of a hundred records, how many were assessed; rounded down."""
        return 100 * self.assessed // self.records if self.records else 0

    @property
    def good_percent(self) -> int:
        """Of a hundred assessments, how many are good; rounded down."""
        said = self.good + self.fair + self.poor
        return 100 * self.good // said if said else 0

    def reaches(self, requirement: Requirement) -> bool:
        """Whether this is what the policy asks for."""
        enough = self.assessed_percent >= requirement.assessed_percent_min
        return enough and self.good_percent >= requirement.good_percent_min


@dataclass(frozen=True, slots=True)
class Apply:
    """Apply for a grade, as the volunteer or for somebody without a phone."""

    application_id: UUID
    volunteer_id: UUID
    community: str
    grade: int
    minutes: int
    """Confirmed minutes now."""
    requirement: Requirement
    member_since: date | None
    """Day of registration; None while that is not known."""
    forgotten: bool
    day: date
    assessed: Assessed = Assessed()
    """What registry's assessments say now."""


@dataclass(frozen=True, slots=True)
class AssessQuality:
    """Judge the quality of the service: the reviewer's own judgement, beside what was said of single records."""

    application_id: UUID
    quality: Quality
    reason: QualityReason | None
    office: str
    day: date


@dataclass(frozen=True, slots=True)
class Grant:
    """Grant the grade that was applied for."""

    application_id: UUID
    minutes: int
    authority: str
    granter: str
    assessors: frozenset[str]
    """Everyone who judged this application, as the store knows them."""
    judge_lost: bool
    """Whether the judgement in force was read back after a restore, so that nobody knows whose it is."""
    review_months: int
    """Months until the next review; 0 for none."""
    forgotten: bool
    day: date
    requirement: Requirement
    """What the policy of the day of the application asks."""
    assessed: Assessed = Assessed()
    """What registry's assessments say now."""


@dataclass(frozen=True, slots=True)
class Decline:
    """Do not grant it."""

    application_id: UUID
    reason: StarDeclineReason
    authority: str
    day: date


@dataclass(frozen=True, slots=True)
class Retract:
    """Whoever applied, or an office for them, no longer wants it decided."""

    application_id: UUID
    office: str
    day: date


@dataclass(frozen=True, slots=True)
class Review:
    """The time for a look has come."""

    minutes: int
    review_months: int
    day: date
    corrected_by: tuple[CorrectingEvent, ...] = ()
    """What took from the record since it last bore the grade; nothing where it does."""
    requirement: Requirement | None = None
    """What the policy of the day of the application asks of the assessments; None to leave them out."""
    assessed: Assessed = Assessed()


@dataclass(frozen=True, slots=True)
class LookAtHours:
    """The service record, or what was said of it, has changed since; see whether the grade still holds."""

    minutes: int
    day: date
    corrected_by: tuple[CorrectingEvent, ...] = ()
    """As of `Review`."""
    requirement: Requirement | None = None
    """As for a review."""
    assessed: Assessed = Assessed()


@dataclass(frozen=True, slots=True)
class Confirm:
    """Let a flagged grade stand."""

    minutes: int
    authority: str
    day: date
    assessed: Assessed = Assessed()


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the grade in force back."""

    reason: StarWithdrawalReason
    authority: str
    day: date


Command = Apply | AssessQuality | Grant | Decline | Retract | Review | LookAtHours | Remind | Confirm | Withdraw
