"""A fresh database with the points schema, and ledgers in it that are fed without a broker."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

import services.points
from services.points.earning.ingest import Ingest
from services.points.earning.services import services_of
from services.points.expiry.effects import LapseNow
from services.points.expiry.lapsing import Lapsing
from services.points.expiry.lots import Lapse
from services.points.explain.known import Known, Line, LongDay
from services.points.explain.words import Narrator
from services.points.grounds.corrections import Decided, taken_since_it_bore
from services.points.ledger.schema import LIVE, TABLES, copy_of_the_tables
from services.points.ledger.writing import LedgerWriter
from services.points.long_days.effects import LongDayEffects
from services.points.overflow.effects import PoolNow
from services.points.overflow.flowing import Overflow
from services.points.policy.book import BEGINNING, PolicyBook, Restatement
from services.points.policy.document import read_document
from services.points.policy.terms import PolicyVersion
from services.points.policy.views import national_default
from services.points.proof.checks import check_tables, net_effects
from services.points.restatements.posting import RestatementPosting
from services.points.seals.lines import day_lines
from services.points.tables import metadata
from services.points.units import Unit
from shared import migrations
from shared.clock import local_day
from shared.contracts import Event
from shared.contracts.points import (
    LongDayApprovalWithdrawn,
    LongDayApproved,
    LongDayReason,
    LongDayWithdrawalReason,
)
from shared.contracts.registry import NodeLevel
from shared.eventstore import Recorded
from shared.web.problems import Texts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

TEXTS = Texts([Path(services.points.__file__).parent / "locales"])

Told = tuple[uuid.UUID, Event]


def told_at(event_id: uuid.UUID) -> datetime:
    """When an event was told: any moment of the days before `NOW`, always the same for the same event."""
    return NOW - timedelta(hours=event_id.int % 50)


def book(*versions: PolicyVersion, restatements: Sequence[Restatement] = ()) -> PolicyBook:
    """The national default, and what the test adds to it."""
    document = read_document(national_default(), complete=True)
    return PolicyBook([PolicyVersion(1, None, BEGINNING, document), *versions], restatements)


async def migrate(url: str) -> None:
    """The points schema in an empty database."""
    engine = create_async_engine(sa.make_url(url).set(drivername="postgresql+asyncpg"))
    folder = Path(services.points.__file__).parent / "migrations"
    async with engine.begin() as connection:
        await connection.run_sync(lambda c: migrations.upgrade(c, folder, metadata))
    await engine.dispose()


def said_of_a_long_day(
    number: int, volunteer_id: uuid.UUID, day: date, minutes: int | None, hours_ago: int, version: int = 1
) -> Recorded:
    """An approval of a long day, or with no minutes its withdrawal, as it stands in the event store."""
    at = NOW - timedelta(hours=hours_ago)
    named: dict[str, Any] = {
        "long_day_id": uuid.UUID(int=6000), "community": "620201001004", "volunteer_id": volunteer_id, "day": day,
        "level": NodeLevel.COMMUNITY, "limit_minutes": 480, "policy_version": 1,
    }  # fmt: skip
    event: Event
    if minutes is None:
        reason = LongDayWithdrawalReason.MISTAKEN
        event = LongDayApprovalWithdrawn(**named, reason=reason, withdrawn_by=uuid.UUID(int=1), withdrawn_at=at)
    else:
        event = LongDayApproved(
            **named, minutes_max=minutes, reason=LongDayReason.OTHER, approved_by=uuid.UUID(int=1), approved_at=at
        )
    return Recorded(event, uuid.UUID(int=6000 + number), "long_day", version, "620201001004", at)


class LedgerUnderTest:
    """One set of ledger tables, fed with batches of events."""

    def __init__(self, db: asyncpg.Connection, schema: str = LIVE) -> None:
        self.db, self.schema = db, schema
        writer = LedgerWriter(schema)
        self.lapsing, self.overflow = Lapsing(writer), Overflow(writer)
        self.ingest = Ingest(writer, LapseNow(self.lapsing), PoolNow(self.overflow))
        self._restating = RestatementPosting(writer)
        self._long_days = LongDayEffects(writer, PoolNow(self.overflow), replaying=True)
        self.deadlocks = 0
        self._opening = asyncio.Lock()

    async def fresh(self) -> "LedgerUnderTest":
        """Empty tables: those of the last example where they are there, which takes a tenth of making them."""
        transfers = f"{self.schema}.transfers"
        if await self.db.fetchval("SELECT to_regclass($1)", transfers) is None:
            statements = copy_of_the_tables(self.schema)
            statements.append(f"CREATE TABLE {self.schema}.consumed (LIKE public.consumed INCLUDING ALL)")
        else:
            statements = [f"DELETE FROM {self.schema}.{table}" for table in (*TABLES, "consumed")]
            statements.insert(0, f"ALTER TABLE {transfers} DISABLE TRIGGER transfers_append_only")
            statements.append(f"ALTER TABLE {transfers} ENABLE TRIGGER transfers_append_only")
        await self.db.execute("; ".join(statements))
        return self

    async def tell(self, policy: PolicyBook, batch: Sequence[Told], *, crash: bool = False) -> None:
        """One batch in one transaction, as the consumer does it: claim, apply, commit, or lose all of it."""
        await self._write(self.db, policy, batch, crash=crash)

    async def tell_abreast(self, policy: PolicyBook, batches: Sequence[Sequence[Told]], url: str) -> None:
        """Batches side by side, each on a connection of its own, repeated when the server ends a deadlock."""
        connections = [await asyncpg.connect(url) for _ in batches]

        async def write(db: asyncpg.Connection, batch: Sequence[Told]) -> None:
            while True:
                try:
                    return await self._write(db, policy, batch)
                except asyncpg.DeadlockDetectedError:
                    self.deadlocks += 1

        await asyncio.gather(*(write(db, batch) for db, batch in zip(connections, batches, strict=True)))
        for db in connections:
            await db.close()

    async def _write(
        self, db: asyncpg.Connection, policy: PolicyBook, batch: Sequence[Told], *, crash: bool = False
    ) -> None:
        transaction = db.transaction()
        await transaction.start()
        try:
            rows = await db.fetch(
                f"INSERT INTO {self.schema}.consumed SELECT DISTINCT unnest($1::uuid[]) AS id ORDER BY id"
                " ON CONFLICT DO NOTHING RETURNING *",
                [event_id for event_id, _ in batch],
            )
            fresh = {row[0] for row in rows}
            services = []
            for event_id, event in batch:
                if event_id in fresh:
                    fresh.discard(event_id)
                    services += services_of(event, event_id, told_at(event_id))
            async with self._opening, self.db.transaction() if db is not self.db else nullcontext():
                accounts = await self.ingest.open_accounts(self.db, services, policy)
            await self.ingest.book_services(db, policy, services, accounts)
        except BaseException:
            await transaction.rollback()
            raise
        if crash:
            await transaction.rollback()
            self.ingest.directory.forget()
        else:
            await transaction.commit()

    async def lapse(self, policy: PolicyBook, part: int, lapse: Lapse) -> None:
        """A run of expiry, in a transaction."""
        async with self.db.transaction():
            await self.lapsing.lapse(self.db, policy, part, lapse)

    async def approve(self, policy: PolicyBook, *said: Recorded) -> None:
        """What offices say of long days, in a transaction."""
        async with self.db.transaction():
            for one in said:
                assert isinstance(one.event, LongDayApproved | LongDayApprovalWithdrawn)
                await self._long_days.apply(self.db, one.event, one)
            await self._long_days.settle(self.db, policy)

    async def restate(self, policy: PolicyBook, restatement: Restatement, part: int) -> int:
        """Post what a restatement changes for a part of the people, in a transaction. Returns how many transfers."""
        async with self.db.transaction():
            return await self._restating.post(self.db, policy, restatement, part)

    async def balances(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Posted balance and what is owed, by holder and unit."""
        rows = await self.db.fetch(
            f"SELECT holder, u.code, credits - debits, owed FROM {self.schema}.accounts"
            " JOIN units AS u ON u.id = unit WHERE credits <> 0 OR debits <> 0"
        )
        return {(row[0], row[1]): (row[2], row[3]) for row in rows if row[2]}

    async def tellings(self) -> list[Any]:
        """What each event told of service."""
        return [tuple(row) for row in await self.db.fetch(f"SELECT * FROM {self.schema}.tellings ORDER BY event_id")]

    async def causes(self, decided: Decided) -> dict[str, Any]:
        """By person, what took from the record since it last had a minute, and an hour, more than it has."""
        records = await self._records()
        has = {holder: sum(line.amount for line in lines) for holder, lines in records.items()}
        return {
            holder: [taken_since_it_bore(lines, has[holder] + more, decided) for more in (1, 60)]
            for holder, lines in records.items()
        }

    async def told_in_words(self, policy: PolicyBook) -> list[str]:
        """Every line of the records in words, as an explanation tells it."""
        said = await self.db.fetch(
            f"SELECT event_id, minutes, level, reason, limit_minutes, policy_version FROM {self.schema}.day_approvals"
        )
        known = Known(titles={}, long_days={row[0]: LongDay(*row[1:]) for row in said})
        narrator = Narrator(Unit.SERVICE_MINUTE.name, partial(TEXTS.get, "zh"), policy, known)
        return [narrator.tell(line).text for lines in (await self._records()).values() for line in lines]

    async def _records(self) -> dict[str, list[Line]]:
        """By person, the lines of the service record, in no order."""
        columns = ", ".join(f"t.{name}" for name in Line._fields[:-2])
        queries = (
            f"SELECT a.holder, {columns}, {sign}t.amount, o.holder FROM {self.schema}.transfers AS t"
            f" JOIN {self.schema}.accounts AS a ON a.id = t.{side} JOIN {self.schema}.accounts AS o ON o.id = t.{other}"
            f" WHERE a.unit = {Unit.SERVICE_MINUTE:d} AND a.id > 0"
            for side, other, sign in (
                ("credit_account", "debit_account", "+"),
                ("debit_account", "credit_account", "-"),
            )
        )
        records: dict[str, list[Line]] = {}
        for holder, *line in await self.db.fetch(" UNION ALL ".join(queries)):
            records.setdefault(holder, []).append(Line(*line))
        return records

    async def effects(self) -> str:
        """The hash by which ledgers are compared."""
        return (await net_effects(self.db, self.schema)).digest

    async def sealed_lines(self) -> Any:
        """What seals of every community and day would say."""
        day = local_day(NOW)
        return await day_lines(self.db, day - timedelta(days=10), day + timedelta(days=10), self.schema)

    async def breaks(self) -> list[str]:
        """Checks that found something wrong."""
        return [check.name for check in await check_tables(self.db, self.schema) if check.breaks]


_LOOP = asyncio.Runner()
_CONNECTIONS: dict[str, asyncpg.Connection] = {}


def run(coroutine: Any) -> Any:
    """Run from a synchronous test, on a loop that its examples share."""
    return _LOOP.run(coroutine)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that the examples of a test share, with its statements prepared; after a failure, a new one.

    Only within `run`.
    """
    db = _CONNECTIONS.get(url)
    if db is None:
        db = _CONNECTIONS[url] = await asyncpg.connect(url)
    try:
        yield db
    except BaseException:
        del _CONNECTIONS[url]
        db.terminate()
        raise
