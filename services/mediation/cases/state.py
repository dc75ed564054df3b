"""A dispute case as its events tell it, and the service that its sessions amount to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from shared.contracts import Event, Evidence, ServiceRecord
from shared.contracts.grid_patrol import RiskLevel
from shared.contracts.mediation import (
    CaseClassified,
    CaseDeclined,
    CaseFiled,
    CaseWithdrawn,
    DisputeKind,
    DisputeResolved,
    MediationFailed,
    MediationServiceCorrected,
    MediatorAssigned,
    MediatorRecused,
    PartyJoined,
    SessionHeld,
)

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_EPOCH = datetime.min.replace(tzinfo=UTC)


class Stage(StrEnum):
    """Where a case stands."""

    UNFILED = "unfiled"
    FILED = "filed"
    ASSIGNED = "assigned"
    IN_SESSION = "in_session"
    RESOLVED = "resolved"
    FAILED = "failed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


OPEN = frozenset({Stage.FILED, Stage.ASSIGNED, Stage.IN_SESSION})
"""Stages in which something can still be done."""


def local_day(moment: datetime) -> date:
    """The calendar day in Asia/Shanghai on which a moment falls."""
    return moment.astimezone(_SHANGHAI).date()


@dataclass(frozen=True, slots=True)
class Session:
    """The mediators sat with the parties."""

    started_at: datetime
    minutes: int
    mediators: tuple[UUID, ...]
    record_signed: bool

    @property
    def ended_at(self) -> datetime:
        """When it was over."""
        return self.started_at + timedelta(minutes=self.minutes)

    @property
    def day(self) -> date:
        """The local day that the session counts for: the one it began on."""
        return local_day(self.started_at)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What counts of a mediator's service on one day of an ended case, corrections included."""

    mediator_id: UUID
    started_at: datetime
    minutes: int
    evidence: Evidence
    revision: int = 0

    @property
    def day(self) -> date:
        """The local day that the service counts for."""
        return local_day(self.started_at)


_NOTHING: Mapping[UUID, Recorded] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules need to know of a case. Who the parties are it does not know: no event tells it."""

    id: UUID | None = None
    community: str = ""
    stage: Stage = Stage.UNFILED
    kind: DisputeKind = DisputeKind.OTHER
    risk: RiskLevel = RiskLevel.BLUE
    parties_count: int = 0
    mediators: tuple[UUID, ...] = ()
    """In the order of their assignment."""
    recused: frozenset[UUID] = frozenset()
    sessions: tuple[Session, ...] = ()
    filed_at: datetime = _EPOCH
    ended_at: datetime = _EPOCH
    """When the case ended, once it has."""
    records: Mapping[UUID, Recorded] = field(default_factory=lambda: _NOTHING)
    """The mediators' service by record, once the case has ended."""

    @property
    def last_session_ended_at(self) -> datetime | None:
        """When the last session was over; None while there was none."""
        return max((session.ended_at for session in self.sessions), default=None)


def record_id(case_id: UUID, mediator_id: UUID, day: date, evidence: Evidence) -> UUID:
    """The id of a mediator's record of one day in a case, by the evidence it was first told with."""
    return uuid5(case_id, f"{mediator_id}/{day}/{evidence.value}")


def service_records(case: Case) -> tuple[ServiceRecord, ...]:
    """The mediators' service over all sessions: minutes summed per mediator, local day and evidence.

    A record a day, not one for the case: points are capped by the day, and no record may span more than one. A session
    whose record the parties signed is attested by them on the spot (`scanned`); any other was entered afterwards.
    """
    sums: dict[tuple[UUID, date, Evidence], tuple[datetime, int]] = {}
    for session in sorted(case.sessions, key=lambda session: session.started_at):
        evidence = Evidence.SCANNED if session.record_signed else Evidence.BACKFILLED
        for mediator in session.mediators:
            key = (mediator, session.day, evidence)
            started_at, minutes = sums.get(key, (session.started_at, 0))
            sums[key] = (started_at, minutes + session.minutes)
    assert case.id is not None or not sums, "only a filed case has sessions"
    return tuple(
        ServiceRecord(
            record_id=record_id(case.id, mediator, day, evidence),
            volunteer_id=mediator,
            minutes=minutes,
            evidence=evidence,
            started_at=started_at,
        )
        for (mediator, day, evidence), (started_at, minutes) in sums.items()
        if case.id is not None
    )


def evolve(case: Case, event: Event) -> Case:
    """The case after an event of its own."""
    match event:
        case CaseFiled():
            return Case(
                id=event.case_id,
                community=event.community,
                stage=Stage.FILED,
                kind=event.kind,
                risk=event.risk,
                parties_count=event.parties_count,
                filed_at=event.filed_at,
            )
        case PartyJoined(parties_count=parties_count):
            return replace(case, parties_count=parties_count)
        case CaseClassified(kind=kind, risk=risk):
            return replace(case, kind=kind, risk=risk)
        case MediatorAssigned(mediator_id=mediator_id):
            return _restaged(replace(case, mediators=(*case.mediators, mediator_id)))
        case MediatorRecused(mediator_id=mediator_id):
            left = tuple(mediator for mediator in case.mediators if mediator != mediator_id)
            return _restaged(replace(case, mediators=left, recused=case.recused | {mediator_id}))
        case SessionHeld():
            session = Session(event.started_at, event.minutes, event.mediators, event.record_signed)
            return _restaged(replace(case, sessions=(*case.sessions, session)))
        case DisputeResolved():
            return _ended(case, Stage.RESOLVED, event.resolved_at, event.mediators)
        case MediationFailed():
            return _ended(case, Stage.FAILED, event.ended_at, event.mediators)
        case CaseDeclined():
            return _ended(case, Stage.DECLINED, event.declined_at, ())
        case CaseWithdrawn():
            return _ended(case, Stage.WITHDRAWN, event.withdrawn_at, event.mediators)
        case MediationServiceCorrected():
            record = Recorded(event.volunteer_id, event.started_at, event.minutes, event.evidence, event.revision)
            return replace(case, records={**case.records, event.record_id: record})
        case _:
            return case


def _ended(case: Case, stage: Stage, at: datetime, served: Iterable[ServiceRecord]) -> Case:
    records = {r.record_id: Recorded(r.volunteer_id, r.started_at, r.minutes, r.evidence) for r in served}
    return replace(case, stage=stage, ended_at=at, records=records)


def _restaged(case: Case) -> Case:
    stage = Stage.IN_SESSION if case.sessions else Stage.ASSIGNED if case.mediators else Stage.FILED
    return replace(case, stage=stage)
