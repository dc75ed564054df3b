"""After a restore: a service's own events that its topic holds and its store, restored from a backup, does not.

Whoever goes on from such a store gives numbers out again and tells other events under places in streams that
subscribers know already. So a service does not start from it (`behind`), and `recover` reads the events back.
"""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from heapq import merge
from operator import itemgetter
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import Envelope, MalformedEnvelope, header_map
from shared.database import Database, driver_connection
from shared.eventstore import Recorded, decode, keep_writers_out
from shared.kafka import client_settings
from shared.relay import Relay
from shared.settings import Settings

READ_BACK = "recover"
"""Whose an event is that was read back: the topic does not say who it was."""

_READ_RECORDS = 2000
_NO_TOPIC_AFTER_MS = 5_000
"""The client asks for a topic that the broker does not know until so long: whoever starts does not wait for longer."""
_GIVEN_UP = "stream_went_on"

_UNKNOWN = text(
    "SELECT id FROM unnest(cast(:ids AS uuid[])) AS id"
    " WHERE NOT EXISTS (SELECT FROM events WHERE event_id = id)"
    "   AND NOT EXISTS (SELECT FROM discarded WHERE event_id = id)"
)
_VERSIONS = text("SELECT stream, max(version) FROM events WHERE stream = ANY(cast(:streams AS text[])) GROUP BY stream")
_APPEND = "SELECT append_events($1::text[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8)"
_GO_ON = text("SELECT setval('events_position_seq', greatest(:furthest, (SELECT last_value FROM events_position_seq)))")
_GIVE_UP = text(
    "INSERT INTO discarded (event_id, topic, partition, log_offset, reason)"
    " VALUES (:event_id, :topic, :partition, :log_offset, :reason) ON CONFLICT DO NOTHING"
)


class StoreBehind(Exception):
    """The service's own topic holds events that its store does not: the database was restored from a backup."""


class ServiceRuns(Exception):
    """A process of the service relays at this moment: its store cannot be written from beside it."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event as the topic holds it."""

    envelope: Envelope
    body: str
    place: TopicPartition
    offset: int
    published_ms: int

    def order(self) -> tuple[Any, ...]:
        """When it was published; what one transaction recorded, as it was recorded."""
        return self.published_ms, self.envelope.time, self.envelope.event_id


@dataclass(slots=True)
class Sorted:
    """What is missing in a store, in the order in which it was recorded, and what cannot follow what stands there."""

    fitting: list[Told] = field(default_factory=list)
    conflicting: list[Told] = field(default_factory=list)
    """Of streams that went on otherwise after the restore."""


def sort_out(missing: Iterable[Sequence[Told]], versions: Mapping[str, int]) -> Sorted:
    """Events of each partition, in its order, put into one order; `versions` says how far each stream has come.

    Each tells its place in the store. Those that an older program published do not; it published in the order of the
    store, so the moments of publishing give it back across partitions; within one it is kept whatever the clock said.
    """
    found, reached, elsewhere = Sorted(), dict(versions), set[str]()
    for _, told in merge(*map(_placed, missing), key=lambda placed: (placed[0], *placed[1].order())):
        stream, version = told.envelope.subject, told.envelope.sequence
        if stream not in elsewhere and version == reached.get(stream, 0) + 1:
            reached[stream] = version
            found.fitting.append(told)
        else:
            elsewhere.add(stream)
            found.conflicting.append(told)
    return found


def _placed(partition: Sequence[Told]) -> list[tuple[int, Told]]:
    """Each with its place in the store; where none is told, behind all that was published before it."""
    placed, furthest = list[tuple[int, Told]](), 0
    for told in partition:
        place = told.envelope.position
        furthest = max(furthest, place or 0)
        placed.append((furthest if place is None else place, told))
    return sorted(placed, key=itemgetter(0))


async def behind(database: Database, relay: Relay, settings: Settings) -> bool:
    """Whether the last event of any partition of the service's topic is not in its store. No topic tells of none."""
    try:
        last = await _last(relay, settings)
    except UnknownTopicOrPartitionError:
        return False
    async with database.reading() as connection:
        return bool(await _unknown(connection, last))


async def _last(relay: Relay, settings: Settings) -> list[Told]:
    async with _reader(settings, relay.topic, request_timeout_ms=_NO_TOPIC_AFTER_MS) as consumer:
        partitions = consumer.assignment()
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        filled = {partition: end for partition, end in ends.items() if end > begins[partition]}
        for partition, end in filled.items():
            consumer.seek(partition, end - 1)
        return [told async for batch in _until(consumer, filled, relay.source) for told in batch]


async def missing_events(database: Database, relay: Relay, settings: Settings) -> list[list[Told]]:
    """Every event of the service's topic that is not in its store, once, by partition and in its order."""
    missing: dict[TopicPartition, dict[UUID, Told]] = defaultdict(dict)
    async with _reader(settings, relay.topic) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        await consumer.seek_to_beginning()
        async for batch in _until(consumer, ends, relay.source):
            async with database.reading() as connection:
                unknown = await _unknown(connection, batch)
            for told in batch:
                if told.envelope.event_id in unknown:
                    missing[told.place].setdefault(told.envelope.event_id, told)
    return [list(of_partition.values()) for of_partition in missing.values()]


async def recover(
    database: Database,
    relay: Relay,
    settings: Settings,
    follow: Callable[[AsyncConnection, Sequence[Recorded]], Awaitable[None]],
    *,
    give_up: bool = False,
) -> Sorted:
    """Read the service's own events back from its topic, and let `follow` do what follows from them: one transaction.

    Where events conflict and are not to be given up, nothing is changed. Raises `ServiceRuns`.
    """
    leading = await database.dedicated()
    try:
        if not await relay.take_lead(leading):
            raise ServiceRuns
        missing = await missing_events(database, relay, settings)
        async with database.transaction() as connection:
            await keep_writers_out(connection)
            streams = sorted({told.envelope.subject for of_partition in missing for told in of_partition})
            versions = {row[0]: row[1] for row in await connection.execute(_VERSIONS, {"streams": streams})}
            found = sort_out(missing, versions)
            if found.conflicting and not give_up:
                return found
            await _append(connection, found.fitting)
            await _go_on_behind(connection, [*found.fitting, *found.conflicting])
            await _give_up(connection, found.conflicting)
            await follow(connection, [_recorded(told) for told in found.fitting])
        return found
    finally:
        leading.terminate()


async def _append(connection: AsyncConnection, events: Sequence[Told]) -> None:
    raw = await driver_connection(connection)
    envelopes = [told.envelope for told in events]
    await raw.fetchval(
        _APPEND,
        [envelope.subject for envelope in envelopes],
        [envelope.sequence for envelope in envelopes],
        [envelope.event_id for envelope in envelopes],
        [envelope.type for envelope in envelopes],
        [envelope.community for envelope in envelopes],
        [told.body for told in events],
        [json.dumps(_metadata(envelope)) for envelope in envelopes],
        [envelope.time for envelope in envelopes],
    )


async def _go_on_behind(connection: AsyncConnection, events: Sequence[Told]) -> None:
    """Whatever is recorded from now on stands behind all that was told, also for a restore that is yet to come."""
    furthest = max((told.envelope.position or 0 for told in events), default=0)
    if furthest:
        await connection.execute(_GO_ON, {"furthest": furthest})


def _metadata(envelope: Envelope) -> dict[str, str]:
    told = {
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "traceparent": envelope.traceparent,
    }
    return {"actor": READ_BACK} | {name: value for name, value in told.items() if value is not None}


async def _give_up(connection: AsyncConnection, events: Sequence[Told]) -> None:
    rows = [
        {
            "event_id": told.envelope.event_id,
            "topic": told.place.topic,
            "partition": told.place.partition,
            "log_offset": told.offset,
            "reason": _GIVEN_UP,
        }
        for told in events
    ]
    if rows:
        await connection.execute(_GIVE_UP, rows)


def _recorded(told: Told) -> Recorded:
    envelope = told.envelope
    return Recorded(
        event=decode(envelope.type, told.body),
        event_id=envelope.event_id,
        stream=envelope.subject,
        version=envelope.sequence,
        community=envelope.community,
        occurred_at=envelope.time,
        metadata=_metadata(envelope),
    )


async def _unknown(connection: AsyncConnection, events: Collection[Told]) -> set[UUID]:
    ids = [told.envelope.event_id for told in events]
    return set((await connection.execute(_UNKNOWN, {"ids": ids})).scalars()) if ids else set()


@asynccontextmanager
async def _reader(settings: Settings, topic: str, **patience: int) -> AsyncIterator[AIOKafkaConsumer]:
    """A client with all partitions of the topic, outside any group."""
    consumer = AIOKafkaConsumer(
        topic,
        **client_settings(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        **patience,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _until(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], source: str
) -> AsyncIterator[list[Told]]:
    """What the service told, from where the client stands until these ends; anything else on its topic is left out."""
    left = {partition for partition, end in ends.items() if await consumer.position(partition) < end}
    while left:
        fetched = await consumer.getmany(*left, timeout_ms=500, max_records=_READ_RECORDS)
        batch = [_told(place, record) for place, records in fetched.items() for record in records]
        yield [told for told in batch if told is not None and told.envelope.source == source]
        left = {partition for partition in left if await consumer.position(partition) < ends[partition]}


def _told(place: TopicPartition, record: ConsumerRecord) -> Told | None:
    try:
        envelope = Envelope.parse(header_map(record.headers))
        return Told(envelope, (record.value or b"").decode(), place, record.offset, record.timestamp)
    except (MalformedEnvelope, UnicodeError):
        return None
