"""The events of other contexts that tell of service, brought to one shape that can be priced."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.clock import local_day
from shared.contracts import Event
from shared.contracts.common import ServiceRecord
from shared.contracts.grid_patrol import CrewKind, PatrolServiceCorrected, PatrolShiftLogged
from shared.contracts.mediation import (
    CaseOutcome,
    CaseWithdrawn,
    DisputeResolved,
    MediationFailed,
    MediationServiceCorrected,
)
from shared.contracts.registry import ActivityCompleted, AttendanceCorrected


class Service(NamedTuple):
    """One person's service record as one event tells it: what it is now, and what it was before if it was corrected."""

    event_id: UUID
    record_id: UUID
    volunteer_id: UUID
    community: str
    kind: str
    """Kind of service, as policies weigh it (`policy.kinds.SERVICE_KINDS`)."""
    started_at: datetime
    day: int
    """The day in Asia/Shanghai on which the service began, as an ordinal."""
    minutes: int
    evidence: str
    told_at: datetime
    """The time of the event: from then on the platform knew."""
    minutes_before: int = 0
    evidence_before: str | None = None
    """None for a record that is told for the first time."""
    confirmed_by: UUID | None = None
    """Opaque id of whoever confirmed or corrected it, where the event says so."""
    entered_at: datetime | None = None
    """When a check-in was entered, where that was later than the service began."""
    reason: str | None = None
    """Why a record was corrected, as its service was told."""


_Told = ActivityCompleted | PatrolShiftLogged | DisputeResolved | MediationFailed | CaseWithdrawn


def _first_told(
    event: _Told, event_id: UUID, told_at: datetime, kind: str, records: Sequence[ServiceRecord]
) -> list[Service]:
    return [
        Service(
            event_id,
            r.record_id,
            r.volunteer_id,
            event.community,
            kind,
            r.started_at,
            local_day(r.started_at).toordinal(),
            r.minutes,
            r.evidence.value,
            told_at,
            confirmed_by=event.confirmed_by,
        )
        for r in records
    ]


def _activity(event: ActivityCompleted, event_id: UUID, told_at: datetime) -> list[Service]:
    told = _first_told(event, event_id, told_at, f"activity.{event.category.value}", event.attendances)
    return [
        service._replace(entered_at=attendance.entered_at)
        for service, attendance in zip(told, event.attendances, strict=True)
    ]


def _corrected(
    event: AttendanceCorrected | PatrolServiceCorrected | MediationServiceCorrected,
    event_id: UUID,
    told_at: datetime,
    kind: str,
) -> list[Service]:
    return [
        Service(
            event_id,
            event.record_id,
            event.volunteer_id,
            event.community,
            kind,
            event.started_at,
            local_day(event.started_at).toordinal(),
            event.minutes,
            event.evidence.value,
            told_at,
            event.minutes_before,
            event.evidence_before.value,
            event.corrected_by,
            reason=event.reason.value,
        )
    ]


def _attendance_corrected(event: AttendanceCorrected, event_id: UUID, told_at: datetime) -> list[Service]:
    return _corrected(event, event_id, told_at, f"activity.{event.category.value}")


def _patrol(event: PatrolShiftLogged, event_id: UUID, told_at: datetime) -> list[Service]:
    return _first_told(event, event_id, told_at, _of_patrol(event.crew_kind, event.night), event.members)


def _patrol_corrected(event: PatrolServiceCorrected, event_id: UUID, told_at: datetime) -> list[Service]:
    return _corrected(event, event_id, told_at, _of_patrol(event.crew_kind, event.night))


def _of_patrol(crew_kind: CrewKind, night: bool) -> str:
    return f"patrol.{crew_kind.value}.{'night' if night else 'day'}"


def _mediation(
    event: DisputeResolved | MediationFailed | CaseWithdrawn, event_id: UUID, told_at: datetime
) -> list[Service]:
    kind = _of_case(resolved=isinstance(event, DisputeResolved))
    return _first_told(event, event_id, told_at, kind, event.mediators)


def _mediation_corrected(event: MediationServiceCorrected, event_id: UUID, told_at: datetime) -> list[Service]:
    return _corrected(event, event_id, told_at, _of_case(resolved=event.outcome is CaseOutcome.RESOLVED))


def _of_case(*, resolved: bool) -> str:
    return "mediation.resolved" if resolved else "mediation.failed"


_READERS: Mapping[type[Event], Callable[[Any, UUID, datetime], list[Service]]] = {
    ActivityCompleted: _activity,
    AttendanceCorrected: _attendance_corrected,
    PatrolShiftLogged: _patrol,
    PatrolServiceCorrected: _patrol_corrected,
    DisputeResolved: _mediation,
    MediationFailed: _mediation,
    CaseWithdrawn: _mediation,
    MediationServiceCorrected: _mediation_corrected,
}


def services_of(event: Event, event_id: UUID, told_at: datetime) -> list[Service]:
    """The service records that an event tells of; none for events of other kinds."""
    reader = _READERS.get(type(event))
    return [] if reader is None else reader(event, event_id, told_at)
