"""A shift as its events tell it, and the facts that can be read off it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from shared.contracts import Event, Evidence
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

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_NIGHT_FROM_HOUR, _NIGHT_TO_HOUR = 22, 6
_EPOCH = datetime.min.replace(tzinfo=UTC)
_NO_DEVICES: Mapping[str, UUID] = MappingProxyType({})
_NO_SCANS: Mapping[tuple[str, datetime], tuple[ScanMark, ...]] = MappingProxyType({})


class Stage(StrEnum):
    """Where a shift stands."""

    UNPLANNED = "unplanned"
    PLANNED = "planned"
    RUNNING = "running"
    LOGGED = "logged"
    CANCELLED = "cancelled"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What counts of one person's service on a logged shift, corrections included."""

    minutes: int
    evidence: Evidence
    revision: int = 0


_NOBODY: Mapping[UUID, Recorded] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Shift:
    """What the rules need to know of a shift."""

    id: UUID | None = None
    community: str = ""
    crew_id: UUID | None = None
    crew_kind: CrewKind = CrewKind.VOLUNTEER
    stage: Stage = Stage.UNPLANNED
    cells: tuple[str, ...] = ()
    members: tuple[UUID, ...] = ()
    """Who was planned."""
    planned_start: datetime = _EPOCH
    planned_end: datetime = _EPOCH
    started_at: datetime | None = None
    late_minutes: int = 0
    ended_at: datetime | None = None
    logged: PatrolShiftLogged | None = None
    """The log, once there is one."""
    records: Mapping[UUID, Recorded] = field(default_factory=lambda: _NOBODY)
    """The service of each, once it is logged."""
    scans: Mapping[tuple[str, datetime], tuple[ScanMark, ...]] = field(default_factory=lambda: _NO_SCANS)
    """The marks of every scan by device and device time, which are what makes two of them the same."""
    devices: Mapping[str, UUID] = field(default_factory=lambda: _NO_DEVICES)
    """For whom a device scanned first."""
    scanned_cells: frozenset[str] = frozenset()
    """Cells scanned that are cells of the community."""
    scanned_by: frozenset[UUID] = frozenset()
    attested: frozenset[UUID] = frozenset()
    """Who scanned a cell of the community. A code that hangs nowhere shows of nobody that they were out."""

    @property
    def covered_cells(self) -> tuple[str, ...]:
        """The scanned cells: those of the beat in its order, then the others by code."""
        beat = tuple(cell for cell in self.cells if cell in self.scanned_cells)
        return beat + tuple(sorted(self.scanned_cells.difference(self.cells)))

    @property
    def people(self) -> frozenset[UUID]:
        """Who was planned for the shift or scanned on it."""
        return self.scanned_by.union(self.members)


def record_id(shift_id: UUID, volunteer_id: UUID) -> UUID:
    """The id of a member's service record on a shift. There is one, so it can be derived and never doubles."""
    return uuid5(shift_id, str(volunteer_id))


def whole_minutes(start: datetime, end: datetime) -> int:
    """Full minutes from start to end; never more than the span."""
    return int((end - start).total_seconds()) // 60


def at_night(start: datetime, end: datetime) -> bool:
    """Whether more than half of the span lies between 22:00 and 06:00 in Asia/Shanghai."""
    night = timedelta()
    midnight = start.astimezone(_SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight -= timedelta(days=1)
    while midnight < end:
        opens = midnight.replace(hour=_NIGHT_FROM_HOUR)
        closes = (midnight + timedelta(days=1)).replace(hour=_NIGHT_TO_HOUR)
        night += max(min(end, closes) - max(start, opens), timedelta())
        midnight += timedelta(days=1)
    return night * 2 > end - start


def evolve(shift: Shift, event: Event) -> Shift:
    """The shift after an event of its own."""
    match event:
        case ShiftPlanned():
            return Shift(
                id=event.shift_id,
                community=event.community,
                crew_id=event.crew_id,
                crew_kind=event.crew_kind,
                stage=Stage.PLANNED,
                cells=event.cells,
                members=event.members,
                planned_start=event.planned_start,
                planned_end=event.planned_end,
            )
        case ShiftStarted(started_at=started_at, late_minutes=late_minutes):
            return replace(shift, stage=Stage.RUNNING, started_at=started_at, late_minutes=late_minutes)
        case CheckpointScanned():
            return _scanned(shift, event)
        case PatrolShiftLogged():
            records = {record.volunteer_id: Recorded(record.minutes, record.evidence) for record in event.members}
            return replace(shift, stage=Stage.LOGGED, ended_at=event.ended_at, logged=event, records=records)
        case PatrolServiceCorrected():
            record = Recorded(event.minutes, event.evidence, event.revision)
            return replace(shift, records={**shift.records, event.volunteer_id: record})
        case ShiftCancelled():
            return replace(shift, stage=Stage.CANCELLED)
        case ShiftMissed():
            return replace(shift, stage=Stage.MISSED)
        case _:
            return shift


def _scanned(shift: Shift, scan: CheckpointScanned) -> Shift:
    devices = shift.devices
    if scan.device_id not in devices:
        devices = MappingProxyType({**devices, scan.device_id: scan.volunteer_id})
    known = ScanMark.UNKNOWN_CELL not in scan.marks
    return replace(
        shift,
        scans=MappingProxyType({**shift.scans, (scan.device_id, scan.device_time): scan.marks}),
        devices=devices,
        scanned_cells=shift.scanned_cells | {scan.cell} if known else shift.scanned_cells,
        scanned_by=shift.scanned_by | {scan.volunteer_id},
        attested=shift.attested | {scan.volunteer_id} if known else shift.attested,
    )
