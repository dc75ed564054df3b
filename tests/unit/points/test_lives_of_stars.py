"""Stars: whole lives, of any commands in any order."""

import uuid

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.points.stars.commands import (
    AssessQuality,
    Confirm,
    Decline,
    LookAtHours,
    Requirement,
    Retract,
    Review,
    Withdraw,
)
from services.points.stars.views import STARS
from shared.contracts import Event, Refusal
from shared.contracts.honours import (
    Quality,
    QualityReason,
    StarBorneAgain,
    StarDeclineReason,
    StarFlagged,
    StarGranted,
    StarWithdrawalReason,
    StarWithdrawn,
)
from shared.contracts.registry import NodeLevel
from tests.unit.points.star_scene import COMMUNITY, DAY, DISTRICT, FIRST, apply, grant


class StarsLife(RuleBasedStateMachine):
    """Any commands at any time: grades rise by grants and fall by withdrawals only; flags mark what is held."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    @rule(
        grade=st.integers(1, 5),
        minutes=st.integers(0, 9000),
        which=st.sampled_from(
            ["apply", "met", "not_met", "grant", "decline", "retract", "review", "look", "confirm", "withdraw"]
        ),
    )
    def obey(self, grade: int, minutes: int, which: str) -> None:
        state = STARS.fold(self.events)
        current = FIRST if state.application is None else state.application.id
        asked = Requirement(grade * 1500, NodeLevel.DISTRICT, 0, 1)
        commands = {
            "apply": apply(application_id=uuid.uuid4(), grade=grade, minutes=minutes, requirement=asked),
            "met": AssessQuality(current, Quality.MET, None, COMMUNITY, DAY),
            "not_met": AssessQuality(current, Quality.NOT_MET, QualityReason.OTHER, COMMUNITY, DAY),
            "grant": grant(current, minutes=minutes),
            "decline": Decline(current, StarDeclineReason.OTHER, DISTRICT, DAY),
            "retract": Retract(current, COMMUNITY, DAY),
            "review": Review(minutes, 12, DAY),
            "look": LookAtHours(minutes, DAY),
            "confirm": Confirm(minutes, DISTRICT, DAY),
            "withdraw": Withdraw(StarWithdrawalReason.OTHER, DISTRICT, DAY),
        }
        try:
            self.events += STARS.decide(state, commands[which])
        except Refusal:
            return

    @invariant()
    def grades_rise_and_fall_by_decisions_only(self) -> None:
        held: list[int] = []
        for event in self.events:
            if isinstance(event, StarGranted):
                assert event.grade > (held[-1] if held else 0)
                assert event.minutes >= event.threshold_minutes
                held.append(event.grade)
            if isinstance(event, StarWithdrawn):
                assert event.grade == held.pop()
                assert event.grade_left == (held[-1] if held else 0)
            if isinstance(event, StarFlagged):
                assert event.minutes < event.threshold_minutes
            if isinstance(event, StarBorneAgain):
                assert event.minutes >= event.needed_minutes
        state = STARS.fold(self.events)
        assert [grade.grade for grade in state.held] == held
        assert not any(grade.flagged for grade in state.held[:-1])


TestStarsLife = StarsLife.TestCase
