"""Stars that are held, from the yearly review to the withdrawal: every rule, refusals included."""

from dataclasses import replace
from datetime import date, timedelta

from services.points.grounds.reminding import Remind
from services.points.stars.commands import (
    Assessed,
    Confirm,
    LookAtHours,
    Review,
    Withdraw,
)
from services.points.stars.refusals import (
    StarNotFlagged,
    StarNotHeld,
)
from services.points.stars.views import STARS
from shared.contracts.honours import (
    StarBorneAgain,
    StarFlagged,
    StarFlagReason,
    StarReviewed,
    StarUndecided,
    StarWithdrawalReason,
)
from shared.contracts.registry import NodeLevel
from tests.specification import given
from tests.unit.points.star_scene import (
    CAUSE,
    CITY,
    COMMUNITY,
    DAY,
    DISTRICT,
    FIRST,
    ONE,
    ONE_STAR,
    OTHER,
    PERSON,
    PROVINCE,
    SECOND,
    THREE,
    applied,
    assessed,
    confirmed,
    flagged,
    granted,
    withdrawn,
)


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
