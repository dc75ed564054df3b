"""What signs are read from, and what they come to. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.points.policy.terms import AnomalyTerms
from shared.contracts.anomalies import AnomalyEvidence, SuspectRecord

TermsAt = Callable[[str, date], AnomalyTerms]
"""What holds in a community on a day."""


class Record(NamedTuple):
    """A service record as the ledger knows it now, corrections included and before any cap."""

    record_id: UUID
    volunteer_id: UUID
    event_id: UUID
    """The event that told it first."""
    community: str
    kind: str
    started_at: datetime
    minutes: int
    """0 for a void one."""
    told_at: datetime

    @property
    def ended_at(self) -> datetime:
        """When the service ended."""
        return self.started_at + timedelta(minutes=self.minutes)

    @property
    def has_a_span(self) -> bool:
        """Whether start and minutes say when it was served. Mediators' service is told by the day (decision 0012)."""
        return not self.kind.startswith("mediation")


class Told(NamedTuple):
    """What one event told of service: who vouched for which records."""

    event_id: UUID
    told_at: datetime
    began_at: datetime
    ended_at: datetime
    community: str
    confirmed_by: UUID | None
    added: int
    """Records that were not there before."""
    records: Sequence[UUID]
    volunteers: Sequence[UUID]
    entered_after_minutes: Sequence[int] | None
    """For each record, how long after its end the check-in was entered; -1 where it was entered before."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A sign that was found. The same evidence, looked at again, has the same id."""

    flag_id: UUID
    community: str
    evidence: AnomalyEvidence


def suspects(records: Iterable[Record]) -> tuple[SuspectRecord, ...]:
    """Records as evidence shows them: by start and id."""
    ordered = sorted(records, key=lambda record: (record.started_at, record.record_id.bytes))
    return tuple(
        SuspectRecord(
            record_id=UUID(bytes=record.record_id.bytes),
            volunteer_id=UUID(bytes=record.volunteer_id.bytes),
            event_id=UUID(bytes=record.event_id.bytes),
            started_at=record.started_at,
            minutes=record.minutes,
        )
        for record in ordered
    )
