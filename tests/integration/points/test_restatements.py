"""Days priced anew: the ledger is what it would be had everything been booked after the restatement was told."""

import random
import uuid
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.points.policy.book import PolicyBook, PolicyVersion, Restatement
from services.points.policy.document import PolicyDocument
from tests.integration.points.ledger_database import NOW, LedgerUnderTest, Told, book, migrate, run, told_at
from tests.integration.points.test_ledger_is_a_function_of_the_events import (
    COMMUNITIES,
    LAPSES,
    VOLUNTEERS,
    histories,
)

POLICIES = (
    PolicyVersion(2, "620201", date(2026, 2, 2), PolicyDocument(caps_per_day={"POINT": 60})),
    PolicyVersion(
        3,
        "620201",
        date(2030, 1, 1),
        PolicyDocument(
            minutes_per_point=4,
            weights_percent={"activity.meeting": 50},
            evidence={
                "backfilled": frozenset({"POINT", "SERVICE_MINUTE"}),
                "estimated": frozenset({"SERVICE_MINUTE"}),
            },
            caps_per_day={"POINT": 90, "SERVICE_MINUTE": 400},
        ),
    ),
    PolicyVersion(
        4, COMMUNITIES[1], date(2030, 1, 1), PolicyDocument(evidence={"scanned": frozenset({"SERVICE_MINUTE"})})
    ),
    PolicyVersion(5, "620201", date(2030, 1, 2), PolicyDocument(minutes_per_point=12, caps_per_day={"MINUTE": 200})),
)
"""The third and later ones are in force only where days are priced anew."""

RESTATEMENTS = tuple(
    Restatement(
        number,
        node,
        version,
        date(2026, 2, 1),
        until,
        uuid.UUID(int=8000 + number),
        NOW - before + timedelta(seconds=1),
    )
    for number, node, version, until, before in (
        (1, "620201", 3, date(2026, 2, 2), timedelta(hours=35)),
        (2, COMMUNITIES[1], 4, date(2026, 2, 1), timedelta(hours=20)),
        (3, "620201", 5, date(2026, 2, 3), timedelta(hours=8)),
    )
)
BOOKS: tuple[PolicyBook, ...] = tuple(book(*POLICIES, restatements=RESTATEMENTS[:known]) for known in range(4))
PARTS = [person.int for person in VOLUNTEERS]


@pytest.fixture(scope="module")
def database_url(stack: Any) -> str:
    url: str = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    run(migrate(url))
    return url


async def _live(ledger: LedgerUnderTest, told: list[Told], chance: random.Random, url: str) -> None:
    """Told while one restatement after the other becomes known; some of each is posted long after."""
    left, to_post = list(told), list[tuple[int, int]]()
    chance.shuffle(left)
    lapses = list(LAPSES.items())
    for known in range(4):
        current = BOOKS[known]
        # What is told later than the next restatement cannot have arrived before it.
        until = RESTATEMENTS[known].at if known < 3 else NOW + timedelta(days=1)
        ready = [one for one in left if told_at(one[0]) < until]
        if known < 3:
            ready = ready[: chance.randint(0, len(ready))]
        left = [one for one in left if one not in ready]
        while ready:
            size = chance.randint(1, len(ready))
            batch, ready = ready[:size], ready[size:]
            middle = chance.randint(0, len(batch))
            await ledger.tell_abreast(current, [batch[:middle], batch[middle:]], url)
            if to_post and chance.random() < 0.5:
                number, part = to_post.pop(chance.randrange(len(to_post)))
                await ledger.restate(current, RESTATEMENTS[number - 1], part)
        if lapses and chance.random() < 0.5:
            await ledger.lapse(current, *lapses.pop())
        if known < 3:
            to_post += [(known + 1, part) for part in PARTS]
    for lapse in lapses:
        await ledger.lapse(BOOKS[3], *lapse)
    for number, part in to_post:
        await ledger.restate(BOOKS[3], RESTATEMENTS[number - 1], part)


async def _compare(url: str, told: list[Told], seed: int) -> None:
    db = await asyncpg.connect(url)
    try:
        plain = await LedgerUnderTest(db, "plain").fresh()
        if told:
            await plain.tell(BOOKS[3], told)
        for part, lapse in LAPSES.items():
            await plain.lapse(BOOKS[3], part, lapse)
        live = await LedgerUnderTest(db, "other").fresh()
        await _live(live, told, random.Random(seed), url)
        assert await plain.breaks() == []
        assert await live.breaks() == []
        assert await live.balances() == await plain.balances()
        assert await live.effects() == await plain.effects()
        assert await live.sealed_lines() == await plain.sealed_lines()
        for ledger in (plain, live):
            for restatement in RESTATEMENTS:
                assert [await ledger.restate(BOOKS[3], restatement, part) for part in PARTS] == [0] * len(PARTS)
    finally:
        await db.close()


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(history=histories, seed=st.integers(0, 2**32))
def test_what_is_restated_while_events_come_is_what_a_rebuild_would_make_of_all(
    database_url: str, history: list[list[Told]], seed: int
) -> None:
    run(_compare(database_url, [told for part in history for told in part], seed))
