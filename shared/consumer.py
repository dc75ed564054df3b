"""The batch consumer: raw records in, effects exactly once per event id, offsets committed after the transaction.

Duplicates, replays, rebalances and zombies change nothing, because an event id is claimed by a unique constraint in
the transaction of its effects. A failure that passes is retried in place; a record that cannot be understood is parked
with its key, and later records of that key queue behind it while all others flow on.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage, Topic
from sqlalchemy.ext.asyncio import AsyncConnection

from shared import parking, read_until
from shared.batches import BACKLOG_RECORDS, Abreast, Batch, Waiting
from shared.database import Database, Lost, blames_the_record, is_duplicate
from shared.deliveries import Delivery, Interests, Unreadable, claim, read
from shared.eventstore import writing
from shared.kafka import client_settings
from shared.metrics import (
    CONSUMER_BATCH,
    CONSUMER_BATCH_TIME,
    CONSUMER_LAG,
    CONSUMER_RECORDS,
    CONSUMER_RETRIES,
    PARKED_KEYS,
)
from shared.rounds import go_round_forever
from shared.settings import Settings
from shared.telemetry import logger, where

log = logger("consumer")

_POLL_BUSY_MS, _POLL_IDLE_MS = 2, 25
"""FastStream waits this long for records and then sleeps as long again: latency where they come, CPU where none do."""
_IDLE_AFTER_S = 2.0
_BACKOFF_S_MAX = 5.0
_MET_MAX = 5
"""Races that one batch may lose, or one record by itself, in some three seconds; who loses more is in none."""
_COMMIT_INTERVAL_S = 0.25
_WATCH_INTERVAL_S = 5.0
_COUNT_INTERVAL_S = 15.0
_ASK_TIMEOUT_S = 3.0


class BatchHandler(Protocol):
    """What a service does with a batch of deliveries, inside the transaction that claimed their event ids."""

    @property
    def interests(self) -> Interests:
        """Event types it wants; all others are passed over without a trace in the database."""
        ...

    @property
    def batches_abreast(self) -> int:
        """How many batches of a backlog may be in the database at once, with no key in two of them. More than one only
        where effects do not depend on the order of keys.
        """
        ...

    async def apply(self, connection: AsyncConnection, deliveries: Sequence[Delivery]) -> None:
        """Change the database for deliveries never seen before, in the order of their partitions."""
        ...


class ClientBroken(Exception):
    """The broker is there and our client does not notice."""


class Consumer:
    """One group member: reads topics in batches and lets a handler apply them."""

    def __init__(
        self,
        group: str,
        topics: Sequence[str],
        handler: BatchHandler,
        database: Database,
        broker: KafkaBroker,
        settings: Settings,
    ) -> None:
        self._handler = handler
        self._database = database
        self._stall_s = settings.consumer_stall_s
        self._client = client_settings(settings)
        self._waiting = Waiting(settings.consumer_batch_size_max)
        self._moved_at = self._received_at = time.monotonic()
        self._behind = self._retrying = self._kept_out = False
        self._applied: dict[TopicPartition, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._broker_answers = True
        self._subscriber = broker.subscriber(
            # Made by `migrate` and by nobody else: one that is missing is not created here with settings by chance.
            *(Topic(topic, declare=False) for topic in topics),
            batch=True,
            group_id=group,
            max_records=settings.consumer_batch_size_max,
            batch_timeout_ms=_POLL_IDLE_MS,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
            max_poll_interval_ms=30 * 60 * 1000,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            max_partition_fetch_bytes=2 * 1024 * 1024,
            listener=_Assignment(self),
            parser=_raw_records,
            decoder=_pass_through,
        )
        self._subscriber(self._on_batch)

    @property
    def ready(self) -> bool:
        """Joined its group, and not held up by a failure."""
        consumer = self._consumer
        return consumer is not None and self._broker_answers and not self._retrying

    @property
    def live(self) -> bool:
        """Progress, not a ping: with lag above zero something must have moved within the stall time.

        Told at once, from what `_watch` heard a few seconds ago: the broker answers when the fetch before has ended,
        and a load balancer does not wait half a second. While a failing database is waited for, or a rebuild that keeps
        writers out, the process is alive; restarting it would not help.
        """
        waits = self._retrying or self._kept_out
        return not self._behind or waits or time.monotonic() - self._moved_at < self._stall_s

    async def lag(self) -> int | None:
        """Records between what is applied and the end of the assigned partitions; None while the broker is away.

        Nothing assigned (yet), nothing to lag behind: 0.

        The ends are asked for: what a consumer last heard of them by itself says nothing when its fetching has died.
        """
        consumer = self._consumer
        if consumer is None:
            return None
        assigned = consumer.assignment()
        if not assigned:
            return 0
        try:
            async with asyncio.timeout(_ASK_TIMEOUT_S):
                ends = await consumer.end_offsets(assigned)
                for partition in ends.keys() - self._applied.keys():
                    self._applied[partition] = await consumer.position(partition)
        except (OSError, KafkaError):
            self._broker_answers = False
            return None
        self._broker_answers = True
        lag: int = sum(max(0, end - self._applied.get(partition, end)) for partition, end in ends.items())
        return lag

    async def _answers_others(self) -> bool:
        """Whether a client made for this one question is told the ends of our partitions."""
        assigned = self._consumer.assignment() if self._consumer is not None else frozenset()
        other = AIOKafkaConsumer(**self._client, group_id=None)
        try:
            async with asyncio.timeout(_ASK_TIMEOUT_S):
                await other.start()
                return bool(assigned) and len(await other.end_offsets(assigned)) == len(assigned)
        except (OSError, KafkaError):
            return False
        finally:
            await other.stop()

    @property
    def _consumer(self) -> AIOKafkaConsumer | None:
        consumer: AIOKafkaConsumer | None = self._subscriber.consumer
        return consumer

    async def run(self) -> None:
        """Write prepared batches until cancelled. Reading runs in the broker's own task."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._keep_pace())
            parts.create_task(self._watch())
            parts.create_task(self._count_parked())
            parts.create_task(self._write_batches())

    async def _write_batches(self) -> None:
        """Write batches as they come; of a backlog, as many abreast as the handler can bear.

        No key is in two of them: what is parked in one must be seen by what follows it.
        """
        async with asyncio.TaskGroup() as tasks:
            abreast = Abreast(tasks, self._handler.batches_abreast)
            while True:
                prepared = await self._waiting.take()
                keys = prepared.keys()
                before = await abreast.room_for(keys)
                abreast.begin(self._write_in_turn(prepared, before), keys)
                if prepared.size < BACKLOG_RECORDS:
                    await abreast.finish()

    async def _write_in_turn(self, prepared: Batch, before: asyncio.Task[None] | None) -> None:
        await self._write_until_done(prepared)
        if before is not None:
            await before  # offsets move in the order of the log
        self._applied.update(prepared.offsets)
        self._uncommitted.update(prepared.offsets)

    async def _watch(self) -> None:
        """Ask how far behind we are every few seconds, whoever wants to know.

        Ends the process when the broker answers others and has not answered us for the stall time: then it is our
        client that is broken, and only a new one helps.
        """
        answered_at = time.monotonic()
        while True:
            lag = await self.lag()
            if lag is not None:
                CONSUMER_LAG.set(lag)
                answered_at = time.monotonic()
            elif time.monotonic() - answered_at > self._stall_s and await self._answers_others():
                raise ClientBroken(f"no answer for {self._stall_s} s from a broker that answers others")
            if lag and not self._behind:
                self._moved_at = time.monotonic()  # nobody was asked to move before
            self._behind = bool(lag)
            await asyncio.sleep(_WATCH_INTERVAL_S)

    async def _count_parked(self) -> None:
        """Keep the gauge of parked keys right. By itself, so that a database that hangs keeps nobody from watching."""

        async def count() -> None:
            async with self._database.reading() as connection:
                PARKED_KEYS.set(await parking.count_keys(connection))

        await go_round_forever(count, _COUNT_INTERVAL_S, log, "parked_keys_not_counted")

    async def _on_batch(self, records: Sequence[ConsumerRecord]) -> None:
        """Hand a batch to the writer. FastStream swallows what is raised here, and would go on with the next batch as
        if this one had been read; so an error is handed on too, and ends the process where it is seen.
        """
        self._received_at = time.monotonic()
        try:
            await self._waiting.add(self._prepare(records))
        except Exception as error:
            await self._waiting.fail(error)

    def _prepare(self, records: Sequence[ConsumerRecord]) -> Batch:
        prepared = Batch([], [], {}, 0, len(records))
        for record in records:
            prepared.weight += len(record.value or b"")
            place = TopicPartition(record.topic, record.partition)
            if place not in prepared.offsets:
                # The client's own position is behind these already, and nothing of them is applied.
                self._applied[place] = min(record.offset, self._applied.get(place, record.offset))
            prepared.offsets[place] = record.offset + 1
            try:
                delivery = read(record, self._handler.interests)
            except Unreadable as error:
                prepared.malformed.append((record, error.reason))
                continue
            if delivery is None:
                prepared.ignored += 1
            else:
                prepared.understood.append((record, delivery))
        return prepared

    async def _write_until_done(self, prepared: Batch) -> None:
        """Retry in place until the batch is in the database. A batch is never skipped.

        Only what a record itself is to blame for parks it; whatever the database or the machine is to blame for is
        waited out, however long, with readiness down.
        """
        backoff_s, met = 0.1, 0
        while True:
            started = time.perf_counter()
            try:
                await self._write(prepared)
                break
            except Exception as error:
                # A command may have written the same row in this moment; from a fresh look it is simply there.
                race = met < _MET_MAX and (isinstance(error, Lost) or is_duplicate(error))
                met += race
                if prepared.understood and blames_the_record(error) and not race:
                    if prepared.size > 1:
                        log.warning("batch_refused", error=type(error).__name__, records=prepared.size)
                        await self._write_one_by_one(prepared)
                        break
                    [(record, delivery)] = prepared.understood
                    reason = str(getattr(error, "code", None) or type(error).__name__)
                    log.error("record_parked", type=delivery.envelope.type, reason=reason, where=where(error))
                    prepared = Batch([], [(record, reason)], {}, 0, 1)
                    continue
                self._retrying = not race
                CONSUMER_RETRIES.inc()
                log.warning("batch_retried", error=type(error).__name__, retry_in_s=backoff_s)
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, _BACKOFF_S_MAX)
        CONSUMER_BATCH.observe(prepared.size)
        CONSUMER_BATCH_TIME.observe(time.perf_counter() - started)
        self._retrying = False
        self._moved_at = time.monotonic()

    async def _write_one_by_one(self, prepared: Batch) -> None:
        """Find the record that cannot be taken, park it, and let all others through, in the order they came."""
        singles = [(record, Batch([(record, delivery)], [], {}, 0, 1)) for record, delivery in prepared.understood]
        singles += [(record, Batch([], [(record, reason)], {}, 0, 1)) for record, reason in prepared.malformed]
        singles.sort(key=lambda item: (item[0].topic, item[0].partition, item[0].offset))
        for _, single in singles:
            await self._write_until_done(single)

    async def _write(self, prepared: Batch) -> None:
        if not prepared.understood and not prepared.malformed:
            CONSUMER_RECORDS.labels(outcome="ignored").inc(prepared.ignored)
            return
        async with self._writing() as connection:
            held = await parking.hold_back(connection, prepared.understood, prepared.malformed)
            deliveries = await claim(connection, [delivery for _, delivery in held.flowing])
            if deliveries:
                await self._handler.apply(connection, deliveries)
        CONSUMER_RECORDS.labels(outcome="applied").inc(len(deliveries))
        CONSUMER_RECORDS.labels(outcome="duplicate").inc(len(held.flowing) - len(deliveries))
        CONSUMER_RECORDS.labels(outcome="parked").inc(held.parked)
        if held.parked:
            # No more than the kind of trouble: what such a record says may be anything. `parked list` has the rest.
            kinds = sorted({reason.partition(":")[0] for _, reason in prepared.malformed})
            log.error("records_parked", records=held.parked, reasons=kinds)
        CONSUMER_RECORDS.labels(outcome="queued").inc(held.queued)
        CONSUMER_RECORDS.labels(outcome="ignored").inc(prepared.ignored)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction. While a rebuild keeps us out, the time in which something must have moved stands still."""
        began, self._kept_out = time.monotonic(), True
        try:
            async with writing(self._database) as connection:
                self._let_in(began)
                yield connection
        finally:
            if self._kept_out:
                self._let_in(began)

    def _let_in(self, began: float) -> None:
        now, self._kept_out = time.monotonic(), False
        self._moved_at = min(now, self._moved_at + now - began)

    async def _keep_pace(self) -> None:
        """Tell the broker every now and then how far we are, and look for records as often as they come.

        What is applied is in the database and its event ids with it, so an offset that was not committed in time costs
        a second reading and nothing else; committing after each of many small batches would cost the broker more than
        the batches.
        """
        while True:
            await asyncio.sleep(_COMMIT_INTERVAL_S)
            idle = time.monotonic() - self._received_at > _IDLE_AFTER_S
            self._subscriber.batch_timeout_ms = _POLL_IDLE_MS if idle else _POLL_BUSY_MS
            if self._uncommitted:
                offsets, self._uncommitted = self._uncommitted, {}
                await self._commit_offsets(offsets)

    async def _commit_offsets(self, offsets: dict[TopicPartition, int]) -> None:
        consumer = self._consumer
        if consumer is None:
            return
        assigned = consumer.assignment()
        for partition in self._applied.keys() - assigned:
            del self._applied[partition]
        mine = {partition: offset for partition, offset in offsets.items() if partition in assigned}
        if not mine:
            return
        try:
            async with self._database.transaction() as connection:
                await read_until.note(connection, mine)
            await consumer.commit(mine)
        except Exception as error:
            # The partition went to somebody else, or the broker or the database is away. Kept for the next round, which
            # drops what is no longer ours; without it a quiet topic would look unread for ever.
            self._uncommitted = {**mine, **self._uncommitted}
            log.info("offsets_not_committed", error=type(error).__name__)

    def _forget(self, partitions: Iterable[TopicPartition]) -> None:
        """When a partition comes back, others may have gone on."""
        for partition in partitions:
            self._applied.pop(partition, None)

    async def _begin(self, assigned: Collection[TopicPartition]) -> None:
        """Begin where the database has read until, and nothing from anywhere else: what the broker remembers of the
        group is not in a database that was restored from a backup. Waits for a database that is away.
        """
        consumer = self._consumer
        assert consumer is not None, "partitions are assigned to a client"
        consumer.pause(*assigned)
        backoff_s = 0.1
        while True:
            try:
                async with self._database.reading() as connection:
                    noted = await read_until.places(connection, assigned)
                committed = await asyncio.gather(*[consumer.committed(partition) for partition in assigned])
                break
            except Exception as error:
                log.warning("places_not_read", error=type(error).__name__, retry_in_s=backoff_s)
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, _BACKOFF_S_MAX)
        for partition, told in zip(assigned, committed, strict=True):
            begin = read_until.beginning(noted.get(partition), told)
            if told is not None and begin < told:
                log.info("reading_again", topic=partition.topic, partition=partition.partition, records=told - begin)
            consumer.seek(partition, begin)
        consumer.resume(*assigned)


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells a consumer which partitions go and come."""

    def __init__(self, consumer: Consumer) -> None:
        self._told = consumer

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._told._forget(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._told._forget(assigned)
        await self._told._begin(assigned)


async def _raw_records(records: Any, _: Any = None) -> KafkaMessage:
    return KafkaMessage(body=b"", raw_message=records, consumer=None)  # type: ignore[arg-type]


async def _pass_through(message: KafkaMessage, _: Any = None) -> Any:
    return message.raw_message
