"""What a patrol found (发现): reported once, with its kind and risk; what was said about it stays in the vault.

A finding of kind "dispute" travels on to mediation; the further way of the others (GB/T 30428: 立案, 派遣, 处置, 核查,
结案) begins where this ends.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from shared.contracts import Event, Refusal, local_time, refuse_if, refuse_unless
from shared.contracts.grid_patrol import FindingKind, PatrolFindingReported, RiskLevel

AROUND_SHIFT = timedelta(hours=1)
"""How long before the start and after the end of a shift something may still be said to have been found on it."""


class FindingAlreadyReported(Refusal):
    """A finding is reported once."""

    code = "finding_already_reported"


class FindingCellUnknown(Refusal):
    """The community has no such cell."""

    code = "cell_unknown"
    status = 422


class FindingShiftNotStarted(Refusal):
    """Something can only be found on a shift that set out."""

    code = "finding_shift_not_started"


class FoundOutsideShift(Refusal):
    """The time of the finding lies outside the shift."""

    code = "found_outside_shift"
    status = 422


class ReporterNotOnShift(Refusal):
    """Whoever found it was neither planned for the shift nor scanned on it."""

    code = "reporter_not_on_shift"
    status = 422


class FoundInFuture(Refusal):
    """The finding is dated in the future."""

    code = "dated_in_future"
    status = 422


class FoundTooFarBack(Refusal):
    """The finding is dated further back than may be entered now."""

    code = "dated_too_far_back"
    status = 422


@dataclass(frozen=True, slots=True)
class OnShift:
    """What a finding has to agree with: the shift it was made on."""

    shift_id: UUID
    community: str
    started_at: datetime | None
    """None where the shift never set out."""
    ended_at: datetime | None
    people: frozenset[UUID]
    """Who was planned for the shift or scanned on it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rules need to know of a finding."""

    id: UUID | None = None
    community: str = ""


@dataclass(frozen=True, slots=True)
class ReportFinding:
    """Something was found; the caller has put the words into the vault."""

    finding_id: UUID
    shift: OnShift
    cell: str
    cell_known: bool
    kind: FindingKind
    risk: RiskLevel
    reported_by: UUID
    found_at: datetime
    now: datetime
    earliest: datetime
    """How far back something may be dated that is entered now."""


Command = ReportFinding


def decide(finding: Finding, command: Command) -> list[Event]:
    """What follows from a command. Raises the refusals of this module."""
    refuse_if(finding.id is not None, FindingAlreadyReported)
    shift, found_at = command.shift, command.found_at
    if shift.started_at is None:
        raise FindingShiftNotStarted
    refuse_if(found_at > command.now, FoundInFuture)
    refuse_if(found_at < command.earliest, FoundTooFarBack(earliest=local_time(command.earliest)))
    refuse_if(found_at < shift.started_at - AROUND_SHIFT, FoundOutsideShift)
    refuse_if(shift.ended_at is not None and found_at > shift.ended_at + AROUND_SHIFT, FoundOutsideShift)
    refuse_unless(command.cell_known, FindingCellUnknown(cell=command.cell))
    refuse_unless(command.reported_by in shift.people, ReporterNotOnShift(volunteer_id=str(command.reported_by)))
    return [
        PatrolFindingReported(
            finding_id=command.finding_id,
            shift_id=shift.shift_id,
            community=shift.community,
            cell=command.cell,
            kind=command.kind,
            risk=command.risk,
            reported_by=command.reported_by,
            found_at=found_at,
        )
    ]


def evolve(finding: Finding, event: Event) -> Finding:
    """The finding after an event of its own."""
    match event:
        case PatrolFindingReported(finding_id=finding_id, community=community):
            return Finding(id=finding_id, community=community)
        case _:
            return finding
