"""The rules of registration, consent and being forgotten."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given as over
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.registry.volunteers.model import (
    ChangeDetails,
    ConsentMissing,
    Forget,
    Grounds,
    GuardianConsent,
    GuardianConsentMissing,
    GuardianSeparateConsentMissing,
    LookAtAge,
    Move,
    MovedInFuture,
    MovedTooFarBack,
    RegisteredInFuture,
    RegisteredTooFarBack,
    RegisterVolunteer,
    RenewConsent,
    Standing,
    VolunteerAlreadyRegistered,
    VolunteerAtHomeAlready,
    VolunteerConsentWithdrawn,
    VolunteerForgotten,
    VolunteerNotRegistered,
    WithdrawConsent,
    age_group,
    age_on,
    next_age_group_on,
)
from services.registry.volunteers.streams import VOLUNTEERS
from shared.contracts import Refusal
from shared.contracts.registry import (
    ConsentRenewed,
    ConsentWithdrawn,
    PersonForgotten,
    VolunteerAgeGroupChanged,
    VolunteerDetailsChanged,
    VolunteerMoved,
    VolunteerRegistered,
)
from tests.specification import given

ANNA = UUID("01980000-0000-7000-8000-000000000001")
TODAY = date(2026, 3, 20)
COMMUNITY = "620201001004"
REGISTER = RegisterVolunteer(
    volunteer_id=ANNA,
    number="620201001004-000001",
    community=COMMUNITY,
    party_member=True,
    born_on=date(1985, 6, 14),
    consent=True,
    guardian=GuardianConsent.NONE,
    lives_on_own_labour=False,
    registered_on=TODAY,
    today=TODAY,
    earliest=TODAY - timedelta(days=7),
)
REGISTERED = VolunteerRegistered(
    volunteer_id=ANNA,
    volunteer_number="620201001004-000001",
    community=COMMUNITY,
    party_member=True,
    registered_on=TODAY,
    age_group_from=40,
)
WITHDRAWN = ConsentWithdrawn(volunteer_id=ANNA, community=COMMUNITY)
RENEWED = ConsentRenewed(volunteer_id=ANNA, community=COMMUNITY)
FORGOTTEN = PersonForgotten(volunteer_id=ANNA, community=COMMUNITY)
ELSEWHERE = "620201001005"
MOVE = Move(ELSEWHERE, TODAY, TODAY, earliest=TODAY - timedelta(days=7))
MOVED = VolunteerMoved(volunteer_id=ANNA, community=ELSEWHERE, from_community=COMMUNITY, moved_on=TODAY)


def test_an_adult_is_registered() -> None:
    given(VOLUNTEERS).when(REGISTER).then(REGISTERED)


def test_nobody_is_registered_twice() -> None:
    given(VOLUNTEERS, REGISTERED).when(REGISTER).then_refused(VolunteerAlreadyRegistered, number="620201001004-000001")


def test_nobody_is_registered_without_consent() -> None:
    given(VOLUNTEERS).when(replace(REGISTER, consent=False)).then_refused(ConsentMissing)


def test_a_registration_is_not_dated_in_the_future_or_too_far_back() -> None:
    tomorrow = replace(REGISTER, registered_on=TODAY + timedelta(days=1))
    given(VOLUNTEERS).when(tomorrow).then_refused(RegisteredInFuture)
    old = replace(REGISTER, registered_on=TODAY - timedelta(days=8))
    given(VOLUNTEERS).when(old).then_refused(RegisteredTooFarBack)
    from_paper = replace(old, earliest=None, registered_on=date(2012, 4, 1))
    given(VOLUNTEERS).when(from_paper).then(REGISTERED.model_copy(update={"registered_on": date(2012, 4, 1)}))
    before_birth = replace(from_paper, registered_on=date(1985, 6, 13))
    given(VOLUNTEERS).when(before_birth).then_refused(RegisteredTooFarBack)


def _aged(years: int, days: int = 0) -> date:
    return TODAY.replace(year=TODAY.year - years) - timedelta(days=days)


@pytest.mark.parametrize(
    ("born_on", "guardian", "own_labour", "refusal"),
    [
        (_aged(18), GuardianConsent.NONE, False, None),
        (_aged(18, -1), GuardianConsent.NONE, False, GuardianConsentMissing),
        (_aged(18, -1), GuardianConsent.NONE, True, None),
        (_aged(18, -1), GuardianConsent.GIVEN, False, None),
        (_aged(16), GuardianConsent.NONE, True, None),
        (_aged(16, -1), GuardianConsent.NONE, True, GuardianConsentMissing),
        (_aged(16, -1), GuardianConsent.SEPARATE, False, None),
        (_aged(14), GuardianConsent.GIVEN, False, None),
        (_aged(14), GuardianConsent.NONE, False, GuardianConsentMissing),
        (_aged(14, -1), GuardianConsent.GIVEN, False, GuardianSeparateConsentMissing),
        (_aged(14, -1), GuardianConsent.SEPARATE, False, None),
        (_aged(7), GuardianConsent.NONE, True, GuardianSeparateConsentMissing),
    ],
)
def test_the_young_need_their_guardian(
    born_on: date, guardian: GuardianConsent, own_labour: bool, refusal: type[Refusal] | None
) -> None:
    command = replace(REGISTER, born_on=born_on, guardian=guardian, lives_on_own_labour=own_labour)
    outcome = given(VOLUNTEERS).when(command)
    if refusal is None:
        outcome.then(REGISTERED.model_copy(update={"age_group_from": age_group(TODAY, born_on)}))
    else:
        outcome.then_refused(refusal)
    put_right = ChangeDetails(("id_number",), True, Grounds(born_on, guardian, own_labour, TODAY))
    outcome = given(VOLUNTEERS, REGISTERED).when(put_right)
    if refusal is not None:
        outcome.then_refused(refusal)


def test_whoever_was_born_on_the_leap_day_grows_older_on_the_first_of_march() -> None:
    assert age_on(date(2026, 2, 28), date(2008, 2, 29)) == 17
    assert age_on(date(2026, 3, 1), date(2008, 2, 29)) == 18


def _older(group: int, on: date) -> VolunteerAgeGroupChanged:
    return VolunteerAgeGroupChanged(volunteer_id=ANNA, community=COMMUNITY, age_group_from=group, on=on)


def test_a_new_age_group_is_told_once_when_the_month_after_the_birthday_begins() -> None:
    born_on = REGISTER.born_on
    assert next_age_group_on(TODAY, born_on) == date(2030, 7, 1)
    given(VOLUNTEERS, REGISTERED).when(LookAtAge(born_on, TODAY)).then_nothing()
    given(VOLUNTEERS, REGISTERED).when(LookAtAge(born_on, date(2030, 6, 30))).then_nothing()
    first = date(2030, 7, 1)
    given(VOLUNTEERS, REGISTERED).when(LookAtAge(born_on, first)).then(_older(45, first))
    given(VOLUNTEERS, REGISTERED, _older(45, first)).when(LookAtAge(born_on, first)).then_nothing()


def test_a_look_that_comes_years_late_tells_the_group_of_today() -> None:
    late = date(2043, 3, 3)
    given(VOLUNTEERS, REGISTERED).when(LookAtAge(REGISTER.born_on, late)).then(_older(55, late))


def test_a_wrong_birth_date_put_right_can_make_somebody_younger() -> None:
    given(VOLUNTEERS, REGISTERED).when(LookAtAge(date(1995, 6, 14), TODAY)).then(_older(30, TODAY))


def test_whoever_was_registered_before_groups_were_told_is_told_now() -> None:
    before = REGISTERED.model_copy(update={"age_group_from": None})
    given(VOLUNTEERS, before).when(LookAtAge(REGISTER.born_on, TODAY)).then(_older(40, TODAY))


def test_nothing_is_told_of_the_age_of_whoever_withdrew_consent_or_is_forgotten() -> None:
    late = LookAtAge(REGISTER.born_on, date(2043, 3, 3))
    for end in (WITHDRAWN, FORGOTTEN):
        given(VOLUNTEERS, REGISTERED, end).when(late).then_nothing()
    given(VOLUNTEERS).when(late).then_nothing()


@over(st.dates(date(1900, 1, 1), date(2026, 3, 20)), st.dates(date(2026, 3, 20), date(2060, 12, 31)))
def test_age_groups_begin_in_the_month_after_the_birthday_whatever_the_day(born_on: date, day: date) -> None:
    group, begins = age_group(day, born_on), next_age_group_on(day, born_on)
    assert group % 5 == 0
    assert group <= age_on(day, born_on) < group + 6  # nobody is told older than they are, or a year too late
    assert begins > day
    assert begins.day == 1
    assert age_group(begins, born_on) == group + 5
    assert age_group(begins - timedelta(days=1), born_on) == group


def test_the_leap_day_needs_no_rule_of_its_own_for_age_groups() -> None:
    born_on = date(1968, 2, 29)
    assert next_age_group_on(date(2027, 12, 5), born_on) == date(2028, 3, 1)
    assert next_age_group_on(date(2028, 3, 1), born_on) == date(2033, 3, 1)


def test_changed_details_tell_which_and_not_what() -> None:
    given(VOLUNTEERS, REGISTERED).when(ChangeDetails(("phone", "name"), True)).then(
        VolunteerDetailsChanged(volunteer_id=ANNA, fields=("name", "phone"), party_member=True)
    )
    given(VOLUNTEERS, REGISTERED).when(ChangeDetails((), True)).then_nothing()
    given(VOLUNTEERS, REGISTERED).when(ChangeDetails((), False)).then(
        VolunteerDetailsChanged(volunteer_id=ANNA, fields=(), party_member=False)
    )


def test_consent_is_withdrawn_and_given_again() -> None:
    given(VOLUNTEERS, REGISTERED).when(WithdrawConsent()).then(WITHDRAWN)
    given(VOLUNTEERS, REGISTERED, WITHDRAWN).when(WithdrawConsent()).then_nothing()
    given(VOLUNTEERS, REGISTERED, WITHDRAWN).when(ChangeDetails(("name",), True)).then_refused(
        VolunteerConsentWithdrawn, volunteer="620201001004-000001"
    )
    given(VOLUNTEERS, REGISTERED, WITHDRAWN).when(RenewConsent()).then(RENEWED)
    given(VOLUNTEERS, REGISTERED, WITHDRAWN, RENEWED).when(RenewConsent()).then_nothing()


def test_whoever_is_forgotten_is_forgotten_for_good() -> None:
    given(VOLUNTEERS, REGISTERED).when(Forget()).then(FORGOTTEN)
    given(VOLUNTEERS, REGISTERED, WITHDRAWN).when(Forget()).then(FORGOTTEN)
    given(VOLUNTEERS, REGISTERED, FORGOTTEN).when(Forget()).then_nothing()
    for command in (WithdrawConsent(), RenewConsent(), ChangeDetails(("name",), True)):
        given(VOLUNTEERS, REGISTERED, FORGOTTEN).when(command).then_refused(VolunteerForgotten)


def test_nothing_can_be_done_with_somebody_unknown() -> None:
    for command in (WithdrawConsent(), RenewConsent(), Forget(), ChangeDetails(("name",), True)):
        given(VOLUNTEERS).when(command).then_refused(VolunteerNotRegistered)


@over(st.dates(date(1930, 1, 1), TODAY), st.sampled_from(GuardianConsent), st.booleans())
def test_nobody_under_age_is_registered_without_somebody_answering_for_them(
    born_on: date, guardian: GuardianConsent, own_labour: bool
) -> None:
    command = replace(REGISTER, born_on=born_on, guardian=guardian, lives_on_own_labour=own_labour)
    outcome = given(VOLUNTEERS).when(command)
    if outcome.refusal is None:
        age = age_on(TODAY, born_on)
        assert age >= 18 or guardian is not GuardianConsent.NONE or (age >= 16 and own_labour)
        assert age >= 14 or guardian is GuardianConsent.SEPARATE


def test_a_volunteer_moves_and_moves_back() -> None:
    given(VOLUNTEERS, REGISTERED).when(MOVE).then(MOVED)
    back = MOVED.model_copy(update={"community": COMMUNITY, "from_community": ELSEWHERE})
    given(VOLUNTEERS, REGISTERED, MOVED).when(replace(MOVE, community=COMMUNITY)).then(back)


def test_nobody_moves_to_where_they_are_at_home() -> None:
    number = REGISTERED.volunteer_number
    there = replace(MOVE, community=COMMUNITY)
    given(VOLUNTEERS, REGISTERED).when(there).then_refused(VolunteerAtHomeAlready, volunteer=number)
    given(VOLUNTEERS, REGISTERED, MOVED).when(MOVE).then_refused(VolunteerAtHomeAlready, volunteer=number)


def test_a_move_is_not_dated_in_the_future_too_far_back_or_before_the_person_came() -> None:
    tomorrow = replace(MOVE, moved_on=TODAY + timedelta(days=1))
    given(VOLUNTEERS, REGISTERED).when(tomorrow).then_refused(MovedInFuture)
    yesterday = replace(MOVE, moved_on=TODAY - timedelta(days=1))
    given(VOLUNTEERS, REGISTERED).when(yesterday).then_refused(MovedTooFarBack)
    back_yesterday = replace(yesterday, community=COMMUNITY)
    long_here = REGISTERED.model_copy(update={"registered_on": date(2012, 4, 1)})
    given(VOLUNTEERS, long_here, MOVED).when(back_yesterday).then_refused(MovedTooFarBack)
    given(VOLUNTEERS, long_here).when(replace(MOVE, moved_on=TODAY - timedelta(days=8))).then_refused(MovedTooFarBack)
    given(VOLUNTEERS, long_here).when(yesterday).then(MOVED.model_copy(update={"moved_on": yesterday.moved_on}))


def test_only_somebody_in_the_register_moves() -> None:
    given(VOLUNTEERS).when(MOVE).then_refused(VolunteerNotRegistered)
    given(VOLUNTEERS, REGISTERED, WITHDRAWN).when(MOVE).then_refused(VolunteerConsentWithdrawn)
    given(VOLUNTEERS, REGISTERED, FORGOTTEN).when(MOVE).then_refused(VolunteerForgotten)


def test_what_is_told_of_a_volunteer_after_a_move_is_told_by_the_new_community() -> None:
    there = ConsentWithdrawn(volunteer_id=ANNA, community=ELSEWHERE)
    given(VOLUNTEERS, REGISTERED, MOVED).when(WithdrawConsent()).then(there)


class LifeOfAVolunteer(RuleBasedStateMachine):
    """Any order of commands: the standing is what the accepted ones made it, and the forgotten stay forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.state = VOLUNTEERS.initial
        self.expected = Standing.UNREGISTERED
        self.was_forgotten = False

    def _do(self, command: object) -> bool:
        try:
            events = VOLUNTEERS.decide(self.state, command)
        except Refusal:
            return False
        self.state = VOLUNTEERS.fold(events, self.state)
        return True

    @rule()
    def register(self) -> None:
        if self._do(REGISTER):
            assert self.expected is Standing.UNREGISTERED
            self.expected = Standing.REGISTERED

    @rule(party_member=st.booleans())
    def change(self, party_member: bool) -> None:
        if self._do(ChangeDetails(("phone",), party_member)):
            assert self.expected is Standing.REGISTERED

    @precondition(lambda self: self.expected is not Standing.UNREGISTERED)
    @rule()
    def withdraw(self) -> None:
        if self._do(WithdrawConsent()):
            self.expected = Standing.CONSENT_WITHDRAWN

    @rule()
    def renew(self) -> None:
        if self._do(RenewConsent()):
            self.expected = Standing.REGISTERED

    @rule()
    def forget(self) -> None:
        if self._do(Forget()):
            self.expected = Standing.FORGOTTEN
            self.was_forgotten = True

    @invariant()
    def the_standing_is_what_was_done(self) -> None:
        assert self.state.standing is self.expected
        assert not self.was_forgotten or self.state.standing is Standing.FORGOTTEN
        assert not (self.was_forgotten and self.state.party_member)


TestLifeOfAVolunteer = LifeOfAVolunteer.TestCase
