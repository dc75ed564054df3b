"""The hash by which two ledgers are compared: what it tells apart, and what it passes over."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.points.ledger.clauses import Clause
from services.points.ledger.schema import copy_of_the_tables
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import AccountKey, LedgerWriter
from services.points.proof.checks import net_effects
from services.points.units import Unit
from tests.integration.points.ledger_database import migrate, run

COMMUNITY = "620201001004"
AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
EVENT, OTHER_EVENT = uuid.UUID(int=1 << 8), uuid.UUID(int=2 << 8)
KEYS = [
    AccountKey(holder, unit) for holder in ("market:a", "market:b", "market:c") for unit in (Unit.POINT, Unit.MINUTE)
]
SCHEMA = "looked_at"


@pytest.fixture(scope="module")
def database_url(stack: Any) -> str:
    url: str = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    run(migrate(url))
    return url


async def _digest(url: str, *moves: tuple[int, int, int, uuid.UUID, datetime]) -> str:
    """The hash of a ledger with these transfers: from and to which of the keys, how much, why, and known since when."""
    db = await asyncpg.connect(url)
    try:
        for statement in copy_of_the_tables(SCHEMA):
            await db.execute(statement)
        writer = LedgerWriter(SCHEMA)
        numbers = await writer.accounts(db, KEYS, COMMUNITY)
        transfers = [
            Transfer(
                numbers[KEYS[giver]], numbers[KEYS[taker]], amount, None, AT, known, event, event,
                KEYS[taker].unit, 1, Clause.RATE,
            )
            for giver, taker, amount, event, known in moves
        ]  # fmt: skip
        await writer.insert_transfers(db, transfers)
        return (await net_effects(db, SCHEMA)).digest
    finally:
        await db.close()


def test_whatever_is_different_in_effect_has_another_hash(database_url: str) -> None:
    ledgers = [
        [],
        [(0, 2, 30, EVENT, AT)],
        [(0, 2, 31, EVENT, AT)],
        [(0, 4, 30, EVENT, AT)],
        [(2, 0, 30, EVENT, AT)],
        [(1, 3, 30, EVENT, AT)],
        [(0, 2, 30, OTHER_EVENT, AT)],
        [(0, 2, 30, EVENT, AT + timedelta(microseconds=1))],
        [(0, 2, 30, EVENT, AT), (0, 2, 30, OTHER_EVENT, AT)],
        [(0, 2, 60, EVENT, AT)],
    ]
    digests = [run(_digest(database_url, *moves)) for moves in ledgers]
    assert len(set(digests)) == len(ledgers)


def test_how_an_effect_came_about_does_not_matter_and_what_has_none_is_passed_over(database_url: str) -> None:
    plain = run(_digest(database_url, (0, 2, 30, EVENT, AT)))
    for moves in (
        [(0, 2, 10, EVENT, AT), (0, 2, 20, EVENT, AT)],
        [(0, 4, 30, EVENT, AT), (4, 2, 30, EVENT, AT)],
        [(0, 2, 30, EVENT, AT), (0, 4, 7, OTHER_EVENT, AT), (4, 0, 7, OTHER_EVENT, AT)],
    ):
        assert run(_digest(database_url, *moves)) == plain
    nothing = run(_digest(database_url))
    assert run(_digest(database_url, (0, 2, 9, EVENT, AT), (2, 0, 9, EVENT, AT))) == nothing


def test_amounts_of_two_to_the_power_of_forty_one_fit(database_url: str) -> None:
    large = 2**41
    assert run(_digest(database_url, (0, 2, large, EVENT, AT))) != run(
        _digest(database_url, (0, 2, large - 1, EVENT, AT))
    )
