"""The event store, which is the outbox too: append with an expected version, read a stream, read all in order."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import Event, Refusal, resolve, wire_type
from shared.database import Lost, driver_connection

EVENT_BYTES_MAX = 900_000
"""Kafka takes a megabyte with key and headers."""


class ConcurrencyConflict(Lost):
    """Someone else wrote to the stream since it was loaded; load again and decide again."""


class EventTooLarge(Refusal):
    """An event that no broker would take; recorded, it would hold up everything behind it for ever."""

    code = "event_too_large"
    status = 422


class UnknownEventType(Exception):
    """The store holds a type that this build does not know: an older program on a newer database."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with what the store knows about it."""

    event: Event
    event_id: UUID
    stream: str
    version: int
    community: str
    occurred_at: datetime
    metadata: dict[str, str] = field(default_factory=dict)
    """correlation_id, causation_id, traceparent; actor stays in the store and is never published."""
    position: int | None = None


def decode(type_name: str, data: str | bytes) -> Event:
    """The event that the stored or published JSON tells, in the newest version of its type."""
    event_type = resolve(type_name)
    if event_type is None:
        raise UnknownEventType(type_name)
    return event_type.model_validate_json(data).upcast()


_ENTER = text("SELECT pg_advisory_xact_lock_shared(rebuild_gate())")
_SHUT = text("SELECT pg_advisory_xact_lock(rebuild_gate())")


async def enter(connection: AsyncConnection) -> None:
    """The first statement of every transaction that writes: it waits while read tables are rebuilt or compared."""
    await connection.execute(_ENTER)


async def keep_writers_out(connection: AsyncConnection) -> None:
    """Wait for the writers that are at work, and keep new ones out until the transaction ends.

    Taken before any other lock. The append lock would not do: a writer holds rows of the read tables before it asks
    for that one, and whoever holds it while asking for the rows waits in a circle with the writer.
    """
    await connection.execute(_SHUT)


_READ_STREAM = text("SELECT type, data::text FROM events WHERE stream = :stream ORDER BY version")
_APPEND = text(
    "SELECT append_events(cast(:streams AS text[]), cast(:versions AS int[]), cast(:ids AS uuid[]),"
    " cast(:types AS text[]), cast(:communities AS text[]), cast(:data AS text[]),"
    " cast(:metadata AS text[]), cast(:occurred AS timestamptz[]))"
)


async def read_stream(connection: AsyncConnection, stream: str) -> list[Event]:
    """All events of a stream in order; empty where it does not exist. Versions are 1, 2, 3 … without gaps."""
    rows = await connection.execute(_READ_STREAM, {"stream": stream})
    return [decode(row[0], row[1]) for row in rows]


async def read_streams(connection: AsyncConnection, streams: Sequence[str]) -> dict[str, list[Event]]:
    """All events of many streams, each in order; a stream that does not exist is there and empty."""
    found: dict[str, list[Event]] = {stream: [] for stream in streams}
    rows = await connection.execute(
        text("SELECT stream, type, data::text FROM events WHERE stream = ANY(:streams) ORDER BY stream, version"),
        {"streams": list(found)},
    )
    for row in rows:
        found[row[0]].append(decode(row[1], row[2]))
    return found


async def append(connection: AsyncConnection, recorded: Sequence[Recorded]) -> int:
    """Append events; must be the last statement of the transaction. Returns the last position.

    `append_events` takes the store's advisory lock and inserts: whatever the transaction did before ran without the
    lock, and nothing but the commit follows, so position order is commit order and a reader at ``position > n``
    never skips a row. Any statement after this one would make every other writer wait for it.

    Raises `ConcurrencyConflict` when a stream is already at or past a version.
    """
    try:
        result = await connection.execute(
            _APPEND,
            {
                "streams": [item.stream for item in recorded],
                "versions": [item.version for item in recorded],
                "ids": [item.event_id for item in recorded],
                "types": [wire_type(type(item.event)) for item in recorded],
                "communities": [item.community for item in recorded],
                "data": [_body(item.event) for item in recorded],
                "metadata": [json.dumps(item.metadata) for item in recorded],
                "occurred": [item.occurred_at for item in recorded],
            },
        )
    except IntegrityError as error:
        if "events_stream_version" in str(error.orig):
            raise ConcurrencyConflict from error
        raise
    return int(result.scalar_one())


def _body(event: Event) -> str:
    body = event.model_dump_json(exclude_none=True)
    if len(body) > EVENT_BYTES_MAX // 4 and len(body.encode()) > EVENT_BYTES_MAX:
        raise EventTooLarge(kilobytes=EVENT_BYTES_MAX // 1000)
    return body


_READ = """
    SELECT position, type, stream, version, event_id, community, data::text AS data, metadata::text AS metadata,
           occurred_at
      FROM events WHERE position > $1 AND position <= $3 ORDER BY position LIMIT $2
"""

NO_END = 2**63 - 1
"""A position behind every event."""


async def read_rows(connection: Any, after: int, limit: int, last: int = NO_END) -> list[Any]:
    """Raw rows after a position, in order, over an asyncpg connection; for the relay, which does not decode."""
    return list(await connection.fetch(_READ, after, limit, last))


async def read_all(
    connection: AsyncConnection, after: int = 0, last: int = NO_END, page_size: int = 1000
) -> AsyncIterator[Recorded]:
    """Every event of the store after a position, up to and with the last, decoded, in order."""
    await connection.execute(text("SELECT 1"))  # opens the transaction that the raw reads belong to
    raw = await driver_connection(connection)
    while rows := await read_rows(raw, after, page_size, last):
        for row in rows:
            yield Recorded(
                event=decode(row["type"], row["data"]),
                event_id=row["event_id"],
                stream=row["stream"],
                version=row["version"],
                community=row["community"],
                occurred_at=row["occurred_at"],
                metadata=json.loads(row["metadata"]),
                position=row["position"],
            )
        after = rows[-1]["position"]
