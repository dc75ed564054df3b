"""A certificate of service, from issue to its end. 民发〔2015〕149号; 民政部令第67号 (志愿服务记录与证明出具办法).

It says what the ledger said on the day of issue, is public for the days that the policy asks for, and then holds. When
a correction takes its ground away it is flagged; only people void it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Literal, assert_never
from uuid import UUID

from services.points.certificates.refusals import (
    CertificateEnded,
    CertificateNotObjected,
    CertificateNotPublic,
    CertificateOverlaps,
    CertificatePeriodInverted,
    CertificatePeriodNotOver,
    CertificatePersonForgotten,
    CertificateWithoutService,
    OwnObjection,
)
from services.points.grounds.reminding import Remind, Waiting
from shared.contracts import Event, refuse_if, refuse_unless
from shared.contracts.honours import (
    CertificateFlagged,
    CertificateFlagLifted,
    CertificateIssued,
    CertificateObjected,
    CertificateObjection,
    CertificateObjectionDismissed,
    CertificateOverlapReason,
    CertificateRefused,
    CertificateTookEffect,
    CertificateUndecided,
    CertificateVoided,
    CertificateVoidReason,
    CertifiedService,
    CorrectingEvent,
)


class Stage(StrEnum):
    """Where a certificate stands."""

    NOT_ISSUED = "not_issued"
    PUBLIC = "public"
    """公示中."""
    OBJECTED = "objected"
    EFFECTIVE = "effective"
    REFUSED = "refused"
    VOIDED = "voided"


ListedStage = Literal[
    Stage.PUBLIC,
    Stage.OBJECTED,
    Stage.EFFECTIVE,
    Stage.REFUSED,
    Stage.VOIDED,
]
"""Where one can stand that is there: what a list can be asked for."""


ENDED = frozenset({Stage.REFUSED, Stage.VOIDED})


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the rules need to know of a certificate."""

    id: UUID | None = None
    community: str = ""
    stage: Stage = Stage.NOT_ISSUED
    volunteer_id: UUID | None = None
    minutes: int = 0
    services: tuple[CertifiedService, ...] = ()
    public_until: date = date.min
    objection: CertificateObjection | None = None
    objected_by: UUID | None = None
    flagged: bool = False
    corrected_by: tuple[CorrectingEvent, ...] = ()
    """Why it is flagged."""
    waiting: Waiting | None = None
    """For a decision, while it is flagged."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Make a certificate out."""

    certificate_id: UUID
    community: str
    volunteer_id: UUID
    number: str
    since: date
    until: date
    services: tuple[CertifiedService, ...]
    publicity_days: int
    policy_version: int
    forgotten: bool
    day: date
    overlaps: str | None = None
    """Number of another one of the person about some of the same days, that was neither refused nor voided."""
    overlap_reason: CertificateOverlapReason | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """Somebody objects during publicity."""

    reason: CertificateObjection
    day: date
    by: UUID


@dataclass(frozen=True, slots=True)
class EndPublicity:
    """The days of publicity are over."""

    day: date


@dataclass(frozen=True, slots=True)
class SettleObjection:
    """The objection was looked into: right, or without ground."""

    upheld: bool
    day: date
    by: UUID


@dataclass(frozen=True, slots=True)
class LookAtGround:
    """The record of the period, now."""

    minutes: int
    """What counts, of all kinds together."""
    told: Mapping[str | None, int]
    """Minutes by kind before the cap of a day: which one of a day's services it cuts, later news can change."""
    day: date
    corrected_by: tuple[CorrectingEvent, ...] = ()
    """What took from the record since it last bore the certificate; nothing where it does."""


@dataclass(frozen=True, slots=True)
class Void:
    """Declare it void."""

    reason: CertificateVoidReason
    day: date


Command = Issue | Object | EndPublicity | SettleObjection | LookAtGround | Remind | Void


def decide(certificate: Certificate, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals of `refusals`."""
    if isinstance(command, Issue):
        return _issue(command)
    assert certificate.id is not None, "routes and timers know only certificates that were issued"
    whose = {"certificate_id": certificate.id, "community": certificate.community}
    match command:
        case Object(reason=reason, day=day, by=by):
            refuse_unless(certificate.stage is Stage.PUBLIC and day <= certificate.public_until, CertificateNotPublic)
            return [CertificateObjected(**whose, reason=reason, objected_on=day, objected_by=by)]
        case EndPublicity(day=day):
            # Flagged in publicity, it waits: the watch asks again when the record bears it.
            if certificate.stage is not Stage.PUBLIC or certificate.flagged or day <= certificate.public_until:
                return []
            return [CertificateTookEffect(**whose, effective_on=day)]
        case SettleObjection():
            return [_settled(certificate, command, whose)]
        case LookAtGround():
            return _looked_at(certificate, command, whose)
        case Remind():
            said = None if certificate.stage in ENDED else command.told(certificate.waiting)
            return [] if said is None else [CertificateUndecided(**whose, **said)]
        case Void(reason=reason, day=day):
            refuse_if(certificate.stage in ENDED, CertificateEnded)
            return [CertificateVoided(**whose, reason=reason, voided_on=day)]
        case _:
            assert_never(command)


def short_of(services: Iterable[CertifiedService], told: Mapping[str | None, int]) -> tuple[CertifiedService, ...]:
    """Kinds of which less was served than is certified, with what was. Other service does not stand in for them."""
    return tuple(
        CertifiedService(kind=said.kind, minutes=max(0, told.get(said.kind, 0)))
        for said in services
        if told.get(said.kind, 0) < said.minutes
    )


def _looked_at(certificate: Certificate, command: LookAtGround, whose: Mapping[str, Any]) -> list[Event]:
    before, minutes, day, corrected_by = certificate.minutes, command.minutes, command.day, command.corrected_by
    if certificate.stage in ENDED:
        return []
    short = short_of(certificate.services, command.told)
    if minutes >= before and not short:
        lifted = CertificateFlagLifted(**whose, minutes=minutes, lifted_on=day)
        return [lifted] if certificate.flagged else []
    if certificate.flagged and certificate.corrected_by == corrected_by:
        return []
    flagged = {"minutes_before": before, "minutes": minutes, "flagged_on": day, "corrected_by": corrected_by}
    return [CertificateFlagged(**whose, **flagged, short_of=short or None)]


def _settled(certificate: Certificate, command: SettleObjection, whose: Mapping[str, Any]) -> Event:
    if certificate.objection is None or certificate.stage is not Stage.OBJECTED:
        raise CertificateNotObjected
    by, day = command.by, command.day
    refuse_if(by in (certificate.objected_by, certificate.volunteer_id), OwnObjection)
    if command.upheld:
        return CertificateRefused(**whose, reason=certificate.objection, refused_on=day, settled_by=by)
    # Others have the days of publicity that are left; an objection would be a way around them.
    if day <= certificate.public_until or certificate.flagged:
        return CertificateObjectionDismissed(**whose, dismissed_on=day, settled_by=by)
    return CertificateTookEffect(**whose, effective_on=day, settled_by=by)


def _issue(command: Issue) -> list[Event]:
    refuse_if(command.forgotten, CertificatePersonForgotten)
    refuse_if(command.until < command.since, CertificatePeriodInverted)
    refuse_if(command.until > command.day, CertificatePeriodNotOver(latest=command.day.isoformat()))
    minutes = sum(service.minutes for service in command.services)
    refuse_unless(minutes > 0, CertificateWithoutService)
    unsaid = command.overlaps is not None and command.overlap_reason is None
    refuse_if(unsaid, CertificateOverlaps(number=command.overlaps))
    public_until = command.day + timedelta(days=max(0, command.publicity_days - 1))
    issued = CertificateIssued(
        certificate_id=command.certificate_id,
        community=command.community,
        volunteer_id=command.volunteer_id,
        certificate_number=command.number,
        since=command.since,
        until=command.until,
        minutes=minutes,
        services=command.services,
        publicity_days=command.publicity_days,
        policy_version=command.policy_version,
        issued_on=command.day,
        public_until=public_until,
        overlaps=command.overlaps,
        overlap_reason=command.overlap_reason if command.overlaps else None,
    )
    if command.publicity_days:
        return [issued]
    effective = CertificateTookEffect(
        certificate_id=command.certificate_id, community=command.community, effective_on=command.day
    )
    return [issued, effective]


def evolve(certificate: Certificate, event: Event) -> Certificate:
    """The certificate after an event."""
    match event:
        case CertificateIssued():
            return Certificate(
                event.certificate_id,
                event.community,
                Stage.PUBLIC,
                event.volunteer_id,
                event.minutes,
                event.services,
                event.public_until,
            )
        case CertificateObjected(reason=reason, objected_by=by):
            return replace(certificate, stage=Stage.OBJECTED, objection=reason, objected_by=by)
        case CertificateObjectionDismissed():
            return replace(certificate, stage=Stage.PUBLIC, objection=None, objected_by=None)
        case CertificateTookEffect():
            return replace(certificate, stage=Stage.EFFECTIVE)
        case CertificateRefused():
            return replace(certificate, stage=Stage.REFUSED)
        case CertificateFlagged(corrected_by=corrected_by, flagged_on=day):
            waiting = certificate.waiting or Waiting(day)
            return replace(certificate, flagged=True, corrected_by=corrected_by, waiting=waiting)
        case CertificateUndecided():
            return replace(certificate, waiting=Waiting(event.waits_since, event.reminder, event.remind_on))
        case CertificateFlagLifted():
            return replace(certificate, flagged=False, corrected_by=(), waiting=None)
        case CertificateVoided():
            return replace(certificate, stage=Stage.VOIDED)
        case _:
            return certificate
