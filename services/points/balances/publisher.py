"""Publishes the latest balance of accounts that changed to the compacted topic, from a record the ledger itself keeps.

Every transaction that moves accounts leaves their numbers in `balance_changes`. The publisher reads such rows, then
loads the accounts as they are *now*, publishes, waits until the broker has them, and deletes the rows. A crash at any
point repeats at most what was published already. Only one publisher works at a time, elected by a session lock: with
two, an older balance of an account could come after a newer one, and compaction would keep the older.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from faststream.kafka import KafkaBroker

from services.points.ledger.schema import LIVE
from shared.contracts import wire_type
from shared.contracts.envelope import Envelope
from shared.contracts.points import BalanceChanged
from shared.database import Database
from shared.ids import derived_id
from shared.settings import Settings
from shared.telemetry import logger

log = logger("balances")

CHANNEL = "balances"
_LOCK = 4995421790
_ROWS_MAX = 100
_CHUNK = 2000
_POLL_S = 1.0
_BACKOFF_S_MAX = 5.0
_REST = 3
"""After a round the publisher rests this many times as long as the round took: under a backlog it leaves the processor
to the ledger, and accounts that changed many times in the meantime are told once."""
_REST_S_MAX = 5.0


class BalancePublisher:
    """One active per service; the others wait for its lock."""

    def __init__(self, database: Database, broker: KafkaBroker, settings: Settings, linger_ms: int) -> None:
        self.topic = settings.topic("points.balances")
        self._database = database
        self._broker = broker
        self._linger_s = linger_ms / 1000
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Publish until cancelled; start over after every failure."""
        backoff_s = 0.1
        while True:
            connection: asyncpg.Connection | None = None
            try:
                connection = await self._database.dedicated()
                await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
                await connection.add_listener(CHANNEL, self._on_notify)
                backoff_s = 0.1
                await self._lead(connection)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, _NotTaken) as error:
                log.warning("balances_interrupted", error=type(error).__name__, retry_in_s=backoff_s)
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, _BACKOFF_S_MAX)
            finally:
                if connection is not None:
                    connection.terminate()

    async def _lead(self, connection: asyncpg.Connection) -> None:
        while True:
            self._wake.clear()
            started = time.monotonic()
            if await self.publish_changes(connection):
                await asyncio.sleep(min(_REST_S_MAX, max(self._linger_s, _REST * (time.monotonic() - started))))
            else:
                await self._sleep()

    async def publish_changes(self, connection: asyncpg.Connection) -> int:
        """One round: publish what changed and take it off the record. Returns how many accounts were told."""
        rows = await connection.fetch(
            f"SELECT id, accounts FROM {LIVE}.balance_changes ORDER BY id LIMIT $1", _ROWS_MAX
        )
        if not rows:
            return 0
        accounts = sorted({account for row in rows for account in row["accounts"]})
        for start in range(0, len(accounts), _CHUNK):
            await self._publish(await connection.fetch(_CURRENT, accounts[start : start + _CHUNK]))
        await connection.execute(
            f"DELETE FROM {LIVE}.balance_changes WHERE id = ANY($1::bigint[])", [row["id"] for row in rows]
        )
        return len(accounts)

    async def _publish(self, rows: Sequence[Any]) -> None:
        now = datetime.now(UTC)
        try:
            acknowledgements = [
                await self._broker.publish(
                    balance_body(row),
                    self.topic,
                    key=f"{row['holder']}/{row['unit']}".encode(),
                    headers=_envelope(row, now).headers(),
                    no_confirm=True,
                )
                for row in rows
            ]
            await asyncio.gather(*acknowledgements)
        except Exception as error:
            # Whatever the client raised, the rows are still there: all of them are published again.
            raise _NotTaken(type(error).__name__) from error

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
    return json.dumps(
        {
            "account": f"{row['holder']}/{row['unit']}",
            "holder": row["holder"],
            "unit": row["unit"],
            "community": row["community"],
            "posted": row["posted"],
            "pending": row["pending"],
            "version": row["version"],
        }
    ).encode()


def _envelope(row: Any, now: datetime) -> Envelope:
    account = f"{row['holder']}/{row['unit']}"
    return Envelope(
        # The same version of an account has the same id, however often it is published.
        event_id=derived_id("balance", account, row["version"]),
        type=_TYPE,
        source="/liuling/points",
        subject=account,
        time=now,
        community=row["community"],
        sequence=row["version"],
    )


class _NotTaken(Exception):
    """The broker did not take a batch."""


_TYPE = wire_type(BalanceChanged)

_CURRENT = f"""
    SELECT a.holder, u.code AS unit, a.community, a.credits - a.debits AS posted, a.pending_debits AS pending, a.version
      FROM {LIVE}.accounts AS a JOIN units AS u ON u.id = a.unit
     WHERE a.id = ANY($1::bigint[])
"""
