"""Any order of commands on an activity, in time that passes: what counts stays true to what was done."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.registry.activities.model import (
    Backfilled,
    Cancel,
    CancellationReason,
    CheckedIn,
    CheckedOut,
    Complete,
    Correct,
    RecordAttendance,
    SignUp,
    Stage,
    WithdrawAttendance,
    WithdrawSignUp,
)
from services.registry.activities.planning import Change, Dating
from services.registry.activities.streams import ACTIVITIES
from shared.contracts import CorrectionReason, Event, Evidence, Refusal
from shared.contracts.registry import ActivityCompleted, AttendanceCorrected
from tests.unit.registry.activity import END, PUBLISHED, START

PEOPLE = st.integers(1, 4).map(lambda number: UUID(int=number))
OFFSETS = st.integers(-200, 500).map(lambda minutes: START + timedelta(minutes=minutes))
TOLERANCE = timedelta(hours=2)


class LifeOfAnActivity(RuleBasedStateMachine):
    """Books what the events say that counts, as points would, and compares it with the activity's own state."""

    @initialize()
    def publish(self) -> None:
        self.state = ACTIVITIES.fold([PUBLISHED])
        self.now = START - timedelta(days=1)
        self.events: list[Event] = [PUBLISHED]
        self.counted: dict[UUID, tuple[int, Evidence]] = {}
        self.revisions: dict[UUID, int] = {}

    def _dating(self) -> Dating:
        return Dating(self.now, self.now - timedelta(days=7), TOLERANCE)

    def _do(self, command: object) -> None:
        stage = self.state.stage
        try:
            events = ACTIVITIES.decide(self.state, command)
        except Refusal:
            return
        for event in events:
            self._count(event)
        self.state = ACTIVITIES.fold(events, self.state)
        self.events += events
        if stage in (Stage.COMPLETED, Stage.CANCELLED):
            assert self.state.stage is stage
            assert all(isinstance(event, AttendanceCorrected) for event in events)

    def _count(self, event: Event) -> None:
        if isinstance(event, ActivityCompleted):
            assert self.state.stage is Stage.PUBLISHED
            ids = [a.record_id for a in event.attendances]
            assert len(set(ids)) == len(ids)
            for a in event.attendances:
                self.counted[a.volunteer_id] = (a.minutes, a.evidence)
                assert a.started_at + timedelta(minutes=a.minutes) <= self.now
        elif isinstance(event, AttendanceCorrected):
            before = self.counted.get(event.volunteer_id, (0, event.evidence_before))
            assert before == (event.minutes_before, event.evidence_before)
            assert event.revision == self.revisions.get(event.volunteer_id, 0) + 1
            self.revisions[event.volunteer_id] = event.revision
            self.counted[event.volunteer_id] = (event.minutes, event.evidence)

    @rule(start=OFFSETS, minutes=st.integers(-10, 300), places=st.none() | st.integers(1, 3))
    def change(self, start: datetime, minutes: int, places: int | None) -> None:
        end = start + timedelta(minutes=minutes)
        plan = replace(self.state.plan, planned_start=start, planned_end=end, places=places)
        self._do(Change(plan, self._dating()))

    @rule(minutes=st.integers(0, 600))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def the_activity_ends(self) -> None:
        self.now = max(self.now, END + timedelta(hours=4))

    @rule(who=PEOPLE)
    def sign_up(self, who: UUID) -> None:
        self._do(SignUp(who, self.now, self._dating()))

    @rule(who=PEOPLE)
    def withdraw(self, who: UUID) -> None:
        self._do(WithdrawSignUp(who, self.now, self._dating()))

    @rule(who=PEOPLE, at=OFFSETS, out=st.none() | OFFSETS)
    def check_in(self, who: UUID, at: datetime, out: datetime | None) -> None:
        self._do(RecordAttendance([CheckedIn(who, at, out)], self._dating()))

    @rule(who=PEOPLE, at=OFFSETS)
    def check_out(self, who: UUID, at: datetime) -> None:
        self._do(RecordAttendance([CheckedOut(who, at)], self._dating()))

    @rule(who=PEOPLE, at=OFFSETS, minutes=st.integers(1, 300))
    def backfill(self, who: UUID, at: datetime, minutes: int) -> None:
        self._do(RecordAttendance([Backfilled(who, at, minutes)], self._dating()))

    @rule(who=PEOPLE)
    def take_an_attendance_back(self, who: UUID) -> None:
        self._do(WithdrawAttendance(who, self.now))

    @rule(forgotten=st.frozensets(PEOPLE, max_size=1))
    def complete(self, forgotten: frozenset[UUID]) -> None:
        self._do(Complete(self.now, forgotten, self._dating()))

    @rule(
        who=PEOPLE,
        minutes=st.integers(0, 300),
        evidence=st.sampled_from(Evidence),
        reason=st.sampled_from(CorrectionReason),
        start=st.none() | OFFSETS,
    )
    def correct(
        self, who: UUID, minutes: int, evidence: Evidence, reason: CorrectionReason, start: datetime | None
    ) -> None:
        self._do(Correct(who, minutes, evidence, reason, start, self._dating()))

    @rule()
    def cancel(self) -> None:
        self._do(Cancel(CancellationReason.OTHER))

    @invariant()
    def what_counts_is_what_was_confirmed_and_corrected(self) -> None:
        if self.state.stage is Stage.COMPLETED:
            told = {who: (entry.minutes, entry.evidence) for who, entry in self.state.attended.items()}
            assert told == self.counted
        else:
            assert self.counted == {}

    @invariant()
    def nobody_serves_outside_the_activity_or_in_the_future(self) -> None:
        plan = self.state.plan
        for entry in self.state.attended.values():
            assert plan.planned_start - TOLERANCE <= entry.started_at <= self.now
            assert entry.minutes is None or entry.started_at + timedelta(minutes=entry.minutes) <= min(
                self.now, plan.planned_end + TOLERANCE
            )

    @invariant()
    def places_are_kept(self) -> None:
        assert self.state.plan.places is None or len(self.state.signed_up) <= self.state.plan.places

    @invariant()
    def the_events_alone_give_the_state(self) -> None:
        assert ACTIVITIES.fold(self.events) == self.state


LifeOfAnActivity.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestLifeOfAnActivity = LifeOfAnActivity.TestCase
