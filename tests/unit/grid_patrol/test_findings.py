"""The rules of what a patrol found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.grid_patrol.findings.model import (
    FindingAlreadyReported,
    FindingCellUnknown,
    FindingShiftNotStarted,
    FoundInFuture,
    FoundOutsideShift,
    FoundTooFarBack,
    OnShift,
    ReporterNotOnShift,
    ReportFinding,
)
from services.grid_patrol.findings.streams import FINDINGS
from shared.contracts.grid_patrol import FindingKind, PatrolFindingReported, RiskLevel
from tests.specification import given

QILIAN = "620201001004"
FINDING, SHIFT, ANNA, BO = (UUID(int=n) for n in range(1, 5))
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOW = START + timedelta(hours=3)
REPORT = ReportFinding(
    finding_id=FINDING,
    shift=OnShift(SHIFT, QILIAN, START, START + timedelta(hours=2), frozenset({ANNA})),
    cell="QL-01",
    cell_known=True,
    kind=FindingKind.DISPUTE,
    risk=RiskLevel.YELLOW,
    reported_by=ANNA,
    found_at=START + timedelta(hours=1),
    now=NOW,
    earliest=NOW - timedelta(days=7),
)
REPORTED = PatrolFindingReported(
    finding_id=FINDING,
    shift_id=SHIFT,
    community=QILIAN,
    cell="QL-01",
    kind=FindingKind.DISPUTE,
    risk=RiskLevel.YELLOW,
    reported_by=ANNA,
    found_at=START + timedelta(hours=1),
)


def test_a_finding_is_reported_without_what_was_said() -> None:
    given(FINDINGS).when(REPORT).then(REPORTED)


def test_a_finding_is_reported_once() -> None:
    given(FINDINGS, REPORTED).when(REPORT).then_refused(FindingAlreadyReported)


def test_nothing_is_found_on_a_shift_that_never_set_out() -> None:
    never = replace(REPORT, shift=replace(REPORT.shift, started_at=None))
    given(FINDINGS).when(never).then_refused(FindingShiftNotStarted)


def test_a_finding_lies_within_its_shift_or_close_by() -> None:
    for found_at in (START - timedelta(hours=1, seconds=1), START + timedelta(hours=3, seconds=1)):
        given(FINDINGS).when(replace(REPORT, found_at=found_at, now=NOW + timedelta(days=1))).then_refused(
            FoundOutsideShift
        )
    running = replace(REPORT, shift=replace(REPORT.shift, ended_at=None), found_at=NOW)
    given(FINDINGS).when(running).then_state(id=FINDING, community=QILIAN)


def test_nothing_is_found_in_the_future_or_too_far_back() -> None:
    given(FINDINGS).when(replace(REPORT, found_at=NOW + timedelta(seconds=1))).then_refused(FoundInFuture)
    given(FINDINGS).when(replace(REPORT, earliest=NOW)).then_refused(FoundTooFarBack, earliest="2026-03-02 23:00")


def test_a_finding_lies_in_a_cell_of_the_community() -> None:
    given(FINDINGS).when(replace(REPORT, cell_known=False)).then_refused(FindingCellUnknown, cell="QL-01")


def test_only_who_was_on_the_shift_can_have_found_it() -> None:
    given(FINDINGS).when(replace(REPORT, reported_by=BO)).then_refused(ReporterNotOnShift)
