"""Replays everything that ever happened into a second set of ledger tables: own events first, then every topic."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.earning.ingest import Ingest
from services.points.earning.reactions import INTERESTS, Earned, ServiceFromTheFuture, services_in
from services.points.expiry.effects import LapseLater
from services.points.expiry.lapsing import Lapsing
from services.points.ledger.schema import LIVE, REBUILT, copy_of_the_tables
from services.points.ledger.writing import Connection, LedgerWriter, Movements
from services.points.overflow.effects import PoolLater
from services.points.overflow.flowing import Overflow
from services.points.own_events import LedgerEffects
from services.points.policy.book import PolicyBook, Restatement
from services.points.policy.terms import NoPolicyInForce, PolicyVersion
from services.points.policy.views import policy_version, restatement
from shared.batches import Abreast
from shared.contracts.points import PolicyPublished, PolicyRestated, PolicyWithdrawn
from shared.deliveries import Delivery, Unreadable, read
from shared.eventstore import Recorded, read_all
from shared.kafka import client_settings
from shared.settings import Settings

Progress = Callable[[int, int], None]
"""Told how many records of how many were replayed."""

_BATCH = 2500
_OWN_BATCH = 1000
_FETCH_WAIT_MS = 50
"""How long the broker may keep an answer when there is nothing new. The service waits for the last of them."""
_MOVES_MAX = 60_000_000
"""More often no account moves while a replay runs. As microseconds a minute: rebuilds that follow each other faster are
not ahead of the clock for long.
"""


class RestatedMeanwhile(Exception):
    """Days were priced anew while the replay ran, and it is not in all of it, or not all of it is posted."""


class SummingWriter(LedgerWriter):
    """Moves balances once, at the end of a replay: nobody sees them before, and an account has moved many times."""

    def __init__(self, schema: str) -> None:
        super().__init__(schema)
        self._kept = Movements.none()
        self._unsure: dict[Connection, Movements] = {}

    async def move(self, db: Connection, movements: Movements) -> None:
        """Note what a transaction moves, until it is known whether it stays."""
        self._unsure.setdefault(db, Movements.none()).add_all(movements)

    def keep(self, db: Connection) -> None:
        """The transaction was committed."""
        if db in self._unsure:
            self._kept.add_all(self._unsure.pop(db))

    def drop(self, db: Connection) -> None:
        """The transaction was rolled back."""
        self._unsure.pop(db, None)

    async def settle(self, db: Connection) -> None:
        """Move all that was kept."""
        await super().move(db, self._kept)
        self._kept = Movements.none()


@dataclass(slots=True)
class Replay:
    """One rebuild under way, on asyncpg connections of its own: each batch is a transaction on one of the first two,
    and what batches need of accounts is prepared on the third.
    """

    connections: tuple[Any, Any, Any]
    settings: Settings
    sources: Sequence[str]
    applied: int = 0
    unreadable: int = 0
    position: int = 0
    """The last of this service's own events that was replayed."""
    _writer: SummingWriter = field(init=False)
    _earned: Earned = field(init=False)
    _effects: LedgerEffects = field(init=False)
    _lapses: LapseLater = field(init=False)
    _overflow: PoolLater = field(init=False)
    _policies: dict[int, PolicyVersion] = field(default_factory=dict)
    _restatements: list[Restatement] = field(default_factory=list)
    _book: PolicyBook = field(default_factory=lambda: PolicyBook([]))
    _consumer: AIOKafkaConsumer = field(init=False)
    _offsets: dict[TopicPartition, int] = field(default_factory=dict)
    _claim: str = ""
    _ahead: list[Delivery] = field(default_factory=list)
    """What was read and left out: live had not taken it, whether it was parked, refused by the rules, or still to come.
    """
    _free: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        *writing, preparing = self.connections
        for connection in writing:
            self._free.put_nowait(connection)
        writer = LedgerWriter(REBUILT)
        self._lapses, self._overflow = LapseLater(Lapsing(writer)), PoolLater(Overflow(writer))
        self._writer = SummingWriter(REBUILT)
        ingest = Ingest(self._writer, self._lapses, self._overflow)
        self._earned = Earned(ingest, lambda: nullcontext(preparing))
        self._effects = LedgerEffects(writer, self._lapses, self._overflow, replaying=True)

    @property
    def db(self) -> Any:
        """The connection for what is done by itself, while no batch is under way."""
        return self.connections[0]

    async def left_out(self) -> tuple[int, int]:
        """Records that were read and are in neither ledger: how many were unreadable, parked, discarded or refused by
        the rules, and how many live has not come to yet.
        """
        ids = [delivery.envelope.event_id for delivery in self._ahead]
        to_come = int(await self.db.fetchval(_TO_COME, ids))
        return self.unreadable + len(ids) - to_come, to_come

    async def prepare(self) -> None:
        """Empty tables beside the live ones, and a way to the topics."""
        async with self.db.transaction():
            for statement in copy_of_the_tables(REBUILT):
                await self.db.execute(statement)
            await self.db.execute(f"CREATE TABLE {REBUILT}.consumed (LIKE public.consumed INCLUDING ALL)")
            # Subscribers keep the highest version of an account, so rebuilt accounts begin above the live ones; and
            # above those that a database restored from a backup has forgotten, which began at a moment before this.
            begin = await self.db.fetchval(
                "SELECT greatest(coalesce(max(version), 0) + $1, (extract(epoch FROM clock_timestamp()) * 1e6)::bigint)"
                f" FROM {LIVE}.accounts",
                _MOVES_MAX,
            )
            await self.db.execute(f"ALTER TABLE {REBUILT}.accounts ALTER COLUMN version SET DEFAULT {begin}")
        # Without a group, all partitions of the topics are its own.
        self._consumer = AIOKafkaConsumer(
            *(self.settings.topic(source) for source in self.sources),
            **client_settings(self.settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=2 * 1024 * 1024,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )
        await self._consumer.start()

    async def close(self) -> None:
        """End the way to the topics. The tables stay."""
        await self._consumer.stop()

    async def own_events(self, connection: AsyncConnection) -> int:
        """This service's own events after those already replayed: policies, goods, redemptions.

        Those that are appended meanwhile are left to the next call: people who redeem all the time would otherwise
        keep it here for ever.

        Raises `RestatedMeanwhile` when days that were replayed already were priced anew.
        """
        count = 0
        last = int(await connection.scalar(text("SELECT coalesce(max(position), 0) FROM events")) or 0)
        transaction = self.db.transaction()
        await transaction.start()
        async for recorded in read_all(connection, self.position, last):
            self._note_policy(recorded)
            await self._effects.apply(self.db, recorded.event, recorded)
            count += 1
            if count % _OWN_BATCH == 0:
                await transaction.commit()
                transaction = self.db.transaction()
                await transaction.start()
        await transaction.commit()
        self.position = last
        self._book = PolicyBook(self._policies.values(), self._restatements)
        return count

    def _note_policy(self, recorded: Recorded) -> None:
        match recorded.event:
            case PolicyPublished() as event:
                self._policies[event.policy_version] = policy_version(event)
            case PolicyWithdrawn(policy_version=version):
                self._policies[version] = replace(self._policies[version], withdrawn=True)
            case PolicyRestated() as event:
                if self._claim:  # services were priced without it
                    raise RestatedMeanwhile
                self._restatements.append(restatement(event, recorded))
            case _:
                pass

    async def topics(
        self,
        parked: frozenset[tuple[str, int, int]],
        progress: Progress = lambda *_: None,
        *,
        only_what_live_knows: bool = False,
    ) -> int:
        """Every source topic, from where the last call ended to where the topics end now. Returns records read.

        What is to be left out because live does not know it is kept, and looked at again by the next call.
        """
        self._claim = _CLAIM_KNOWN if only_what_live_knows else _CLAIM
        done = 0
        ahead, self._ahead = self._ahead, []
        for start in range(0, len(ahead), _BATCH):
            await self._write(ahead[start : start + _BATCH])
        partitions = sorted(self._consumer.assignment())
        ends = await self._consumer.end_offsets(partitions)
        for partition in partitions:
            self._offsets[partition] = await self._consumer.position(partition)
        total = sum(max(0, end - self._offsets[p]) for p, end in ends.items())
        # The next batch is fetched and decoded while those before it are being written.
        async with asyncio.TaskGroup() as tasks:
            abreast = Abreast(tasks, self._free.qsize())
            while any(self._offsets[partition] < end for partition, end in ends.items()):
                fetched = await self._consumer.getmany(timeout_ms=500, max_records=_BATCH)
                deliveries, keys = list[Delivery](), set[bytes]()
                for records in fetched.values():
                    for record in records:
                        done += 1
                        keys.add(record.key or b"")
                        self._read(record, parked, deliveries)
                for partition in partitions:
                    self._offsets[partition] = await self._consumer.position(partition)
                await abreast.room_for(keys)
                abreast.begin(self._write(deliveries), keys)
                await asyncio.sleep(0)
                progress(done, total)
        async with self.db.transaction():
            await self._writer.settle(self.db)
            await self._effects.long_days.settle(self.db, self._book)
            await self._lapses.settle(self.db, self._book)
            await self._overflow.settle(self.db, self._book)
        return done

    def _read(self, record: Any, parked: frozenset[tuple[str, int, int]], deliveries: list[Delivery]) -> None:
        try:
            delivery = read(record, INTERESTS)
        except Unreadable:
            self.unreadable += 1
            return
        if delivery is None:
            return
        if (record.topic, record.partition, record.offset) in parked:
            # It may be retried while the replay runs, and live then has it.
            self._ahead.append(delivery)
        else:
            deliveries.append(delivery)

    async def _write(self, deliveries: Sequence[Delivery]) -> None:
        db = await self._free.get()
        try:
            await self._write_on(db, deliveries)
        finally:
            self._free.put_nowait(db)

    async def _write_on(self, db: Any, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        try:
            async with db.transaction():
                ahead = await self._apply(db, deliveries)
            self._writer.keep(db)
            self._ahead += ahead
        except (NoPolicyInForce, ServiceFromTheFuture):
            self._writer.drop(db)
            if len(deliveries) == 1:
                self._ahead += deliveries
                return
            # Find the one that cannot be taken; live has parked it; it may have been discarded or retried since.
            for delivery in deliveries:
                await self._write_on(db, [delivery])

    async def _apply(self, db: Any, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Book what is there for the first time. Returns what live does not know yet."""
        ids = [delivery.envelope.event_id for delivery in deliveries]
        claimed = dict[UUID, bool](await db.fetch(self._claim, ids))
        mine, ahead = list[Delivery](), list[Delivery]()
        for delivery in deliveries:
            known = claimed.pop(delivery.envelope.event_id, None)
            if known is not None:
                (mine if known else ahead).append(delivery)
        await self._earned.book(db, self._book, mine, services_in(mine), ahead=True)
        self.applied += len(mine)
        return ahead


_CLAIM = f"""
    INSERT INTO {REBUILT}.consumed SELECT DISTINCT id FROM unnest($1::uuid[]) AS id
     WHERE NOT EXISTS (SELECT FROM public.discarded WHERE event_id = id)
        OR EXISTS (SELECT FROM public.consumed WHERE event_id = id)
     ORDER BY id
    ON CONFLICT DO NOTHING RETURNING event_id, true
"""
"""What was discarded stays out; unless it was a damaged copy of an event that live has."""

_TO_COME = """
    SELECT count(*) FROM unnest($1::uuid[]) AS id
     WHERE NOT EXISTS (SELECT FROM public.consumed WHERE event_id = id)
       AND NOT EXISTS (SELECT FROM public.discarded WHERE event_id = id)
       AND encode(convert_to(id::text, 'UTF8'), 'hex') NOT IN (
           SELECT header ->> 1 FROM public.parked, jsonb_array_elements(headers) AS header
            WHERE header ->> 0 = encode('ce_id', 'hex') AND header ->> 1 IS NOT NULL)
"""
"""How many of these events live has neither taken nor put aside. Headers are kept in hexadecimal (`shared.parking`)."""

_CLAIM_KNOWN = f"""
    WITH known AS MATERIALIZED (SELECT event_id FROM public.consumed WHERE event_id = ANY($1::uuid[])), claimed AS (
        INSERT INTO {REBUILT}.consumed SELECT event_id FROM known ORDER BY event_id
        ON CONFLICT DO NOTHING RETURNING event_id
    )
    SELECT event_id, true FROM claimed
    UNION ALL
    SELECT id, false FROM unnest($1::uuid[]) AS id WHERE id NOT IN (SELECT event_id FROM known)
"""
"""What live knows; and, told apart, what it does not know yet."""
