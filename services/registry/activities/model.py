"""The rules of an activity (志愿服务活动): published, signed up for, attended, completed, corrected.

Sources: 志愿服务条例 and 注册管理办法 on recording service (confirmed by the organiser, travel excluded); the evidence
tiers and the rule of forgotten check-outs as in the domain notes. That one person is not at two activities at once
spans activities, so no single stream can know it; a constraint of the database keeps it (`views.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.registry.activities.assessing import Assess, assess
from services.registry.activities.planning import Change, Dating, Publish, change, publish
from services.registry.activities.refusals import (
    ActivityCancelledAlready,
    ActivityCompletedAlready,
    ActivityFull,
    ActivityNotCompleted,
    ActivityNotPublished,
    ActivityOver,
    AlreadyAttended,
    AlreadySignedUp,
    CheckOutBeforeCheckIn,
    CompletedBeforeEnd,
    DatedInFuture,
    NobodyAttended,
    NoSuchRecord,
    NotAttended,
    NotCheckedIn,
    NotSignedUp,
    OutsideActivity,
    ServiceRecorded,
    StartFixed,
    StillCheckedIn,
)
from services.registry.activities.state import Activity, Attended, Stage, evolve, record_id
from shared.contracts import CorrectionReason, Event, Evidence, Refusal, local_time, refuse_if, refuse_unless
from shared.contracts.corrections import NO_RECORD, Told, check_correction
from shared.contracts.registry import (
    ActivityCancelled,
    ActivityCompleted,
    Attendance,
    AttendanceBackfilled,
    AttendanceCorrected,
    AttendanceWithdrawn,
    SignUpWithdrawn,
    VolunteerCheckedIn,
    VolunteerCheckedOut,
    VolunteerSignedUp,
)

__all__ = ["Activity", "Command", "Stage", "decide", "evolve", "record_id"]

_AT_ONCE = timedelta(minutes=1)
"""What reaches the platform within this time was entered on the spot."""


class CancellationReason(StrEnum):
    """Why an activity was called off."""

    WEATHER = "weather"
    TOO_FEW = "too_few"
    ORGANISER = "organiser"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SignUp:
    """A volunteer in good standing signs up."""

    volunteer_id: UUID
    at: datetime
    dating: Dating


@dataclass(frozen=True, slots=True)
class WithdrawSignUp:
    """A volunteer takes the sign-up back."""

    volunteer_id: UUID
    at: datetime
    dating: Dating


@dataclass(frozen=True, slots=True)
class CheckedIn:
    """On site at this moment; with `checked_out_at`, until then."""

    volunteer_id: UUID
    checked_in_at: datetime
    checked_out_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """Left the site at this moment, after an earlier check-in."""

    volunteer_id: UUID
    checked_out_at: datetime


@dataclass(frozen=True, slots=True)
class Backfilled:
    """Entered afterwards, by hand or from a sign-in sheet."""

    volunteer_id: UUID
    started_at: datetime
    minutes: int


Entry = CheckedIn | CheckedOut | Backfilled


@dataclass(frozen=True, slots=True)
class RecordAttendance:
    """One or many attendances of volunteers in good standing; all of them, or none."""

    entries: Sequence[Entry]
    dating: Dating


@dataclass(frozen=True, slots=True)
class WithdrawAttendance:
    """An attendance was entered by mistake, for the wrong person or with wrong times, and nothing is confirmed yet."""

    volunteer_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Complete:
    """The organiser confirms the attendances. Those of `forgotten` people are left out."""

    completed_at: datetime
    forgotten: frozenset[UUID]
    dating: Dating
    by: UUID | None = None
    """Opaque id of whoever confirms."""


@dataclass(frozen=True, slots=True)
class Correct:
    """A confirmed attendance was wrong: other minutes, other evidence, void (0 minutes), or missing altogether."""

    volunteer_id: UUID
    minutes: int
    evidence: Evidence
    reason: CorrectionReason
    started_at: datetime | None
    """Only to add a record that is missing; the start of an existing one is fixed."""
    dating: Dating
    by: UUID | None = None
    """Opaque id of whoever corrects."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The activity is called off."""

    reason: CancellationReason


Command = (
    Publish
    | Change
    | SignUp
    | WithdrawSignUp
    | RecordAttendance
    | WithdrawAttendance
    | Complete
    | Correct
    | Assess
    | Cancel
)


def decide(activity: Activity, command: Command) -> list[Event]:
    """What follows from a command, by the rules of the activity's stage."""
    if isinstance(command, Publish):
        return publish(activity, command)
    activity_id = activity.id
    if activity_id is None:
        raise ActivityNotPublished
    if isinstance(command, Correct):
        return [_correct(activity, activity_id, command)]
    if isinstance(command, Assess):
        return assess(activity, activity_id, command)
    refuse_if(activity.stage is Stage.COMPLETED, ActivityCompletedAlready)
    refuse_if(activity.stage is Stage.CANCELLED, ActivityCancelledAlready)
    match command:
        case Change():
            return change(activity, activity_id, command)
        case SignUp(volunteer_id=volunteer_id, at=at, dating=dating):
            refuse_if(volunteer_id in activity.signed_up, AlreadySignedUp())
            dating.happened(at)
            refuse_if(at >= activity.plan.planned_end, ActivityOver())
            refuse_if(
                activity.plan.places is not None and len(activity.signed_up) >= activity.plan.places,
                ActivityFull(places=activity.plan.places),
            )
            return [VolunteerSignedUp(activity_id=activity_id, volunteer_id=volunteer_id, signed_up_at=at)]
        case WithdrawSignUp(volunteer_id=volunteer_id, at=at, dating=dating):
            refuse_unless(volunteer_id in activity.signed_up, NotSignedUp())
            refuse_if(volunteer_id in activity.attended, AlreadyAttended(volunteer_id=volunteer_id))
            dating.happened(at)
            return [SignUpWithdrawn(activity_id=activity_id, volunteer_id=volunteer_id, withdrawn_at=at)]
        case RecordAttendance(entries=entries, dating=dating):
            return _record(activity, activity_id, entries, dating)
        case WithdrawAttendance(volunteer_id=volunteer_id, at=at):
            refuse_unless(volunteer_id in activity.attended, NotAttended(volunteer_id=volunteer_id))
            return [AttendanceWithdrawn(activity_id=activity_id, volunteer_id=volunteer_id, withdrawn_at=at)]
        case Complete():
            return [_complete(activity, activity_id, command)]
        case Cancel(reason=reason):
            refuse_if(bool(activity.attended), ServiceRecorded)
            return [ActivityCancelled(activity_id=activity_id, reason=reason.value)]


def _record(activity: Activity, activity_id: UUID, entries: Sequence[Entry], dating: Dating) -> list[Event]:
    """Check-ins first, then check-outs and backfilled ones: each kind in one run, which the views take in one go."""
    arrivals: list[Event] = []
    departures: list[Event] = []
    backfilled: list[Event] = []
    seen: set[UUID] = set()
    for entry in entries:
        refuse_if(entry.volunteer_id in seen, AlreadyAttended(volunteer_id=entry.volunteer_id))
        seen.add(entry.volunteer_id)
        check_entry(activity, entry, dating)
        who = {"activity_id": activity_id, "volunteer_id": entry.volunteer_id}
        match entry:
            case CheckedIn(checked_in_at=checked_in_at, checked_out_at=checked_out_at):
                late = dating.now - checked_in_at > _AT_ONCE
                entered_at = dating.now if late else None
                arrivals.append(VolunteerCheckedIn(**who, checked_in_at=checked_in_at, entered_at=entered_at))
                if checked_out_at is not None:
                    departures.append(VolunteerCheckedOut(**who, checked_out_at=checked_out_at))
            case CheckedOut(checked_out_at=checked_out_at):
                departures.append(VolunteerCheckedOut(**who, checked_out_at=checked_out_at))
            case Backfilled(started_at=started_at, minutes=minutes):
                backfilled.append(AttendanceBackfilled(**who, started_at=started_at, minutes=minutes))
    return arrivals + departures + backfilled


def check_entry(activity: Activity, entry: Entry, dating: Dating) -> None:
    """Refuse an entry that cannot stand in this activity. Says the same for one entry as for a row of a sheet."""
    if isinstance(entry, CheckedOut):
        open_entry = activity.attended.get(entry.volunteer_id)
        if open_entry is None or open_entry.minutes is not None:
            raise NotCheckedIn(volunteer_id=entry.volunteer_id)
        _check_span(activity, open_entry.started_at, entry.checked_out_at, dating)
        return
    refuse_if(entry.volunteer_id in activity.attended, AlreadyAttended(volunteer_id=entry.volunteer_id))
    if isinstance(entry, Backfilled):
        _check_span(activity, entry.started_at, entry.started_at + timedelta(minutes=entry.minutes), dating)
        return
    # An open check-in has to lie before the planned end, at which it will be closed if the check-out is forgotten.
    if entry.checked_out_at is None and entry.checked_in_at >= activity.plan.planned_end:
        raise _outside(activity, dating)
    _check_span(activity, entry.checked_in_at, entry.checked_out_at or entry.checked_in_at, dating)


def _check_span(activity: Activity, start: datetime, end: datetime, dating: Dating) -> None:
    dating.happened(start)
    refuse_if(end < start, CheckOutBeforeCheckIn())
    refuse_if(end > dating.now, DatedInFuture())
    _check_within(activity, start, end, dating)


def _check_within(activity: Activity, start: datetime, end: datetime, dating: Dating) -> None:
    if start < activity.plan.planned_start - dating.tolerance or end > activity.plan.planned_end + dating.tolerance:
        raise _outside(activity, dating)


def _outside(activity: Activity, dating: Dating) -> Refusal:
    return OutsideActivity(
        start=local_time(activity.plan.planned_start - dating.tolerance),
        end=local_time(activity.plan.planned_end + dating.tolerance),
    )


def _complete(activity: Activity, activity_id: UUID, command: Complete) -> ActivityCompleted:
    command.dating.happened(command.completed_at)
    refuse_if(command.completed_at < activity.plan.planned_start, CompletedBeforeEnd())
    confirmed = [
        _confirm(activity, activity_id, volunteer_id, entry, command.completed_at)
        for volunteer_id, entry in activity.attended.items()
        if volunteer_id not in command.forgotten
    ]
    refuse_unless(bool(confirmed), NobodyAttended)
    return ActivityCompleted(
        activity_id=activity_id,
        community=activity.community,
        team_id=activity.plan.team_id,
        category=activity.plan.category,
        completed_at=command.completed_at,
        attendances=tuple(sorted(confirmed, key=lambda item: (item.started_at, item.volunteer_id))),
        confirmed_by=command.by,
    )


def _confirm(
    activity: Activity, activity_id: UUID, volunteer_id: UUID, entry: Attended, completed_at: datetime
) -> Attendance:
    forgotten_check_out = entry.minutes is None
    if entry.minutes is None:
        refuse_if(completed_at < activity.plan.planned_end, StillCheckedIn())
        minutes = int((activity.plan.planned_end - entry.started_at).total_seconds()) // 60
    else:
        minutes = entry.minutes
        refuse_if(entry.started_at + timedelta(minutes=minutes) > completed_at, CompletedBeforeEnd())
    return Attendance(
        record_id=record_id(activity_id, volunteer_id),
        volunteer_id=volunteer_id,
        minutes=minutes,
        evidence=entry.evidence,
        started_at=entry.started_at,
        closed_at_planned_end=forgotten_check_out,
        entered_at=entry.entered_at,
    )


def _correct(activity: Activity, activity_id: UUID, command: Correct) -> AttendanceCorrected:
    refuse_unless(activity.stage is Stage.COMPLETED, ActivityNotCompleted)
    before = activity.attended.get(command.volunteer_id)
    if before is None:
        if command.started_at is None:
            raise NoSuchRecord
        # A record that was missing is service entered late, so it must not reach further back than other service.
        command.dating.happened(command.started_at)
        before = Attended(command.started_at, *NO_RECORD)
    else:
        refuse_if(command.started_at not in (None, before.started_at), StartFixed())
    minutes_before = before.minutes or 0
    check_correction(Told(minutes_before, before.evidence), Told(command.minutes, command.evidence), command.reason)
    if command.minutes > minutes_before:
        end = before.started_at + timedelta(minutes=command.minutes)
        refuse_if(end > command.dating.now, DatedInFuture())
        _check_within(activity, before.started_at, end, command.dating)
    return AttendanceCorrected(
        activity_id=activity_id,
        community=activity.community,
        category=activity.plan.category,
        record_id=record_id(activity_id, command.volunteer_id),
        volunteer_id=command.volunteer_id,
        started_at=before.started_at,
        minutes_before=minutes_before,
        evidence_before=before.evidence,
        minutes=command.minutes,
        evidence=command.evidence,
        revision=before.revision + 1,
        reason=command.reason,
        corrected_at=command.dating.now,
        corrected_by=command.by,
    )
