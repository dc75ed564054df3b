"""The event store, which is the outbox too: append with an expected version, read a stream, read all in order."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import Event, Refusal, resolve, wire_type
from shared.database import Database, Lost, driver_connection

EVENT_BYTES_MAX = 1_000_000
"""As it is published. Kafka takes 1,048,576 bytes with key and headers."""


class ConcurrencyConflict(Lost):
    """Someone else wrote to the stream since it was loaded; load again and decide again."""


class KeyTaken(Lost):
    """Somebody else's answer was kept under the same key meanwhile; it is the answer."""


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


class Answer(NamedTuple):
    """What a command was answered, to be given again to the same caller's same key."""

    caller: str
    key: str
    fingerprint: bytes
    """Of what was asked."""
    status: int
    headers: str
    """A JSON object."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Notes:
    """What is written along with events, by the same statement and before the store's lock is taken."""

    timers: Mapping[tuple[str, UUID], datetime] = field(default_factory=dict)
    """When each is due, by kind and subject; one that was set before is moved."""
    answer: Answer | None = None

    def __bool__(self) -> bool:
        return bool(self.timers) or self.answer is not None

    def arguments(self) -> tuple[Any, ...]:
        """For `_NOTE`, in the order of its parameters."""
        timers = sorted(self.timers.items())
        return (
            *(self.answer or (None,) * len(Answer._fields)),
            [kind for (kind, _), _ in timers],
            [subject for (_, subject), _ in timers],
            [due_at for _, due_at in timers],
        )


NO_NOTES = Notes()


def decode(type_name: str, data: str | bytes) -> Event:
    """The event that the stored or published JSON tells, in the newest version of its type."""
    event_type = resolve(type_name)
    if event_type is None:
        raise UnknownEventType(type_name)
    return event_type.model_validate_json(data).upcast()


_GATE = "SELECT pg_advisory_xact_lock_shared(rebuild_gate())"
_SHUT = text("SELECT pg_advisory_xact_lock(rebuild_gate())")


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction that writes. It waits while read tables are rebuilt or compared, before it does anything else."""
    async with database.transaction(f"BEGIN; {_GATE}") as connection:
        yield connection


async def keep_writers_out(connection: AsyncConnection) -> None:
    """Wait for the writers that are at work, and keep new ones out until the transaction ends.

    Taken before any other lock. The append lock would not do: a writer holds rows of the read tables before it asks
    for that one, and whoever holds it while asking for the rows waits in a circle with the writer.
    """
    await connection.execute(_SHUT)


_READ_STREAM = "SELECT type, data::text FROM events WHERE stream = $1 ORDER BY version"
_READ_HISTORY = """
    SELECT event_id, type, data::text FROM events
     WHERE stream = $1 AND occurred_at <= coalesce($2::timestamptz, 'infinity') ORDER BY version
"""
_READ_STREAMS = "SELECT stream, type, data::text FROM events WHERE stream = ANY($1::text[]) ORDER BY stream, version"
_NOTED = """
    WITH answered AS (
        INSERT INTO idempotency (caller, key, fingerprint, status, headers, body)
        SELECT $1, $2, $3, $4, cast($5::text AS jsonb), $6 WHERE $2::text IS NOT NULL
        RETURNING key
    ), set AS (
        INSERT INTO timers (kind, subject, due_at) SELECT * FROM unnest($7::text[], $8::uuid[], $9::timestamptz[])
        ON CONFLICT (kind, subject) DO UPDATE SET due_at = excluded.due_at, attempts = 0
        RETURNING kind
    ), noted AS (
        SELECT (SELECT count(*) FROM answered) + (SELECT count(*) FROM set) AS rows
    )
"""
_NOTE = f"{_NOTED} SELECT rows FROM noted"
# The condition is always true; asking it first has everything noted before the function takes the lock.
_APPEND = f"""
    {_NOTED}
    SELECT append_events($10::text[], $11::int[], $12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[],
                         $17::timestamptz[])
      FROM noted WHERE rows >= 0
"""


async def read_stream(connection: AsyncConnection, stream: str) -> list[Event]:
    """All events of a stream in order; empty where it does not exist. Versions are 1, 2, 3 … without gaps."""
    raw = await driver_connection(connection)
    return [decode(*row) for row in await raw.fetch(_READ_STREAM, stream)]


async def read_history(
    connection: AsyncConnection, stream: str, until: datetime | None = None
) -> list[tuple[UUID, Event]]:
    """All events of a stream in order, each with its id; or those until a moment."""
    raw = await driver_connection(connection)
    return [(event_id, decode(*event)) for event_id, *event in await raw.fetch(_READ_HISTORY, stream, until)]


async def read_streams(connection: AsyncConnection, streams: Sequence[str]) -> dict[str, list[Event]]:
    """All events of many streams, each in order; a stream that does not exist is there and empty."""
    found: dict[str, list[Event]] = {stream: [] for stream in streams}
    raw = await driver_connection(connection)
    for stream, *event in await raw.fetch(_READ_STREAMS, list(found)):
        found[stream].append(decode(*event))
    return found


async def append(connection: AsyncConnection, recorded: Sequence[Recorded], notes: Notes = NO_NOTES) -> None:
    """Append events, with what is noted along with them; must be the last statement of the transaction.

    `append_events` takes the store's advisory lock and inserts: whatever the transaction did before ran without the
    lock, and nothing but the commit follows, so position order is commit order and a reader at ``position > n``
    never skips a row. Any statement after this one would make every other writer wait for it.

    Raises `ConcurrencyConflict` when a stream is already at or past a version, `KeyTaken` when there is an answer
    under the key of this one.
    """
    if not (recorded or notes):
        return
    raw = await driver_connection(connection)
    try:
        if recorded:
            await raw.fetchval(_APPEND, *notes.arguments(), *_columns(recorded))
        else:
            await raw.fetchval(_NOTE, *notes.arguments())
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "events_stream_version":
            raise ConcurrencyConflict from error
        if error.constraint_name == "idempotency_pkey":
            raise KeyTaken from error
        raise


def _columns(recorded: Sequence[Recorded]) -> Sequence[list[Any]]:
    """For `append_events`, in the order of its parameters."""
    return (
        [item.stream for item in recorded],
        [item.version for item in recorded],
        [item.event_id for item in recorded],
        [wire_type(type(item.event)) for item in recorded],
        [item.community for item in recorded],
        [_body(item.event) for item in recorded],
        [json.dumps(item.metadata) for item in recorded],
        [item.occurred_at for item in recorded],
    )


def _body(event: Event) -> str:
    body = event.model_dump_json(exclude_none=True)
    # PostgreSQL gives JSON back with a space behind every comma and colon.
    if len(body) > EVENT_BYTES_MAX // 4 and len(body.encode()) + body.count(",") + body.count(":") > EVENT_BYTES_MAX:
        raise EventTooLarge(kilobytes=EVENT_BYTES_MAX // 1000)
    return body


_READ = """
    SELECT position, type, stream, version, event_id, community, data::text AS data, metadata::text AS metadata,
           occurred_at
      FROM events WHERE position > $1 AND position <= $3 ORDER BY position LIMIT $2
"""

NO_END = 2**63 - 1
"""A position behind every event."""


_READ_BYTES_MAX = 8 * 1024 * 1024
_PIECE_ROWS = 50


async def read_rows(connection: Any, after: int, last: int = NO_END, limit: int = 1000) -> tuple[list[Any], bool]:
    """Raw rows after a position, in order, over an asyncpg connection, and whether there may be more of them.

    Piece by piece, until there are `limit`, or what they tell is so large that more should wait.
    """
    rows: list[Any] = []
    weight = 0
    while len(rows) < limit and weight < _READ_BYTES_MAX:
        wanted = min(_PIECE_ROWS, limit - len(rows))
        piece = await connection.fetch(_READ, after, wanted, last)
        rows += piece
        if len(piece) < wanted:
            return rows, False
        weight += sum(len(row["data"]) for row in piece)
        after = piece[-1]["position"]
    return rows, True


async def read_all(connection: AsyncConnection, after: int = 0, last: int = NO_END) -> AsyncIterator[Recorded]:
    """Every event of the store after a position, up to and with the last, decoded, in order."""
    raw = await driver_connection(connection)
    while rows := (await read_rows(raw, after, last))[0]:
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
