"""The ledger depends on which events there are, and on nothing else: not on order, batches, repeats or crashes."""

import itertools
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.points.earning.ingest import Ingest
from services.points.expiry.effects import LapseNow
from services.points.expiry.lapsing import Lapsing
from services.points.expiry.lots import Lapse
from services.points.grounds.corrections import Decision
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Holds, Leg
from services.points.ledger.writing import LedgerWriter
from services.points.overflow.effects import PoolNow
from services.points.policy.book import PolicyBook
from services.points.policy.document import PolicyDocument
from services.points.policy.terms import PolicyVersion
from services.points.units import Unit
from shared.contracts import wire_type
from shared.contracts.common import Evidence, ServiceRecord
from shared.contracts.grid_patrol import CrewKind, PatrolShiftLogged
from shared.contracts.mediation import AgreementForm, DisputeKind, DisputeResolved, MediationFailed
from shared.contracts.registry import (
    ActivityCategory,
    ActivityCompleted,
    Attendance,
)
from tests.integration.points.ledger_database import (
    NOW,
    LedgerUnderTest,
    Told,
    book,
    connected,
    migrate,
    run,
    said_of_a_long_day,
)
from tests.integration.points.producing import corrected, mediation_corrected, patrol_corrected

COMMUNITIES = ("620201001004", "620201001005", "620102001001")
VOLUNTEERS = tuple(uuid.UUID(int=n) for n in range(1, 5))
MORNING = datetime(2026, 2, 1, 0, tzinfo=UTC)

POLICY: PolicyBook = book(
    PolicyVersion(2, "620201", date(2026, 2, 2), PolicyDocument(caps_per_day={"POINT": 60})),
    PolicyVersion(
        3, COMMUNITIES[1], date(2026, 2, 1), PolicyDocument(minutes_per_point=5, caps_per_day={"MINUTE": 300})
    ),
)


# Ids in no order, and never twice in one history, however much hypothesis shrinks.
counters = st.shared(st.builds(itertools.count), key="ids")


def ids(draw: st.DrawFn) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, str(next(draw(counters))))


minutes = st.sampled_from([0, 5, 30, 61, 120, 240, 300, 480, 700])
evidence = st.sampled_from(
    [Evidence.SCANNED, Evidence.SCANNED, Evidence.SCANNED, Evidence.BACKFILLED, Evidence.ESTIMATED]
)
moments = st.integers(0, 60).map(lambda hours: MORNING + timedelta(hours=hours))


@st.composite
def record(draw: st.DrawFn, kind: Any = ServiceRecord) -> ServiceRecord:
    made: ServiceRecord = kind(
        record_id=ids(draw),
        volunteer_id=draw(st.sampled_from(VOLUNTEERS)),
        minutes=draw(minutes),
        evidence=draw(evidence),
        started_at=draw(moments),
    )
    return made


@st.composite
def activity_with_corrections(draw: st.DrawFn) -> list[Told]:
    attendances = tuple(draw(st.lists(record(Attendance), min_size=1, max_size=4)))
    completed = ActivityCompleted(
        activity_id=ids(draw),
        community=draw(st.sampled_from(COMMUNITIES)),
        category=draw(st.sampled_from(ActivityCategory)),
        completed_at=MORNING + timedelta(days=4),
        attendances=attendances,
    )
    return with_corrections(draw, completed, attendances, corrected)


def with_corrections(draw: st.DrawFn, first: Any, records: Sequence[ServiceRecord], correct: Any) -> list[Told]:
    """What is told first, and corrections of its records, each of what the one before it said."""
    told: list[Told] = [(ids(draw), first)]
    for one in records:
        before = (one.minutes, one.evidence)
        for revision in range(1, 1 + draw(st.integers(0, 2))):
            after = (draw(minutes), draw(evidence))
            correction = correct(
                one, after[0], first, minutes_before=before[0], evidence_before=before[1],
                evidence=after[1], revision=revision, corrected_at=MORNING + timedelta(days=5),
            )  # fmt: skip
            told.append((ids(draw), correction))
            before = after
    return told


@st.composite
def patrol(draw: st.DrawFn) -> list[Told]:
    event = PatrolShiftLogged(
        shift_id=ids(draw),
        community=draw(st.sampled_from(COMMUNITIES)),
        crew_id=ids(draw),
        crew_kind=draw(st.sampled_from(CrewKind)),
        started_at=MORNING,
        ended_at=MORNING + timedelta(hours=3),
        night=draw(st.booleans()),
        covered_cells=(),
        planned_cells=(),
        findings_count=0,
        members=tuple(draw(st.lists(record(), min_size=1, max_size=3))),
    )
    return with_corrections(draw, event, event.members, patrol_corrected)


@st.composite
def dispute(draw: st.DrawFn) -> list[Told]:
    common: dict[str, Any] = {
        "case_id": ids(draw),
        "community": draw(st.sampled_from(COMMUNITIES)),
        "kind": DisputeKind.NEIGHBOUR,
        "sessions_count": 1,
        "mediators": tuple(draw(st.lists(record(), min_size=1, max_size=2))),
    }
    ending: DisputeResolved | MediationFailed = MediationFailed(ended_at=MORNING, **common)
    if draw(st.booleans()):
        ending = DisputeResolved(agreement=AgreementForm.ORAL, resolved_at=MORNING, **common)
    return with_corrections(draw, ending, ending.mediators, mediation_corrected)


histories = st.lists(
    st.one_of(activity_with_corrections(), activity_with_corrections(), patrol(), dispute()), max_size=6
)


@pytest.fixture(scope="module")
def database_url(stack: Any) -> str:
    url: str = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    run(migrate(url))
    return url


LAPSES = {
    part: Lapse(uuid.UUID(int=7000 + part), date(2027, 12, 31), NOW - timedelta(hours=25 + part))
    for part in range(1, 5)
}
"""Runs of expiry amid what is told, one for each volunteer: all that is told later is late for them."""


SAID_OF_LONG_DAYS = [
    said_of_a_long_day(number, VOLUNTEERS[who], date(2026, 2, day), minutes, ago, version)
    for number, (who, day, minutes, ago, version) in enumerate(
        [(0, 1, 600, 40, 1), (0, 1, None, 20, 2), (1, 1, 540, 45, 1), (1, 1, 900, 10, 2), (2, 2, 700, 30, 1)]
    )
]
"""Long days that offices approved amid what is told: one for good, one withdrawn, one approved for more later on."""

DECIDED = {said.occurred_at: Decision(said.event_id, wire_type(type(said.event))) for said in SAID_OF_LONG_DAYS}


async def _tell_in_some_order(ledger: LedgerUnderTest, told: list[Told], chance: random.Random, url: str) -> None:
    shuffled = told + chance.sample(told, k=len(told) // 3)
    chance.shuffle(shuffled)
    to_lapse = list(LAPSES)
    chance.shuffle(to_lapse)
    to_approve = SAID_OF_LONG_DAYS[::-1]
    while shuffled or to_lapse or to_approve:
        if to_approve and (not shuffled or chance.random() < 0.3):
            await ledger.approve(POLICY, to_approve.pop())
            continue
        if to_lapse and (not shuffled or chance.random() < 0.5):
            await ledger.lapse(POLICY, to_lapse[-1], LAPSES[to_lapse.pop()])
            continue
        size = chance.randint(1, len(shuffled))
        batch, shuffled = shuffled[:size], shuffled[size:]
        if chance.random() < 0.2:
            await ledger.tell(POLICY, batch, crash=True)
        if chance.random() < 0.4:
            middle = chance.randint(0, len(batch))
            await ledger.tell_abreast(POLICY, [batch[:middle], batch[middle:]], url)
        else:
            await ledger.tell(POLICY, batch)


async def _compare(url: str, told: list[Told], seed: int) -> None:
    async with connected(url) as db:
        plain = await LedgerUnderTest(db, "plain").fresh()
        if told:
            await plain.tell(POLICY, told)
        for part, lapse in LAPSES.items():
            await plain.lapse(POLICY, part, lapse)
        await plain.approve(POLICY, *SAID_OF_LONG_DAYS)
        other = await LedgerUnderTest(db, "other").fresh()
        await _tell_in_some_order(other, told, random.Random(seed), url)
        assert other.deadlocks == 0
        assert await plain.breaks() == []
        assert await other.breaks() == []
        assert await other.balances() == await plain.balances()
        assert await other.effects() == await plain.effects()
        assert await other.tellings() == await plain.tellings()
        assert await other.sealed_lines() == await plain.sealed_lines()
        assert await other.causes(DECIDED) == await plain.causes(DECIDED)
        assert all(await other.told_in_words(POLICY)), "whatever the order left behind can be told"


@settings(max_examples=90, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories, seed=st.integers(0, 2**32))
def test_the_same_events_in_any_order_and_any_batches_give_the_same_ledger(
    database_url: str, history: list[list[Told]], seed: int
) -> None:
    run(_compare(database_url, [told for part in history for told in part], seed))


class Watched(Lapsing):
    """Expiry that remembers whose lots it went through."""

    def __init__(self, writer: LedgerWriter) -> None:
        super().__init__(writer)
        self.gone_through: list[int] = []

    async def restate(self, db: Any, book: PolicyBook, accounts: Sequence[int]) -> None:
        self.gone_through += accounts
        await super().restate(db, book, accounts)


async def _go_through_no_more_than_needed(url: str) -> None:
    async with connected(url) as db:
        ledger = await LedgerUnderTest(db, "plain").fresh()
        writer = LedgerWriter("plain")
        watched = Watched(writer)
        ledger.ingest = Ingest(writer, LapseNow(watched), PoolNow(ledger.overflow))
        for part, one in LAPSES.items():
            if part != 2:
                await ledger.lapse(POLICY, part, one)

        def served(person: int, evidence: Evidence) -> Told:
            record_id = uuid.UUID(int=8000 + 10 * person + len(evidence))
            record = Attendance(
                record_id=record_id, volunteer_id=VOLUNTEERS[person], minutes=60, evidence=evidence, started_at=MORNING
            )
            activity = ActivityCompleted(
                activity_id=record_id,
                community=COMMUNITIES[0],
                category=ActivityCategory.GENERAL,
                completed_at=MORNING + timedelta(hours=2),
                attendances=(record,),
            )
            return record_id, activity

        await ledger.tell(POLICY, [served(0, Evidence.ESTIMATED), served(1, Evidence.ESTIMATED)])
        assert watched.gone_through == [], "an old paper register brings hours and no points"
        await ledger.tell(POLICY, [served(0, Evidence.SCANNED), served(1, Evidence.SCANNED)])
        purses = dict(await db.fetch("SELECT holder, id FROM plain.accounts WHERE unit = $1 AND id > 0", Unit.POINT))
        mine, other = (purses[str(person)] for person in VOLUNTEERS[:2])
        assert watched.gone_through == sorted([mine, other])

        hold = [Leg(other, mine, Unit.POINT, 1, Clause.REDEMPTION)]
        await Holds(writer, replaying=True).hold(
            db, (hold_id := uuid.uuid4()), hold, hold_id, NOW - timedelta(hours=28)
        )
        assert await watched.held_while_lapsing(db, [hold_id]) == [], "nothing of this part has lapsed"
        await ledger.lapse(POLICY, 2, LAPSES[2])
        assert await watched.held_while_lapsing(db, [hold_id]) == [other]
        assert await watched.held_while_lapsing(db, []) == []
        assert await watched.through(db, 2) == LAPSES[2].through
        assert await watched.through(db, 7) is await watched.through_everywhere(db) is None


def test_only_those_are_gone_through_of_whom_something_can_have_lapsed_otherwise(database_url: str) -> None:
    run(_go_through_no_more_than_needed(database_url))
