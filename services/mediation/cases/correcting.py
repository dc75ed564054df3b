"""A mediator's service of one day is put right after the case has ended (decision 0040)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.mediation.cases.dating import Dated
from services.mediation.cases.refusals import (
    CaseNotEnded,
    DayTooLong,
    MinutesExceedCase,
    NeverMediated,
    NoSessionThen,
    NoSuchRecord,
    RecordedAlready,
)
from services.mediation.cases.state import OPEN, Case, Recorded, Session, record_id
from shared.contracts import CorrectionReason, Evidence, refuse_if, refuse_unless
from shared.contracts.corrections import NO_RECORD, Told, check_correction
from shared.contracts.mediation import CaseOutcome, MediationServiceCorrected

DAY_MINUTES_MAX: Final = 24 * 60
"""No service record spans more than a day."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Service of a mediator of the case that no record tells of, since they began in one of its sessions."""

    mediator_id: UUID
    started: Dated


@dataclass(frozen=True, slots=True)
class CorrectService:
    """A record was wrong: other minutes, other evidence, void (0 minutes), or missing altogether."""

    record: UUID | Missing
    minutes: int
    evidence: Evidence
    reason: CorrectionReason
    at: datetime
    by: UUID | None = None
    """Opaque id of whoever corrects."""


def correct(case: Case, case_id: UUID, command: CorrectService) -> MediationServiceCorrected:
    """The correction that follows. Raises the refusals that are imported above."""
    refuse_if(case.stage in OPEN, CaseNotEnded(stage=case.stage.value))
    if isinstance(command.record, Missing):
        before, attested = _missing(case, command.record)
        record = record_id(case_id, before.mediator_id, before.day, command.evidence)
    else:
        record, attested = command.record, False
        if record not in case.records:
            raise NoSuchRecord
        before = case.records[record]
    check_correction(
        Told(before.minutes, before.evidence),
        Told(command.minutes, command.evidence),
        command.reason,
        attested=attested,
    )
    if command.minutes > before.minutes:
        _keep_to_the_clock(case, record, before, command.minutes)
    return MediationServiceCorrected(
        case_id=case_id,
        community=case.community,
        outcome=CaseOutcome(case.stage.value),
        record_id=record,
        volunteer_id=before.mediator_id,
        started_at=before.started_at,
        minutes_before=before.minutes,
        evidence_before=before.evidence,
        minutes=command.minutes,
        evidence=command.evidence,
        revision=before.revision + 1,
        reason=command.reason,
        corrected_at=command.at,
        corrected_by=command.by,
    )


def _missing(case: Case, missing: Missing) -> tuple[Recorded, bool]:
    """A record that was not there, and whether the parties signed for the session that it began in."""
    who = missing.mediator_id
    refuse_unless(who in case.recused.union(case.mediators), NeverMediated(mediator_id=str(who)))
    # Service entered late, so it must not reach further back than other service.
    before = Recorded(who, missing.started.check(filed_at=case.filed_at), *NO_RECORD)
    session = _session_at(case, before.started_at)
    for known, record in case.records.items():
        # A session counts for the day it began on, so past midnight the record of that day may tell of it.
        same = record.day in (before.day, session.day) or session.started_at <= record.started_at < session.ended_at
        refuse_if(record.mediator_id == who and same, RecordedAlready(record_id=str(known)))
    return before, session.record_signed


def _session_at(case: Case, moment: datetime) -> Session:
    for session in case.sessions:
        if session.started_at <= moment < session.ended_at:
            return session
    raise NoSessionThen


def _keep_to_the_clock(case: Case, record: UUID, before: Recorded, minutes: int) -> None:
    """Nobody serves in a case after its end, nor longer than a day has."""
    most = (case.ended_at - before.started_at) // timedelta(minutes=1)
    refuse_if(minutes > most, MinutesExceedCase(minutes_max=most))
    others = sum(
        other.minutes
        for known, other in case.records.items()
        if known != record and (other.mediator_id, other.day) == (before.mediator_id, before.day)
    )
    refuse_if(others + minutes > DAY_MINUTES_MAX, DayTooLong)
