"""A mediator's service in an ended case is put right, one record at a time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.mediation.cases.correcting import CorrectService, Missing
from services.mediation.cases.dating import Dated
from services.mediation.cases.refusals import (
    CaseDatedTooFarBack,
    CaseNotEnded,
    CaseNotFiled,
    DayTooLong,
    MinutesExceedCase,
    NeverMediated,
    NoSessionThen,
    NoSuchRecord,
    RecordedAlready,
)
from services.mediation.cases.state import local_day, record_id
from services.mediation.cases.streams import CASES
from shared.contracts import CorrectionReason, Event, Evidence, ServiceRecord
from shared.contracts.corrections import NothingToCorrect, ScannedNeedsEvidence
from shared.contracts.mediation import (
    CaseOutcome,
    CaseWithdrawn,
    DisputeResolved,
    MediationFailed,
    MediationServiceCorrected,
)
from tests.specification import given
from tests.unit.mediation.test_cases import (
    CASE,
    DECLINED,
    FAIL,
    FILED,
    FILED_AT,
    LI,
    NOW,
    QILIAN,
    RESOLVE,
    WANG,
    WITHDRAW,
    ZHAO,
    assigned,
    dated,
    held,
    hour,
    recused,
)

CLERK = UUID(int=99)
SAT = (FILED, assigned(LI), assigned(WANG), recused(WANG), held(2, 60, LI), held(26, 30, LI, signed=False))
"""Li sat twice, on two days, the second time without a signed record; Wang stepped back."""
ENDED = FILED_AT + timedelta(hours=100)
DAY, EVIDENCE = local_day(hour(2)), Evidence.SCANNED
RECORD = record_id(CASE, LI, DAY, EVIDENCE)


def ended_by(command: Any) -> tuple[Event, ...]:
    return (*SAT, *given(CASES, *SAT).when(command).events)


RESOLVED = ended_by(RESOLVE)
CORRECT = CorrectService(RECORD, 45, EVIDENCE, CorrectionReason.WRONG_TIME, NOW, CLERK)
MISSING = replace(CORRECT, record=Missing(WANG, dated(hour(2))))


def corrected(before: int, after: int, revision: int = 1, **changes: Any) -> MediationServiceCorrected:
    fields = {
        "case_id": CASE,
        "community": QILIAN,
        "outcome": CaseOutcome.RESOLVED,
        "record_id": RECORD,
        "volunteer_id": LI,
        "started_at": hour(2),
        "minutes_before": before,
        "evidence_before": EVIDENCE,
        "minutes": after,
        "evidence": EVIDENCE,
        "revision": revision,
        "reason": CorrectionReason.WRONG_TIME,
        "corrected_at": NOW,
        "corrected_by": CLERK,
    }
    return MediationServiceCorrected(**(fields | changes))


def test_a_correction_carries_both_sides_and_who_made_it_and_counts_up() -> None:
    first = corrected(60, 45)
    given(CASES, *RESOLVED).when(CORRECT).then(first)
    void = replace(CORRECT, minutes=0, reason=CorrectionReason.NOT_PRESENT)
    gone = corrected(45, 0, 2, reason=CorrectionReason.NOT_PRESENT)
    given(CASES, *RESOLVED, first).when(void).then(gone)
    given(CASES, *RESOLVED, first, gone).when(CORRECT).then(corrected(0, 45, 3))


@pytest.mark.parametrize(
    ("command", "told", "outcome"),
    [
        (RESOLVE, DisputeResolved, CaseOutcome.RESOLVED),
        (FAIL, MediationFailed, CaseOutcome.FAILED),
        (WITHDRAW, CaseWithdrawn, CaseOutcome.WITHDRAWN),
    ],
)
def test_it_says_how_the_case_ended_whose_record_it_corrects(command: Any, told: type, outcome: CaseOutcome) -> None:
    events = ended_by(command)
    ending: Any = events[-1]
    assert isinstance(ending, told)
    assert RECORD in {record.record_id for record in ending.mediators}
    given(CASES, *events).when(CORRECT).then(corrected(60, 45, outcome=outcome))


def test_only_service_that_was_told_is_corrected() -> None:
    given(CASES).when(CORRECT).then_refused(CaseNotFiled)
    given(CASES, *SAT).when(CORRECT).then_refused(CaseNotEnded)
    given(CASES, FILED, DECLINED).when(CORRECT).then_refused(NoSuchRecord)
    given(CASES, FILED, assigned(WANG), DECLINED).when(MISSING).then_refused(NoSessionThen)
    given(CASES, *RESOLVED).when(replace(CORRECT, record=CASE)).then_refused(NoSuchRecord)


def test_a_correction_changes_something_that_counts() -> None:
    given(CASES, *RESOLVED).when(replace(CORRECT, minutes=60)).then_refused(NothingToCorrect)
    still_void = replace(CORRECT, minutes=0, evidence=Evidence.BACKFILLED)
    given(CASES, *RESOLVED, corrected(60, 0)).when(still_void).then_refused(NothingToCorrect)
    given(CASES, *RESOLVED).when(replace(MISSING, minutes=0)).then_refused(NothingToCorrect)


def test_only_signed_or_added_evidence_makes_service_scanned() -> None:
    unsigned = replace(CORRECT, record=record_id(CASE, LI, local_day(hour(26)), Evidence.BACKFILLED), minutes=30)
    given(CASES, *RESOLVED).when(unsigned).then_refused(ScannedNeedsEvidence)
    evidenced = replace(unsigned, reason=CorrectionReason.EVIDENCE_ADDED)
    given(CASES, *RESOLVED).when(evidenced).then(
        corrected(
            30,
            30,
            record_id=evidenced.record,
            started_at=hour(26),
            evidence_before=Evidence.BACKFILLED,
            reason=CorrectionReason.EVIDENCE_ADDED,
        )
    )


def test_nobody_serves_in_a_case_after_its_end_nor_longer_than_a_day() -> None:
    first = given(CASES, *SAT).when(replace(RESOLVE, resolved=dated(hour(27)))).events
    longer = replace(CORRECT, minutes=25 * 60 + 1)
    given(CASES, *SAT, *first).when(longer).then_refused(MinutesExceedCase, minutes_max=25 * 60)
    sat = (*SAT, held(4, 600, LI, signed=False))
    resolved = given(CASES, *sat).when(RESOLVE).events
    given(CASES, *sat, *resolved).when(replace(CORRECT, minutes=841)).then_refused(DayTooLong)
    given(CASES, *sat, *resolved).when(replace(CORRECT, minutes=840)).then(corrected(60, 840))


def test_a_mediator_whom_the_sessions_left_out_is_added() -> None:
    of_wang = {
        "volunteer_id": WANG,
        "record_id": record_id(CASE, WANG, DAY, EVIDENCE),
        "evidence_before": Evidence.ESTIMATED,
    }
    added = corrected(0, 45, **of_wang)
    given(CASES, *RESOLVED).when(MISSING).then(added)
    # Of that day there is a record now, void or not: it is the one to correct.
    given(CASES, *RESOLVED, added).when(MISSING).then_refused(RecordedAlready, record_id=str(added.record_id))
    of_li = replace(CORRECT, record=Missing(LI, dated(hour(2))))
    given(CASES, *RESOLVED).when(of_li).then_refused(RecordedAlready, record_id=str(RECORD))


def test_a_session_across_midnight_is_nobodys_service_twice() -> None:
    started = hour(14)  # 23:00 in Asia/Shanghai
    sat = (FILED, assigned(LI), assigned(WANG), held(14, 120, LI))
    ended = (*sat, *given(CASES, *sat).when(RESOLVE).events)
    before, past_midnight = dated(started), dated(started + timedelta(minutes=90))
    of_li = record_id(CASE, LI, local_day(started), EVIDENCE)
    again = replace(CORRECT, record=Missing(LI, past_midnight), minutes=30)
    given(CASES, *ended).when(again).then_refused(RecordedAlready, record_id=str(of_li))
    # Somebody whom it left out, too: whichever side of midnight was added first.
    for first, second in ((before, past_midnight), (past_midnight, before)):
        added = given(CASES, *ended).when(replace(again, record=Missing(WANG, first))).events
        of_wang = record_id(CASE, WANG, local_day(first.at), EVIDENCE)
        twice = replace(again, record=Missing(WANG, second))
        given(CASES, *ended, *added).when(twice).then_refused(RecordedAlready, record_id=str(of_wang))


def test_service_is_added_for_mediators_of_the_case_in_its_sessions_and_not_long_after() -> None:
    given(CASES, *RESOLVED).when(replace(MISSING, record=Missing(ZHAO, dated(hour(2))))).then_refused(NeverMediated)
    given(CASES, *RESOLVED).when(replace(MISSING, record=Missing(WANG, dated(hour(3))))).then_refused(NoSessionThen)
    unsigned = replace(MISSING, record=Missing(WANG, dated(hour(26))), minutes=20)
    given(CASES, *RESOLVED).when(unsigned).then_refused(ScannedNeedsEvidence)
    too_late = Missing(WANG, Dated(hour(2), NOW, hour(2.5)))
    given(CASES, *RESOLVED).when(replace(MISSING, record=too_late)).then_refused(CaseDatedTooFarBack)


def test_the_records_of_the_end_are_what_corrections_start_from() -> None:
    [ending] = given(CASES, *SAT).when(RESOLVE).events
    assert isinstance(ending, DisputeResolved)
    assert ending.mediators[0] == ServiceRecord(
        record_id=RECORD, volunteer_id=LI, minutes=60, evidence=EVIDENCE, started_at=hour(2)
    )
