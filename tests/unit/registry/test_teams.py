"""The rules of teams: formed, joined, left, led."""

from datetime import date, timedelta
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.registry.teams.model import (
    AlreadyMember,
    AppointLeader,
    Dated,
    Dissolve,
    FormTeam,
    Join,
    Leave,
    NotMember,
    TeamAlreadyFormed,
    TeamDatedInFuture,
    TeamDatedTooFarBack,
    TeamIsDissolved,
    TeamNotFormed,
)
from services.registry.teams.names import kind_of
from services.registry.teams.streams import TEAMS
from shared.contracts import Refusal
from shared.contracts.registry import (
    TeamDissolved,
    TeamFormed,
    TeamLeaderAppointed,
    TeamMemberJoined,
    TeamMemberLeft,
    TeamOrigin,
)
from tests.specification import given

TEAM = UUID("01980000-0000-7000-8000-0000000000aa")
ANNA, BO = (UUID(int=number) for number in (1, 2))
TODAY = date(2026, 3, 20)


def on(day: date) -> Dated:
    return Dated(day, TODAY, TODAY - timedelta(days=7))


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


FORM = FormTeam(TEAM, "620201001004", "样例巾帼队", "women", TeamOrigin.SELF_FORMED, on(ago(5)))
FORMED = TeamFormed(
    team_id=TEAM,
    community="620201001004",
    name="样例巾帼队",
    kind="women",
    origin=TeamOrigin.SELF_FORMED,
    formed_on=ago(5),
)


def joined(who: UUID, day: date) -> TeamMemberJoined:
    return TeamMemberJoined(team_id=TEAM, volunteer_id=who, joined_on=day)


def test_a_team_is_formed_once() -> None:
    given(TEAMS).when(FORM).then(FORMED)
    given(TEAMS, FORMED).when(FORM).then_refused(TeamAlreadyFormed)


def test_nothing_is_done_with_a_team_that_does_not_exist() -> None:
    given(TEAMS).when(Join({ANNA: on(TODAY)})).then_refused(TeamNotFormed)


def test_volunteers_join_and_are_not_members_twice() -> None:
    both = Join({ANNA: on(ago(3)), BO: on(ago(2))})
    given(TEAMS, FORMED).when(both).then(joined(ANNA, ago(3)), joined(BO, ago(2)))
    given(TEAMS, FORMED, joined(ANNA, ago(3))).when(both).then_refused(AlreadyMember, volunteer_id=ANNA)
    skipping = Join(both.joiners, skip_members=True)
    given(TEAMS, FORMED, joined(ANNA, ago(3))).when(skipping).then(joined(BO, ago(2)))


def test_a_member_leaves_and_may_come_back() -> None:
    left = TeamMemberLeft(team_id=TEAM, volunteer_id=ANNA, left_on=ago(1))
    given(TEAMS, FORMED, joined(ANNA, ago(3))).when(Leave(ANNA, on(ago(1)))).then(left)
    given(TEAMS, FORMED).when(Leave(ANNA, on(ago(1)))).then_refused(NotMember)
    given(TEAMS, FORMED, joined(ANNA, ago(3)), left).when(Join({ANNA: on(TODAY)})).then(joined(ANNA, TODAY))


def test_only_members_lead_and_a_leader_who_leaves_leads_no_more() -> None:
    leads = TeamLeaderAppointed(team_id=TEAM, volunteer_id=ANNA, appointed_on=ago(2))
    given(TEAMS, FORMED).when(AppointLeader(ANNA, on(ago(2)))).then_refused(NotMember)
    given(TEAMS, FORMED, joined(ANNA, ago(3))).when(AppointLeader(ANNA, on(ago(2)))).then(leads)
    given(TEAMS, FORMED, joined(ANNA, ago(3)), leads).when(AppointLeader(ANNA, on(TODAY))).then_nothing()
    given(TEAMS, FORMED, joined(ANNA, ago(3)), leads).when(Leave(ANNA, on(TODAY))).then_state(leader=None)


def test_a_dissolved_team_has_no_members_and_gets_none() -> None:
    left = tuple(TeamMemberLeft(team_id=TEAM, volunteer_id=who, left_on=TODAY) for who in (ANNA, BO))
    dissolved = TeamDissolved(team_id=TEAM, dissolved_on=TODAY)
    since = (FORMED, joined(ANNA, ago(3)), joined(BO, ago(2)))
    given(TEAMS, *since).when(Dissolve(on(TODAY))).then(*left, dissolved)
    given(TEAMS, FORMED).when(Dissolve(on(TODAY))).then(dissolved)
    given(TEAMS, *since).when(Dissolve(on(ago(3)))).then_refused(TeamDatedTooFarBack)
    for command in (Join({ANNA: on(TODAY)}), AppointLeader(ANNA, on(TODAY)), Dissolve(on(TODAY))):
        given(TEAMS, *since, *left, dissolved).when(command).then_refused(TeamIsDissolved)


def test_days_lie_neither_ahead_nor_too_far_back_nor_before_what_they_follow_on() -> None:
    given(TEAMS, FORMED).when(Join({ANNA: on(TODAY + timedelta(days=1))})).then_refused(TeamDatedInFuture)
    given(TEAMS, FORMED).when(Join({ANNA: on(ago(8))})).then_refused(TeamDatedTooFarBack)
    older = Join({ANNA: Dated(ago(4000), TODAY, earliest=None)})
    given(TEAMS, FORMED).when(older).then(joined(ANNA, ago(4000)))
    since = (FORMED, joined(ANNA, ago(3)), joined(BO, ago(3)))
    given(TEAMS, *since).when(Leave(ANNA, on(ago(4)))).then_refused(TeamDatedTooFarBack, earliest=ago(3).isoformat())
    leads = TeamLeaderAppointed(team_id=TEAM, volunteer_id=ANNA, appointed_on=ago(1))
    given(TEAMS, *since, leads).when(AppointLeader(BO, on(ago(2)))).then_refused(TeamDatedTooFarBack)


def test_the_kind_is_told_from_the_name() -> None:
    names = (
        "巾帼志愿服务队",
        "矛盾纠纷调解服务队",
        "社区巡逻队",
        "文化体育服务队",
        "保护环境服务队",
        "卫生志愿服务队",
        "某队",
    )
    assert [kind_of(name) for name in names] == [
        "women",
        "mediation",
        "patrol",
        "culture",
        "environment",
        "health",
        "general",
    ]


class LifeOfATeam(RuleBasedStateMachine):
    """Whatever happens: the members are who joined and did not leave, and the leader is one of them."""

    people = st.integers(1, 4).map(lambda number: UUID(int=number))
    days = st.integers(-1, 9).map(ago)

    @initialize()
    def form(self) -> None:
        self.state = TEAMS.fold([FORMED])
        self.members: set[UUID] = set()

    def _do(self, command: object) -> bool:
        try:
            events = TEAMS.decide(self.state, command)
        except Refusal:
            return False
        self.state = TEAMS.fold(events, self.state)
        return True

    @rule(who=people, day=days)
    def join(self, who: UUID, day: date) -> None:
        if self._do(Join({who: on(day)})):
            assert who not in self.members
            self.members.add(who)

    @rule(who=people, day=days)
    def leave(self, who: UUID, day: date) -> None:
        if self._do(Leave(who, on(day))):
            self.members.remove(who)

    @rule(who=people, day=days)
    def lead(self, who: UUID, day: date) -> None:
        if self._do(AppointLeader(who, on(day))):
            assert self.state.leader == who

    @invariant()
    def the_leader_is_a_member(self) -> None:
        assert set(self.state.members) == self.members
        assert self.state.leader is None or self.state.leader in self.members
        assert all(ago(7) <= since <= TODAY for since in self.state.members.values())


TestLifeOfATeam = LifeOfATeam.TestCase
