"""A life of the ledger on real tables: how it begins, what always holds of it, and its replay."""

import asyncio
import itertools
import json
import random
import uuid
from collections.abc import Coroutine, Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

import asyncpg
from hypothesis.stateful import RuleBasedStateMachine, invariant

from services.points.earning.ingest import Ingest
from services.points.earning.services import services_of
from services.points.expiry.effects import LapseLater, LapseNow
from services.points.expiry.lapsing import Lapsing
from services.points.ledger.holds import Outcome
from services.points.ledger.writing import LedgerWriter
from services.points.overflow.effects import PoolLater, PoolNow
from services.points.overflow.flowing import Overflow
from services.points.own_events import LedgerEffects
from services.points.policy.views import PolicyShelf
from shared.contracts import Event
from shared.contracts.common import Evidence
from shared.contracts.points import (
    ItemListed,
    StockReceived,
)
from shared.contracts.registry import (
    ActivityCategory,
    ActivityCompleted,
    Attendance,
)
from shared.eventstore import Recorded
from tests.integration.points.ledger_database import NOW, LedgerUnderTest, Told, migrate, told_at
from tests.integration.points.producing import corrected
from tests.integration.points.test_ledger_is_a_function_of_the_events import (
    COMMUNITIES,
    MORNING,
    VOLUNTEERS,
)

HOME = COMMUNITIES[0]
PRICE_POINTS = 7


class LedgerLife(RuleBasedStateMachine):
    """What is known of the ledger, and expected of it, whatever is done to it."""

    url: ClassVar[str]
    lives: ClassVar[Iterator[int]] = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.ids = itertools.count(1)
        self.life = next(self.lives)
        self.now = NOW
        self.own: list[Recorded] = []
        self.told: list[Told] = []
        self.late: list[Told] = []
        """Told by their service, and not arrived yet."""
        self.reserved: dict[uuid.UUID, int] = {}
        """Pieces of open reservations."""
        self.granted: dict[uuid.UUID, int] = {}
        """Pieces of aid that waits to be collected."""
        self.outcomes: dict[uuid.UUID, Outcome | None] = {}
        self.pieces_in = self.pieces_out = self.pieces_back = 0
        self.of_whom: dict[uuid.UUID, uuid.UUID] = {}
        """By reservation, the volunteer."""
        self.standing: dict[uuid.UUID, tuple[Event, int]] = {}
        """What can be taken back, by its record: the event that does, and the pieces that it brings to the shelf."""
        self.item = self.new_id()
        self.do(self._begin())

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(what)

    def new_id(self) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.life}/{next(self.ids)}")

    def moment(self) -> datetime:
        self.now += timedelta(minutes=7)
        return self.now

    async def _begin(self) -> None:
        self.db = await asyncpg.connect(self.url)
        self.others = [await asyncpg.connect(self.url) for _ in range(4)]
        self.book = await PolicyShelf().current(self.db)
        self.ledger = await self._tables("fire")
        writer = LedgerWriter("fire")
        self.effects = LedgerEffects(writer, LapseNow(Lapsing(writer)), PoolNow(Overflow(writer)))
        await self._record(
            ItemListed(item_id=self.item, community=HOME, name="香皂（演示）", price_points=PRICE_POINTS)
        )
        # Something to spend, and something to spend it on.
        self.pieces_in = 20
        receipt = self.new_id()
        await self._record(
            StockReceived(item_id=self.item, community=HOME, receipt_id=receipt, quantity=20, received_at=self.now)
        )
        for person in VOLUNTEERS:
            self._has_served(person)
        await self.ledger.tell(self.book, self.told)

    async def _tables(self, schema: str) -> LedgerUnderTest:
        return await LedgerUnderTest(self.db, schema).fresh()

    def _has_served(self, person: uuid.UUID) -> None:
        """Six hours, of which it turns out, after most of it may be spent, that they were half an hour."""
        record = Attendance(
            record_id=self.new_id(), volunteer_id=person, minutes=360, evidence=Evidence.SCANNED, started_at=MORNING
        )
        activity = ActivityCompleted(
            activity_id=self.new_id(),
            community=HOME,
            category=ActivityCategory.GENERAL,
            completed_at=MORNING + timedelta(hours=7),
            attendances=(record,),
        )
        correction = corrected(record, 30, activity, corrected_at=NOW)
        self.told.append((self.new_id(), activity))
        self.late.append((self.new_id(), correction))

    async def _record(self, event: Event, db: asyncpg.Connection | None = None, *, crash: bool = False) -> None:
        """Decide, move the ledger and append, in one transaction; a crash loses all of it."""
        db = db or self.db
        at = self.moment()
        recorded = Recorded(event, self.new_id(), "stream", 1, HOME, at)
        transaction = db.transaction()
        await transaction.start()
        try:
            await self.effects.apply(db, event, recorded)
        except BaseException:
            await transaction.rollback()
            raise
        if crash:
            await transaction.rollback()
        else:
            # Where the store's lock gives positions in the order of commits, this list does.
            await transaction.commit()
            self.own.append(recorded)

    async def _available(self, holder: str, unit: str) -> int:
        query = """
            SELECT credits - debits - pending_debits FROM fire.accounts JOIN units AS u ON u.id = unit
             WHERE holder = $1 AND u.code = $2
        """
        return int(await self.db.fetchval(query, holder, unit) or 0)

    async def _holds(self, schema: str) -> list[tuple[Any, ...]]:
        # Without the number of a leg, which goes by those of its accounts.
        query = f"SELECT hold_id, unit, amount, posted, state, settled_by FROM {schema}.holds ORDER BY 1, 2, 3"
        return [tuple(row) for row in await self.db.fetch(query)]

    # ── what always holds ────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def it_is_sound(self) -> None:
        self.do(self._sound())

    async def _sound(self) -> None:
        assert await self.ledger.breaks() == []
        waiting = sum(self.reserved.values()) + sum(self.granted.values())
        on_shelf = self.pieces_in - self.pieces_out + self.pieces_back
        assert await self._available(f"stock:{self.item}", f"ITEM:{self.item}") == on_shelf - waiting >= 0
        rows = await self.db.fetch("SELECT hold_id, min(state), max(state) FROM fire.holds GROUP BY hold_id")
        assert {row[0]: (row[1], row[2]) for row in rows} == {
            hold_id: (int(outcome or 0),) * 2 for hold_id, outcome in self.outcomes.items()
        }
        query = "SELECT sum(posted) FROM fire.holds JOIN units AS u ON u.id = unit WHERE u.code = $1"
        assert (await self.db.fetchval(query, f"ITEM:{self.item}") or 0) == self.pieces_out

    def teardown(self) -> None:
        try:
            self.do(self._replayed())
        finally:
            self.do(self._end_connections())
            self.loop.close()

    async def _end_connections(self) -> None:
        for connection in (self.db, *self.others):
            await connection.close()

    async def _replayed(self) -> None:
        """As a rebuild does it: own events first, then all service, in no order and in batches of any size."""
        if self.late:
            await self.ledger.tell(self.book, self.late)
            self.told += self.late
        again = await self._tables("afresh")
        writer = LedgerWriter("afresh")
        later, pools = LapseLater(Lapsing(writer)), PoolLater(Overflow(writer))
        effects, ingest = LedgerEffects(writer, later, pools, replaying=True), Ingest(writer, later, pools)
        for recorded in self.own:
            async with self.db.transaction():
                await effects.apply(self.db, recorded.event, recorded)
        told = list(self.told)
        random.Random(self.life).shuffle(told)
        while told:
            batch, told = told[:3], told[3:]
            async with self.db.transaction():
                services = [one for event_id, event in batch for one in services_of(event, event_id, told_at(event_id))]
                await ingest.book_services(self.db, self.book, services)
        async with self.db.transaction():
            await later.settle(self.db, self.book)
            await pools.settle(self.db, self.book)
        assert await again.breaks() == []
        assert await self._holds("afresh") == await self._holds("fire")
        assert await again.balances() == await self.ledger.balances()
        assert await again.effects() == await self.ledger.effects()


async def with_policy(url: str, document: Any) -> None:
    """The schema, and one policy for everybody and every day."""
    await migrate(url)
    db = await asyncpg.connect(url)
    await db.execute(
        "INSERT INTO policies (policy_version, node, in_force_from, document, published_at, version)"
        " VALUES (1, NULL, '1900-01-01', $1, now(), 1)",
        json.dumps(document),
    )
    await db.close()
