"""A dispute case (人民调解案件), from filing to its end. 人民调解法 arts. 17–28.

Applied for, offered, or opened from what a patrol found; mediators are assigned and step back; sessions are held; the
parties agree in writing or orally (28), no agreement is reached and they are told of other remedies (26), or they
stop, which they may at any time (23). The mediators' service is told at the end, and can be corrected from then on
(decision 0040). Who the parties are is never told here: what a rule must know of them comes in the command.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from services.mediation.cases.correcting import DAY_MINUTES_MAX, CorrectService, correct
from services.mediation.cases.dating import Dated
from services.mediation.cases.refusals import (
    AlreadyMediator,
    ApplicationNeedsParty,
    CaseAlreadyFiled,
    CaseClosed,
    CaseInSession,
    CaseNotFiled,
    CaseStillOpen,
    ConflictOfInterest,
    DatedBeforeLastSession,
    DayTooLong,
    MediatorIsParty,
    MediatorWasRecused,
    NoMediator,
    NoSessionHeld,
    NotMediator,
    SessionsOverlap,
    TooManyMediators,
    TooManyParties,
    TooManySessions,
)
from services.mediation.cases.state import OPEN, Case, Session, Stage, evolve, service_records
from shared.contracts import Event, refuse_if, refuse_unless
from shared.contracts.grid_patrol import RiskLevel
from shared.contracts.mediation import (
    AccountWritten,
    AgreementForm,
    CaseClassified,
    CaseDeclined,
    CaseFiled,
    CaseOrigin,
    CaseWithdrawn,
    DisputeKind,
    DisputeResolved,
    MediationFailed,
    MediatorAssigned,
    MediatorRecused,
    PartyDetailsChanged,
    PartyErased,
    PartyJoined,
    Remedy,
    SessionHeld,
)

__all__ = ["Case", "Command", "Session", "Stage", "decide", "evolve", "service_records"]

PARTIES_MAX: Final = 50
MEDIATORS_MAX: Final = 10
SESSIONS_MAX: Final = 100


class DeclineReason(StrEnum):
    """Why a case is not mediated."""

    PARTY_REFUSED = "party_refused"
    NOT_MEDIABLE = "not_mediable"
    DUPLICATE = "duplicate"
    OTHER_AUTHORITY = "other_authority"


@dataclass(frozen=True, slots=True)
class FileCase:
    """A dispute becomes a case by application, or by an offer of the committee."""

    case_id: UUID
    community: str
    kind: DisputeKind
    risk: RiskLevel
    origin: CaseOrigin
    parties_count: int
    filed: Dated


@dataclass(frozen=True, slots=True)
class OpenFromFinding:
    """A patrol found a dispute. However often that is told, there is one case."""

    case_id: UUID
    community: str
    risk: RiskLevel
    finding_id: UUID
    found_at: datetime


@dataclass(frozen=True, slots=True)
class JoinParty:
    """A further party is known. `involved` are the party and the party's declared relatives, where volunteers."""

    party_id: UUID
    involved: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class ChangeParty:
    """Details of a party are put right (个人信息保护法 46), also after the case has ended: which, not to what."""

    party_id: UUID
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EraseParty:
    """Who a party is is erased (个人信息保护法 47)."""

    party_id: UUID
    forgotten: bool
    """As a volunteer, which does not wait for the end of the case."""
    at: datetime


@dataclass(frozen=True, slots=True)
class DeclareRelatives:
    """A known party has further relatives among the volunteers."""

    involved: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class RetractRelative:
    """Somebody was named as a relative by mistake, and may mediate."""

    volunteer_id: UUID


@dataclass(frozen=True, slots=True)
class Classify:
    """Kind and risk are set anew."""

    kind: DisputeKind
    risk: RiskLevel


@dataclass(frozen=True, slots=True)
class WriteAccount:
    """What the dispute is about is written down, or put right: of a case that a patrol found, nobody said it yet."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Decline:
    """The committee does not take the case, or a party refuses mediation."""

    reason: DeclineReason
    declined: Dated


@dataclass(frozen=True, slots=True)
class AssignMediator:
    """A mediator takes the case. `involved` are all parties and their declared relatives, where volunteers."""

    mediator_id: UUID
    involved: frozenset[UUID]
    assigned: Dated


@dataclass(frozen=True, slots=True)
class RecuseMediator:
    """A mediator steps back (回避)."""

    mediator_id: UUID
    recused: Dated


@dataclass(frozen=True, slots=True)
class ForgetMediator:
    """A person was forgotten: they mediate nothing any more."""

    mediator_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class HoldSession:
    """The mediators sat with the parties. Without `mediators`, all who have the case."""

    session_id: UUID
    started: Dated
    minutes: int
    mediators: tuple[UUID, ...] | None
    record_signed: bool


@dataclass(frozen=True, slots=True)
class Resolve:
    """The parties agree."""

    agreement: AgreementForm
    resolved: Dated
    by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """No agreement; the parties are pointed to other remedies."""

    remedies: tuple[Remedy, ...]
    ended: Dated
    by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The parties stop."""

    withdrawn: Dated
    by: UUID | None = None


Command = (
    FileCase
    | OpenFromFinding
    | JoinParty
    | ChangeParty
    | EraseParty
    | DeclareRelatives
    | RetractRelative
    | Classify
    | WriteAccount
    | Decline
    | AssignMediator
    | RecuseMediator
    | ForgetMediator
    | HoldSession
    | Resolve
    | Fail
    | Withdraw
    | CorrectService
)


def decide(case: Case, command: Command) -> list[Event]:
    """What follows from a command. Raises the refusals of `refusals.py`."""
    match command:
        case FileCase():
            return _file(case, command)
        case OpenFromFinding():
            return _open(case, command)
        case ForgetMediator(mediator_id=mediator_id, at=at):
            if case.stage not in OPEN or mediator_id not in case.mediators:
                return []
            return [MediatorRecused(case_id=_id(case), mediator_id=mediator_id, recused_at=at)]
    refuse_if(case.stage is Stage.UNFILED, CaseNotFiled)
    if isinstance(command, ChangeParty):
        changed = PartyDetailsChanged(case_id=_id(case), party_id=command.party_id, fields=command.fields)
        return [changed] if command.fields else []
    if isinstance(command, EraseParty):
        refuse_if(case.stage in OPEN and not command.forgotten, CaseStillOpen)
        return [PartyErased(case_id=_id(case), party_id=command.party_id, erased_at=command.at)]
    if isinstance(command, CorrectService):
        return [correct(case, _id(case), command)]
    refuse_unless(case.stage in OPEN, CaseClosed(stage=case.stage.value))
    match command:
        case JoinParty(party_id=party_id, involved=involved):
            _nobody_mediates(case, involved)
            refuse_if(case.parties_count >= PARTIES_MAX, TooManyParties(parties_max=PARTIES_MAX))
            return [PartyJoined(case_id=_id(case), party_id=party_id, parties_count=case.parties_count + 1)]
        case DeclareRelatives(involved=involved):
            _nobody_mediates(case, involved)
            return []
        case RetractRelative():
            return []  # who is whose relative is never told; that the case is open is all there is to decide
        case Classify(kind=kind, risk=risk):
            if (kind, risk) == (case.kind, case.risk):
                return []
            return [CaseClassified(case_id=_id(case), kind=kind, risk=risk)]
        case WriteAccount(at=at):
            return [AccountWritten(case_id=_id(case), written_at=at)]
        case Decline(reason=reason, declined=declined):
            refuse_if(bool(case.sessions), CaseInSession)
            at = declined.check(filed_at=case.filed_at)
            return [CaseDeclined(case_id=_id(case), community=case.community, reason=reason.value, declined_at=at)]
        case AssignMediator():
            return _assign(case, command)
        case RecuseMediator(mediator_id=mediator_id, recused=recused):
            refuse_unless(mediator_id in case.mediators, NotMediator(mediator_id=str(mediator_id)))
            at = recused.check(filed_at=case.filed_at)
            return [MediatorRecused(case_id=_id(case), mediator_id=mediator_id, recused_at=at)]
        case HoldSession():
            return _hold(case, command)
        case Resolve() | Fail() | Withdraw():
            return _end(case, command)


def _file(case: Case, command: FileCase) -> list[Event]:
    refuse_unless(case.stage is Stage.UNFILED, CaseAlreadyFiled)
    refuse_if(command.origin is CaseOrigin.APPLICATION and command.parties_count == 0, ApplicationNeedsParty)
    refuse_if(command.parties_count > PARTIES_MAX, TooManyParties(parties_max=PARTIES_MAX))
    return [
        CaseFiled(
            case_id=command.case_id,
            community=command.community,
            kind=command.kind,
            risk=command.risk,
            origin=command.origin,
            parties_count=command.parties_count,
            filed_at=command.filed.check(),
        )
    ]


def _open(case: Case, command: OpenFromFinding) -> list[Event]:
    if case.stage is not Stage.UNFILED:
        return []
    return [
        CaseFiled(
            case_id=command.case_id,
            community=command.community,
            kind=DisputeKind.OTHER,  # a patrol tells that people quarrel; about what, the committee finds out
            risk=command.risk,
            origin=CaseOrigin.PATROL_FINDING,
            finding_id=command.finding_id,
            parties_count=0,
            filed_at=command.found_at,
        )
    ]


def _assign(case: Case, command: AssignMediator) -> list[Event]:
    mediator_id = command.mediator_id
    refuse_if(mediator_id in case.mediators, AlreadyMediator(mediator_id=str(mediator_id)))
    refuse_if(mediator_id in command.involved, ConflictOfInterest(mediator_id=str(mediator_id)))
    refuse_if(mediator_id in case.recused, MediatorWasRecused(mediator_id=str(mediator_id)))
    refuse_if(len(case.mediators) >= MEDIATORS_MAX, TooManyMediators(mediators_max=MEDIATORS_MAX))
    at = command.assigned.check(filed_at=case.filed_at)
    return [MediatorAssigned(case_id=_id(case), mediator_id=mediator_id, assigned_at=at)]


def _hold(case: Case, command: HoldSession) -> list[Event]:
    mediators = case.mediators if command.mediators is None else tuple(dict.fromkeys(command.mediators))
    refuse_unless(bool(mediators), NoMediator)
    for mediator in mediators:
        refuse_unless(mediator in case.mediators, NotMediator(mediator_id=str(mediator)))
    started_at = command.started.check(filed_at=case.filed_at, ends=timedelta(minutes=command.minutes))
    session = Session(started_at, command.minutes, mediators, command.record_signed)
    refuse_if(len(case.sessions) >= SESSIONS_MAX, TooManySessions(sessions_max=SESSIONS_MAX))
    for held in case.sessions:
        refuse_if(session.started_at < held.ended_at and held.started_at < session.ended_at, SessionsOverlap)
    day = session.minutes + sum(held.minutes for held in case.sessions if held.day == session.day)
    refuse_if(day > DAY_MINUTES_MAX, DayTooLong)
    return [
        SessionHeld(
            case_id=_id(case),
            session_id=command.session_id,
            started_at=started_at,
            minutes=command.minutes,
            mediators=mediators,
            record_signed=command.record_signed,
        )
    ]


def _end(case: Case, command: Resolve | Fail | Withdraw) -> list[Event]:
    case_id, served = _id(case), service_records(case)
    match command:
        case Withdraw(withdrawn=withdrawn, by=by):
            return [
                CaseWithdrawn(
                    case_id=case_id,
                    community=case.community,
                    withdrawn_at=_ended(case, withdrawn),
                    mediators=served,
                    confirmed_by=by,
                )
            ]
        case Resolve(agreement=agreement, resolved=resolved, by=by):
            refuse_unless(bool(case.sessions), NoSessionHeld)
            return [
                DisputeResolved(
                    case_id=case_id,
                    community=case.community,
                    kind=case.kind,
                    agreement=agreement,
                    resolved_at=_ended(case, resolved),
                    sessions_count=len(case.sessions),
                    mediators=served,
                    confirmed_by=by,
                )
            ]
        case Fail(remedies=remedies, ended=ended, by=by):
            refuse_unless(bool(case.sessions), NoSessionHeld)
            return [
                MediationFailed(
                    case_id=case_id,
                    community=case.community,
                    kind=case.kind,
                    ended_at=_ended(case, ended),
                    sessions_count=len(case.sessions),
                    mediators=served,
                    remedies=tuple(dict.fromkeys(remedies)),
                    confirmed_by=by,
                )
            ]


def _ended(case: Case, dated: Dated) -> datetime:
    at = dated.check(filed_at=case.filed_at)
    last = case.last_session_ended_at
    refuse_if(last is not None and at < last, DatedBeforeLastSession)
    return at


def _nobody_mediates(case: Case, involved: frozenset[UUID]) -> None:
    for mediator in case.mediators:
        refuse_if(mediator in involved, MediatorIsParty(mediator_id=str(mediator)))


def _id(case: Case) -> UUID:
    assert case.id is not None, "a filed case has an id"
    return case.id
