"""Service on a logged shift is put right, for one person at a time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.grid_patrol.shifts.model import CorrectService, Dating, record_id
from services.grid_patrol.shifts.refusals import (
    MinutesExceedSpan,
    NotOnShift,
    ShiftDatedTooFarBack,
    ShiftNotLogged,
    ShiftNotPlanned,
)
from services.grid_patrol.shifts.state import Recorded
from services.grid_patrol.shifts.streams import SHIFTS
from shared.contracts import CorrectionReason, Evidence
from shared.contracts.corrections import NothingToCorrect, ScannedNeedsEvidence
from shared.contracts.grid_patrol import CrewKind, PatrolServiceCorrected
from tests.specification import given
from tests.unit.grid_patrol.test_shifts import (
    ANNA,
    BO,
    CANCELLED,
    CHEN,
    DATING,
    END,
    MISSED,
    PLANNED,
    QILIAN,
    SHIFT,
    START,
    STARTED,
    logged,
    minutes,
    scan,
    scanned,
    served,
)

CLERK = UUID(int=99)
SCANNED_BY_ANNA = scanned(scan("QL-01"))
LOGGED = logged(served(ANNA, 120, Evidence.SCANNED), covered=("QL-01",))
"""Anna walked; Bo was planned and left out."""
DONE = (PLANNED, STARTED, SCANNED_BY_ANNA, LOGGED)
CORRECT = CorrectService(ANNA, 60, Evidence.SCANNED, CorrectionReason.WRONG_TIME, DATING, CLERK)


def corrected(who: UUID, before: int, after: int, revision: int = 1, **changes: Any) -> PatrolServiceCorrected:
    fields = {
        "shift_id": SHIFT,
        "community": QILIAN,
        "crew_kind": CrewKind.CADRE,
        "night": False,
        "record_id": record_id(SHIFT, who),
        "volunteer_id": who,
        "started_at": START,
        "minutes_before": before,
        "evidence_before": Evidence.SCANNED,
        "minutes": after,
        "evidence": Evidence.SCANNED,
        "revision": revision,
        "reason": CorrectionReason.WRONG_TIME,
        "corrected_at": DATING.now,
        "corrected_by": CLERK,
    }
    return PatrolServiceCorrected(**(fields | changes))


def test_a_correction_carries_both_sides_and_who_made_it_and_counts_up() -> None:
    first = corrected(ANNA, 120, 60)
    given(SHIFTS, *DONE).when(CORRECT).then(first)
    void = replace(CORRECT, minutes=0, reason=CorrectionReason.NOT_PRESENT)
    gone = corrected(ANNA, 60, 0, 2, reason=CorrectionReason.NOT_PRESENT)
    given(SHIFTS, *DONE, first).when(void).then(gone)
    given(SHIFTS, *DONE, first).when(void).then_state(records={ANNA: Recorded(0, Evidence.SCANNED, 2)})
    given(SHIFTS, *DONE, first, gone).when(CORRECT).then(corrected(ANNA, 0, 60, 3))


def test_a_correction_of_a_night_says_that_it_was_one() -> None:
    at_night = LOGGED.model_copy(update={"night": True})
    given(SHIFTS, PLANNED, STARTED, SCANNED_BY_ANNA, at_night).when(CORRECT).then(corrected(ANNA, 120, 60, night=True))


@pytest.mark.parametrize(
    "events", [(PLANNED,), (PLANNED, STARTED), (PLANNED, CANCELLED), (PLANNED, MISSED)], ids=lambda e: e[-1].NAME
)
def test_only_what_was_logged_is_corrected(events: Any) -> None:
    given(SHIFTS, *events).when(CORRECT).then_refused(ShiftNotLogged)


def test_a_shift_that_does_not_exist_has_nothing_to_correct() -> None:
    given(SHIFTS).when(CORRECT).then_refused(ShiftNotPlanned)


def test_a_correction_changes_something_that_counts() -> None:
    given(SHIFTS, *DONE).when(replace(CORRECT, minutes=120)).then_refused(NothingToCorrect)
    void = corrected(ANNA, 120, 0)
    still_void = replace(CORRECT, minutes=0, evidence=Evidence.BACKFILLED)
    given(SHIFTS, *DONE, void).when(still_void).then_refused(NothingToCorrect)
    given(SHIFTS, *DONE).when(replace(CORRECT, volunteer_id=BO, minutes=0)).then_refused(NothingToCorrect)


def test_nobody_serves_longer_than_the_shift_lasted() -> None:
    longer = given(SHIFTS, *DONE).when(replace(CORRECT, minutes=121))
    longer.then_refused(MinutesExceedSpan, volunteer_id=str(ANNA), minutes_max=120)


def test_somebody_whom_the_log_left_out_is_added_as_other_late_service_is() -> None:
    late = replace(CORRECT, volunteer_id=BO, evidence=Evidence.BACKFILLED)
    given(SHIFTS, *DONE).when(late).then(
        corrected(BO, 0, 60, evidence_before=Evidence.ESTIMATED, evidence=Evidence.BACKFILLED)
    )
    given(SHIFTS, *DONE).when(replace(late, volunteer_id=CHEN)).then_refused(NotOnShift, volunteer_id=str(CHEN))
    long_after = Dating(now=END + timedelta(days=30), earliest=START + minutes(1))
    given(SHIFTS, *DONE).when(replace(late, dating=long_after)).then_refused(ShiftDatedTooFarBack)
    # What was logged may be corrected later than that: a complaint takes its time.
    complaint = replace(CORRECT, dating=long_after, reason=CorrectionReason.COMPLAINT_UPHELD)
    upheld = corrected(ANNA, 120, 60, reason=CorrectionReason.COMPLAINT_UPHELD, corrected_at=long_after.now)
    given(SHIFTS, *DONE).when(complaint).then(upheld)


def test_only_a_scan_or_added_evidence_makes_a_record_scanned() -> None:
    as_scanned = replace(CORRECT, volunteer_id=BO)
    given(SHIFTS, *DONE).when(as_scanned).then_refused(ScannedNeedsEvidence)
    evidenced = replace(as_scanned, reason=CorrectionReason.EVIDENCE_ADDED)
    added = corrected(BO, 0, 60, evidence_before=Evidence.ESTIMATED, reason=CorrectionReason.EVIDENCE_ADDED)
    given(SHIFTS, *DONE).when(evidenced).then(added)
    # The phone was offline: its scan came after the log.
    late_scan = scanned(scan("QL-02", BO, device="d2"), received_at=END + minutes(30))
    given(SHIFTS, *DONE, late_scan).when(as_scanned).then(corrected(BO, 0, 60, evidence_before=Evidence.ESTIMATED))
