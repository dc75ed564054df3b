"""The life of a flag: found, looked into, decided; its points held and set free."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import hypothesis
import pytest
from hypothesis import strategies as st

from services.points.anomalies.model import (
    Command,
    Dismiss,
    Find,
    FlagDecided,
    FlagNotTakenUp,
    Hold,
    LoseGround,
    NoPointsHeld,
    NothingToHold,
    OwnHours,
    PointsHeldAlready,
    Release,
    Stage,
    TakeUp,
    Uphold,
)
from services.points.anomalies.views import FLAGS
from services.points.anomalies.words import Extent, in_words, record_in_words
from shared.contracts import Refusal
from shared.contracts.anomalies import (
    AnomalyDismissed,
    AnomalyEvidence,
    AnomalyEvidenceChanged,
    AnomalyEvidenceContinued,
    AnomalyFlagged,
    AnomalyPointsHeld,
    AnomalyPointsReleased,
    AnomalyTakenUp,
    AnomalyUpheld,
    DismissalReason,
    HeldPoints,
    Measure,
    ReleaseReason,
    Sign,
    SuspectRecord,
    UpholdingReason,
)
from shared.web.problems import Texts
from tests.conftest import COMMUNITY, ROOT
from tests.specification import given

NOW = datetime(2026, 3, 5, 4, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
FLAG, HOLD, ANNA, CLERK, OTHER, EVENT = (UUID(int=number) for number in range(1, 7))


def suspect(number: int, minutes: int = 400) -> SuspectRecord:
    return SuspectRecord(
        record_id=UUID(int=100 + number), volunteer_id=ANNA, event_id=EVENT, started_at=NOW, minutes=minutes
    )


def evidence(*records: SuspectRecord, sign: Sign = Sign.IMPOSSIBLE_DAY) -> AnomalyEvidence:
    return AnomalyEvidence(
        sign=sign, records=records, confirmed_by=(CLERK,), since=NOW, until=LATER, measure=Measure.MINUTES,
        measured=sum(one.minutes for one in records), limit=480, policy_version=1,
    )  # fmt: skip


FOUND = evidence(suspect(1), suspect(2))
NAMED = {"flag_id": FLAG, "community": COMMUNITY}
FLAGGED = AnomalyFlagged(**NAMED, evidence=FOUND, flagged_at=NOW)
TAKEN_UP = AnomalyTakenUp(**NAMED, taken_up_by=OTHER, taken_up_at=NOW)
HELD_POINTS = (HeldPoints(volunteer_id=ANNA, worth=80, points=30),)
HELD = AnomalyPointsHeld(**NAMED, hold_id=HOLD, held=HELD_POINTS, held_by=OTHER, held_at=NOW)
DISMISSED = AnomalyDismissed(**NAMED, reason=DismissalReason.APPROVED, dismissed_by=OTHER, dismissed_at=NOW)
UPHELD = AnomalyUpheld(**NAMED, reason=UpholdingReason.NOT_PRESENT, upheld_by=OTHER, upheld_at=NOW)


def released(reason: ReleaseReason, by: UUID | None = OTHER) -> AnomalyPointsReleased:
    return AnomalyPointsReleased(**NAMED, hold_id=HOLD, reason=reason, released_by=by, released_at=NOW)


def find(of: AnomalyEvidence = FOUND) -> Find:
    return Find(FLAG, COMMUNITY, of, NOW)


def changed(of: AnomalyEvidence) -> AnomalyEvidenceChanged:
    return AnomalyEvidenceChanged(**NAMED, evidence=of, changed_at=NOW)


def test_what_is_found_twice_is_flagged_once() -> None:
    given(FLAGS).when(find()).then(FLAGGED)
    given(FLAGS, FLAGGED).when(find()).then_nothing()
    given(FLAGS, FLAGGED, TAKEN_UP).when(find()).then_nothing()


def test_very_many_records_are_told_in_portions_and_all_of_them_are_known() -> None:
    many = evidence(*(suspect(number, 1) for number in range(1200)))
    parts = [many.records[:500], many.records[500:1000], many.records[1000:]]
    first = many.model_copy(update={"records": parts[0]})
    others = [AnomalyEvidenceContinued(**NAMED, records=part) for part in parts[1:]]
    for told, before in ((AnomalyFlagged(**NAMED, evidence=first, flagged_at=NOW), []), (changed(first), [FLAGGED])):
        given(FLAGS, *before).when(find(many)).then(told, *others)
        given(FLAGS, *before).when(find(many)).then_state(evidence=many, stage=Stage.RAISED)
        given(FLAGS, *before, told, *others).when(find(many)).then_nothing()
    # What was flagged when flags showed the first 500 alone is told of the others.
    given(FLAGS, AnomalyFlagged(**NAMED, evidence=first, flagged_at=NOW)).when(find(many)).then(changed(first), *others)


def test_late_records_and_corrections_change_the_evidence_of_an_open_flag() -> None:
    for other in (evidence(suspect(1), suspect(2), suspect(3)), evidence(suspect(1), suspect(2, 300))):
        given(FLAGS, FLAGGED).when(find(other)).then(changed(other))
        looked_into = given(FLAGS, FLAGGED, TAKEN_UP).when(find(other))
        looked_into.then(changed(other))
        looked_into.then_state(stage=Stage.UNDER_REVIEW)


def test_a_decision_stands_until_there_is_more_than_was_decided_on() -> None:
    for decision in (DISMISSED, UPHELD):
        decided = given(FLAGS, FLAGGED, TAKEN_UP, decision)
        decided.when(find()).then_nothing()
        decided.when(find(evidence(suspect(1), suspect(2, 100)))).then_nothing()
        more = evidence(suspect(1), suspect(2), suspect(3))
        decided.when(find(more)).then(changed(more))
        decided.when(find(more)).then_state(stage=Stage.RAISED)


def test_a_flag_whose_records_were_corrected_closes_by_itself_and_lets_the_points_go() -> None:
    gone = AnomalyDismissed(**NAMED, reason=DismissalReason.RECORDS_CORRECTED, dismissed_by=None, dismissed_at=NOW)
    freed = released(ReleaseReason.RECORDS_CORRECTED, None)
    given(FLAGS, FLAGGED).when(LoseGround(NOW)).then(gone)
    given(FLAGS, FLAGGED, HELD).when(LoseGround(NOW)).then(freed, gone)
    given(FLAGS, FLAGGED, gone).when(find()).then(changed(FOUND))
    given(FLAGS, FLAGGED, DISMISSED).when(LoseGround(NOW)).then_nothing()


def test_upheld_points_stay_held_until_the_correction_has_come() -> None:
    upheld = given(FLAGS, FLAGGED, HELD, TAKEN_UP)
    upheld.when(Uphold(UpholdingReason.NOT_PRESENT, OTHER, NOW)).then(UPHELD)
    after = given(FLAGS, FLAGGED, HELD, TAKEN_UP, UPHELD)
    after.when(LoseGround(NOW)).then(released(ReleaseReason.RECORDS_CORRECTED, None))
    after.when(Release(OTHER, NOW)).then(released(ReleaseReason.RELEASED))


def test_whoever_decides_has_taken_it_up_and_has_no_part_in_it() -> None:
    commands = (
        Dismiss(DismissalReason.APPROVED, OTHER, NOW),
        Uphold(UpholdingReason.NOT_PRESENT, OTHER, NOW),
    )
    for command in commands:
        given(FLAGS, FLAGGED).when(command).then_refused(FlagNotTakenUp)
        for decision in (DISMISSED, UPHELD):
            given(FLAGS, FLAGGED, TAKEN_UP, decision).when(command).then_refused(FlagDecided)
    given(FLAGS, FLAGGED, TAKEN_UP).when(commands[0]).then(DISMISSED)
    given(FLAGS, FLAGGED, HELD, TAKEN_UP).when(commands[0]).then(released(ReleaseReason.DISMISSED), DISMISSED)
    given(FLAGS, FLAGGED, DISMISSED).when(TakeUp(OTHER, NOW)).then_refused(FlagDecided)
    for involved in (CLERK, ANNA):
        for command in (
            TakeUp(involved, NOW),
            Hold(HOLD, HELD_POINTS, involved, NOW),
            Release(involved, NOW),
            Dismiss(DismissalReason.OTHER, involved, NOW),
            Uphold(UpholdingReason.OTHER, involved, NOW),
        ):
            given(FLAGS, FLAGGED, HELD, TAKEN_UP).when(command).then_refused(OwnHours)


def test_points_are_held_once_and_only_where_there_are_some() -> None:
    hold = Hold(HOLD, HELD_POINTS, OTHER, NOW)
    given(FLAGS, FLAGGED).when(hold).then(held(HOLD.int, (), held_by=OTHER))
    given(FLAGS, FLAGGED, HELD).when(hold).then_refused(PointsHeldAlready)
    given(FLAGS, FLAGGED, DISMISSED).when(hold).then_refused(FlagDecided)
    given(FLAGS, FLAGGED, TAKEN_UP, UPHELD).when(hold).then(held(HOLD.int, (), held_by=OTHER))
    given(FLAGS, FLAGGED).when(Release(OTHER, NOW)).then_refused(NoPointsHeld)
    spent = (HeldPoints(volunteer_id=ANNA, worth=80, points=0),)
    for nothing in ((), spent):
        given(FLAGS, FLAGGED).when(Hold(HOLD, nothing, OTHER, NOW)).then_refused(NothingToHold)
        given(FLAGS, FLAGGED).when(Hold(HOLD, nothing, None, NOW)).then_nothing()
    given(FLAGS, FLAGGED, HELD).when(Hold(HOLD, HELD_POINTS, None, NOW)).then_nothing()


def held(hold: int, records: tuple[UUID, ...], **more: Any) -> AnomalyPointsHeld:
    by = more.pop("held_by", None)
    return HELD.model_copy(update={"hold_id": UUID(int=hold), "records": records, "held_by": by, **more})


def test_a_flag_holds_what_comes_to_it_and_takes_over_what_it_waited_for() -> None:
    one, two, other_flag = UUID(int=101), UUID(int=102), UUID(int=9)
    first = held(20, (one,), held_elsewhere=(two,))
    given(FLAGS, FLAGGED).when(Hold(UUID(int=20), HELD_POINTS, None, NOW, (one,), (two,))).then(first)
    waiting = given(FLAGS, FLAGGED).when(Hold(UUID(int=20), (), OTHER, NOW, (), (two,)))
    waiting.then(held(20, (), held=(), held_by=OTHER, held_elsewhere=(two,)))
    taking = given(FLAGS, FLAGGED, first).when(Hold(HOLD, HELD_POINTS, None, NOW, (two,), (), other_flag))
    taking.then(held(HOLD.int, (two,), taken_over_from=other_flag))
    taking.then_state(waiting=frozenset())
    both = given(FLAGS, FLAGGED, first, held(HOLD.int, (two,), taken_over_from=other_flag))
    freed = released(ReleaseReason.RELEASED)
    both.when(Release(OTHER, NOW)).then(freed.model_copy(update={"hold_id": UUID(int=20)}), freed)
    both.when(Release(OTHER, NOW)).then_state(holds={}, waiting=frozenset())


def test_a_hold_of_before_is_for_all_that_the_flag_showed() -> None:
    flag = FLAGS.fold([FLAGGED, HELD])
    assert flag.carries == {UUID(int=101), UUID(int=102)}


RECORDS = st.lists(st.builds(suspect, st.integers(1, 4), st.integers(1, 600)), min_size=1, max_size=4)
COMMANDS = st.lists(
    st.one_of(
        RECORDS.map(lambda records: find(evidence(*records))),
        st.just(LoseGround(NOW)),
        st.just(TakeUp(OTHER, NOW)),
        st.builds(
            Hold,
            st.uuids(),
            st.sampled_from([HELD_POINTS, ()]),
            st.sampled_from([OTHER, None]),
            st.just(NOW),
            st.sampled_from([(), (UUID(int=101),)]),
            st.sampled_from([(), (UUID(int=102),)]),
        ),
        st.just(Release(OTHER, NOW)),
        st.builds(Dismiss, st.sampled_from(DismissalReason), st.just(OTHER), st.just(NOW)),
        st.builds(Uphold, st.sampled_from(UpholdingReason), st.just(OTHER), st.just(NOW)),
    ),
    max_size=12,
)


@hypothesis.given(commands=COMMANDS)
def test_in_any_life_no_hold_is_let_go_twice_and_none_outlives_a_dismissal(commands: list[Command]) -> None:
    flag, held = FLAGS.fold([FLAGGED]), set[UUID]()
    for command in commands:
        try:
            events = FLAGS.decide(flag, command)
        except Refusal:
            continue
        for event in events:
            match event:
                case AnomalyPointsHeld(hold_id=hold_id):
                    assert hold_id not in held
                    held.add(hold_id)
                case AnomalyPointsReleased(hold_id=hold_id):
                    held.remove(hold_id)
        flag = FLAGS.fold(events, flag)
        assert {*flag.holds} == held
        assert not held or flag.stage is not Stage.DISMISSED
        if isinstance(command, Find):
            assert FLAGS.decide(flag, command) == []  # found twice


@pytest.mark.parametrize("sign", Sign)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_sign_is_told_in_words_with_its_numbers(sign: Sign, language: str) -> None:
    texts = Texts([ROOT / "services/points/locales"])
    shown = evidence(suspect(1), suspect(2), sign=sign)
    text = in_words(texts, language, shown, Extent(2, 800, 1))
    assert "800" in text
    assert "480" in text
    assert "{" not in text
    assert str(shown.records[0].record_id) in record_in_words(texts, language, shown.records[0])
    for code in (*(f"sign.{one.value}" for one in Sign), *(f"measure.{one.value}" for one in Measure)):
        assert texts.word(language, code) != code
