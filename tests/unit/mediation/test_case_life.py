"""A case over generated lives: its stage, its mediators and their minutes agree with a plain account of it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.mediation.cases.correcting import CorrectService, Missing
from services.mediation.cases.dating import Dated
from services.mediation.cases.model import (
    AssignMediator,
    Decline,
    DeclineReason,
    Fail,
    FileCase,
    ForgetMediator,
    HoldSession,
    JoinParty,
    OpenFromFinding,
    RecuseMediator,
    Resolve,
    Withdraw,
)
from services.mediation.cases.state import OPEN, Stage
from services.mediation.cases.streams import CASES
from shared.contracts import CorrectionReason, Event, Evidence, Refusal
from shared.contracts.grid_patrol import RiskLevel
from shared.contracts.mediation import (
    AgreementForm,
    CaseFiled,
    CaseOrigin,
    CaseWithdrawn,
    DisputeKind,
    DisputeResolved,
    MediationFailed,
    MediationServiceCorrected,
    Remedy,
    SessionHeld,
)

QILIAN = "620201001004"
CASE, FINDING = UUID(int=1), UUID(int=2)
PEOPLE = [UUID(int=100 + n) for n in range(4)]
FILED_AT = datetime(2026, 3, 2, tzinfo=UTC)
NOW = FILED_AT + timedelta(days=5)

someone = st.sampled_from(PEOPLE)
moments = st.integers(-3, 5 * 24 + 2).map(lambda n: FILED_AT + timedelta(hours=n))


def dated(at: datetime) -> Dated:
    return Dated(at, NOW, FILED_AT - timedelta(days=2))


class CaseLife(RuleBasedStateMachine):
    """Untimely and repeated commands included."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[Event] = []
        self.involved: set[UUID] = set()
        self.sat: Counter[UUID] = Counter()

    def ask(self, command: Any) -> list[Event] | None:
        """The events that follow, or None where the command is refused."""
        try:
            events = CASES.decide(CASES.fold(self.history), command)
        except Refusal:
            return None
        self.history += events
        return events

    @rule(parties=st.integers(0, 3), from_patrol=st.booleans())
    def open(self, parties: int, from_patrol: bool) -> None:
        if from_patrol:
            assert self.ask(OpenFromFinding(CASE, QILIAN, RiskLevel.RED, FINDING, FILED_AT)) is not None
        else:
            origin = CaseOrigin.APPLICATION
            self.ask(FileCase(CASE, QILIAN, DisputeKind.FAMILY, RiskLevel.BLUE, origin, parties, dated(FILED_AT)))

    @rule(who=someone)
    def join(self, who: UUID) -> None:
        if self.ask(JoinParty(UUID(int=len(self.history)), frozenset({who}))) is not None:
            self.involved.add(who)

    @rule(who=someone, at=moments)
    def assign(self, who: UUID, at: datetime) -> None:
        accepted = self.ask(AssignMediator(who, frozenset(self.involved), dated(at))) is not None
        assert not (accepted and who in self.involved)

    @rule(who=someone, at=moments, forgotten=st.booleans())
    def step_back(self, who: UUID, at: datetime, forgotten: bool) -> None:
        self.ask(ForgetMediator(who, at) if forgotten else RecuseMediator(who, dated(at)))

    @rule(at=moments, minutes=st.integers(1, 720), who=st.none() | st.lists(someone, min_size=1, max_size=3))
    def sit(self, at: datetime, minutes: int, who: list[UUID] | None) -> None:
        mediators = None if who is None else tuple(who)
        events = self.ask(HoldSession(UUID(int=len(self.history)), dated(at), minutes, mediators, record_signed=True))
        for event in events or ():
            assert isinstance(event, SessionHeld)
            self.sat.update(dict.fromkeys(event.mediators, minutes))

    @rule(at=moments, how=st.sampled_from(["resolve", "fail", "withdraw", "decline"]))
    def end(self, at: datetime, how: str) -> None:
        commands = {
            "resolve": Resolve(AgreementForm.ORAL, dated(at)),
            "fail": Fail((Remedy.ADMINISTRATIVE,), dated(at)),
            "withdraw": Withdraw(dated(at)),
            "decline": Decline(DeclineReason.DUPLICATE, dated(at)),
        }
        for event in self.ask(commands[how]) or ():
            if isinstance(event, (DisputeResolved, MediationFailed, CaseWithdrawn)):
                told: Counter[UUID] = Counter()
                for record in event.mediators:
                    told[record.volunteer_id] += record.minutes
                assert told == self.sat

    @rule(
        who=someone,
        number=st.none() | st.integers(0, 3),
        at=moments,
        to=st.tuples(st.integers(0, 900), st.sampled_from(Evidence)),
        reason=st.sampled_from(CorrectionReason),
    )
    def correct(
        self, who: UUID, number: int | None, at: datetime, to: tuple[int, Evidence], reason: CorrectionReason
    ) -> None:
        case = CASES.fold(self.history)
        known = sorted(case.records)
        record = known[number % len(known)] if known and number is not None else Missing(who, dated(at))
        for event in self.ask(CorrectService(record, *to, reason, NOW)) or ():
            assert isinstance(event, MediationServiceCorrected)
            assert case.stage.value == event.outcome.value
            assert event.started_at + timedelta(minutes=event.minutes) <= max(case.ended_at, event.started_at)
            if isinstance(record, Missing):
                assert (event.minutes_before, event.revision, event.volunteer_id) == (0, 1, who)
                assert event.record_id not in case.records
            else:
                before = case.records[record]
                assert (event.minutes_before, event.evidence_before) == (before.minutes, before.evidence)
                assert event.revision == before.revision + 1
            days = Counter((r.mediator_id, r.day) for r in CASES.fold(self.history).records.values() if r.minutes)
            assert max(days.values(), default=0) <= len(Evidence)

    @invariant()
    def an_open_case_stands_where_its_mediators_and_sessions_put_it(self) -> None:
        case = CASES.fold(self.history)
        assert sum(isinstance(event, CaseFiled) for event in self.history) == (case.stage is not Stage.UNFILED)
        assert not self.involved.intersection(case.mediators)
        if case.stage in OPEN:
            expected = Stage.IN_SESSION if self.sat else Stage.ASSIGNED if case.mediators else Stage.FILED
            assert case.stage is expected


TestCaseLife = CaseLife.TestCase
