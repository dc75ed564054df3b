"""Stars: every rule, refusals included."""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from services.points.durations import months_later
from services.points.grounds.reminding import Remind
from services.points.stars.authority import may_decide
from services.points.stars.commands import (
    Apply,
    Assessed,
    AssessQuality,
    Confirm,
    Decline,
    Grant,
    LookAtHours,
    Requirement,
    Retract,
    Review,
    Withdraw,
)
from services.points.stars.refusals import (
    StarApplicationNotOpen,
    StarApplicationOpen,
    StarAssessmentsShort,
    StarAssessorMayNotGrant,
    StarAssessorNotKnown,
    StarAuthorityTooLow,
    StarHeldAlready,
    StarHoursShort,
    StarMembershipShort,
    StarNotFlagged,
    StarNotHeld,
    StarPersonForgotten,
    StarQualityNotAssessed,
    StarQualityNotMet,
    StarReasonMissing,
    StarReasonSuperfluous,
)
from services.points.stars.report import IssueReport, ReportRow, canonical_hash
from services.points.stars.views import REPORTS, STARS
from shared.contracts.honours import (
    CorrectingEvent,
    Quality,
    QualityReason,
    StarApplicationUndecided,
    StarApplied,
    StarBorneAgain,
    StarConfirmed,
    StarDeclined,
    StarDeclineReason,
    StarFlagged,
    StarFlagReason,
    StarGranted,
    StarQualityAssessed,
    StarReviewed,
    StarUndecided,
    StarWithdrawalReason,
    StarWithdrawn,
)
from shared.contracts.registry import NodeLevel
from tests.specification import given

COMMUNITY, DISTRICT, CITY, PROVINCE = "620201001004", "620201", "6202", "62"
DAY = date(2026, 3, 20)
PERSON, FIRST, SECOND = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
ONE = Requirement(6000, NodeLevel.DISTRICT, 0, 1)
THREE = Requirement(36_000, NodeLevel.CITY, 0, 1)


def apply(**changed: Any) -> Apply:
    plain = {
        "application_id": FIRST, "volunteer_id": PERSON, "community": COMMUNITY, "grade": 1, "minutes": 6000,
        "requirement": ONE, "member_since": date(2026, 1, 31), "forgotten": False, "day": DAY,
    }  # fmt: skip
    return Apply(**{**plain, **changed})


def grant(application: uuid.UUID = FIRST, **changed: Any) -> Grant:
    plain = {
        "minutes": 6000, "authority": DISTRICT, "granter": "officer", "assessors": frozenset({"clerk"}),
        "judge_lost": False,
        "review_months": 12, "forgotten": False, "day": DAY, "requirement": ONE,
    }  # fmt: skip
    return Grant(application, **{**plain, **changed})


def applied(application: uuid.UUID = FIRST, grade: int = 1, asked: Requirement = ONE) -> StarApplied:
    return StarApplied(
        volunteer_id=PERSON, application_id=application, community=COMMUNITY, grade=grade, minutes=asked.minutes,
        threshold_minutes=asked.minutes, granted_by=asked.granted_by, policy_version=1, applied_on=DAY,
    )  # fmt: skip


def assessed(
    quality: Quality = Quality.MET, application: uuid.UUID = FIRST, reason: QualityReason | None = None
) -> StarQualityAssessed:
    return StarQualityAssessed(
        volunteer_id=PERSON, application_id=application, community=COMMUNITY, quality=quality, reason=reason,
        assessed_at_node=COMMUNITY, assessed_on=DAY,
    )  # fmt: skip


def granted(application: uuid.UUID = FIRST, grade: int = 1, minutes: int = 6000, authority: str = DISTRICT) -> Any:
    return StarGranted(
        volunteer_id=PERSON, application_id=application, community=COMMUNITY, grade=grade, minutes=minutes,
        threshold_minutes=minutes, policy_version=1, authority=authority, granted_on=DAY,
        review_on=date(2027, 3, 20),
    )  # fmt: skip


def flagged(minutes: int = 5990) -> StarFlagged:
    return StarFlagged(
        volunteer_id=PERSON, application_id=FIRST, community=COMMUNITY, grade=1,
        reason=StarFlagReason.HOURS_BELOW_THRESHOLD, minutes_before=6000, minutes=minutes, threshold_minutes=6000,
        flagged_on=DAY,
    )  # fmt: skip


def confirmed(minutes: int = 5990) -> StarConfirmed:
    return StarConfirmed(
        volunteer_id=PERSON, application_id=FIRST, community=COMMUNITY, grade=1, minutes=minutes, authority=DISTRICT,
        confirmed_on=DAY, assessed_percent=0, good_percent=0,
    )  # fmt: skip


def withdrawn(application: uuid.UUID, grade: int, left: int, authority: str = DISTRICT) -> StarWithdrawn:
    return StarWithdrawn(
        volunteer_id=PERSON, application_id=application, community=COMMUNITY, grade=grade, grade_left=left,
        reason=StarWithdrawalReason.MISCONDUCT, authority=authority, withdrawn_on=DAY,
    )  # fmt: skip


ONE_STAR = (applied(), assessed(), granted())
CAUSE = CorrectingEvent(
    event_id=uuid.uuid4(), type="liuling.registry.AttendanceCorrected.v1", told_at=datetime(2026, 3, 19, tzinfo=UTC),
    taken_minutes=10,
)  # fmt: skip
OTHER = CAUSE.model_copy(update={"event_id": uuid.uuid4()})


def test_who_reached_the_hours_applies() -> None:
    given(STARS).when(apply()).then(applied())


@given_any(
    minutes=st.integers(0, 40_000),
    asked=st.builds(
        Requirement,
        minutes=st.sampled_from([6000, 18_000]),
        granted_by=st.just(NodeLevel.DISTRICT),
        months_min=st.sampled_from([0, 3]),
        policy_version=st.just(1),
        assessed_percent_min=st.sampled_from([0, 50]),
        good_percent_min=st.sampled_from([0, 80]),
    ),
    member_since=st.none() | st.dates(date(2025, 11, 1), date(2026, 2, 1)),
    said=st.builds(Assessed, records=st.just(4), assessed=st.integers(0, 4), good=st.integers(0, 4)),
)
def test_whoever_meets_what_is_asked_for_can_apply_and_nobody_else(
    minutes: int, asked: Requirement, member_since: date | None, said: Assessed
) -> None:
    command = apply(minutes=minutes, requirement=asked, member_since=member_since, assessed=said)
    try:
        applied = bool(STARS.decide(STARS.initial, command))
    except (StarHoursShort, StarMembershipShort, StarAssessmentsShort, StarPersonForgotten):
        applied = False
    assert asked.met_by(minutes, member_since, DAY, said) == applied


def test_who_lacks_hours_is_told_how_many() -> None:
    given(STARS).when(apply(minutes=5279)).then_refused(
        StarHoursShort, grade=1, needed_hours=100, missing_hours=12, missing_minutes=1
    )


def test_who_is_new_is_told_from_when_to_apply() -> None:
    months = Requirement(6000, NodeLevel.DISTRICT, 3, 1)
    given(STARS).when(apply(requirement=months)).then_refused(StarMembershipShort, months=3, earliest="2026-04-30")
    given(STARS).when(apply(requirement=months, day=date(2026, 4, 29))).then_refused(StarMembershipShort)
    given(STARS).when(apply(requirement=months, day=date(2026, 4, 30))).then_state(grade=0)
    given(STARS).when(apply(requirement=months, member_since=None)).then_refused(StarPersonForgotten)


def test_where_the_policy_asks_for_assessments_there_must_be_enough_and_good_ones() -> None:
    asked = replace(ONE, assessed_percent_min=20, good_percent_min=75)
    reached = Assessed(records=10, assessed=2, good=3, fair=1, poor=0)
    shares = {"assessed_percent": 20, "good_percent": 75}
    given(STARS).when(apply(requirement=asked, assessed=reached)).then(applied().model_copy(update=shares))
    for short in (Assessed(11, 2, 3, 1, 0), Assessed(10, 2, 3, 1, 1), Assessed(10), Assessed()):
        given(STARS).when(apply(requirement=asked, assessed=short)).then_refused(
            StarAssessmentsShort, assessed_min=20, good_min=75
        )
    given(STARS).when(apply(assessed=Assessed())).then(applied())


def test_nobody_applies_for_a_person_who_was_forgotten_or_grants_it_to_them() -> None:
    given(STARS).when(apply(forgotten=True)).then_refused(StarPersonForgotten)
    given(STARS, applied()).when(grant(forgotten=True)).then_refused(StarPersonForgotten)


def test_one_application_is_open_at_a_time() -> None:
    given(STARS, applied()).when(apply(application_id=SECOND)).then_refused(StarApplicationOpen, grade=1)


def test_a_grade_may_be_skipped_upwards_but_not_applied_for_twice() -> None:
    given(STARS).when(apply(grade=3, minutes=36_000, requirement=THREE)).then(applied(FIRST, 3, THREE))
    given(STARS, *ONE_STAR).when(apply(application_id=SECOND)).then_refused(StarHeldAlready, held=1)
    given(STARS, *ONE_STAR).when(apply(application_id=SECOND, grade=3, minutes=36_000, requirement=THREE)).then(
        applied(SECOND, 3, THREE)
    )


def test_quality_is_met_or_not_met_for_a_reason() -> None:
    def assess(quality: Quality, reason: QualityReason | None = None) -> AssessQuality:
        return AssessQuality(FIRST, quality, reason, COMMUNITY, DAY)

    given(STARS, applied()).when(assess(Quality.MET)).then(assessed())
    why = QualityReason.COMPLAINTS
    given(STARS, applied()).when(assess(Quality.NOT_MET, why)).then(assessed(Quality.NOT_MET, FIRST, why))
    given(STARS, applied()).when(assess(Quality.NOT_MET)).then_refused(StarReasonMissing)
    given(STARS, applied()).when(assess(Quality.MET, why)).then_refused(StarReasonSuperfluous)
    given(STARS).when(assess(Quality.MET)).then_refused(StarApplicationNotOpen)
    given(STARS, *ONE_STAR).when(assess(Quality.MET)).then_refused(StarApplicationNotOpen)


def test_the_authority_grants_what_was_assessed() -> None:
    given(STARS, applied(), assessed()).when(grant()).then(granted())
    given(STARS, applied()).when(grant()).then_refused(StarQualityNotAssessed)
    not_met = assessed(Quality.NOT_MET, FIRST, QualityReason.OTHER)
    given(STARS, applied(), not_met).when(grant()).then_refused(StarQualityNotMet)
    given(STARS, applied(), not_met, assessed()).when(grant()).then(granted())
    given(STARS, applied(), assessed()).when(grant(SECOND)).then_refused(StarApplicationNotOpen)


def test_what_was_said_of_the_service_since_the_application_counts_at_the_grant() -> None:
    asked = replace(ONE, assessed_percent_min=20, good_percent_min=75)
    judged = given(STARS, applied(), assessed())
    judged.when(grant(requirement=asked, assessed=Assessed(10, 2, 3, 1, 0))).then(granted())
    for short in (Assessed(10, 3, 3, 1, 1), Assessed(11, 2, 3, 1, 0), Assessed()):
        judged.when(grant(requirement=asked, assessed=short)).then_refused(
            StarAssessmentsShort, assessed_min=20, good_min=75
        )


def test_who_assessed_does_not_grant() -> None:
    both = grant(granter="clerk", assessors=frozenset({"another", "clerk"}))
    given(STARS, applied(), assessed()).when(both).then_refused(StarAssessorMayNotGrant)
    given(STARS, applied(), assessed()).when(grant(judge_lost=True)).then_refused(StarAssessorNotKnown)


def test_hours_that_were_corrected_meanwhile_are_not_granted_on() -> None:
    given(STARS, applied(), assessed()).when(grant(minutes=5999)).then_refused(
        StarHoursShort, missing_hours=0, missing_minutes=1
    )


@pytest.mark.parametrize(
    ("level", "offices"),
    [(NodeLevel.DISTRICT, "✓✓✓✗✗"), (NodeLevel.CITY, "✓✓✗✗✗"), (NodeLevel.PROVINCE, "✓✗✗✗✗")],
)
def test_a_grade_is_decided_by_its_authority_or_a_higher_one(level: NodeLevel, offices: str) -> None:
    nodes = (PROVINCE, CITY, DISTRICT, "620201001", COMMUNITY)
    assert ["✓" if may_decide(level, node) else "✗" for node in nodes] == list(offices)


def test_an_office_too_low_decides_nothing_about_a_grade() -> None:
    three = (applied(FIRST, 3, THREE), assessed())
    given(STARS, *three).when(grant(minutes=36_000)).then_refused(StarAuthorityTooLow, grade=3, level_en="city")
    given(STARS, *three).when(Decline(FIRST, StarDeclineReason.OTHER, DISTRICT, DAY)).then_refused(StarAuthorityTooLow)
    held = (*three, granted(FIRST, 3, 36_000, CITY))
    for command in (
        Withdraw(StarWithdrawalReason.MISCONDUCT, DISTRICT, DAY),
        Confirm(36_000, DISTRICT, DAY),
    ):
        given(STARS, *held).when(command).then_refused(StarAuthorityTooLow)


def test_an_application_is_declined_for_a_reason_at_any_time() -> None:
    declined = StarDeclined(
        volunteer_id=PERSON, application_id=FIRST, community=COMMUNITY, grade=1,
        reason=StarDeclineReason.APPLICANT_WITHDREW, authority=DISTRICT, declined_on=DAY,
    )  # fmt: skip
    decline = Decline(FIRST, StarDeclineReason.APPLICANT_WITHDREW, DISTRICT, DAY)
    given(STARS, applied()).when(decline).then(declined)
    given(STARS, applied(), declined).when(decline).then_refused(StarApplicationNotOpen)
    given(STARS, applied(), declined).when(apply(application_id=SECOND)).then(applied(SECOND))


def test_an_application_is_withdrawn_by_its_applicant_until_it_is_decided_whoever_decides_on_the_grade() -> None:
    retract = Retract(FIRST, COMMUNITY, DAY)
    withdrew = StarDeclined(
        volunteer_id=PERSON, application_id=FIRST, community=COMMUNITY, grade=3,
        reason=StarDeclineReason.APPLICANT_WITHDREW, authority=COMMUNITY, declined_on=DAY,
    )  # fmt: skip
    three = applied(FIRST, 3, THREE)
    given(STARS, three).when(retract).then(withdrew)
    given(STARS, three, assessed()).when(retract).then(withdrew)
    given(STARS, three, withdrew).when(apply(application_id=SECOND)).then(applied(SECOND))
    for over in ((), (three, withdrew), ONE_STAR, (applied(SECOND),)):
        given(STARS, *over).when(retract).then_refused(StarApplicationNotOpen)


def reviewed(minutes: int, kept: bool) -> StarReviewed:
    return StarReviewed(
        volunteer_id=PERSON, application_id=FIRST, community=COMMUNITY, grade=1, minutes=minutes, kept=kept,
        reviewed_on=DAY, review_on=date(2027, 3, 20),
    )  # fmt: skip


def test_a_review_keeps_what_holds_and_flags_what_does_not() -> None:
    given(STARS, *ONE_STAR).when(Review(7000, 12, DAY)).then(reviewed(7000, True))
    given(STARS, *ONE_STAR).when(Review(5990, 12, DAY)).then(flagged(), reviewed(5990, False))
    given(STARS, *ONE_STAR, flagged()).when(Review(5980, 12, DAY)).then(reviewed(5980, False))
    given(STARS, applied()).when(Review(7000, 12, DAY)).then_nothing()


def test_a_grade_is_flagged_once_when_a_correction_takes_its_hours() -> None:
    given(STARS, *ONE_STAR).when(LookAtHours(5990, DAY)).then(flagged())
    given(STARS, *ONE_STAR).when(LookAtHours(6000, DAY)).then_nothing()
    given(STARS, *ONE_STAR, flagged()).when(LookAtHours(5000, DAY)).then_nothing()
    given(STARS).when(LookAtHours(0, DAY)).then_nothing()


def test_it_is_flagged_anew_when_other_events_are_the_cause_and_says_what_it_had_when_it_held() -> None:
    first = flagged().model_copy(update={"corrected_by": (CAUSE,)})
    both = flagged(5980).model_copy(update={"corrected_by": (CAUSE, OTHER)})
    given(STARS, *ONE_STAR).when(LookAtHours(5990, DAY, (CAUSE,))).then(first)
    again = given(STARS, *ONE_STAR, first, reviewed(5985, False))
    again.when(LookAtHours(5985, DAY, (CAUSE,))).then_nothing()
    again.when(LookAtHours(5980, DAY, (CAUSE, OTHER))).then(both)
    given(STARS, *ONE_STAR, first).when(Review(5980, 12, DAY, (CAUSE, OTHER))).then(both, reviewed(5980, False))
    given(STARS, *ONE_STAR, first, confirmed()).when(LookAtHours(5990, DAY)).then_nothing()


def test_those_who_decide_are_reminded_of_an_application_until_it_is_decided() -> None:
    def told(reminder: int, day: date, quality: Quality | None = None) -> StarApplicationUndecided:
        return StarApplicationUndecided(
            volunteer_id=PERSON, application_id=FIRST, community=COMMUNITY, grade=1, granted_by=NodeLevel.DISTRICT,
            quality=quality, waits_since=DAY, reminder=reminder, remind_on=day + timedelta(days=7), reminded_on=day,
        )  # fmt: skip

    late = DAY + timedelta(days=14)
    given(STARS, applied()).when(Remind(14, late - timedelta(days=1))).then_nothing()
    given(STARS, applied()).when(Remind(14, late)).then(told(1, late))
    reminded = given(STARS, applied(), told(1, late), assessed())
    reminded.when(Remind(14, late + timedelta(days=6))).then_nothing()
    again = late + timedelta(days=7)
    reminded.when(Remind(14, again)).then(told(2, again, Quality.MET))
    given(STARS, *ONE_STAR).when(Remind(14, again)).then_nothing()


def borne_again(minutes: int, needed: int = 6000) -> StarBorneAgain:
    return StarBorneAgain(
        volunteer_id=PERSON, application_id=FIRST, community=COMMUNITY, grade=1, minutes=minutes,
        needed_minutes=needed, borne_on=DAY,
    )  # fmt: skip


def test_when_the_hours_are_there_again_it_is_told_once_and_people_still_decide() -> None:
    lacking = flagged().model_copy(update={"corrected_by": (CAUSE,)})
    given(STARS, *ONE_STAR, lacking).when(LookAtHours(6000, DAY)).then(borne_again(6000))
    given(STARS, *ONE_STAR, lacking).when(Review(6010, 12, DAY)).then(borne_again(6010), reviewed(6010, False))
    again = given(STARS, *ONE_STAR, lacking, borne_again(6010))
    again.when(LookAtHours(6000, DAY)).then_nothing()
    (held,) = STARS.fold([*ONE_STAR, lacking, borne_again(6010)]).held
    assert (held.flagged, held.corrected_by) == (True, ())
    again.when(Confirm(6010, DISTRICT, DAY)).then(confirmed(6010))
    again.when(Remind(14, DAY + timedelta(days=14))).then_state(grade=1)
    # What is taken after that is the cause alone, measured by what there was then; also where nobody knows a cause.
    anew = flagged(5995).model_copy(update={"minutes_before": 6010, "corrected_by": (OTHER,)})
    again.when(LookAtHours(5995, DAY, (OTHER,))).then(anew)
    again.when(LookAtHours(5995, DAY)).then(anew.model_copy(update={"corrected_by": ()}))
    fewer = given(STARS, *ONE_STAR, flagged(), confirmed(), flagged(5980))
    fewer.when(LookAtHours(5990, DAY)).then(borne_again(5990, 5990))


def test_whoever_decides_is_reminded_of_a_flag_after_two_weeks_and_then_every_week() -> None:
    def told(reminder: int, day: date) -> StarUndecided:
        return StarUndecided(
            volunteer_id=PERSON, application_id=FIRST, community=COMMUNITY, grade=1, granted_by=NodeLevel.DISTRICT,
            waits_since=DAY, reminder=reminder, remind_on=day + timedelta(days=7), reminded_on=day,
        )  # fmt: skip

    def remind(days: int) -> Remind:
        return Remind(14, DAY + timedelta(days=days))

    second_flag = flagged(5980).model_copy(update={"flagged_on": DAY + timedelta(days=10), "corrected_by": (CAUSE,)})
    for flags in ((flagged(),), (flagged(), second_flag)):
        waits = given(STARS, *ONE_STAR, *flags)
        waits.when(remind(13)).then_nothing()
        waits.when(remind(14)).then(told(1, DAY + timedelta(days=14)))
    reminded = given(STARS, *ONE_STAR, flagged(), told(1, DAY + timedelta(days=20)))
    for early in (20, 26):
        reminded.when(remind(early)).then_nothing()
    reminded.when(remind(30)).then(told(2, DAY + timedelta(days=30)))
    for decided in ((), (flagged(), confirmed()), (flagged(), withdrawn(FIRST, 1, 0))):
        given(STARS, *ONE_STAR, *decided).when(remind(400)).then_nothing()
    given(STARS, *ONE_STAR, flagged(), applied(SECOND, 2), granted(SECOND, 2)).when(remind(400)).then_nothing()
    given(STARS).when(remind(400)).then_nothing()
    again = flagged(5000).model_copy(update={"flagged_on": DAY + timedelta(days=20)})
    given(STARS, *ONE_STAR, flagged(), confirmed(), again).when(remind(30)).then_nothing()


def test_what_the_authority_confirmed_is_flagged_again_only_for_still_fewer_hours() -> None:
    given(STARS, *ONE_STAR, flagged()).when(Confirm(5990, DISTRICT, DAY)).then(confirmed())
    given(STARS, *ONE_STAR).when(Confirm(5990, DISTRICT, DAY)).then_refused(StarNotFlagged)
    again = given(STARS, *ONE_STAR, flagged(), confirmed())
    again.when(LookAtHours(5990, DAY)).then_nothing()
    again.when(LookAtHours(5989, DAY)).then(flagged(5989).model_copy(update={"minutes_before": 5990}))


def test_a_grade_is_flagged_when_the_service_turns_out_badly_and_again_only_when_still_worse() -> None:
    asked = replace(ONE, assessed_percent_min=50, good_percent_min=75)

    def short(good: int, assessed: int = 50) -> StarFlagged:
        return flagged(7000).model_copy(
            update={
                "reason": StarFlagReason.ASSESSMENTS_SHORT, "assessed_percent": assessed, "assessed_percent_min": 50,
                "good_percent": good, "good_percent_min": 75,
            }
        )  # fmt: skip

    def look(*said: int, minutes: int = 7000) -> LookAtHours:
        return LookAtHours(minutes, DAY, (), asked, Assessed(*said))

    held = given(STARS, *ONE_STAR)
    held.when(look(8, 4, 3, 1)).then_nothing()
    held.when(look(8, 4, 2, 2)).then(short(50))
    held.when(look(8, 4, 2, 0, 2)).then(short(50))
    held.when(look(8, 4, 2, 2, minutes=5990)).then(flagged())
    given(STARS, *ONE_STAR, short(50)).when(look(8, 4, 1, 3)).then_nothing()
    fewer = flagged().model_copy(update={"minutes_before": 7000})
    given(STARS, *ONE_STAR, short(50)).when(look(8, 4, 1, 3, minutes=5990)).then(fewer)
    # Who serves on has fewer records assessed: the review asks for that, and no look in between.
    held.when(look(16, 4, 3, 1)).then_nothing()
    held.when(Review(7000, 12, DAY, (), asked, Assessed(16, 4, 3, 1))).then(short(75, 25), reviewed(7000, False))
    held.when(Review(7000, 12, DAY, (), asked, Assessed(8, 4, 3, 1))).then(reviewed(7000, True))
    stands = confirmed(7000).model_copy(update={"assessed_percent": 50, "good_percent": 50})
    given(STARS, *ONE_STAR, short(50)).when(Confirm(7000, DISTRICT, DAY, Assessed(8, 4, 2, 2))).then(stands)
    again = given(STARS, *ONE_STAR, short(50), stands)
    again.when(look(8, 4, 2, 2)).then_nothing()
    worse = short(25).model_copy(update={"minutes_before": 7000})
    again.when(look(8, 4, 1, 3)).then(worse)

    # Hours that come back leave the assessments as short as they were; whoever decides is told of them, once.
    lacking = flagged().model_copy(update={"corrected_by": (CAUSE,)})
    for so_far, before in (((lacking,), 6000), ((short(50), fewer), 7000)):
        doubted = given(STARS, *ONE_STAR, *so_far)
        still = short(50).model_copy(update={"minutes_before": before})
        doubted.when(look(8, 4, 2, 2)).then(still)
        doubted.when(look(8, 4, 3, 1)).then(borne_again(7000))
        told = given(STARS, *ONE_STAR, *so_far, still)
        told.when(look(8, 4, 2, 2)).then_nothing()
        (in_force,) = STARS.fold([*ONE_STAR, *so_far, still]).held
        assert (in_force.lacks_hours, in_force.corrected_by, in_force.known_minutes) == (False, (), 7000)
    # Too few assessed, as the review had found; and bad service that becomes known while people decide on the hours.
    of_review = given(STARS, *ONE_STAR, short(75, 25), fewer)
    of_review.when(look(16, 4, 3, 1)).then(short(75, 25).model_copy(update={"minutes_before": 7000}))
    back = given(STARS, *ONE_STAR, lacking, borne_again(7000))
    back.when(look(8, 4, 2, 2)).then(short(50).model_copy(update={"minutes_before": 7000}))


def test_without_a_grade_there_is_nothing_to_confirm_or_withdraw() -> None:
    for command in (Confirm(1, PROVINCE, DAY), Withdraw(StarWithdrawalReason.OTHER, PROVINCE, DAY)):
        given(STARS, applied()).when(command).then_refused(StarNotHeld)


def test_when_a_grade_is_withdrawn_the_one_before_it_returns() -> None:
    life = [*ONE_STAR, applied(SECOND, 3, THREE), assessed(application=SECOND), granted(SECOND, 3, 36_000, CITY)]
    withdraw = Withdraw(StarWithdrawalReason.MISCONDUCT, CITY, DAY)
    taken = withdrawn(SECOND, 3, 1, CITY)
    given(STARS, *life).when(withdraw).then(taken)
    given(STARS, *life).when(withdraw).then_state(grade=1)
    given(STARS, *life, taken).when(withdraw).then(withdrawn(FIRST, 1, 0, CITY))


def test_months_end_on_the_last_day_of_a_short_month() -> None:
    assert months_later(date(2026, 11, 30), 3) == date(2027, 2, 28)
    assert months_later(date(2026, 3, 20), 12) == date(2027, 3, 20)


def test_the_hash_of_a_report_depends_on_its_rows_and_not_on_their_order() -> None:
    rows = [ReportRow(COMMUNITY, uuid.uuid4(), "n", 3 + n, 40_000, DAY, 1) for n in range(3)]
    assert canonical_hash(rows) == canonical_hash(rows[::-1])
    assert canonical_hash(rows) != canonical_hash([rows[0]._replace(grade=5), *rows[1:]])
    command = IssueReport(FIRST, DISTRICT, DAY, DAY, 3, canonical_hash(rows), datetime(2026, 3, 20, tzinfo=UTC))
    (event,) = REPORTS.decide(REPORTS.initial, command)
    assert (event.rows_count, event.rows_sha256) == (3, canonical_hash(rows))  # type: ignore[attr-defined]
    assert REPORTS.fold([event]).community == DISTRICT
