"""A dry run says what the ledger would say: any history, corrections and caps included, and any document."""

import uuid
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.points.dry_run.bounded import BoundedReads, DryRunTooMuch
from services.points.dry_run.comparison import Comparison
from services.points.dry_run.reading import RecordsBelow
from services.points.earning.services import services_of
from services.points.policy.book import PolicyBook
from services.points.policy.document import PolicyDocument
from services.points.policy.kinds import EARNING_UNITS
from services.points.units import EARNED_UNITS
from shared.contracts import Evidence
from shared.contracts.registry import ActivityCategory, ActivityCompleted, Attendance
from tests.integration.points.ledger_database import NOW, LedgerUnderTest, Told, connected, migrate, run
from tests.integration.points.test_ledger_is_a_function_of_the_events import (
    COMMUNITIES,
    MORNING,
    POLICY,
    SAID_OF_LONG_DAYS,
    histories,
)

UNITS = tuple(unit.name for unit in EARNED_UNITS)

documents = st.builds(
    PolicyDocument,
    minutes_per_point=st.sampled_from([None, 3, 10]),
    weights_percent=st.dictionaries(
        st.sampled_from(["activity.general", "activity.meeting", "patrol.volunteer.night", "mediation.resolved"]),
        st.sampled_from([0, 50, 300]),
        max_size=2,
    ),
    evidence=st.dictionaries(
        st.sampled_from(["scanned", "backfilled"]),
        st.sampled_from([frozenset(), frozenset({"POINT"}), frozenset({"POINT", "MINUTE", "SERVICE_MINUTE"})]),
        max_size=2,
    ),
    caps_per_day=st.dictionaries(st.sampled_from(EARNING_UNITS), st.sampled_from([0, 20, 150, 1000]), max_size=3),
    caps_per_activity=st.dictionaries(st.sampled_from(EARNING_UNITS), st.sampled_from([0, 15, 90]), max_size=2),
    rules=st.sampled_from(
        [
            {},
            {"time_bank": {"donate_only_kinds": frozenset()}},
            {"time_bank": {"deposit_kinds": frozenset({"activity.culture", "patrol.volunteer.day"})}},
            {"time_bank": {"donate_only_kinds": frozenset({"activity.general", "patrol.volunteer.day"})}},
        ]
    ),
)


@pytest.fixture(scope="module")
def database_url(stack: Any) -> str:
    url: str = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    run(migrate(url))
    return url


async def book_all(db: asyncpg.Connection, schema: str, policy: PolicyBook, told: list[Told]) -> LedgerUnderTest:
    """Told one after the other, as their streams tell them; of some days an office has approved long ones."""
    ledger = await LedgerUnderTest(db, schema).fresh()
    await ledger.approve(policy, *SAID_OF_LONG_DAYS)
    services = [
        service
        for number, (event_id, event) in enumerate(told)
        for service in services_of(event, event_id, NOW + timedelta(seconds=number))
    ]
    async with db.transaction():
        await ledger.ingest.book_services(db, policy, services)
    return ledger


async def tried(db: asyncpg.Connection, schema: str, node: str, document: PolicyDocument) -> Comparison:
    comparison = Comparison(node, POLICY, POLICY.with_proposed(node, document))
    since, until = MORNING - timedelta(days=3), MORNING + timedelta(days=9)
    records = RecordsBelow(BoundedReads(db, records_max=10_000, seconds_max=30, schema=schema), node, since, until)
    async for person, of_person in records.by_person():
        comparison.add(person, of_person)
    return comparison


def earned(balances: dict[tuple[str, str], tuple[int, int]]) -> dict[tuple[str, str], int]:
    return {key: amount for key, (amount, _) in balances.items() if ":" not in key[0]}


async def _predicts(url: str, told: list[Told], node: str, document: PolicyDocument) -> None:
    async with connected(url) as db:
        real = await book_all(db, "plain", POLICY, told)
        predicted = await book_all(db, "other", POLICY.with_proposed(node, document), told)
        comparison = await tried(db, "plain", node, document)
        before, after = earned(await real.balances()), earned(await predicted.balances())
        for unit in EARNED_UNITS:
            shown = comparison.spread[unit].gains() + comparison.spread[unit].losses()
            holders = {holder for holder, _ in before | after}
            changed = {
                holder: after.get((holder, unit.name), 0) - before.get((holder, unit.name), 0) for holder in holders
            }
            assert {str(person): now - was for person, was, now in shown} == {h: d for h, d in changed.items() if d}
        if node == "62":  # everything is below it: the sums are those of the accounts of issue
            issued = await real.balances(), await predicted.balances()
            for community, sums in comparison.by_community.items():
                for index, unit in enumerate(UNITS):
                    account = (f"issuance:{community}", unit)
                    assert sums.before[index] == -issued[0].get(account, (0, 0))[0]
                    assert sums.after[index] == -issued[1].get(account, (0, 0))[0]
            assert sum(before.values()) == sum(comparison.total.before)
            assert sum(after.values()) == sum(comparison.total.after)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories, node=st.sampled_from(["62", "620201", COMMUNITIES[0], COMMUNITIES[1]]), document=documents)
def test_booking_the_same_service_under_the_document_gives_what_the_dry_run_predicted(
    database_url: str, history: list[list[Told]], node: str, document: PolicyDocument
) -> None:
    run(_predicts(database_url, [told for part in history for told in part], node, document))


async def _no_difference(url: str, told: list[Told]) -> None:
    async with connected(url) as db:
        await book_all(db, "plain", POLICY, told)
        in_force = PolicyDocument(minutes_per_point=5, caps_per_day={"MINUTE": 300})
        assert POLICY.terms(COMMUNITIES[1], date(2026, 2, 1)).minutes_per_point.value == in_force.minutes_per_point
        comparison = await tried(db, "plain", COMMUNITIES[1], in_force)
        assert comparison.total.before == comparison.total.after
        assert all(spread.more == spread.less == 0 for spread in comparison.spread.values())


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories)
def test_a_dry_run_of_the_document_in_force_says_no_difference(database_url: str, history: list[list[Told]]) -> None:
    run(_no_difference(database_url, [told for part in history for told in part]))


def some_service(people: int) -> list[Told]:
    told: list[Told] = []
    for _ in range(people):
        record = Attendance(
            record_id=uuid.uuid4(),
            volunteer_id=uuid.uuid4(),
            minutes=60,
            evidence=Evidence.SCANNED,
            started_at=MORNING,
        )
        activity = ActivityCompleted(
            activity_id=uuid.uuid4(),
            community=COMMUNITIES[0],
            category=ActivityCategory.CARE,
            completed_at=MORNING + timedelta(hours=2),
            attendances=(record,),
        )
        told.append((uuid.uuid4(), activity))
    return told


def below_the_province(db: asyncpg.Connection, seconds_max: int) -> RecordsBelow:
    reads = BoundedReads(db, records_max=10, seconds_max=seconds_max, schema="plain")
    return RecordsBelow(reads, "62", MORNING, MORNING + timedelta(days=1))


async def _stands_in_nobodys_way(url: str) -> None:
    db, other = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        await book_all(db, "plain", POLICY, some_service(3))
        records = below_the_province(db, seconds_max=30)
        seen = 0
        async for _ in records.by_person():
            seen += 1
            async with other.transaction():  # what a switch to rebuilt tables asks for
                await other.execute("LOCK TABLE plain.transfers, plain.accounts IN ACCESS EXCLUSIVE MODE NOWAIT")
        assert seen == 3
    finally:
        await db.close()
        await other.close()


def test_between_two_people_a_dry_run_holds_no_lock(database_url: str) -> None:
    run(_stands_in_nobodys_way(database_url))


async def _ends_in_time(url: str) -> None:
    db, other = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        await book_all(db, "plain", POLICY, some_service(3))
        records = below_the_province(db, seconds_max=1)
        async with other.transaction():
            await other.execute("LOCK TABLE plain.transfers IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(DryRunTooMuch):
                async for _ in records.by_person():
                    pass
        assert await db.fetchval("SHOW statement_timeout") == "0"
    finally:
        await db.close()
        await other.close()


def test_a_statement_that_takes_too_long_is_ended_by_the_server(database_url: str) -> None:
    run(_ends_in_time(database_url))
