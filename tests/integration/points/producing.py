"""Puts other contexts' events on their topics, as those services' relays would."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.contracts import CorrectionReason, Event, Evidence, ServiceRecord, wire_type
from shared.contracts.envelope import Envelope
from shared.contracts.grid_patrol import PatrolServiceCorrected, PatrolShiftLogged
from shared.contracts.mediation import (
    CaseOutcome,
    CaseWithdrawn,
    DisputeResolved,
    MediationFailed,
    MediationServiceCorrected,
)
from shared.contracts.registry import (
    ActivityCategory,
    ActivityCompleted,
    Attendance,
    AttendanceCorrected,
    VolunteerRegistered,
)
from tests.conftest import COMMUNITY

Told = tuple[uuid.UUID, Event]


def attendance(
    volunteer_id: uuid.UUID,
    minutes: int,
    started_at: datetime,
    evidence: Evidence = Evidence.SCANNED,
    record_id: uuid.UUID | None = None,
) -> Attendance:
    return Attendance(
        record_id=record_id or uuid.uuid4(),
        volunteer_id=volunteer_id,
        minutes=minutes,
        evidence=evidence,
        started_at=started_at,
    )


def completed(
    attendances: Sequence[Attendance],
    community: str = COMMUNITY,
    category: ActivityCategory = ActivityCategory.GENERAL,
) -> Told:
    return uuid.uuid4(), ActivityCompleted(
        activity_id=uuid.uuid4(),
        community=community,
        category=category,
        completed_at=datetime.now(UTC),
        attendances=tuple(attendances),
    )


def corrected(
    attended: Attendance, minutes: int, activity: ActivityCompleted | None = None, **changes: Any
) -> AttendanceCorrected:
    """An attendance was of another length than told: of this activity, or of one that nobody names."""
    of_nobody = {"activity_id": uuid.uuid4(), "community": COMMUNITY, "category": ActivityCategory.GENERAL}
    fields = {
        **({name: getattr(activity, name) for name in of_nobody} if activity else of_nobody),
        **_both_sides(attended, minutes),
    }
    return AttendanceCorrected(**(fields | changes))


def patrol_corrected(
    member: ServiceRecord, minutes: int, shift: PatrolShiftLogged, **changes: Any
) -> PatrolServiceCorrected:
    """Somebody was on this shift for another time than logged."""
    of_shift = {name: getattr(shift, name) for name in ("shift_id", "community", "crew_kind", "night")}
    return PatrolServiceCorrected(**(of_shift | _both_sides(member, minutes) | changes))


def mediation_corrected(
    served: ServiceRecord, minutes: int, ending: DisputeResolved | MediationFailed | CaseWithdrawn, **changes: Any
) -> MediationServiceCorrected:
    """Somebody sat in a case, which ended with this event, for another time than told."""
    outcome = {
        DisputeResolved: CaseOutcome.RESOLVED,
        MediationFailed: CaseOutcome.FAILED,
        CaseWithdrawn: CaseOutcome.WITHDRAWN,
    }[type(ending)]
    of_case = {"case_id": ending.case_id, "community": ending.community, "outcome": outcome}
    return MediationServiceCorrected(**(of_case | _both_sides(served, minutes) | changes))


def _both_sides(record: ServiceRecord, minutes: int) -> dict[str, Any]:
    return {
        "record_id": record.record_id,
        "volunteer_id": record.volunteer_id,
        "started_at": record.started_at,
        "minutes_before": record.minutes,
        "evidence_before": record.evidence,
        "minutes": minutes,
        "evidence": Evidence.SCANNED,
        "revision": 1,
        "reason": CorrectionReason.WRONG_TIME,
        "corrected_at": datetime.now(UTC),
    }


def registered(volunteer_id: uuid.UUID, community: str = COMMUNITY) -> Told:
    return uuid.uuid4(), VolunteerRegistered(
        volunteer_id=volunteer_id,
        volunteer_number=f"{community}-000001",
        community=community,
        party_member=False,
        registered_on=datetime.now(UTC).date(),
    )


def headers(event_id: uuid.UUID, event: Event, stream: str, sequence: int = 1) -> list[tuple[str, bytes]]:
    envelope = Envelope(
        event_id=event_id,
        type=wire_type(type(event)),
        source=f"/liuling/{event.CONTEXT}",
        subject=stream,
        time=datetime.now(UTC),
        community=str(getattr(event, "community", "")),
        sequence=sequence,
    )
    return [(name, value.encode()) for name, value in envelope.headers().items()]


class Producing:
    """Other contexts' voices on a test's topics."""

    def __init__(self, bootstrap: str, namespace: str) -> None:
        self._bootstrap, self._namespace = bootstrap, namespace

    async def tell(self, told: Iterable[Told], *, stream: str | None = None) -> None:
        """Publish events; each is a stream of its own unless one is named."""
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await producer.start()
        try:
            for event_id, event in told:
                await self._send(
                    producer,
                    f"{self._namespace}.{event.CONTEXT}.v1",
                    stream or f"stream-{event_id}",
                    event.model_dump_json(exclude_none=True).encode(),
                    headers(event_id, event, stream or f"stream-{event_id}"),
                )
        finally:
            await producer.stop()

    async def tell_raw(self, context: str, stream: str, body: bytes, heads: list[tuple[str, bytes]]) -> None:
        """Publish what nobody should have published."""
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        await producer.start()
        try:
            await self._send(producer, f"{self._namespace}.{context}.v1", stream, body, heads)
        finally:
            await producer.stop()

    @staticmethod
    async def _send(producer: Any, topic: str, stream: str, body: bytes, heads: Any) -> None:
        await producer.send_and_wait(topic, body, key=stream.encode(), headers=heads)
