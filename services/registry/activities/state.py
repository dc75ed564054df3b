"""An activity (志愿服务活动) as its events tell it: who signed up, who attended and how that is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID, uuid5

from shared.contracts import Event, Evidence
from shared.contracts.registry import (
    ActivityCancelled,
    ActivityCategory,
    ActivityChanged,
    ActivityCompleted,
    ActivityPublished,
    AssessmentSide,
    AttendanceBackfilled,
    AttendanceCorrected,
    AttendanceWithdrawn,
    ServiceAssessed,
    ServiceQuality,
    SignUpWithdrawn,
    VolunteerCheckedIn,
    VolunteerCheckedOut,
    VolunteerSignedUp,
)


class Stage(StrEnum):
    """Where an activity stands."""

    UNPUBLISHED = "unpublished"
    PUBLISHED = "published"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Attended:
    """One volunteer's attendance: open while `minutes` is None, then closed, later perhaps corrected."""

    started_at: datetime
    minutes: int | None
    evidence: Evidence
    revision: int = 0
    entered_at: datetime | None = None
    """When the check-in was entered, where that was later."""

    @property
    def ended_at(self) -> datetime | None:
        """When the service that counts ended; None while checked in."""
        return None if self.minutes is None else self.started_at + timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Plan:
    """What people are told of an activity before it begins."""

    title: str
    category: ActivityCategory
    planned_start: datetime
    planned_end: datetime
    team_id: UUID | None = None
    places: int | None = None
    """How many may sign up; None for no limit."""
    meeting_place: str | None = None


_UNSET = datetime(1, 1, 1, tzinfo=UTC)
_NO_PLAN = Plan("", ActivityCategory.GENERAL, _UNSET, _UNSET)
_NOBODY: Mapping[UUID, Attended] = MappingProxyType({})
_NOTHING_SAID: Mapping[tuple[UUID, AssessmentSide], ServiceQuality] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Activity:
    """What the rules need to know of an activity."""

    id: UUID | None = None
    community: str = ""
    plan: Plan = _NO_PLAN
    stage: Stage = Stage.UNPUBLISHED
    signed_up: frozenset[UUID] = frozenset()
    attended: Mapping[UUID, Attended] = field(default_factory=lambda: _NOBODY)
    assessed: Mapping[tuple[UUID, AssessmentSide], ServiceQuality] = field(default_factory=lambda: _NOTHING_SAID)


def record_id(activity_id: UUID, volunteer_id: UUID) -> UUID:
    """The id of a volunteer's service record in an activity. There is one, so it can be derived and never doubles."""
    return uuid5(activity_id, str(volunteer_id))


def whole_minutes(start: datetime, end: datetime) -> int:
    """Full minutes from start to end; never more than the span."""
    return int((end - start).total_seconds()) // 60


def evolve(activity: Activity, event: Event) -> Activity:
    """The activity after an event of its own."""
    match event:
        case ActivityPublished():
            return Activity(
                id=event.activity_id,
                community=event.community,
                plan=_plan(event),
                stage=Stage.PUBLISHED,
            )
        case ActivityChanged():
            return replace(activity, plan=_plan(event))
        case VolunteerSignedUp():
            return replace(activity, signed_up=activity.signed_up | {event.volunteer_id})
        case SignUpWithdrawn():
            return replace(activity, signed_up=activity.signed_up - {event.volunteer_id})
        case VolunteerCheckedIn():
            return _with(
                activity, event.volunteer_id, Attended(event.checked_in_at, None, Evidence.SCANNED, 0, event.entered_at)
            )
        case VolunteerCheckedOut():
            entry = activity.attended[event.volunteer_id]
            minutes = whole_minutes(entry.started_at, event.checked_out_at)
            return _with(activity, event.volunteer_id, replace(entry, minutes=minutes))
        case AttendanceBackfilled():
            entry = Attended(event.started_at, event.minutes, Evidence.BACKFILLED)
            return _with(activity, event.volunteer_id, entry)
        case AttendanceWithdrawn():
            others = {who: entry for who, entry in activity.attended.items() if who != event.volunteer_id}
            return replace(activity, attended=others)
        case ActivityCompleted():
            confirmed = {
                item.volunteer_id: Attended(item.started_at, item.minutes, item.evidence) for item in event.attendances
            }
            return replace(activity, stage=Stage.COMPLETED, attended=confirmed)
        case AttendanceCorrected():
            entry = Attended(event.started_at, event.minutes, event.evidence, event.revision)
            return _with(activity, event.volunteer_id, entry)
        case ServiceAssessed():
            said = {**activity.assessed, (event.volunteer_id, event.side): event.quality}
            return replace(activity, assessed=said)
        case ActivityCancelled():
            return replace(activity, stage=Stage.CANCELLED)
    return activity


def _plan(event: ActivityPublished | ActivityChanged) -> Plan:
    return Plan(
        title=event.title,
        category=event.category,
        planned_start=event.planned_start,
        planned_end=event.planned_end,
        team_id=event.team_id,
        places=event.places,
        meeting_place=event.meeting_place,
    )


def _with(activity: Activity, volunteer_id: UUID, entry: Attended) -> Activity:
    return replace(activity, attended={**activity.attended, volunteer_id: entry})
