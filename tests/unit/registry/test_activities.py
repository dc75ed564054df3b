"""The rules of an activity, from signing up to correction."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from services.registry.activities.assessing import Assess
from services.registry.activities.model import (
    Backfilled,
    Cancel,
    CancellationReason,
    CheckedIn,
    CheckedOut,
    Complete,
    Correct,
    Entry,
    RecordAttendance,
    SignUp,
    WithdrawAttendance,
    WithdrawSignUp,
    record_id,
)
from services.registry.activities.refusals import (
    ActivityCancelledAlready,
    ActivityCompletedAlready,
    ActivityFull,
    ActivityNotCompleted,
    ActivityNotPublished,
    ActivityOver,
    AlreadyAttended,
    AlreadySignedUp,
    CheckOutBeforeCheckIn,
    CompletedBeforeEnd,
    DatedInFuture,
    DatedTooFarBack,
    NobodyAttended,
    NoSuchRecord,
    NotAttended,
    NotCheckedIn,
    NotSignedUp,
    OutsideActivity,
    OwnServiceAssessed,
    ServiceRecorded,
    StartFixed,
    StillCheckedIn,
)
from services.registry.activities.streams import ACTIVITIES
from shared.contracts import CorrectionReason, Evidence, Refusal
from shared.contracts.corrections import NothingToCorrect, ScannedNeedsEvidence
from shared.contracts.registry import (
    AssessmentSide,
    AttendanceWithdrawn,
    ServiceAssessed,
    ServiceQuality,
    SignUpWithdrawn,
)
from tests.specification import given
from tests.unit.registry.activity import (
    ACTIVITY,
    ANNA,
    BO,
    CANCELLED,
    CLEO,
    END,
    NOW,
    PUBLISHED,
    START,
    after,
    arrived,
    attendance,
    backfilled,
    completed,
    corrected,
    dating,
    left,
    recording,
    signed_up,
)


def test_nothing_happens_to_an_activity_that_was_not_published() -> None:
    for command in (SignUp(ANNA, START, dating()), Cancel(CancellationReason.OTHER)):
        given(ACTIVITIES).when(command).then_refused(ActivityNotPublished)


def test_volunteers_sign_up_while_there_are_places_and_time() -> None:
    command = SignUp(CLEO, after(-60), dating(START))
    given(ACTIVITIES, PUBLISHED, signed_up(ANNA)).when(command).then(signed_up(CLEO))
    given(ACTIVITIES, PUBLISHED, signed_up(ANNA), signed_up(BO)).when(command).then_refused(ActivityFull, places=2)
    given(ACTIVITIES, PUBLISHED, signed_up(CLEO)).when(command).then_refused(AlreadySignedUp)
    given(ACTIVITIES, PUBLISHED).when(SignUp(CLEO, END, dating())).then_refused(ActivityOver)
    given(ACTIVITIES, PUBLISHED).when(SignUp(CLEO, after(1), dating(START))).then_refused(DatedInFuture)


def test_a_sign_up_is_taken_back_until_one_has_attended() -> None:
    command = WithdrawSignUp(ANNA, after(-30), dating(START))
    withdrawn = SignUpWithdrawn(activity_id=ACTIVITY, volunteer_id=ANNA, withdrawn_at=after(-30))
    given(ACTIVITIES, PUBLISHED, signed_up(ANNA)).when(command).then(withdrawn)
    given(ACTIVITIES, PUBLISHED).when(command).then_refused(NotSignedUp)
    given(ACTIVITIES, PUBLISHED, signed_up(ANNA), arrived(ANNA)).when(command).then_refused(AlreadyAttended)
    full = (signed_up(ANNA), signed_up(BO), withdrawn)
    given(ACTIVITIES, PUBLISHED, *full).when(SignUp(CLEO, after(-60), dating(START))).then(signed_up(CLEO))


def test_a_mistaken_attendance_is_taken_back_until_the_activity_is_confirmed() -> None:
    command = WithdrawAttendance(ANNA, NOW)
    withdrawn = AttendanceWithdrawn(activity_id=ACTIVITY, volunteer_id=ANNA, withdrawn_at=NOW)
    for entered in ([arrived(ANNA)], [arrived(ANNA), left(ANNA, 60)], [backfilled(ANNA, 60)]):
        given(ACTIVITIES, PUBLISHED, *entered).when(command).then(withdrawn)
        recording([*entered, withdrawn], Backfilled(ANNA, START, 30)).then(backfilled(ANNA, 30))
        given(ACTIVITIES, PUBLISHED, *entered, withdrawn).when(Cancel(CancellationReason.WEATHER)).then(CANCELLED)
    given(ACTIVITIES, PUBLISHED, arrived(BO)).when(command).then_refused(NotAttended, volunteer_id=ANNA)
    done = (arrived(ANNA), left(ANNA, 60), completed(attendance(ANNA, 60)))
    given(ACTIVITIES, PUBLISHED, *done).when(command).then_refused(ActivityCompletedAlready)


def test_arrivals_come_before_departures_and_what_was_backfilled() -> None:
    recording([], Backfilled(CLEO, START, 30), CheckedIn(ANNA, START, after(60)), CheckedIn(BO, after(5))).then(
        arrived(ANNA, entered_at=NOW), arrived(BO, 5, NOW), left(ANNA, 60), backfilled(CLEO, 30)
    )


def test_a_check_in_that_was_entered_later_says_when() -> None:
    recording([], CheckedIn(ANNA, START), now=after(1)).then(arrived(ANNA))
    recording([], CheckedIn(ANNA, START), now=after(2)).then(arrived(ANNA, entered_at=after(2)))
    late = attendance(ANNA, 60).model_copy(update={"entered_at": NOW})
    given(ACTIVITIES, PUBLISHED, arrived(ANNA, entered_at=NOW), left(ANNA, 60)).when(
        Complete(NOW, frozenset(), dating(), by=BO)
    ).then(completed(late).model_copy(update={"confirmed_by": BO}))


def said(who: UUID, side: AssessmentSide, quality: ServiceQuality, by: UUID = BO) -> ServiceAssessed:
    return ServiceAssessed(
        activity_id=ACTIVITY,
        community="620201001004",
        record_id=record_id(ACTIVITY, who),
        volunteer_id=who,
        side=side,
        quality=quality,
        assessed_by=by,
        assessed_at=NOW,
    )


def test_a_service_is_assessed_by_either_side_once_it_is_confirmed_and_by_nobody_for_themselves() -> None:
    organiser, beneficiary = AssessmentSide.ORGANISER, AssessmentSide.BENEFICIARY
    good, poor = ServiceQuality.GOOD, ServiceQuality.POOR
    first = said(ANNA, organiser, good)
    given(ACTIVITIES, *DONE).when(Assess(ANNA, organiser, good, BO, NOW)).then(first)
    given(ACTIVITIES, *DONE, first).when(Assess(ANNA, organiser, good, CLEO, NOW)).then_nothing()
    given(ACTIVITIES, *DONE, first).when(Assess(ANNA, organiser, poor, BO, NOW)).then(said(ANNA, organiser, poor))
    given(ACTIVITIES, *DONE, first).when(Assess(ANNA, beneficiary, good, BO, NOW)).then(said(ANNA, beneficiary, good))
    given(ACTIVITIES, *DONE).when(Assess(ANNA, organiser, good, ANNA, NOW)).then_refused(OwnServiceAssessed)
    given(ACTIVITIES, *DONE).when(Assess(BO, organiser, good, CLEO, NOW)).then_refused(NoSuchRecord)
    void = corrected(ANNA, 60, 0)
    given(ACTIVITIES, *DONE, void).when(Assess(ANNA, organiser, good, BO, NOW)).then_refused(NoSuchRecord)
    given(ACTIVITIES, PUBLISHED, arrived(ANNA)).when(Assess(ANNA, organiser, good, BO, NOW)).then_refused(
        ActivityNotCompleted
    )


def test_a_correction_says_who_corrected() -> None:
    given(ACTIVITIES, *DONE).when(replace(CORRECT, by=BO)).then(corrected(ANNA, 60, 90, corrected_by=BO))


def test_one_person_has_one_record_in_an_activity() -> None:
    for first in ([arrived(ANNA)], [arrived(ANNA), left(ANNA, 30)], [backfilled(ANNA, 30)]):
        recording(first, CheckedIn(ANNA, after(40))).then_refused(AlreadyAttended, volunteer_id=ANNA)
        recording(first, Backfilled(ANNA, START, 10)).then_refused(AlreadyAttended)
    recording([], CheckedIn(ANNA, START), Backfilled(ANNA, START, 10)).then_refused(AlreadyAttended)


def test_whoever_leaves_has_to_have_come() -> None:
    recording([arrived(ANNA)], CheckedOut(ANNA, after(90))).then(left(ANNA, 90))
    recording([], CheckedOut(ANNA, after(90))).then_refused(NotCheckedIn)
    recording([arrived(ANNA), left(ANNA, 10)], CheckedOut(ANNA, after(90))).then_refused(NotCheckedIn)
    recording([arrived(ANNA, 10)], CheckedOut(ANNA, after(9))).then_refused(CheckOutBeforeCheckIn)


@pytest.mark.parametrize(
    ("entry", "now", "refusal"),
    [
        (CheckedIn(ANNA, after(-120)), NOW, None),
        (CheckedIn(ANNA, after(-121)), NOW, OutsideActivity),
        (CheckedIn(ANNA, after(119)), NOW, None),
        (CheckedIn(ANNA, after(120)), NOW, OutsideActivity),
        (CheckedIn(ANNA, after(125), after(150)), NOW, None),
        (CheckedIn(ANNA, after(10), after(241)), after(300), OutsideActivity),
        (CheckedIn(ANNA, after(10), after(240)), after(300), None),
        (CheckedIn(ANNA, after(11)), after(10), DatedInFuture),
        (CheckedIn(ANNA, after(5), after(11)), after(10), DatedInFuture),
        (CheckedIn(ANNA, after(5), after(4)), NOW, CheckOutBeforeCheckIn),
        (CheckedIn(ANNA, after(5)), after(5) + timedelta(days=7), None),
        (CheckedIn(ANNA, after(5)), after(5) + timedelta(days=7, seconds=1), DatedTooFarBack),
        (Backfilled(ANNA, START, 240), after(300), None),
        (Backfilled(ANNA, START, 241), after(300), OutsideActivity),
        (Backfilled(ANNA, START, 241), after(240), DatedInFuture),
        (Backfilled(ANNA, after(-121), 60), NOW, OutsideActivity),
    ],
)
def test_service_lies_within_the_activity_and_the_days_that_may_be_entered(
    entry: Entry, now: datetime, refusal: type[Refusal] | None
) -> None:
    outcome = recording([], entry, now=now)
    if refusal is None:
        assert outcome.refusal is None
    else:
        outcome.then_refused(refusal)


def test_completion_confirms_every_attendance_with_its_minutes_and_evidence() -> None:
    events = (arrived(ANNA), left(ANNA, 90.9), backfilled(BO, 60))
    given(ACTIVITIES, PUBLISHED, *events).when(Complete(NOW, frozenset(), dating())).then(
        completed(attendance(ANNA, 90), attendance(BO, 60, Evidence.BACKFILLED))
    )


def test_a_forgotten_check_out_is_closed_at_the_planned_end_and_flagged() -> None:
    given(ACTIVITIES, PUBLISHED, arrived(ANNA)).when(Complete(NOW, frozenset(), dating())).then(
        completed(attendance(ANNA, 120, closed=True))
    )
    early = Complete(after(60), frozenset(), dating(after(60)))
    given(ACTIVITIES, PUBLISHED, arrived(ANNA)).when(early).then_refused(StillCheckedIn)
    given(ACTIVITIES, PUBLISHED, arrived(ANNA), left(ANNA, 50)).when(early).then(
        completed(attendance(ANNA, 50), at=after(60))
    )


def test_those_who_were_forgotten_are_left_out() -> None:
    events = (arrived(ANNA), left(ANNA, 60), arrived(BO), left(BO, 60))
    given(ACTIVITIES, PUBLISHED, *events).when(Complete(NOW, frozenset({BO}), dating())).then(
        completed(attendance(ANNA, 60))
    )
    everybody = Complete(NOW, frozenset({ANNA, BO}), dating())
    given(ACTIVITIES, PUBLISHED, *events).when(everybody).then_refused(NobodyAttended)


def test_completion_is_not_dated_before_the_service_or_in_the_future() -> None:
    events = (arrived(ANNA), left(ANNA, 60))
    for at in (after(59), after(-1)):
        given(ACTIVITIES, PUBLISHED, *events).when(Complete(at, frozenset(), dating())).then_refused(CompletedBeforeEnd)
    later = Complete(NOW + timedelta(seconds=1), frozenset(), dating())
    given(ACTIVITIES, PUBLISHED, *events).when(later).then_refused(DatedInFuture)
    far = Complete(NOW, frozenset(), dating(NOW + timedelta(days=8)))
    given(ACTIVITIES, PUBLISHED, *events).when(far).then_refused(DatedTooFarBack)


def test_nothing_but_corrections_follows_a_completion() -> None:
    done = (arrived(ANNA), left(ANNA, 60), completed(attendance(ANNA, 60)))
    for command in (
        SignUp(BO, START, dating()),
        WithdrawSignUp(ANNA, START, dating()),
        RecordAttendance([CheckedIn(BO, START)], dating()),
        Complete(NOW, frozenset(), dating()),
        Cancel(CancellationReason.OTHER),
    ):
        given(ACTIVITIES, PUBLISHED, *done).when(command).then_refused(ActivityCompletedAlready)
        given(ACTIVITIES, PUBLISHED, CANCELLED).when(command).then_refused(ActivityCancelledAlready)


def test_an_activity_is_called_off_unless_somebody_served() -> None:
    given(ACTIVITIES, PUBLISHED, signed_up(ANNA)).when(Cancel(CancellationReason.WEATHER)).then(CANCELLED)
    given(ACTIVITIES, PUBLISHED, arrived(ANNA)).when(Cancel(CancellationReason.WEATHER)).then_refused(ServiceRecorded)


DONE = (PUBLISHED, arrived(ANNA), left(ANNA, 60), completed(attendance(ANNA, 60)))
CORRECT = Correct(ANNA, 90, Evidence.SCANNED, CorrectionReason.WRONG_TIME, None, dating())


def test_corrections_carry_both_sides_and_count_up() -> None:
    first = corrected(ANNA, 60, 90)
    given(ACTIVITIES, *DONE).when(CORRECT).then(first)
    given(ACTIVITIES, *DONE, first).when(replace(CORRECT, minutes=0)).then(corrected(ANNA, 90, 0, revision=2))
    given(ACTIVITIES, *DONE, first).when(CORRECT).then_refused(NothingToCorrect)


def test_only_completed_activities_are_corrected() -> None:
    given(ACTIVITIES, PUBLISHED, arrived(ANNA)).when(CORRECT).then_refused(ActivityNotCompleted)
    given(ACTIVITIES, PUBLISHED, CANCELLED).when(CORRECT).then_refused(ActivityNotCompleted)


def test_a_record_that_was_missing_is_added_within_the_days_that_may_be_entered() -> None:
    missing = replace(CORRECT, volunteer_id=BO, started_at=START, evidence=Evidence.BACKFILLED)
    given(ACTIVITIES, *DONE).when(missing).then(
        corrected(BO, 0, 90, evidence_before=Evidence.ESTIMATED, evidence=Evidence.BACKFILLED)
    )
    given(ACTIVITIES, *DONE).when(replace(missing, started_at=None)).then_refused(NoSuchRecord)
    late = replace(missing, dating=dating(NOW + timedelta(days=8)))
    given(ACTIVITIES, *DONE).when(late).then_refused(DatedTooFarBack)
    # A record that exists may be corrected later than that: a complaint takes its time.
    complaint = replace(CORRECT, minutes=30, dating=dating(NOW + timedelta(days=30)))
    given(ACTIVITIES, *DONE).when(complaint).then(corrected(ANNA, 60, 30, corrected_at=NOW + timedelta(days=30)))


def test_a_correction_keeps_start_span_and_evidence_honest() -> None:
    given(ACTIVITIES, *DONE).when(replace(CORRECT, started_at=after(5))).then_refused(StartFixed)
    given(ACTIVITIES, *DONE).when(replace(CORRECT, minutes=241, dating=dating(after(300)))).then_refused(
        OutsideActivity
    )
    given(ACTIVITIES, *DONE).when(replace(CORRECT, minutes=200)).then_refused(DatedInFuture)
    lowered = corrected(ANNA, 60, 60, evidence=Evidence.BACKFILLED)
    given(ACTIVITIES, *DONE, lowered).when(CORRECT).then_refused(ScannedNeedsEvidence)
    evidenced = replace(CORRECT, reason=CorrectionReason.EVIDENCE_ADDED)
    given(ACTIVITIES, *DONE, lowered).when(evidenced).then(
        corrected(
            ANNA,
            60,
            90,
            revision=2,
            evidence_before=Evidence.BACKFILLED,
            reason=CorrectionReason.EVIDENCE_ADDED,
        )
    )
