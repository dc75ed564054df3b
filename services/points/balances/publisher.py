"""Publishes the latest balance of accounts that changed to the compacted topic, from a record the ledger itself keeps.

Every transaction that moves accounts leaves their numbers in `balance_changes`. The publisher reads such rows, then
loads the accounts as they are *now*, publishes, waits until the broker has them, and deletes the rows. A crash at any
point repeats at most what was published already. Only one publisher works at a time, elected by a session lock: with
two, an older balance of an account could come after a newer one, and compaction would keep the older.

A backlog of events changes accounts faster than anyone wants to hear of them. So after each portion the publisher rests
several times as long as the portion took: the processor is left to the ledger, and accounts that changed many times
meanwhile are told once.
"""

import asyncio
import time
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.points.earning.backlog import Backlog
from services.points.ledger.schema import LIVE
from shared.contracts import wire_type
from shared.contracts.envelope import Envelope
from shared.contracts.points import BalanceChanged
from shared.database import Database
from shared.election import stand_by
from shared.ids import derived_id
from shared.kafka import client_settings
from shared.settings import Settings
from shared.telemetry import logger

log = logger("balances")

CHANNEL = "balances"
_LOCK = 4995421790
_ROWS_MAX = 100
_PORTION = 2000
_POLL_S = 1.0
_BACKOFF_S_MAX = 5.0
_REST = 9
_REST_S_MAX = 5.0
_SEND_TIMEOUT_S = 60.0
_BATCH_BYTES_MAX = 256 * 1024


class BalancePublisher:
    """One active per service; the others wait for its lock."""

    def __init__(self, database: Database, settings: Settings, linger_ms: int, backlog: Backlog) -> None:
        self.topic = settings.topic("points.balances")
        self._database = database
        self._settings = settings
        self._linger_s = linger_ms / 1000
        self._backlog = backlog
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Publish until cancelled; start over after every failure."""
        backoff_s = 0.1
        while True:
            connection: asyncpg.Connection | None = None
            try:
                connection = await self._database.dedicated()
                await stand_by(connection, _LOCK)
                await connection.add_listener(CHANNEL, self._on_notify)
                producer = self._producer()
                try:
                    await producer.start()
                    backoff_s = 0.1
                    await self._lead(connection, producer)
                finally:
                    await producer.stop()
            except (
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,
                OSError,
                TimeoutError,
                KafkaError,
            ) as error:
                # The rows are still there: whatever was not acknowledged is published again.
                log.warning("balances_interrupted", error=type(error).__name__, retry_in_s=backoff_s)
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, _BACKOFF_S_MAX)
            finally:
                if connection is not None:
                    connection.terminate()

    def _producer(self) -> AIOKafkaProducer:
        """A producer of its own: it sends whole batches, at a fraction of what single records cost."""
        compression = self._settings.kafka_compression
        return AIOKafkaProducer(
            **client_settings(self._settings),
            enable_idempotence=self._settings.kafka_idempotent_producer,
            acks="all",
            compression_type=None if compression == "none" else compression,
            max_batch_size=_BATCH_BYTES_MAX,
        )

    async def _lead(self, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> None:
        while True:
            self._wake.clear()
            if not await self._publish_changes(connection, producer):
                await self._sleep()

    async def _publish_changes(self, connection: asyncpg.Connection, producer: AIOKafkaProducer) -> int:
        """One round: publish what changed and take it off the record. Returns how many accounts were told."""
        [(table, rows, accounts)] = await connection.fetch(_CHANGED, _ROWS_MAX)
        for start in range(0, len(accounts), _PORTION):
            started = time.monotonic()
            current = await connection.fetch(_CURRENT, accounts[start : start + _PORTION])
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await self._publish(producer, current)
            rest_s = min(_REST_S_MAX, self._backlog.rest_s(time.monotonic() - started, _REST))
            await asyncio.sleep(max(self._linger_s, rest_s))
        if rows:
            # By table too: if a rebuilt ledger has taken the place of the one read, its rows are still to be told.
            await connection.execute(
                f"DELETE FROM {LIVE}.balance_changes WHERE id = ANY($1::bigint[]) AND tableoid = $2", rows, table
            )
        return len(accounts)

    async def _publish(self, producer: AIOKafkaProducer, rows: Sequence[Any]) -> None:
        """Publish balances and wait until the broker has them."""
        common = common_headers(datetime.now(UTC))
        partitions = sorted(await producer.partitions_for(self.topic))
        by_partition: dict[int, list[tuple[bytes, Any]]] = {}
        for row in rows:
            key = f"{row['holder']}/{row['unit']}".encode()
            by_partition.setdefault(partitions[zlib.crc32(key) % len(partitions)], []).append((key, row))
        sent = []
        for partition, of_partition in by_partition.items():
            batch = producer.create_batch()
            for key, row in of_partition:
                value, headers = balance_body(row), [*common, *own_headers(key, row)]
                if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                    sent.append(await producer.send_batch(batch, self.topic, partition=partition))
                    batch = producer.create_batch()
                    batch.append(key=key, value=value, timestamp=None, headers=headers)
            sent.append(await producer.send_batch(batch, self.topic, partition=partition))
        await asyncio.gather(*sent)

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(_POLL_S):
                await self._wake.wait()
        except TimeoutError:
            return  # the slow poll behind NOTIFY

    def _on_notify(self, *_: Any) -> None:
        self._wake.set()


def balance_body(row: Any) -> bytes:
    """The event's JSON; written by hand because there are many. A test holds it against the contract."""
    return msgspec.json.encode(
        {
            "account": f"{row['holder']}/{row['unit']}",
            "holder": row["holder"],
            "unit": row["unit"],
            "community": row["community"],
            "posted": row["posted"],
            "pending": row["pending"],
            "version": row["version"],
        }
    )


def common_headers(now: datetime) -> list[tuple[str, bytes]]:
    """The part of the envelope that is the same for all balances told at one time; taken from a real envelope."""
    envelope = Envelope(
        event_id=derived_id("balance"),
        type=_TYPE,
        source="/liuling/points",
        subject="",
        time=now,
        community="",
        sequence=1,
    )
    return [(name, value.encode()) for name, value in envelope.headers().items() if name not in _OWN]


def own_headers(key: bytes, row: Any) -> list[tuple[str, bytes]]:
    """The rest of the envelope. The same version of an account has the same id, however often it is published."""
    version = row["version"]
    return [
        ("ce_id", str(derived_id("balance", key.decode(), version)).encode()),
        ("ce_subject", key),
        ("ce_community", row["community"].encode()),
        ("ce_sequence", b"%d" % version),
    ]


_OWN = frozenset({"ce_id", "ce_subject", "ce_community", "ce_sequence"})
_TYPE = wire_type(BalanceChanged)

# Each account once: in a backlog the rows name millions, and again and again the same.
_CHANGED = f"""
    WITH taken AS MATERIALIZED (SELECT id, accounts, tableoid FROM {LIVE}.balance_changes ORDER BY id LIMIT $1)
    SELECT (SELECT min(tableoid) FROM taken),
           (SELECT coalesce(array_agg(id), '{{}}') FROM taken),
           (SELECT coalesce(array_agg(account ORDER BY account), '{{}}')
              FROM (SELECT DISTINCT account FROM taken CROSS JOIN LATERAL unnest(accounts) AS account) AS changed)
"""

_CURRENT = f"""
    SELECT a.holder, u.code AS unit, a.community, a.credits - a.debits AS posted, a.pending_debits AS pending, a.version
      FROM {LIVE}.accounts AS a JOIN units AS u ON u.id = a.unit
     WHERE a.id = ANY($1::bigint[])
"""
