"""The rules of a patrol shift, one by one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.grid_patrol.shifts.model import (
    SCANS_MAX,
    CancellationReason,
    CancelShift,
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
    record_id,
)
from services.grid_patrol.shifts.refusals import (
    MinutesExceedSpan,
    NobodyServed,
    NotOnShift,
    PlannedNotInCrew,
    ShiftAlreadyPlanned,
    ShiftAlreadyStarted,
    ShiftCellUnknown,
    ShiftClosed,
    ShiftCrewDisbanded,
    ShiftDatedInFuture,
    ShiftDatedTooFarBack,
    ShiftEndsBeforeStart,
    ShiftNotPlanned,
    ShiftNotRunning,
    ShiftStartTooEarly,
    ShiftStartTooLate,
    ShiftTooFarAhead,
    ShiftTooLong,
    TooManyScans,
)
from services.grid_patrol.shifts.state import Stage, at_night
from services.grid_patrol.shifts.streams import SHIFTS
from shared.contracts import Event, Evidence, ServiceRecord
from shared.contracts.grid_patrol import (
    CheckpointScanned,
    CrewKind,
    PatrolShiftLogged,
    ScanMark,
    ShiftCancelled,
    ShiftMissed,
    ShiftPlanned,
    ShiftStarted,
)
from tests.specification import given

QILIAN = "620201001004"
SHIFT, CREW, ANNA, BO, CHEN = (UUID(int=n) for n in range(1, 6))
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""20:00 in Jiayuguan."""
END = START + timedelta(hours=2)


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


DATING = Dating(now=END + minutes(60), earliest=START - timedelta(days=7))
PLAN = PlanShift(
    shift_id=SHIFT,
    community=QILIAN,
    crew=CrewOnDuty(CREW, CrewKind.CADRE, frozenset({ANNA, BO}), disbanded=False),
    cells=("QL-02", "QL-01"),
    known_cells=frozenset({"QL-01", "QL-02"}),
    members=(ANNA, BO),
    planned_start=START,
    planned_end=END,
    dating=DATING,
)
GRACES = Graces(late_after=minutes(5), missed_after=minutes(30))
PLANNED = ShiftPlanned(
    shift_id=SHIFT,
    community=QILIAN,
    crew_id=CREW,
    crew_kind=CrewKind.CADRE,
    cells=("QL-02", "QL-01"),
    members=(ANNA, BO),
    planned_start=START,
    planned_end=END,
)
STARTED = ShiftStarted(shift_id=SHIFT, started_at=START, late_minutes=0)
MISSED = ShiftMissed(shift_id=SHIFT, community=QILIAN, crew_id=CREW, planned_start=START)
CANCELLED = ShiftCancelled(shift_id=SHIFT, community=QILIAN, reason="weather")
CANCEL = CancelShift(CancellationReason.WEATHER)
LOG = LogShift(ended_at=END, served=None, unavailable=frozenset(), findings_count=0, dating=DATING)


def start(at: datetime) -> StartShift:
    return StartShift(started_at=at, graces=GRACES, dating=DATING)


def scan(cell: str, who: UUID = ANNA, at: datetime = START + minutes(10), device: str = "d1") -> Scan:
    return Scan(cell=cell, volunteer_id=who, device_id=device, device_time=at)


def record(*scans: Scan, received_at: datetime = START + minutes(30)) -> RecordScans:
    return RecordScans(scans, frozenset({"QL-01", "QL-02", "QL-09"}), received_at)


def scanned(of: Scan, *marks: ScanMark, received_at: datetime = START + minutes(30)) -> CheckpointScanned:
    return CheckpointScanned(
        shift_id=SHIFT,
        cell=of.cell,
        volunteer_id=of.volunteer_id,
        device_id=of.device_id,
        device_time=of.device_time,
        received_at=received_at,
        marks=marks,
    )


def served(who: UUID, n: int, evidence: Evidence) -> ServiceRecord:
    return ServiceRecord(
        record_id=record_id(SHIFT, who), volunteer_id=who, minutes=n, evidence=evidence, started_at=START
    )


def logged(*members: ServiceRecord, covered: tuple[str, ...] = (), findings: int = 0) -> PatrolShiftLogged:
    return PatrolShiftLogged(
        shift_id=SHIFT,
        community=QILIAN,
        crew_id=CREW,
        crew_kind=CrewKind.CADRE,
        started_at=START,
        ended_at=END,
        night=False,
        covered_cells=covered,
        planned_cells=("QL-02", "QL-01"),
        findings_count=findings,
        members=members,
    )


# ── planning ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_shift_is_planned_over_cells_for_members_of_the_crew() -> None:
    given(SHIFTS).when(PLAN).then(PLANNED)
    given(SHIFTS).when(replace(PLAN, members=(ANNA, BO, ANNA), cells=("QL-02", "QL-01", "QL-02"))).then(PLANNED)


def test_a_shift_is_planned_once() -> None:
    given(SHIFTS, PLANNED).when(PLAN).then_refused(ShiftAlreadyPlanned)


def test_a_disbanded_crew_gets_no_shifts() -> None:
    given(SHIFTS).when(replace(PLAN, crew=replace(PLAN.crew, disbanded=True))).then_refused(ShiftCrewDisbanded)


def test_a_beat_is_made_of_cells_that_exist() -> None:
    given(SHIFTS).when(replace(PLAN, known_cells=frozenset({"QL-01"}))).then_refused(ShiftCellUnknown, cell="QL-02")


def test_only_members_of_the_crew_are_planned() -> None:
    given(SHIFTS).when(replace(PLAN, members=(ANNA, CHEN))).then_refused(PlannedNotInCrew, volunteer_id=str(CHEN))


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"planned_end": START}, ShiftEndsBeforeStart),
        ({"planned_end": START + timedelta(hours=12, minutes=1)}, ShiftTooLong),
        ({"dating": replace(DATING, earliest=START + minutes(1))}, ShiftDatedTooFarBack),
        ({"dating": replace(DATING, now=START - timedelta(days=367))}, ShiftTooFarAhead),
    ],
)
def test_a_plan_keeps_within_sensible_times(changes: dict[str, object], refusal: type) -> None:
    given(SHIFTS).when(replace(PLAN, **changes)).then_refused(refusal)


# ── setting out ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("after", "late"), [(-60, 0), (0, 0), (5, 0), (5.5, 5), (6, 6), (30, 30)])
def test_a_start_is_late_only_after_a_grace(after: float, late: int) -> None:
    at = START + minutes(after)
    given(SHIFTS, PLANNED).when(start(at)).then(ShiftStarted(shift_id=SHIFT, started_at=at, late_minutes=late))


def test_nobody_sets_out_much_too_early_or_after_the_shift_is_missed() -> None:
    given(SHIFTS, PLANNED).when(start(START - minutes(61))).then_refused(ShiftStartTooEarly, minutes_max=60)
    given(SHIFTS, PLANNED).when(start(START + minutes(31))).then_refused(ShiftStartTooLate, minutes_max=30)


def test_a_start_is_neither_in_the_future_nor_too_far_back() -> None:
    future = replace(start(START), dating=replace(DATING, now=START - minutes(1)))
    given(SHIFTS, PLANNED).when(future).then_refused(ShiftDatedInFuture)
    past = replace(start(START), dating=replace(DATING, earliest=START + minutes(1)))
    # Told as people at the desk read a time, in Asia/Shanghai.
    given(SHIFTS, PLANNED).when(past).then_refused(ShiftDatedTooFarBack, earliest="2026-03-02 20:01")


def test_a_shift_starts_once() -> None:
    given(SHIFTS, PLANNED, STARTED).when(start(START)).then_refused(ShiftAlreadyStarted)
    given(SHIFTS, PLANNED, CANCELLED).when(start(START)).then_refused(ShiftClosed, stage="cancelled")


def test_a_shift_is_missed_only_while_nobody_has_set_out() -> None:
    given(SHIFTS, PLANNED).when(MarkMissed()).then(MISSED)
    given(SHIFTS, PLANNED, STARTED).when(MarkMissed()).then_nothing()
    given(SHIFTS, PLANNED, CANCELLED).when(MarkMissed()).then_nothing()
    given(SHIFTS, PLANNED, MISSED).when(MarkMissed()).then_nothing()


def test_news_of_a_start_in_time_undoes_missed() -> None:
    given(SHIFTS, PLANNED, MISSED).when(start(START)).then(STARTED)
    given(SHIFTS, PLANNED, MISSED).when(start(START + minutes(31))).then_refused(ShiftStartTooLate)


def test_a_shift_is_cancelled_before_or_under_way_but_not_after() -> None:
    given(SHIFTS, PLANNED).when(CANCEL).then(CANCELLED)
    given(SHIFTS, PLANNED, STARTED).when(CANCEL).then(CANCELLED)
    for over in (MISSED, CANCELLED):
        given(SHIFTS, PLANNED, over).when(CANCEL).then_refused(ShiftClosed)


def test_nothing_happens_to_a_shift_that_was_never_planned() -> None:
    for command in (start(START), record(scan("QL-01")), LOG, CANCEL, MarkMissed()):
        given(SHIFTS).when(command).then_refused(ShiftNotPlanned)


# ── scanning ─────────────────────────────────────────────────────────────────────────────────────────────────────

RUNNING: tuple[Event, ...] = (PLANNED, STARTED)


def test_checkpoints_are_scanned_in_any_order() -> None:
    later, earlier = scan("QL-01", at=START + minutes(20)), scan("QL-02", at=START + minutes(10))
    given(SHIFTS, *RUNNING).when(record(later, earlier)).then(scanned(later), scanned(earlier))


def test_a_scan_that_comes_twice_counts_once() -> None:
    again = scan("QL-01")
    given(SHIFTS, *RUNNING).when(record(again, again)).then(scanned(again))
    given(SHIFTS, *RUNNING, scanned(again)).when(record(again)).then_nothing()


def test_oddities_are_marked_and_never_refused() -> None:
    cases = {
        scan("QL-09"): (ScanMark.OFF_BEAT,),
        scan("XX-99"): (ScanMark.OFF_BEAT, ScanMark.UNKNOWN_CELL),
        scan("QL-01", who=CHEN): (ScanMark.NOT_ON_SHIFT,),
        scan("QL-01", at=START + minutes(33)): (ScanMark.CLOCK_SKEW,),
        scan("QL-01", at=START - minutes(16)): (ScanMark.OUTSIDE_SHIFT,),
    }
    for odd, marks in cases.items():
        given(SHIFTS, *RUNNING).when(record(odd)).then(scanned(odd, *marks))


def test_a_device_that_scans_for_two_people_is_marked_from_the_second_on() -> None:
    first, second = scan("QL-01"), scan("QL-01", who=BO, at=START + minutes(11))
    given(SHIFTS, *RUNNING).when(record(first, second)).then(scanned(first), scanned(second, ScanMark.SHARED_DEVICE))


def test_scans_before_the_start_and_after_the_end_are_kept_with_a_mark() -> None:
    given(SHIFTS, PLANNED).when(record(scan("QL-01"))).then(scanned(scan("QL-01"), ScanMark.BEFORE_START))
    over = (*RUNNING, logged(served(ANNA, 120, Evidence.BACKFILLED)))
    given(SHIFTS, *over).when(record(scan("QL-01"))).then(scanned(scan("QL-01"), ScanMark.AFTER_CLOSE))
    late = scan("QL-01", at=END + minutes(16))
    given(SHIFTS, *over).when(record(late, received_at=END + minutes(20))).then(
        scanned(late, ScanMark.OUTSIDE_SHIFT, ScanMark.AFTER_CLOSE, received_at=END + minutes(20))
    )


def test_a_scan_after_the_log_leaves_it_as_it_is() -> None:
    over = (*RUNNING, logged(served(ANNA, 120, Evidence.BACKFILLED)))
    given(SHIFTS, *over).when(record(scan("QL-01"))).then_state(stage=Stage.LOGGED)


def test_scans_have_a_limit() -> None:
    many = [scanned(scan("QL-01", at=START + timedelta(seconds=n))) for n in range(SCANS_MAX)]
    given(SHIFTS, *RUNNING, *many).when(record(scan("QL-01", device="d2"))).then_refused(TooManyScans)


# ── logging ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_scanned_is_scanned_and_who_did_not_is_backfilled() -> None:
    history = (*RUNNING, scanned(scan("QL-01")))
    given(SHIFTS, *history).when(replace(LOG, findings_count=2)).then(
        logged(
            served(ANNA, 120, Evidence.SCANNED),
            served(BO, 120, Evidence.BACKFILLED),
            covered=("QL-01",),
            findings=2,
        )
    )


def test_covered_cells_follow_the_beat_then_the_rest_and_unknown_ones_do_not_count() -> None:
    history = [
        scanned(scan("QL-09"), ScanMark.OFF_BEAT),
        scanned(scan("QL-01", at=START + minutes(11))),
        scanned(scan("XX-99", at=START + minutes(12)), ScanMark.OFF_BEAT, ScanMark.UNKNOWN_CELL),
        scanned(scan("QL-02", at=START + minutes(13))),
    ]
    assert given(SHIFTS, *RUNNING, *history).state.covered_cells == ("QL-02", "QL-01", "QL-09")


def test_a_scan_of_a_cell_that_does_not_exist_attests_no_service() -> None:
    nowhere = scanned(scan("XX-99"), ScanMark.OFF_BEAT, ScanMark.UNKNOWN_CELL)
    only_anna = replace(LOG, served=(Served(ANNA),))
    given(SHIFTS, *RUNNING, nowhere).when(only_anna).then(logged(served(ANNA, 120, Evidence.BACKFILLED)))
    there = scanned(scan("QL-01", at=START + minutes(11)))
    given(SHIFTS, *RUNNING, nowhere, there).when(only_anna).then(
        logged(served(ANNA, 120, Evidence.SCANNED), covered=("QL-01",))
    )


def test_each_serves_as_long_as_the_log_says_and_never_longer_than_the_shift() -> None:
    given(SHIFTS, *RUNNING).when(replace(LOG, served=(Served(BO, 45),))).then(
        logged(served(BO, 45, Evidence.BACKFILLED))
    )
    too_long = replace(LOG, served=(Served(BO, 121),))
    given(SHIFTS, *RUNNING).when(too_long).then_refused(MinutesExceedSpan, minutes_max=120)


def test_who_stepped_in_and_scanned_can_be_logged_but_nobody_else() -> None:
    stepped_in = scanned(scan("QL-01", who=CHEN), ScanMark.NOT_ON_SHIFT)
    given(SHIFTS, *RUNNING, stepped_in).when(replace(LOG, served=(Served(CHEN),))).then(
        logged(served(CHEN, 120, Evidence.SCANNED), covered=("QL-01",))
    )
    given(SHIFTS, *RUNNING).when(replace(LOG, served=(Served(CHEN),))).then_refused(NotOnShift)


def test_no_service_is_logged_for_whom_none_may_be() -> None:
    given(SHIFTS, *RUNNING).when(replace(LOG, unavailable=frozenset({ANNA}))).then(
        logged(served(BO, 120, Evidence.BACKFILLED))
    )
    given(SHIFTS, *RUNNING).when(replace(LOG, unavailable=frozenset({ANNA, BO}))).then_refused(NobodyServed)


@pytest.mark.parametrize(
    ("ended_at", "dating", "refusal"),
    [
        (START, DATING, ShiftEndsBeforeStart),
        (DATING.now + minutes(1), DATING, ShiftDatedInFuture),
        (END, replace(DATING, earliest=END + minutes(1)), ShiftDatedTooFarBack),
        (START + timedelta(hours=25), replace(DATING, now=START + timedelta(days=2)), ShiftTooLong),
    ],
)
def test_a_log_keeps_within_sensible_times(ended_at: datetime, dating: Dating, refusal: type) -> None:
    given(SHIFTS, *RUNNING).when(replace(LOG, ended_at=ended_at, dating=dating)).then_refused(refusal)


def test_only_a_running_shift_is_logged() -> None:
    for history in ((PLANNED,), (PLANNED, CANCELLED), (PLANNED, MISSED)):
        given(SHIFTS, *history).when(LOG).then_refused(ShiftNotRunning)


@pytest.mark.parametrize(
    ("local_start", "hours", "night"),
    [
        ("2026-03-02T20:00+08:00", 2, False),
        ("2026-03-02T21:00+08:00", 2, False),
        ("2026-03-02T21:00+08:00", 2.1, True),
        ("2026-03-02T22:00+08:00", 8, True),
        ("2026-03-02T23:30+08:00", 1, True),
        ("2026-03-03T04:00+08:00", 4, False),
        ("2026-03-03T04:00+08:00", 3.9, True),
        ("2026-03-03T00:30+08:00", 1, True),
        ("2026-03-02T18:00+08:00", 16, False),
    ],
)
def test_night_is_more_than_half_between_ten_and_six(local_start: str, hours: float, night: bool) -> None:
    opens = datetime.fromisoformat(local_start).astimezone(UTC)
    assert at_night(opens, opens + timedelta(hours=hours)) is night
