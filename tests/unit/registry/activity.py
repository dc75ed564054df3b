"""An activity for the tests of its rules, and what may have happened to it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.registry.activities.model import (
    Entry,
    RecordAttendance,
    record_id,
)
from services.registry.activities.planning import Dating, Publish
from services.registry.activities.state import Plan
from services.registry.activities.streams import ACTIVITIES
from shared.contracts import CorrectionReason, Event, Evidence
from shared.contracts.registry import (
    ActivityCancelled,
    ActivityCategory,
    ActivityCompleted,
    ActivityPublished,
    Attendance,
    AttendanceBackfilled,
    AttendanceCorrected,
    VolunteerCheckedIn,
    VolunteerCheckedOut,
    VolunteerSignedUp,
)
from tests.specification import Outcome, given

ACTIVITY = UUID("01980000-0000-7000-8000-0000000000ac")
ANNA, BO, CLEO = (UUID(int=number) for number in (1, 2, 3))
START = datetime(2026, 3, 20, 1, 0, tzinfo=UTC)
END = START + timedelta(hours=2)
NOW = END + timedelta(hours=1)


def dating(now: datetime = NOW) -> Dating:
    return Dating(now, now - timedelta(days=7), timedelta(hours=2))


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


PUBLISHED = ActivityPublished(
    activity_id=ACTIVITY,
    community="620201001004",
    title="样例活动",
    category=ActivityCategory.ENVIRONMENT,
    planned_start=START,
    planned_end=END,
    places=2,
)
PLAN = Plan("样例活动", ActivityCategory.ENVIRONMENT, START, END, places=2)
PUBLISH = Publish(ACTIVITY, "620201001004", PLAN, dating(START))
CANCELLED = ActivityCancelled(activity_id=ACTIVITY, reason="weather")


def signed_up(who: UUID) -> VolunteerSignedUp:
    return VolunteerSignedUp(activity_id=ACTIVITY, volunteer_id=who, signed_up_at=after(-60))


def arrived(who: UUID, minutes: float = 0, entered_at: datetime | None = None) -> VolunteerCheckedIn:
    return VolunteerCheckedIn(
        activity_id=ACTIVITY, volunteer_id=who, checked_in_at=after(minutes), entered_at=entered_at
    )


def left(who: UUID, minutes: float) -> VolunteerCheckedOut:
    return VolunteerCheckedOut(activity_id=ACTIVITY, volunteer_id=who, checked_out_at=after(minutes))


def backfilled(who: UUID, minutes: int) -> AttendanceBackfilled:
    return AttendanceBackfilled(activity_id=ACTIVITY, volunteer_id=who, started_at=START, minutes=minutes)


def attendance(who: UUID, minutes: int, evidence: Evidence = Evidence.SCANNED, closed: bool = False) -> Attendance:
    return Attendance(
        record_id=record_id(ACTIVITY, who),
        volunteer_id=who,
        minutes=minutes,
        evidence=evidence,
        started_at=START,
        closed_at_planned_end=closed,
    )


def completed(*attendances: Attendance, at: datetime = NOW) -> ActivityCompleted:
    return ActivityCompleted(
        activity_id=ACTIVITY,
        community="620201001004",
        category=ActivityCategory.ENVIRONMENT,
        completed_at=at,
        attendances=attendances,
    )


def corrected(who: UUID, before: int, after_: int, revision: int = 1, **fields: object) -> AttendanceCorrected:
    return AttendanceCorrected(
        **{
            "activity_id": ACTIVITY,
            "community": "620201001004",
            "category": ActivityCategory.ENVIRONMENT,
            "record_id": record_id(ACTIVITY, who),
            "volunteer_id": who,
            "started_at": START,
            "minutes_before": before,
            "evidence_before": Evidence.SCANNED,
            "minutes": after_,
            "evidence": Evidence.SCANNED,
            "revision": revision,
            "reason": CorrectionReason.WRONG_TIME,
            "corrected_at": NOW,
            **fields,
        }
    )


def recording(events: Sequence[Event], *entries: Entry, now: datetime = NOW) -> Outcome:
    return given(ACTIVITIES, PUBLISHED, *events).when(RecordAttendance(entries, dating(now)))
