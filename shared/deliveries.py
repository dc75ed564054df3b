"""From a record on the bus to a delivery that a handler can apply, each event once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import Event, resolve
from shared.contracts.envelope import Envelope, MalformedEnvelope, header_map

K = TypeVar("K")

_SEQUENCE_MAX = 2**62


@dataclass(frozen=True, slots=True)
class Delivery:
    """One understood record. `event` is what the type's own reader makes of it, where the handler brings one."""

    event: Any
    envelope: Envelope

    @property
    def sequence(self) -> int:
        """Its place in its stream. A header may say anything; no stream is longer than a database can count."""
        return min(self.envelope.sequence, _SEQUENCE_MAX)


def last_in_streams(told: Iterable[tuple[K, int, str]]) -> dict[K, tuple[int, str]]:
    """By key, at which place of its stream something was told last and what, in whatever order it came."""
    last: dict[K, tuple[int, str]] = {}
    for key, sequence, value in told:
        last[key] = max((sequence, value), last.get(key, (sequence, value)))
    return last


Reader = Callable[[bytes, Envelope], Any]
"""Reads a body faster than its contract does, for a hot path that needs little of it. Raises `Unreadable`."""

Interests = frozenset[type[Event]] | Mapping[type[Event], Reader | None]
"""Event types that are wanted, and readers for those that are not read by their contract."""


class Unreadable(Exception):
    """A record that this build cannot understand although it claims to be of a known type."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read(record: Any, interests: Interests) -> Delivery | None:
    """A record as a delivery; None for types that are unknown or not wanted. Raises `Unreadable`, and nothing else."""
    try:
        return _delivery(record, interests)
    except Unreadable:
        raise
    except Exception as error:
        # A moment beyond the calendar, nesting beyond the stack: whatever reading trips over, it is this record's
        # alone, and its neighbours flow on.
        raise Unreadable(f"unreadable:{type(error).__name__}") from error


def _delivery(record: Any, interests: Interests) -> Delivery | None:
    headers = header_map(record.headers)
    type_name = headers.get("ce_type")
    if type_name is None:
        raise Unreadable("no_ce_type")
    event_type = resolve(type_name.decode("ascii", "replace"))
    if event_type is None or event_type not in interests:
        return None
    try:
        envelope = Envelope.parse(headers)
    except MalformedEnvelope as error:
        raise Unreadable(f"header:{error}") from error
    reader = interests.get(event_type) if isinstance(interests, Mapping) else None
    if reader is not None:
        return Delivery(reader(record.value or b"", envelope), envelope)
    try:
        event = event_type.model_validate_json(record.value or b"").upcast()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"body:{place}:{first['type']}"[:200]) from None
    return Delivery(event, envelope)


async def claim(connection: AsyncConnection, deliveries: Iterable[Delivery]) -> list[Delivery]:
    """The deliveries whose event ids nobody has claimed or discarded yet, now claimed by this transaction."""
    by_id: dict[UUID, Delivery] = {}
    for delivery in deliveries:
        by_id.setdefault(delivery.envelope.event_id, delivery)
    if not by_id:
        return []
    result = await connection.execute(_CLAIM, {"ids": list(by_id)})
    for event_id in result.scalars():
        del by_id[event_id]
    return list(by_id.values())


# Sorted, so that two consumers with the same records wait for each other instead of deadlocking. What comes back are
# the few that were known.
_CLAIM = text(
    """
    WITH told AS MATERIALIZED (
        SELECT id FROM unnest(cast(:ids AS uuid[])) AS id
    ), claimed AS (
        INSERT INTO consumed (event_id)
        SELECT id FROM told WHERE NOT EXISTS (SELECT FROM discarded WHERE event_id = id)
         ORDER BY id ON CONFLICT DO NOTHING RETURNING event_id
    )
    SELECT id FROM told EXCEPT SELECT event_id FROM claimed
    """
)
