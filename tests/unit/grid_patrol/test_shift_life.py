"""A shift over generated lives: whatever comes in whatever order, its books agree with a plain account of it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.grid_patrol.shifts.model import (
    CancellationReason,
    CancelShift,
    CorrectService,
    CrewOnDuty,
    Dating,
    Graces,
    LogShift,
    MarkMissed,
    PlanShift,
    RecordScans,
    Scan,
    Served,
    StartShift,
)
from services.grid_patrol.shifts.state import Stage
from services.grid_patrol.shifts.streams import SHIFTS
from shared.contracts import CorrectionReason, Event, Evidence, Refusal
from shared.contracts.grid_patrol import (
    CheckpointScanned,
    CrewKind,
    PatrolServiceCorrected,
    PatrolShiftLogged,
    ShiftMissed,
    ShiftStarted,
)

QILIAN = "620201001004"
SHIFT, CREW = UUID(int=1), UUID(int=2)
PEOPLE = [UUID(int=100 + n) for n in range(4)]
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DATING = Dating(now=START + timedelta(days=1), earliest=START - timedelta(days=1))
GRACES = Graces(timedelta(minutes=5), timedelta(minutes=30))
CELLS = ["A", "B", "C", "elsewhere"]

scans = st.builds(
    Scan,
    cell=st.sampled_from(CELLS),
    volunteer_id=st.sampled_from(PEOPLE),
    device_id=st.sampled_from(["d1", "d2"]),
    device_time=st.integers(-30, 200).map(lambda n: START + timedelta(minutes=n)),
)
served = st.lists(st.builds(Served, st.sampled_from(PEOPLE), st.none() | st.integers(1, 200)), min_size=1, max_size=4)


class ShiftLife(RuleBasedStateMachine):
    """Duplicates, disorder and untimely commands included."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[Event] = []
        self.delivered: set[tuple[str, datetime]] = set()
        self.counted: dict[UUID, tuple[int, Evidence, int]] = {}
        """What counts of each: minutes, evidence and how often it was corrected."""

    def ask(self, command: Any) -> list[Event] | None:
        """The events that follow, or None where the command is refused."""
        try:
            events = SHIFTS.decide(SHIFTS.fold(self.history), command)
        except Refusal:
            return None
        self.history += events
        return events

    @rule(members=st.sets(st.sampled_from(PEOPLE), min_size=1), cells=st.sets(st.sampled_from(CELLS[:3]), min_size=1))
    def plan(self, members: set[UUID], cells: set[str]) -> None:
        crew = CrewOnDuty(CREW, CrewKind.VOLUNTEER, frozenset(PEOPLE), disbanded=False)
        beat = tuple(sorted(cells))
        end = START + timedelta(hours=2)
        command = PlanShift(
            SHIFT, QILIAN, crew, beat, frozenset(beat), tuple(sorted(members, key=str)), START, end, DATING
        )
        first = not self.history
        assert (self.ask(command) is not None) == first

    @rule(after=st.integers(-90, 60))
    def set_out(self, after: int) -> None:
        self.ask(StartShift(START + timedelta(minutes=after), GRACES, DATING))

    @rule(batch=st.lists(scans, min_size=1, max_size=5), received=st.integers(0, 300))
    def scan(self, batch: list[Scan], received: int) -> None:
        planned = bool(self.history)
        events = self.ask(RecordScans(tuple(batch), frozenset(CELLS[:3]), START + timedelta(minutes=received)))
        assert (events is not None) == planned, "a scan of a planned shift is never refused"
        if planned:
            self.delivered |= {(scan.device_id, scan.device_time) for scan in batch}

    @rule(ended=st.integers(-10, 300), who=st.none() | served, findings=st.integers(0, 3))
    def log(self, ended: int, who: list[Served] | None, findings: int) -> None:
        before = SHIFTS.fold(self.history)
        ended_at = START + timedelta(minutes=ended)
        events = self.ask(LogShift(ended_at, None if who is None else tuple(who), frozenset(), findings, DATING))
        if events is None:
            return
        [logged] = events
        assert isinstance(logged, PatrolShiftLogged)
        assert before.stage is Stage.RUNNING
        span = int((logged.ended_at - logged.started_at).total_seconds()) // 60
        assert len({record.record_id for record in logged.members}) == len(logged.members) > 0
        for record in logged.members:
            assert 0 <= record.minutes <= span
            assert record.volunteer_id in before.people
            self.counted[record.volunteer_id] = (record.minutes, record.evidence, 0)
        known = [s for s in self.history if isinstance(s, CheckpointScanned) and s.cell in CELLS[:3]]
        assert set(logged.covered_cells) == {s.cell for s in known}
        attested = {record.volunteer_id for record in logged.members if record.evidence is Evidence.SCANNED}
        assert attested == {s.volunteer_id for s in known} & {record.volunteer_id for record in logged.members}

    @rule(
        who=st.sampled_from(PEOPLE),
        to=st.tuples(st.integers(0, 300), st.sampled_from(Evidence)),
        reason=st.sampled_from(CorrectionReason),
    )
    def correct(self, who: UUID, to: tuple[int, Evidence], reason: CorrectionReason) -> None:
        before = SHIFTS.fold(self.history)
        events = self.ask(CorrectService(who, *to, reason, DATING))
        if events is None:
            return
        [corrected] = events
        assert isinstance(corrected, PatrolServiceCorrected)
        assert before.logged is not None
        assert who in before.people
        assert corrected.minutes <= (before.logged.ended_at - before.logged.started_at) // timedelta(minutes=1)
        minutes, evidence, revision = self.counted.get(who, (0, Evidence.ESTIMATED, 0))
        assert (corrected.minutes_before, corrected.evidence_before) == (minutes, evidence)
        assert (corrected.crew_kind, corrected.night) == (before.logged.crew_kind, before.logged.night)
        assert corrected.revision == revision + 1
        self.counted[who] = (*to, revision + 1)

    @rule()
    def cancel(self) -> None:
        self.ask(CancelShift(CancellationReason.OTHER))

    @rule()
    def time_passes(self) -> None:
        self.ask(MarkMissed())

    @invariant()
    def every_scan_is_kept_once(self) -> None:
        kept = [(s.device_id, s.device_time) for s in self.history if isinstance(s, CheckpointScanned)]
        assert len(kept) == len(set(kept))
        assert set(kept) == self.delivered

    @invariant()
    def what_counts_is_what_was_logged_and_corrected(self) -> None:
        records = SHIFTS.fold(self.history).records
        assert {who: (r.minutes, r.evidence, r.revision) for who, r in records.items()} == self.counted

    @invariant()
    def it_starts_and_ends_at_most_once(self) -> None:
        for kind in (ShiftStarted, PatrolShiftLogged, ShiftMissed):
            assert sum(isinstance(event, kind) for event in self.history) <= 1


TestShiftLife = ShiftLife.TestCase
