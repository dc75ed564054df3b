"""What each event told, beside the ledger: who confirmed whose service when. For signs of invented hours.

The ledger says what a record is worth; it does not say who vouched for it, nor what else the same person vouched for in
the same minutes. Rows are packed by hand, as transfers are (`ledger.copying`), and written once, with the batch.
"""

import struct
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter

from services.points.earning.services import Service
from services.points.ledger.clauses import Clause
from services.points.ledger.copying import moment, stream
from services.points.ledger.schema import LIVE
from services.points.ledger.writing import Connection
from services.points.units import Unit
from shared.clock import day_start

COLUMNS = (
    "event_id", "told_at", "began_at", "ended_at", "community", "confirmed_by", "added", "records", "volunteers",
    "entered_after_minutes",
)  # fmt: skip
"""Columns in the order in which they are packed."""

_LOOKED_AT_ONCE = 100
"""Events in one row of `fresh_tellings`: what one look takes at least."""

_UUID, _SMALLINT = 2950, 21
"""The server's numbers of the elements' types."""
_NOT_LATE = -1
_MINUTE, _MINUTE_US = timedelta(minutes=1), 60_000_000
_LATE_MAX = 32_767
_BY_EVENT = itemgetter(0)

# event: uuid · told, began, ended: timestamptz; then each field as its length and its bytes
_pack_head = struct.Struct(">h i16s iq iq iq").pack
_pack_length = struct.Struct(">i").pack
_pack_smallint = struct.Struct(">ih").pack
_pack_array = struct.Struct(">i iii ii").pack
_ARRAY = 20
"""Bytes of an array's head: dimensions, nulls, type, length, lower bound."""
_ELEMENT = struct.pack(">i", 16)
_NULL = struct.pack(">i", -1)


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


async def look_again(db: Connection, holder: str, day: date) -> None:
    """Leave the events that told of a person's day to be looked at once more."""
    await db.execute(_LOOK_AGAIN, holder, day_start(day), day_start(day + timedelta(days=1)))


_LOOK_AGAIN = f"""
    INSERT INTO public.fresh_tellings (event_ids)
    SELECT array_agg(DISTINCT t.event_id)
      FROM {LIVE}.accounts AS a
      JOIN {LIVE}.transfers AS t
        ON t.credit_account = a.id AND t.credit_account > 0 AND t.occurred_at >= $2 AND t.occurred_at < $3
     WHERE a.holder = $1 AND a.unit = {Unit.SERVICE_MINUTE:d} AND t.clause = {Clause.RATE:d}
    HAVING count(*) > 0
"""


def _packed(services: Sequence[Service]) -> bytes:
    """The row of one event, as PostgreSQL's binary COPY wants it."""
    one, count = services[0], len(services)
    # By column: what the loop would do for every record is done by the interpreter itself.
    columns = zip(*services, strict=True)
    _, records, volunteers, _, _, starts, _, minutes, evidence, _, before, _, _, entered, _ = columns
    began = moment(one.started_at)
    if starts.count(one.started_at) == count:  # the people of one event mostly began together
        ended = began + max(minutes) * _MINUTE_US
    else:
        moments = [moment(start) for start in starts]
        began = min(moments)
        ended = max([at + served * _MINUTE_US for at, served in zip(moments, minutes, strict=True)])
    # A correction of what was there brings nothing that was not; an estimate never counts.
    of_each = zip(minutes, before, evidence, strict=True)
    added = sum([served > 0 and not had and tier != "estimated" for served, had, tier in of_each])
    place, confirmed_by = one.community.encode(), one.confirmed_by
    uuids = _pack_array(_ARRAY + 20 * count, 1, 0, _UUID, count, 1) + _ELEMENT
    return b"".join(
        [
            _pack_head(len(COLUMNS), 16, one.event_id.bytes, 8, moment(one.told_at), 8, began, 8, ended),
            _pack_length(len(place)),
            place,
            _NULL if confirmed_by is None else _ELEMENT + confirmed_by.bytes,
            _pack_smallint(2, added),
            uuids,
            _ELEMENT.join([record.bytes for record in records]),
            uuids,
            _ELEMENT.join([volunteer.bytes for volunteer in volunteers]),
            _NULL if entered.count(None) == count else _lateness(services),
        ]
    )


def entered_after_minutes(service: Service) -> int:
    """How long after the end of the service its check-in on site was entered; -1 where it was entered before."""
    if service.entered_at is None or service.evidence != "scanned":
        return _NOT_LATE
    late = service.entered_at - service.started_at - service.minutes * _MINUTE
    return min(late // _MINUTE, _LATE_MAX) if late >= timedelta(0) else _NOT_LATE


def _lateness(services: Sequence[Service]) -> bytes:
    late = [entered_after_minutes(service) for service in services]
    if max(late) == _NOT_LATE:
        return _NULL
    head = _pack_array(_ARRAY + 6 * len(late), 1, 0, _SMALLINT, len(late), 1)
    return head + b"".join([_pack_smallint(2, minutes) for minutes in late])
