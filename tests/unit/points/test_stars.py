"""Applications for stars, from the hours to the grant: every rule, refusals included."""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from services.points.durations import months_later
from services.points.grounds.reminding import Remind
from services.points.stars.authority import may_decide
from services.points.stars.commands import (
    Assessed,
    AssessQuality,
    Confirm,
    Decline,
    Requirement,
    Retract,
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
    StarPersonForgotten,
    StarQualityNotAssessed,
    StarQualityNotMet,
    StarReasonMissing,
    StarReasonSuperfluous,
)
from services.points.stars.report import IssueReport, ReportRow, canonical_hash
from services.points.stars.views import REPORTS, STARS
from shared.contracts.honours import (
    Quality,
    QualityReason,
    StarApplicationUndecided,
    StarDeclined,
    StarDeclineReason,
    StarWithdrawalReason,
)
from shared.contracts.registry import NodeLevel
from tests.specification import given
from tests.unit.points.star_scene import (
    CITY,
    COMMUNITY,
    DAY,
    DISTRICT,
    FIRST,
    ONE,
    ONE_STAR,
    PERSON,
    PROVINCE,
    SECOND,
    THREE,
    applied,
    apply,
    assessed,
    grant,
    granted,
)


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
