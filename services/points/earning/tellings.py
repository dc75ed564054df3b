"""What each event told, beside the ledger: who confirmed whose service when. For signs of invented hours.

The ledger says what a record is worth; it does not say who vouched for it, nor what else the same person vouched for in
the same minutes. Rows are packed by hand, as transfers are (`ledger.copying`), and written once, with the batch.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from services.points.earning.services import Service
from services.points.ledger.copying import moment, stream
from services.points.ledger.schema import LIVE
from services.points.ledger.writing import Connection

COLUMNS = (
    "event_id", "told_at", "began_at", "ended_at", "community", "confirmed_by", "added", "records", "volunteers",
    "entered_after_minutes",
)  # fmt: skip
"""Columns in the order in which they are packed."""

_LOOKED_AT_ONCE = 100
"""Events in one row of `fresh_tellings`: what one look takes at least."""

_UUID, _SMALLINT = 2950, 21
_NOT_LATE = -1
_MINUTE = timedelta(minutes=1)
_LATE_MAX = 32_767
_BY_EVENT = itemgetter(0)

# event: uuid · told, began, ended: timestamptz
_pack_head = struct.Struct(">h i16s iq iq iq").pack
_pack_array = struct.Struct(">iii ii").pack
_ELEMENT = struct.pack(">i", 16)


async def write_tellings(db: Connection, schema: str, services: Sequence[Service]) -> None:
    """Write a row for each event of a batch. On the live ledger the events are left to be looked at, too."""
    events = [list(of_event) for _, of_event in groupby(services, key=_BY_EVENT)]
    await db.copy_to_table(
        "tellings", schema_name=schema, source=stream(map(_packed, events)), columns=COLUMNS, format="binary"
    )
    if schema == LIVE:
        ids = [of_event[0].event_id for of_event in events]
        pieces = [ids[start : start + _LOOKED_AT_ONCE] for start in range(0, len(ids), _LOOKED_AT_ONCE)]
        await db.executemany(
            "INSERT INTO public.fresh_tellings (event_ids) VALUES ($1)", [(piece,) for piece in pieces]
        )


def _packed(services: Sequence[Service]) -> bytes:
    """The row of one event, as PostgreSQL's binary COPY wants it."""
    one = services[0]
    began = min(service.started_at for service in services)
    ended = max(service.started_at + service.minutes * _MINUTE for service in services)
    community = one.community.encode()
    parts = [
        _pack_head(len(COLUMNS), 16, one.event_id.bytes, 8, moment(one.told_at), 8, moment(began), 8, moment(ended)),
        struct.pack(">i", len(community)),
        community,
        b"\xff\xff\xff\xff" if one.confirmed_by is None else _ELEMENT + one.confirmed_by.bytes,
        struct.pack(">ih", 2, sum(map(_adds, services))),
        _uuids([service.record_id for service in services]),
        _uuids([service.volunteer_id for service in services]),
        _lateness(services),
    ]
    return b"".join(parts)


def _adds(service: Service) -> bool:
    """Whether it brings service that was not there before; a correction of what was there does not."""
    return service.minutes > 0 and service.minutes_before == 0 and service.evidence != "estimated"


def _uuids(ids: Sequence[UUID]) -> bytes:
    body = b"".join([_ELEMENT + one.bytes for one in ids])
    array = _pack_array(1, 0, _UUID, len(ids), 1)
    return struct.pack(">i", len(array) + len(body)) + array + body


def entered_after_minutes(service: Service) -> int:
    """How long after the end of the service its check-in on site was entered; -1 where it was entered before."""
    if service.entered_at is None or service.evidence != "scanned":
        return _NOT_LATE
    late = service.entered_at - service.started_at - service.minutes * _MINUTE
    return min(late // _MINUTE, _LATE_MAX) if late >= timedelta(0) else _NOT_LATE


def _lateness(services: Sequence[Service]) -> bytes:
    late = list(_late(services))
    if max(late) == _NOT_LATE:
        return struct.pack(">i", -1)
    array = _pack_array(1, 0, _SMALLINT, len(late), 1)
    body = b"".join([struct.pack(">ih", 2, minutes) for minutes in late])
    return struct.pack(">i", len(array) + len(body)) + array + body


def _late(services: Sequence[Service]) -> Iterator[int]:
    for service in services:
        yield _NOT_LATE if service.entered_at is None else entered_after_minutes(service)
