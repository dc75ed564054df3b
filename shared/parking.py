"""Parked records: what could not be understood, and what waits behind it, by key and in order."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import header_map

WAITING = "waiting"
"""The reason of a record that is itself fine, but follows a parked one of its key."""

_OF_KEY = "topic = :topic AND sha256(record_key) = sha256(cast(:key AS bytea)) AND record_key = :key"
"""A key may be longer than an index can hold; its digest is found by `parked_key`."""


class Held(NamedTuple):
    """What became of a batch: the pairs that may flow on, how many were parked, how many queue behind a parked one."""

    flowing: list[tuple[Any, Any]]
    parked: int
    queued: int


async def hold_back(
    connection: AsyncConnection,
    understood: Sequence[tuple[Any, Any]],
    malformed: Sequence[tuple[Any, str]],
) -> Held:
    """Park the malformed records that nobody has discarded, and everything behind a parked one.

    The parked rows of the batch's keys are share-locked: `retry` either waits for this transaction and then finds the
    records added here, or has removed the last row before and they flow. Without the lock, a record could queue behind
    a row that is just being removed, and wait for ever.
    """
    keys = {(record.topic, record.key or b"") for record, _ in [*understood, *malformed]}
    blocked_from: dict[tuple[str, bytes], int] = {}
    rows = await connection.execute(
        text(
            "SELECT topic, record_key FROM parked"
            " WHERE (topic, sha256(record_key), record_key) IN (SELECT topic, sha256(key), key"
            "   FROM unnest(cast(:topics AS text[]), cast(:keys AS bytea[])) AS waiting (topic, key))"
            " FOR KEY SHARE"
        ),
        {"topics": [topic for topic, _ in keys], "keys": [key for _, key in keys]},
    )
    for topic, key in rows:
        blocked_from[(topic, bytes(key))] = -1
    # Asked under the lock: a record that is being discarded right now is either still parked above, or found here.
    malformed = await _not_discarded(connection, malformed)
    for record, _ in malformed:
        place = (record.topic, record.key or b"")
        blocked_from[place] = min(blocked_from.get(place, record.offset), record.offset)
    if not blocked_from:
        return Held(list(understood), 0, 0)
    flowing, parked = [], list(malformed)
    for record, delivery in understood:
        edge = blocked_from.get((record.topic, record.key or b""))
        if edge is not None and record.offset > edge:
            parked.append((record, WAITING))
        else:
            flowing.append((record, delivery))
    await _insert(connection, sorted(parked, key=lambda item: (item[0].topic, item[0].partition, item[0].offset)))
    return Held(flowing, len(malformed), len(parked) - len(malformed))


async def _not_discarded(
    connection: AsyncConnection, malformed: Sequence[tuple[Any, str]]
) -> Sequence[tuple[Any, str]]:
    ids = [event_id for record, _ in malformed if (event_id := _event_id(record)) is not None]
    if not ids:
        return malformed
    found = await connection.execute(
        text("SELECT event_id FROM discarded WHERE event_id = ANY(cast(:ids AS uuid[]))"), {"ids": ids}
    )
    discarded = set(found.scalars())
    return [(record, reason) for record, reason in malformed if _event_id(record) not in discarded]


def _event_id(record: Any) -> UUID | None:
    """The id that a record claims to have, however unreadable the rest of it is."""
    try:
        return UUID(header_map(record.headers)["ce_id"].decode("ascii"))
    except (KeyError, ValueError, AttributeError):
        return None


async def _insert(connection: AsyncConnection, records: Sequence[tuple[Any, str]]) -> None:
    for record, reason in records:
        await connection.execute(
            text(
                "INSERT INTO parked (topic, partition, log_offset, record_key, headers, body, reason)"
                " VALUES (:topic, :partition, :log_offset, :key, cast(:headers AS jsonb), :body, :reason)"
                " ON CONFLICT (topic, partition, log_offset) DO NOTHING"
            ),
            {
                "topic": record.topic,
                "partition": record.partition,
                "log_offset": record.offset,
                "key": record.key or b"",
                # In hexadecimal: a record that nobody understands may hold bytes that jsonb does not take.
                "headers": json.dumps(
                    [[name.encode().hex(), None if value is None else value.hex()] for name, value in record.headers]
                ),
                "body": record.value or b"",
                "reason": reason.replace("\x00", "")[:200],
            },
        )


async def count_keys(connection: AsyncConnection) -> int:
    """How many keys are waiting."""
    result = await connection.execute(text("SELECT count(*) FROM (SELECT DISTINCT topic, record_key FROM parked) AS k"))
    return int(result.scalar_one())


@dataclass(frozen=True, slots=True)
class ParkedKey:
    """One waiting key: where it stands and what it waits for."""

    topic: str
    key: bytes
    records: int
    reason: str
    parked_at: datetime
    attempts: int

    @property
    def digest(self) -> str:
        """A name for it that can be typed: a key may be any bytes, and longer than a command line takes."""
        return hashlib.sha256(self.key).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A parked record, in the shape of a consumed one."""

    id: int
    topic: str
    partition: int
    offset: int
    key: bytes
    headers: tuple[tuple[str, bytes | None], ...]
    value: bytes
    reason: str


async def list_keys(connection: AsyncConnection) -> list[ParkedKey]:
    """All waiting keys, the oldest first."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT ON (topic, record_key) topic, record_key,"
            " count(*) OVER (PARTITION BY topic, record_key), reason, parked_at, attempts"
            " FROM parked ORDER BY topic, record_key, id"
        )
    )
    keys = [ParkedKey(r[0], bytes(r[1]), r[2], r[3], r[4], r[5]) for r in rows]
    return sorted(keys, key=lambda key: key.parked_at)


async def records_of(
    connection: AsyncConnection, topic: str, key: bytes, *, after_id: int = 0, lock: bool = False
) -> list[ParkedRecord]:
    """The parked records of a key in order; `lock` keeps consumers of the key waiting until the caller commits."""
    rows = await connection.execute(
        text(
            "SELECT id, topic, partition, log_offset, record_key, headers::text, body, reason FROM parked"
            f" WHERE {_OF_KEY} AND id > :after_id ORDER BY id" + (" FOR UPDATE" if lock else "")
        ),
        {"topic": topic, "key": key, "after_id": after_id},
    )
    return [
        ParkedRecord(
            id=row[0],
            topic=row[1],
            partition=row[2],
            offset=row[3],
            key=bytes(row[4]),
            headers=tuple(
                (bytes.fromhex(name).decode(), None if value is None else bytes.fromhex(value))
                for name, value in json.loads(row[5])
            ),
            value=bytes(row[6]),
            reason=row[7],
        )
        for row in rows
    ]


async def remove(connection: AsyncConnection, record_id: int) -> None:
    """Take one record out of the queue: it was applied, or given up."""
    await connection.execute(text("DELETE FROM parked WHERE id = :id"), {"id": record_id})


async def discard(connection: AsyncConnection, record: ParkedRecord) -> bool:
    """Give a parked record up for good. False when it has no event id to remember it by: read again, it parks again."""
    await remove(connection, record.id)
    event_id = _event_id(record)
    if event_id is None:
        return False
    await connection.execute(
        text(
            "INSERT INTO discarded (event_id, topic, partition, log_offset, reason)"
            " VALUES (:event_id, :topic, :partition, :log_offset, :reason) ON CONFLICT DO NOTHING"
        ),
        {
            "event_id": event_id,
            "topic": record.topic,
            "partition": record.partition,
            "log_offset": record.offset,
            "reason": record.reason,
        },
    )
    return True


async def note_attempt(connection: AsyncConnection, topic: str, key: bytes) -> None:
    """Count a retry that did not help."""
    await connection.execute(
        text(f"UPDATE parked SET attempts = attempts + 1 WHERE {_OF_KEY}"),
        {"topic": topic, "key": key},
    )


class Standing(StrEnum):
    """What became of an event that another service told."""

    TAKEN = "taken"
    PARKED = "parked"
    DISCARDED = "discarded"
    NOT_SEEN = "not_seen"


async def standing_of(connection: AsyncConnection, event_id: UUID) -> tuple[Standing, str | None]:
    """Where an event stands with this service, and why where it was parked or discarded."""
    if await connection.scalar(text("SELECT 1 FROM consumed WHERE event_id = :id"), {"id": event_id}):
        return Standing.TAKEN, None
    discarded = await connection.scalar(text("SELECT reason FROM discarded WHERE event_id = :id"), {"id": event_id})
    if discarded is not None:
        return Standing.DISCARDED, str(discarded)
    # Without an index: whatever is parked waits for somebody to look at it, so there is never much.
    header = json.dumps([[b"ce_id".hex(), str(event_id).encode().hex()]])
    parked = await connection.scalar(
        text("SELECT reason FROM parked WHERE headers @> cast(:header AS jsonb) ORDER BY id LIMIT 1"),
        {"header": header},
    )
    return (Standing.NOT_SEEN, None) if parked is None else (Standing.PARKED, str(parked))
