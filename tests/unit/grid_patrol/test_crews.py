"""The rules of a patrol crew, one by one and over generated lives."""

from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.grid_patrol.crews.model import (
    MEMBERS_MAX,
    AddMembers,
    AlreadyCrewMember,
    Crew,
    CrewAlreadyFormed,
    CrewHasOpenShifts,
    CrewIsDisbanded,
    CrewNotFormed,
    CrewTooLarge,
    Disband,
    ForgetMember,
    FormCrew,
    NotCrewMember,
    RemoveMember,
    RenameCrew,
    decide,
    evolve,
)
from services.grid_patrol.crews.streams import CREWS
from shared.contracts import Refusal
from shared.contracts.grid_patrol import (
    CrewDisbanded,
    CrewFormed,
    CrewKind,
    CrewMemberAdded,
    CrewMemberRemoved,
    CrewRenamed,
)
from tests.specification import given

QILIAN = "620201001004"
CREW, ANNA, BO, CHEN = (UUID(int=n) for n in range(1, 5))
FORM = FormCrew(CREW, QILIAN, "一组", CrewKind.JOINT_DEFENCE)
FORMED = CrewFormed(crew_id=CREW, community=QILIAN, name="一组", kind=CrewKind.JOINT_DEFENCE)
DISBANDED = CrewDisbanded(crew_id=CREW)


def added(who: UUID) -> CrewMemberAdded:
    return CrewMemberAdded(crew_id=CREW, volunteer_id=who)


def removed(who: UUID) -> CrewMemberRemoved:
    return CrewMemberRemoved(crew_id=CREW, volunteer_id=who)


def test_a_crew_is_formed_with_its_members() -> None:
    form = FormCrew(CREW, QILIAN, "一组", CrewKind.JOINT_DEFENCE, (ANNA, BO, ANNA))
    given(CREWS).when(form).then(FORMED, added(ANNA), added(BO))


def test_a_crew_is_formed_once() -> None:
    given(CREWS, FORMED).when(FORM).then_refused(CrewAlreadyFormed)


def test_a_crew_is_renamed_and_the_same_name_is_no_change() -> None:
    renamed = CrewRenamed(crew_id=CREW, name="夜间组")
    given(CREWS, FORMED).when(RenameCrew("夜间组")).then(renamed)
    given(CREWS, FORMED).when(RenameCrew("一组")).then_nothing()
    given(CREWS, FORMED, renamed).when(RenameCrew("夜间组")).then_nothing()
    given(CREWS).when(RenameCrew("夜间组")).then_refused(CrewNotFormed)


def test_several_join_at_once() -> None:
    given(CREWS, FORMED, added(ANNA)).when(AddMembers((BO, CHEN))).then(added(BO), added(CHEN))


def test_nobody_joins_twice() -> None:
    given(CREWS, FORMED, added(ANNA)).when(AddMembers((BO, ANNA))).then_refused(AlreadyCrewMember)


def test_a_crew_has_a_largest_size() -> None:
    many = tuple(UUID(int=1000 + n) for n in range(MEMBERS_MAX))
    given(CREWS, FORMED, added(ANNA)).when(AddMembers(many)).then_refused(CrewTooLarge)


def test_a_member_leaves_and_may_come_back() -> None:
    given(CREWS, FORMED, added(ANNA)).when(RemoveMember(ANNA)).then(removed(ANNA))
    given(CREWS, FORMED, added(ANNA), removed(ANNA)).when(AddMembers((ANNA,))).then(added(ANNA))


def test_only_a_member_can_leave() -> None:
    given(CREWS, FORMED).when(RemoveMember(ANNA)).then_refused(NotCrewMember)


def test_a_forgotten_person_is_no_member_and_forgetting_twice_changes_nothing() -> None:
    given(CREWS, FORMED, added(ANNA)).when(ForgetMember(ANNA)).then(removed(ANNA))
    given(CREWS, FORMED).when(ForgetMember(ANNA)).then_nothing()
    given(CREWS, FORMED, added(ANNA), DISBANDED).when(ForgetMember(ANNA)).then(removed(ANNA))


def test_a_crew_disbands_when_no_shift_is_open() -> None:
    given(CREWS, FORMED).when(Disband(open_shifts=0)).then(DISBANDED)
    given(CREWS, FORMED).when(Disband(open_shifts=2)).then_refused(CrewHasOpenShifts, count=2)


def test_a_disbanded_crew_is_left_alone() -> None:
    for command in (RenameCrew("二组"), AddMembers((ANNA,)), RemoveMember(ANNA), Disband(open_shifts=0)):
        given(CREWS, FORMED, DISBANDED).when(command).then_refused(CrewIsDisbanded)


def test_a_crew_that_was_never_formed_is_not_found() -> None:
    given(CREWS).when(AddMembers((ANNA,))).then_refused(CrewNotFormed)


class CrewLife(RuleBasedStateMachine):
    """Whatever is asked of a crew in whatever order, its members are those who joined and did not leave."""

    def __init__(self) -> None:
        super().__init__()
        self.crew = Crew()
        self.members: set[UUID] = set()
        self.over = False

    def ask(self, command: Any) -> bool:
        try:
            events = decide(self.crew, command)
        except Refusal:
            return False
        for event in events:
            self.crew = evolve(self.crew, event)
        return True

    people = st.lists(st.integers(1, 6).map(lambda n: UUID(int=n)), min_size=1, max_size=4)

    @precondition(lambda self: self.crew.id is None)
    @rule(members=people)
    def form(self, members: list[UUID]) -> None:
        assert self.ask(FormCrew(CREW, QILIAN, "一组", CrewKind.CADRE, tuple(members)))
        self.members = set(members)

    @rule(members=people)
    def add(self, members: list[UUID]) -> None:
        expected = self.crew.id is not None and not self.over and not self.members & set(members)
        assert self.ask(AddMembers(tuple(members))) == expected
        if expected:
            self.members |= set(members)

    @rule(member=st.integers(1, 6).map(lambda n: UUID(int=n)), forgotten=st.booleans())
    def leave(self, member: UUID, forgotten: bool) -> None:
        if forgotten:
            assert self.ask(ForgetMember(member))
            self.members.discard(member)
        elif self.ask(RemoveMember(member)):
            self.members.remove(member)

    @rule(open_shifts=st.integers(0, 1))
    def disband(self, open_shifts: int) -> None:
        self.over |= self.ask(Disband(open_shifts))

    @invariant()
    def members_agree(self) -> None:
        assert self.crew.members == self.members
        assert self.crew.disbanded == self.over


TestCrewLife = CrewLife.TestCase
