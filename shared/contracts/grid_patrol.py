"""What the patrol grid tells: cells, crews, shifts and what was found on them."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.common import CommunityCode, CorrectionReason, Evidence, Minutes, ServiceRecord
from shared.contracts.event import Event


class CrewKind(StrEnum):
    """The three crews of the mission document."""

    JOINT_DEFENCE = "joint_defence"
    """联防队"""
    VOLUNTEER = "volunteer"
    """志愿者巡逻队"""
    CADRE = "cadre"
    """干部巡逻队"""


class FindingKind(StrEnum):
    """What a patrol can come upon."""

    DISPUTE = "dispute"
    HAZARD = "hazard"
    SECURITY = "security"
    SANITATION = "sanitation"
    FACILITY = "facility"
    PERSON_IN_NEED = "person_in_need"


class RiskLevel(StrEnum):
    """Red, yellow, blue, as patrol and mediation grade them."""

    RED = "red"
    YELLOW = "yellow"
    BLUE = "blue"


class ScanMark(StrEnum):
    """What is odd about a scan. Oddities are marked, never refused: a person decides what they mean."""

    OFF_BEAT = "off_beat"
    """The cell is not on the shift's beat."""
    UNKNOWN_CELL = "unknown_cell"
    """The community has no such cell, or no longer has it."""
    NOT_ON_SHIFT = "not_on_shift"
    """The volunteer was not planned for the shift."""
    SHARED_DEVICE = "shared_device"
    """The device had scanned for another person of the shift before."""
    CLOCK_SKEW = "clock_skew"
    """The device's clock was ahead of the time of receipt."""
    OUTSIDE_SHIFT = "outside_shift"
    """By the device's clock the scan lies outside the shift."""
    BEFORE_START = "before_start"
    """It was received before the shift was started."""
    AFTER_CLOSE = "after_close"
    """It was received after the shift was logged, cancelled or missed, and changes nothing about that."""


class CellDefined(Event, context="grid_patrol"):
    """A grid cell (网格) of about 10,000 m² exists in a community."""

    cell: str
    community: CommunityCode
    area_m2: int = Field(ge=1)


class CellRetired(Event, context="grid_patrol"):
    """A cell is no longer part of the grid."""

    cell: str
    community: CommunityCode


class CrewFormed(Event, context="grid_patrol"):
    """A patrol crew exists."""

    crew_id: UUID
    community: CommunityCode
    name: str
    kind: CrewKind


class CrewRenamed(Event, context="grid_patrol"):
    """A crew has another name; everything else about it stays."""

    crew_id: UUID
    name: str


class CrewMemberAdded(Event, context="grid_patrol"):
    """A volunteer joined the crew."""

    crew_id: UUID
    volunteer_id: UUID


class CrewMemberRemoved(Event, context="grid_patrol"):
    """A volunteer left the crew."""

    crew_id: UUID
    volunteer_id: UUID


class CrewDisbanded(Event, context="grid_patrol"):
    """The crew no longer exists."""

    crew_id: UUID


class ShiftPlanned(Event, context="grid_patrol"):
    """A patrol shift was planned over some cells, for some of the crew."""

    shift_id: UUID
    community: CommunityCode
    crew_id: UUID
    crew_kind: CrewKind
    cells: tuple[str, ...]
    members: tuple[UUID, ...]
    planned_start: AwareDatetime
    planned_end: AwareDatetime


class ShiftStarted(Event, context="grid_patrol"):
    """The crew set out."""

    shift_id: UUID
    started_at: AwareDatetime
    late_minutes: int = Field(ge=0)


class CheckpointScanned(Event, context="grid_patrol"):
    """A cell's checkpoint was scanned. Scans come late and twice; device clocks are not trusted, only kept."""

    shift_id: UUID
    cell: str
    volunteer_id: UUID
    device_id: str = Field(description="Keyed digest of the phone's own id: tells devices apart, and nothing else.")
    device_time: AwareDatetime
    received_at: AwareDatetime
    marks: tuple[ScanMark, ...] = Field(default=(), description="What is odd about the scan.")


class PatrolFindingReported(Event, context="grid_patrol"):
    """Something was found on patrol. What was said about it stays in the vault under `finding_id`."""

    finding_id: UUID
    shift_id: UUID
    community: CommunityCode
    cell: str
    kind: FindingKind
    risk: RiskLevel
    reported_by: UUID
    found_at: AwareDatetime


class PatrolShiftLogged(Event, context="grid_patrol"):
    """A shift was closed with the service of each member."""

    shift_id: UUID
    community: CommunityCode
    crew_id: UUID
    crew_kind: CrewKind
    started_at: AwareDatetime
    ended_at: AwareDatetime
    night: bool = Field(description="More than half of the shift lay between 22:00 and 06:00 local time.")
    covered_cells: tuple[str, ...]
    planned_cells: tuple[str, ...]
    findings_count: int = Field(ge=0)
    members: tuple[ServiceRecord, ...]
    confirmed_by: UUID | None = Field(
        default=None,
        description="Opaque id of whoever closed it: a volunteer's own, or one that stands for staff.",
    )


class PatrolServiceCorrected(Event, context="grid_patrol"):
    """One person's service on a logged shift was changed, voided, or added where the log had left it out. Carries both
    sides, so that it can be priced by itself.
    """

    shift_id: UUID
    community: CommunityCode
    crew_kind: CrewKind
    night: bool = Field(description="As the shift was logged; with the kind of crew it prices both sides.")
    record_id: UUID
    volunteer_id: UUID
    started_at: AwareDatetime = Field(description="Start of the shift, as it was logged.")
    minutes_before: Minutes
    evidence_before: Evidence
    minutes: Minutes = Field(description="Minutes that now count; zero voids the record.")
    evidence: Evidence
    revision: int = Field(ge=1, description="1 for the first correction of this record, then 2, 3, …")
    reason: CorrectionReason
    corrected_at: AwareDatetime
    corrected_by: UUID | None = Field(default=None, description="Opaque id of whoever corrected it.")


class ShiftCancelled(Event, context="grid_patrol"):
    """A shift was called off before it was logged."""

    shift_id: UUID
    community: CommunityCode
    reason: str = Field(description="Code of the reason: weather, too_few, organiser, other.")


class ShiftMissed(Event, context="grid_patrol"):
    """Nobody set out within the grace time."""

    shift_id: UUID
    community: CommunityCode
    crew_id: UUID
    planned_start: AwareDatetime
