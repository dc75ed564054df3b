"""Fast readers of the events that tell of service: only what pricing needs, straight from the bytes to services.

The contracts' own models make three times as much work of it (most of it ids and moments that nobody here looks at),
and this is the one place on the platform where that matters. A test holds every reader against its contract.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from asyncpg.pgproto import pgproto

from services.points.earning.services import Service
from shared.clock import local_day
from shared.contracts import Event
from shared.contracts.envelope import Envelope
from shared.contracts.grid_patrol import PatrolServiceCorrected, PatrolShiftLogged
from shared.contracts.mediation import (
    CaseOutcome,
    CaseWithdrawn,
    DisputeResolved,
    MediationFailed,
    MediationServiceCorrected,
)
from shared.contracts.registry import ActivityCompleted, AttendanceCorrected
from shared.deliveries import Reader, Unreadable

_Community = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}$")]
_Minutes = Annotated[int, msgspec.Meta(ge=0, le=24 * 60)]
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_Reason = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,40}$")]
_Evidence = Literal["scanned", "backfilled", "estimated"]

_uuid: Callable[[str], UUID] = pgproto.UUID
"""The database driver's own kind of UUID, made, compared and written several times as fast as the standard one."""


class _Record(msgspec.Struct, frozen=True, gc=False):
    record_id: str
    volunteer_id: str
    minutes: _Minutes
    evidence: _Evidence
    started_at: _Moment


class _Attendance(_Record, frozen=True, gc=False):
    entered_at: _Moment | None = None


class _Activity(msgspec.Struct, frozen=True, gc=False):
    community: _Community
    category: str
    attendances: list[_Attendance]
    confirmed_by: str | None = None


class _Correction(msgspec.Struct, frozen=True, gc=False):
    community: _Community
    record_id: str
    volunteer_id: str
    started_at: _Moment
    minutes_before: _Minutes
    evidence_before: _Evidence
    minutes: _Minutes
    evidence: _Evidence
    corrected_by: str | None = None
    reason: _Reason | None = None


class _AttendanceCorrected(_Correction, frozen=True, gc=False, kw_only=True):
    category: str


class _PatrolCorrected(_Correction, frozen=True, gc=False, kw_only=True):
    crew_kind: str
    night: bool


class _CaseCorrected(_Correction, frozen=True, gc=False, kw_only=True):
    outcome: str


class _Patrol(msgspec.Struct, frozen=True, gc=False):
    community: _Community
    crew_kind: str
    night: bool
    members: list[_Record]
    confirmed_by: str | None = None


class _Case(msgspec.Struct, frozen=True, gc=False):
    community: _Community
    mediators: list[_Record] = []  # a case withdrawn before any session tells of nobody
    confirmed_by: str | None = None


_activities = msgspec.json.Decoder(_Activity)
_attendances_corrected = msgspec.json.Decoder(_AttendanceCorrected)
_patrols = msgspec.json.Decoder(_Patrol)
_patrols_corrected = msgspec.json.Decoder(_PatrolCorrected)
_cases = msgspec.json.Decoder(_Case)
_cases_corrected = msgspec.json.Decoder(_CaseCorrected)


_NEVER = datetime(1, 1, 1, tzinfo=UTC)


def _event_id(envelope: Envelope) -> UUID:
    return _uuid(envelope.event_id.hex)


def _by(person: str | None) -> UUID | None:
    return None if person is None else _uuid(person)


def _services(told: _Patrol | _Case, records: Sequence[_Record], kind: str, envelope: Envelope) -> list[Service]:
    event_id, told_at, community = _event_id(envelope), envelope.time, told.community
    confirmed_by = _by(told.confirmed_by)
    began, day = _NEVER, 0
    services = []
    for r in records:
        if r.started_at != began:  # the people of one event mostly began together
            began, day = r.started_at, local_day(r.started_at).toordinal()
        services.append(
            Service(
                event_id,
                _uuid(r.record_id),
                _uuid(r.volunteer_id),
                community,
                kind,
                began,
                day,
                r.minutes,
                r.evidence,
                told_at,
                0,
                None,
                confirmed_by,
            )
        )
    return services


def _activity(body: bytes, envelope: Envelope) -> list[Service]:
    told = _activities.decode(body)
    event_id, told_at, community, kind = _event_id(envelope), envelope.time, told.community, f"activity.{told.category}"
    confirmed_by = _by(told.confirmed_by)
    began, day = _NEVER, 0
    services = []
    for r in told.attendances:
        if r.started_at != began:
            began, day = r.started_at, local_day(r.started_at).toordinal()
        services.append(
            Service(
                event_id,
                _uuid(r.record_id),
                _uuid(r.volunteer_id),
                community,
                kind,
                began,
                day,
                r.minutes,
                r.evidence,
                told_at,
                0,
                None,
                confirmed_by,
                r.entered_at,
            )
        )
    return services


def _patrol(body: bytes, envelope: Envelope) -> list[Service]:
    told = _patrols.decode(body)
    return _services(told, told.members, _of_patrol(told), envelope)


def _of_patrol(told: _Patrol | _PatrolCorrected) -> str:
    return f"patrol.{told.crew_kind}.{'night' if told.night else 'day'}"


def _resolved(body: bytes, envelope: Envelope) -> list[Service]:
    told = _cases.decode(body)
    return _services(told, told.mediators, "mediation.resolved", envelope)


def _failed(body: bytes, envelope: Envelope) -> list[Service]:
    told = _cases.decode(body)
    return _services(told, told.mediators, "mediation.failed", envelope)


def _attendance_corrected(body: bytes, envelope: Envelope) -> list[Service]:
    told = _attendances_corrected.decode(body)
    return _corrected(told, f"activity.{told.category}", envelope)


def _patrol_corrected(body: bytes, envelope: Envelope) -> list[Service]:
    told = _patrols_corrected.decode(body)
    return _corrected(told, _of_patrol(told), envelope)


def _case_corrected(body: bytes, envelope: Envelope) -> list[Service]:
    told = _cases_corrected.decode(body)
    kind = "mediation.resolved" if told.outcome == CaseOutcome.RESOLVED else "mediation.failed"
    return _corrected(told, kind, envelope)


def _corrected(told: _Correction, kind: str, envelope: Envelope) -> list[Service]:
    return [
        Service(
            _event_id(envelope),
            _uuid(told.record_id),
            _uuid(told.volunteer_id),
            told.community,
            kind,
            told.started_at,
            local_day(told.started_at).toordinal(),
            told.minutes,
            told.evidence,
            envelope.time,
            told.minutes_before,
            told.evidence_before,
            _by(told.corrected_by),
            reason=told.reason,
        )
    ]


def _or_unreadable(reader: Callable[[bytes, Envelope], Any]) -> Reader:
    def read(body: bytes, envelope: Envelope) -> Any:
        try:
            return reader(body, envelope)
        except msgspec.MsgspecError as error:
            # Of the text only the place is kept: what stands before it may repeat a value.
            _, at, place = str(error).rpartition(" - at ")
            raise Unreadable(f"body:{place.strip('`') if at else 'malformed'}"[:200]) from None
        except ValueError:
            raise Unreadable("body:not_an_id") from None

    return read


READERS: Mapping[type[Event], Reader] = {
    ActivityCompleted: _or_unreadable(_activity),
    AttendanceCorrected: _or_unreadable(_attendance_corrected),
    PatrolShiftLogged: _or_unreadable(_patrol),
    PatrolServiceCorrected: _or_unreadable(_patrol_corrected),
    DisputeResolved: _or_unreadable(_resolved),
    MediationFailed: _or_unreadable(_failed),
    # The parties stopped it, as they may at any time; who sat with them until then served as one who failed did.
    CaseWithdrawn: _or_unreadable(_failed),
    MediationServiceCorrected: _or_unreadable(_case_corrected),
}
