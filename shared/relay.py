"""The relay: publishes the event store to Kafka in order. One is active per service; the others wait for its lock."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiokafka.errors import MessageSizeTooLargeError
from faststream.kafka import KafkaBroker

from shared.contracts import Event, resolve, wire_type
from shared.contracts.envelope import Envelope
from shared.database import Database
from shared.election import stand_by
from shared.eventstore import decode, read_rows
from shared.metrics import RELAY_BACKLOG, RELAY_DELAY, RELAY_EVENTS, RELAY_LEADER
from shared.settings import Settings
from shared.telemetry import logger

log = logger("relay")

_LOCK = 4995421784
_BACKLOG = "SELECT max(position) - $1 FROM events"
_BACKOFF_S_MAX = 5.0
_ACKNOWLEDGED_WITHIN_S = 90.0
"""Longer than the client itself tries; a client that waits for ever must be seen, too."""
_REST_S_PER_EVENT = 0.003
_REST_S_MAX = 0.03
"""After a batch, the longer the more events came in it: what many clerks do in the same moment goes together, for less
than the commands themselves cost. One now and then goes at once.
"""


class Relay:
    """Moves events from the store to the service's topic: read in order, publish keyed, gather acks, move the cursor.

    A crash between the acknowledgements and the cursor publishes at most one batch again.
    """

    def __init__(self, context: str, database: Database, broker: KafkaBroker, settings: Settings) -> None:
        self.topic = settings.topic(context)
        self.source = f"/liuling/{context}"
        self._database = database
        self._broker = broker
        self._batch_size_max = settings.relay_batch_size_max
        self._poll_interval_s = settings.relay_poll_interval_ms / 1000
        self._wake = asyncio.Event()
        self.healthy = False
        """Standing by, or leading without an error."""

    async def run(self) -> None:
        """Wait to be elected, lead, and start over after every failure, until cancelled."""
        backoff_s, refused = 0.1, False
        while True:
            connection: asyncpg.Connection | None = None
            try:
                connection = await self._database.dedicated()
                await connection.add_listener("events", self._on_notify)
                # A broker that refused the last batch must prove itself first; who stands by has nothing to prove.
                self.healthy = not refused
                await stand_by(connection, _LOCK)
                RELAY_LEADER.set(1)
                log.info("relay_leading", topic=self.topic)
                await self._lead(connection)
            except (
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,  # what a query meets on a connection that has just broken
                OSError,
                TimeoutError,
                PublishFailed,
            ) as error:
                if self.healthy:
                    backoff_s = 0.1  # it had worked since the last failure
                self.healthy, refused = False, isinstance(error, PublishFailed)
                reason = str(error) if refused else type(error).__name__
                log.warning("relay_interrupted", reason=reason, retry_in_s=backoff_s)
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, _BACKOFF_S_MAX)
            finally:
                RELAY_LEADER.set(0)
                if connection is not None:
                    connection.terminate()

    async def take_lead(self, connection: asyncpg.Connection) -> bool:
        """Be the only one who may relay, until the connection ends; false where another process is."""
        return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK))

    async def _lead(self, connection: asyncpg.Connection) -> None:
        cursor = await connection.fetchval("SELECT position FROM relay_cursor WHERE topic = $1", self.topic) or 0
        while True:
            self._wake.clear()
            rows, more = await read_rows(connection, cursor, limit=self._batch_size_max)
            # Set before publishing, so that it stands while the broker is away.
            RELAY_BACKLOG.set(await connection.fetchval(_BACKLOG, cursor) if more else len(rows))
            if rows:
                await self.publish(rows)
                cursor = rows[-1]["position"]
                await connection.execute(
                    "INSERT INTO relay_cursor VALUES ($1, $2)"
                    " ON CONFLICT (topic) DO UPDATE SET position = excluded.position",
                    self.topic,
                    cursor,
                )
            self.healthy = True
            if not more:
                RELAY_BACKLOG.set(0)
                await asyncio.sleep(min(_REST_S_MAX, len(rows) * _REST_S_PER_EVENT))
                await self._sleep()

    async def publish(self, rows: Sequence[Any]) -> None:
        """Publish rows of the store in order and wait until the broker has them all."""
        started = datetime.now(UTC)
        try:
            async with asyncio.timeout(_ACKNOWLEDGED_WITHIN_S):
                acknowledgements = [await self._send(row) for row in rows]
                await asyncio.gather(*acknowledgements)
        except Exception as error:
            # Whatever the client raised, the cursor has not moved: the same batch is published again.
            raise PublishFailed(_reason(error, rows), rows[0]["position"]) from error
        RELAY_EVENTS.inc(len(rows))
        RELAY_DELAY.observe(max(0.0, (datetime.now(UTC) - min(started, rows[0]["occurred_at"])).total_seconds()))

    async def _send(self, row: Any) -> Any:
        type_name, data = _as_told_today(row["type"], row["data"])
        return await self._broker.publish(
            data.encode(),
            self.topic,
            key=row["stream"].encode(),
            headers=self._envelope(row, type_name).headers(),
            no_confirm=True,
        )

    def _envelope(self, row: Any, type_name: str) -> Envelope:
        metadata = json.loads(row["metadata"])
        return Envelope(
            event_id=row["event_id"],
            type=type_name,
            source=self.source,
            subject=row["stream"],
            time=row["occurred_at"],
            community=row["community"],
            sequence=row["version"],
            correlation_id=metadata.get("correlation_id"),
            causation_id=metadata.get("causation_id"),
            traceparent=metadata.get("traceparent"),
            position=row["position"],
        )

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(self._poll_interval_s):
                await self._wake.wait()
        except TimeoutError:
            return  # the slow poll behind NOTIFY

    def _on_notify(self, *_: Any) -> None:
        self._wake.set()


class PublishFailed(Exception):
    """The broker did not take a batch, which begins at the position `first`."""

    def __init__(self, reason: str, first: int) -> None:
        super().__init__(reason)
        self.first = first


def _as_told_today(type_name: str, data: str) -> tuple[str, str]:
    """An event that was recorded in a version that is superseded goes out in the newest one, as our own programs read
    it: what was taken out of a type, because it was nobody's to know, is not told again.
    """
    event_type = resolve(type_name)
    if event_type is None or event_type.upcast is Event.upcast:
        return type_name, data
    event = decode(type_name, data)
    return wire_type(type(event)), event.model_dump_json(exclude_none=True)


def _reason(error: Exception, rows: Sequence[Any]) -> str:
    reason = type(error).__name__
    if isinstance(error, MessageSizeTooLargeError):
        # Nothing goes on before its limit is raised, so it is to be told for what.
        row = max(rows, key=lambda row: len(row["data"]))
        reason += f": position {row['position']}, {row['type']}, {len(row['data'].encode())} bytes"
    return reason


async def republish(database: Database, relay: Relay, first: int, last: int | None, progress: Any) -> int:
    """Publish the events from position `first` to `last` again, to refill a lost or truncated topic.

    The live relay's cursor is left alone: consumers know each event by its id and take it once.
    """
    connection = await database.dedicated()
    count = 0
    try:
        end = last or await connection.fetchval("SELECT coalesce(max(position), 0) FROM events")
        after = first - 1
        while rows := (await read_rows(connection, after, end))[0]:
            await relay.publish(rows)
            after = rows[-1]["position"]
            count += len(rows)
            progress(count)
    finally:
        await connection.close()
    return count
