"""The rules of a patrol shift (巡防班次): planned, started, its checkpoints scanned, logged; or cancelled, or missed.

What was logged of somebody can be corrected, as an attendance in the registry can (decision 0040).

Phones go offline, so scans come in any order, late and twice. What is odd about one is marked and never refused: the
crew walked, and a person decides what the mark means. That one person is not on two shifts at once spans shifts, so
no single stream can know it; a constraint of the database keeps it (`views.py`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from services.grid_patrol.shifts.refusals import (
    MinutesExceedSpan,
    NobodyServed,
    NotOnShift,
    PlannedNotInCrew,
    ShiftAlreadyPlanned,
    ShiftAlreadyStarted,
    ShiftCellUnknown,
    ShiftClosed,
    ShiftCrewDisbanded,
    ShiftDatedInFuture,
    ShiftDatedTooFarBack,
    ShiftEndsBeforeStart,
    ShiftNotLogged,
    ShiftNotPlanned,
    ShiftNotRunning,
    ShiftStartTooEarly,
    ShiftStartTooLate,
    ShiftTooFarAhead,
    ShiftTooLong,
    TooManyScans,
)
from services.grid_patrol.shifts.state import Recorded, Shift, Stage, at_night, evolve, record_id, whole_minutes
from shared.contracts import CorrectionReason, Event, Evidence, ServiceRecord, local_time, refuse_if, refuse_unless
from shared.contracts.corrections import NO_RECORD, Told, check_correction
from shared.contracts.grid_patrol import (
    CheckpointScanned,
    CrewKind,
    PatrolServiceCorrected,
    PatrolShiftLogged,
    ScanMark,
    ShiftCancelled,
    ShiftMissed,
    ShiftPlanned,
    ShiftStarted,
)

__all__ = ["Command", "Shift", "Stage", "decide", "evolve", "record_id"]

PLANNED_HOURS_MAX: Final = 12
"""Service over 12 hours a day needs the district's approval; nobody plans it."""
LOGGED_HOURS_MAX: Final = 24
"""A service record never spans more than a day."""
AHEAD_DAYS_MAX: Final = 366
EARLY_START_MAX: Final = timedelta(hours=1)
CLOCK_TOLERANCE: Final = timedelta(minutes=2)
"""How far a phone's clock may be ahead before its scan is marked."""
SHIFT_TOLERANCE: Final = timedelta(minutes=15)
"""How far outside the shift a scan may lie before it is marked."""
SCANS_MAX: Final = 2000


class CancellationReason(StrEnum):
    """Why a shift was called off."""

    WEATHER = "weather"
    TOO_FEW = "too_few"
    ORGANISER = "organiser"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Dating:
    """Bounds for every moment that people enter."""

    now: datetime
    earliest: datetime
    """How far back something may be dated that is entered now (`BACKDATING_MAX_DAYS`)."""

    def happened(self, moment: datetime) -> None:
        """Refuse a moment in the future or too far back."""
        refuse_if(moment > self.now, ShiftDatedInFuture)
        self.recent(moment)

    def recent(self, moment: datetime) -> None:
        """Refuse a moment too far back."""
        refuse_if(moment < self.earliest, ShiftDatedTooFarBack(earliest=local_time(self.earliest)))


@dataclass(frozen=True, slots=True)
class Graces:
    """How late is late, and how late is missed."""

    late_after: timedelta
    missed_after: timedelta


@dataclass(frozen=True, slots=True)
class CrewOnDuty:
    """What a plan has to agree with: the crew whose shift it is."""

    crew_id: UUID
    kind: CrewKind
    members: frozenset[UUID]
    disbanded: bool


@dataclass(frozen=True, slots=True)
class PlanShift:
    """A shift over some cells, for some of a crew. `known_cells` are those of `cells` that the grid has."""

    shift_id: UUID
    community: str
    crew: CrewOnDuty
    cells: tuple[str, ...]
    known_cells: frozenset[str]
    members: tuple[UUID, ...]
    planned_start: datetime
    planned_end: datetime
    dating: Dating


@dataclass(frozen=True, slots=True)
class StartShift:
    """The crew set out."""

    started_at: datetime
    graces: Graces
    dating: Dating


@dataclass(frozen=True, slots=True)
class Scan:
    """What a phone says it scanned. `device_id` is a digest; `device_time` is the phone's own clock."""

    cell: str
    volunteer_id: UUID
    device_id: str
    device_time: datetime


@dataclass(frozen=True, slots=True)
class RecordScans:
    """Scans as a phone delivers them, new ones and ones that were delivered before.

    `known_cells` are those of the scanned cells that the grid has.
    """

    scans: tuple[Scan, ...]
    known_cells: frozenset[str]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Served:
    """A member served so many minutes; None for the whole shift."""

    volunteer_id: UUID
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class LogShift:
    """The shift is over: who served, and for how long.

    Without `served` everybody who was planned did, but for the `unavailable`: those whose service may no longer be
    recorded. `findings_count` is what was reported on the shift until now.
    """

    ended_at: datetime
    served: tuple[Served, ...] | None
    unavailable: frozenset[UUID]
    findings_count: int
    dating: Dating
    by: UUID | None = None


@dataclass(frozen=True, slots=True)
class CorrectService:
    """Logged service was wrong: other minutes, other evidence, void (0 minutes), or somebody was left out."""

    volunteer_id: UUID
    minutes: int
    evidence: Evidence
    reason: CorrectionReason
    dating: Dating
    by: UUID | None = None
    """Opaque id of whoever corrects."""


@dataclass(frozen=True, slots=True)
class CancelShift:
    """The shift is called off, before or under way; no service comes of it."""

    reason: CancellationReason


@dataclass(frozen=True, slots=True)
class MarkMissed:
    """The grace time is over."""


Command = PlanShift | StartShift | RecordScans | LogShift | CorrectService | CancelShift | MarkMissed


def decide(shift: Shift, command: Command) -> list[Event]:
    """What follows from a command. Raises the refusals of `refusals.py`."""
    if isinstance(command, PlanShift):
        return _plan(shift, command)
    refuse_if(shift.stage is Stage.UNPLANNED, ShiftNotPlanned)
    match command:
        case StartShift():
            return _start(shift, command)
        case RecordScans():
            return _record(shift, command)
        case LogShift():
            return _log(shift, command)
        case CorrectService():
            return [_correct(shift, command)]
        case CancelShift(reason=reason):
            refuse_unless(shift.stage in (Stage.PLANNED, Stage.RUNNING), ShiftClosed(stage=shift.stage.value))
            return [ShiftCancelled(shift_id=_id(shift), community=shift.community, reason=reason.value)]
        case MarkMissed():
            if shift.stage is not Stage.PLANNED:
                return []
            return [
                ShiftMissed(
                    shift_id=_id(shift),
                    community=shift.community,
                    crew_id=_crew(shift),
                    planned_start=shift.planned_start,
                )
            ]


def _plan(shift: Shift, plan: PlanShift) -> list[Event]:
    refuse_unless(shift.stage is Stage.UNPLANNED, ShiftAlreadyPlanned)
    refuse_if(plan.crew.disbanded, ShiftCrewDisbanded)
    refuse_unless(plan.planned_start < plan.planned_end, ShiftEndsBeforeStart)
    too_long = plan.planned_end - plan.planned_start > timedelta(hours=PLANNED_HOURS_MAX)
    refuse_if(too_long, ShiftTooLong(hours_max=PLANNED_HOURS_MAX))
    plan.dating.recent(plan.planned_start)
    too_far = plan.planned_start > plan.dating.now + timedelta(days=AHEAD_DAYS_MAX)
    refuse_if(too_far, ShiftTooFarAhead(days_max=AHEAD_DAYS_MAX))
    for cell in plan.cells:
        refuse_unless(cell in plan.known_cells, ShiftCellUnknown(cell=cell))
    for member in plan.members:
        refuse_unless(member in plan.crew.members, PlannedNotInCrew(volunteer_id=str(member)))
    return [
        ShiftPlanned(
            shift_id=plan.shift_id,
            community=plan.community,
            crew_id=plan.crew.crew_id,
            crew_kind=plan.crew.kind,
            cells=tuple(dict.fromkeys(plan.cells)),
            members=tuple(dict.fromkeys(plan.members)),
            planned_start=plan.planned_start,
            planned_end=plan.planned_end,
        )
    ]


def _start(shift: Shift, start: StartShift) -> list[Event]:
    refuse_if(shift.stage is Stage.RUNNING, ShiftAlreadyStarted)
    # A shift that the timer marked as missed may still have set out in time: the phone was offline.
    refuse_unless(shift.stage in (Stage.PLANNED, Stage.MISSED), ShiftClosed(stage=shift.stage.value))
    start.dating.happened(start.started_at)
    too_early = start.started_at < shift.planned_start - EARLY_START_MAX
    refuse_if(
        too_early,
        ShiftStartTooEarly(minutes_max=whole_minutes(shift.planned_start, shift.planned_start + EARLY_START_MAX)),
    )
    late_by = start.started_at - shift.planned_start
    too_late = late_by > start.graces.missed_after or start.started_at >= shift.planned_end
    refuse_if(too_late, ShiftStartTooLate(minutes_max=int(start.graces.missed_after.total_seconds()) // 60))
    late_minutes = whole_minutes(shift.planned_start, start.started_at) if late_by > start.graces.late_after else 0
    return [ShiftStarted(shift_id=_id(shift), started_at=start.started_at, late_minutes=late_minutes)]


def _record(shift: Shift, record: RecordScans) -> list[Event]:
    scanned: list[Event] = []
    for scan in record.scans:
        if (scan.device_id, scan.device_time) in shift.scans:
            continue
        refuse_if(len(shift.scans) >= SCANS_MAX, TooManyScans(scans_max=SCANS_MAX))
        event = CheckpointScanned(
            shift_id=_id(shift),
            cell=scan.cell,
            volunteer_id=scan.volunteer_id,
            device_id=scan.device_id,
            device_time=scan.device_time,
            received_at=record.received_at,
            marks=_marks(shift, scan, record),
        )
        scanned.append(event)
        shift = evolve(shift, event)
    return scanned


def _marks(shift: Shift, scan: Scan, record: RecordScans) -> tuple[ScanMark, ...]:
    opens = shift.started_at or shift.planned_start
    closes = shift.ended_at
    if closes is None and shift.stage is not Stage.RUNNING:
        closes = shift.planned_end
    odd = {
        ScanMark.OFF_BEAT: scan.cell not in shift.cells,
        ScanMark.UNKNOWN_CELL: scan.cell not in shift.cells and scan.cell not in record.known_cells,
        ScanMark.NOT_ON_SHIFT: scan.volunteer_id not in shift.members,
        ScanMark.SHARED_DEVICE: shift.devices.get(scan.device_id, scan.volunteer_id) != scan.volunteer_id,
        ScanMark.CLOCK_SKEW: scan.device_time > record.received_at + CLOCK_TOLERANCE,
        ScanMark.OUTSIDE_SHIFT: scan.device_time < opens - SHIFT_TOLERANCE
        or (closes is not None and scan.device_time > closes + SHIFT_TOLERANCE),
        ScanMark.BEFORE_START: shift.stage is Stage.PLANNED,
        ScanMark.AFTER_CLOSE: shift.stage in (Stage.LOGGED, Stage.CANCELLED, Stage.MISSED),
    }
    return tuple(mark for mark, holds in odd.items() if holds)


def _log(shift: Shift, log: LogShift) -> list[Event]:
    if shift.stage is not Stage.RUNNING or shift.started_at is None:
        raise ShiftNotRunning(stage=shift.stage.value)
    log.dating.happened(log.ended_at)
    refuse_unless(shift.started_at < log.ended_at, ShiftEndsBeforeStart)
    too_long = log.ended_at - shift.started_at > timedelta(hours=LOGGED_HOURS_MAX)
    refuse_if(too_long, ShiftTooLong(hours_max=LOGGED_HOURS_MAX))
    return [
        PatrolShiftLogged(
            shift_id=_id(shift),
            community=shift.community,
            crew_id=_crew(shift),
            crew_kind=shift.crew_kind,
            started_at=shift.started_at,
            ended_at=log.ended_at,
            night=at_night(shift.started_at, log.ended_at),
            covered_cells=shift.covered_cells,
            planned_cells=shift.cells,
            findings_count=log.findings_count,
            members=_service(shift, shift.started_at, log),
            confirmed_by=log.by,
        )
    ]


def _service(shift: Shift, started_at: datetime, log: LogShift) -> tuple[ServiceRecord, ...]:
    span_minutes = whole_minutes(started_at, log.ended_at)
    served = log.served
    if served is None:
        served = tuple(Served(member) for member in shift.members if member not in log.unavailable)
    records = {}
    for entry in served:
        refuse_unless(entry.volunteer_id in shift.people, NotOnShift(volunteer_id=str(entry.volunteer_id)))
        minutes = span_minutes if entry.minutes is None else entry.minutes
        too_many = minutes > span_minutes
        refuse_if(too_many, MinutesExceedSpan(volunteer_id=str(entry.volunteer_id), minutes_max=span_minutes))
        records[entry.volunteer_id] = ServiceRecord(
            record_id=record_id(_id(shift), entry.volunteer_id),
            volunteer_id=entry.volunteer_id,
            minutes=minutes,
            evidence=Evidence.SCANNED if entry.volunteer_id in shift.attested else Evidence.BACKFILLED,
            started_at=started_at,
        )
    refuse_unless(bool(records), NobodyServed)
    return tuple(records.values())


def _correct(shift: Shift, command: CorrectService) -> PatrolServiceCorrected:
    who, logged = command.volunteer_id, shift.logged
    if logged is None:
        raise ShiftNotLogged(stage=shift.stage.value)
    before = shift.records.get(who)
    if before is None:
        refuse_unless(who in shift.people, NotOnShift(volunteer_id=str(who)))
        # A record that was missing is service entered late, so it must not reach further back than other service.
        command.dating.recent(logged.started_at)
        before = Recorded(*NO_RECORD)
    check_correction(
        Told(before.minutes, before.evidence),
        Told(command.minutes, command.evidence),
        command.reason,
        attested=who in shift.attested,
    )
    span_minutes = whole_minutes(logged.started_at, logged.ended_at)
    too_many = command.minutes > span_minutes
    refuse_if(too_many, MinutesExceedSpan(volunteer_id=str(who), minutes_max=span_minutes))
    return PatrolServiceCorrected(
        shift_id=_id(shift),
        community=shift.community,
        crew_kind=logged.crew_kind,
        night=logged.night,
        record_id=record_id(_id(shift), who),
        volunteer_id=who,
        started_at=logged.started_at,
        minutes_before=before.minutes,
        evidence_before=before.evidence,
        minutes=command.minutes,
        evidence=command.evidence,
        revision=before.revision + 1,
        reason=command.reason,
        corrected_at=command.dating.now,
        corrected_by=command.by,
    )


def _id(shift: Shift) -> UUID:
    assert shift.id is not None, "a planned shift has an id"
    return shift.id


def _crew(shift: Shift) -> UUID:
    assert shift.crew_id is not None, "a planned shift has a crew"
    return shift.crew_id
