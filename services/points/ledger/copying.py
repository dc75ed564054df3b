"""Transfers as PostgreSQL's binary COPY format, packed row by row.

The driver can encode tuples by itself, at three times the cost; with millions of rows that is what bounds the ingest.
The format is documented under COPY, "Binary Format": a signature, then for each row the number of fields, and each
field as its length and its bytes in network order; -1 for null. Moments count microseconds from the year 2000.
"""

import struct
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice

from services.points.ledger.transfer import Transfer

COLUMNS = (
    "debit_account", "credit_account", "amount", "unit", "policy_version",
    "corrects", "occurred_at", "recorded_at", "event_id", "record_id", "clause", "kind", "evidence", "minutes",
)  # fmt: skip
"""Columns in the order in which they are packed: those first in which the transfers of one record differ."""

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)
_FIELDS = len(COLUMNS)
_NULL = -1
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PARTS_PER_PIECE = 400

# debit, credit, amount: bigint · unit, policy version: integer
_pack_amount = struct.Struct(">h iq iq iq ii ii").pack
# corrects: null · occurred, recorded: timestamptz · event, record: uuid · clause, kind, evidence, minutes: smallint
_pack_cause = struct.Struct(">i iq iq i16s i16s ih ih ih ih").pack


def moment(at: datetime) -> int:
    """A moment as PostgreSQL counts it."""
    return (at - _EPOCH) // _MICROSECOND


def pack_amount(debit: int, credit: int, amount: int, unit: int, policy_version: int) -> bytes:
    """What is moved, of a transfer that a policy priced and that corrects nothing: nearly all of them."""
    return _pack_amount(_FIELDS, 8, debit, 8, credit, 8, amount, 4, unit, 4, policy_version)


def pack_cause(
    occurred: int, recorded: int, event: bytes, record: bytes, clause: int, kind: int, evidence: int, minutes: int
) -> bytes:
    """Why, alike for all transfers of a record. Moments as `moment` gives them."""
    return _pack_cause(
        _NULL, 8, occurred, 8, recorded, 16, event, 16, record, 2, clause, 2, kind, 2, evidence, 2, minutes
    )


def pack(transfer: Transfer) -> bytes:
    """Any transfer."""
    t = transfer
    fields = (
        _field(">iq", 8, t.debit_account),
        _field(">iq", 8, t.credit_account),
        _field(">iq", 8, t.amount),
        _field(">ii", 4, t.unit),
        _field(">ii", 4, t.policy_version),
        _field(">iq", 8, t.corrects),
        _field(">iq", 8, moment(t.occurred_at)),
        _field(">iq", 8, moment(t.recorded_at)),
        _field(">i16s", 16, t.event_id.bytes),
        _field(">i16s", 16, t.record_id.bytes),
        _field(">ih", 2, t.clause),
        _field(">ih", 2, t.kind),
        _field(">ih", 2, t.evidence),
        _field(">ih", 2, t.minutes),
    )
    return struct.pack(">h", len(fields)) + b"".join(fields)


def _field(form: str, size: int, value: int | bytes | None) -> bytes:
    return struct.pack(">i", _NULL) if value is None else struct.pack(form, size, value)


async def stream(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Packed rows, one or some in each part, as a COPY stream in pieces that suit the network."""
    iterator = iter(rows)
    piece = _SIGNATURE
    while piece:
        yield piece
        piece = b"".join(islice(iterator, _PARTS_PER_PIECE))
    yield _TRAILER
