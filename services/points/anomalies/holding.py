"""How many points a flag can hold: what its records brought, as far as it is still there and not held already."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from services.points.ledger.clauses import CUTS, EARNED
from services.points.ledger.schema import LIVE
from services.points.ledger.writing import Connection
from services.points.units import Unit
from shared.contracts.anomalies import HeldPoints, SuspectRecord

_CLAUSES = ", ".join(str(int(clause)) for clause in sorted(EARNED | CUTS))

# In the order of the accounts, as every writer takes them: whoever spends in this moment is waited for, and then waits.
_LOCK = f"""
    SELECT cast(holder AS uuid), credits - debits - pending_debits FROM {LIVE}.accounts
     WHERE holder = ANY($1::text[]) AND unit = {Unit.POINT:d} ORDER BY id FOR UPDATE
"""

_WORTH = f"""
    SELECT t.record_id, sum(t.amount)::bigint
      FROM unnest($1::text[], $2::timestamptz[], $3::uuid[]) AS k(holder, started_at, record_id)
      JOIN {LIVE}.accounts AS a ON a.holder = k.holder AND a.unit = {Unit.POINT:d}
     CROSS JOIN LATERAL (
           SELECT record_id, amount FROM {LIVE}.transfers
            WHERE credit_account = a.id AND credit_account > 0 AND occurred_at = k.started_at
              AND record_id = k.record_id AND clause IN ({_CLAUSES})
            UNION ALL
           SELECT record_id, -amount FROM {LIVE}.transfers
            WHERE debit_account = a.id AND debit_account > 0 AND occurred_at = k.started_at
              AND record_id = k.record_id AND clause IN ({_CLAUSES})) AS t
     GROUP BY t.record_id
"""

_HELD_ALREADY = """
    SELECT r.record_id FROM anomaly_records AS r JOIN anomaly_flags AS f ON f.id = r.flag_id
     WHERE r.record_id = ANY($1::uuid[]) AND f.hold_id IS NOT NULL
"""


class Purses:
    """The points of the people of one transaction: locked together, and given out once."""

    def __init__(self) -> None:
        self._available: dict[UUID, int] = {}
        self._taken: set[UUID] = set()
        """Records whose points this transaction holds already."""

    async def lock(self, db: Connection, people: Iterable[UUID]) -> None:
        """Keep the points of these people as they are until the commit. Once in a transaction, for all of them."""
        assert not self._available, "locked twice, two transactions could wait for each other in a circle"
        rows = await db.fetch(_LOCK, sorted(str(person) for person in set(people)))
        self._available = {UUID(bytes=row[0].bytes): row[1] for row in rows}

    async def take(self, db: Connection, records: Sequence[SuspectRecord]) -> tuple[HeldPoints, ...]:
        """What can be held of the records' points; by person. A record is held once, whatever flags it is on."""
        ids = [record.record_id for record in records]
        taken = self._taken | {row[0] for row in await db.fetch(_HELD_ALREADY, ids)}
        free = [record for record in records if record.record_id not in taken]
        rows = await db.fetch(
            _WORTH,
            [str(record.volunteer_id) for record in free],
            [record.started_at for record in free],
            [record.record_id for record in free],
        )
        worth = {row[0]: row[1] for row in rows}
        by_person: dict[UUID, int] = defaultdict(int)
        for record in free:
            by_person[record.volunteer_id] += max(0, worth.get(record.record_id, 0))
        held = []
        for person, brought in sorted(by_person.items()):
            points = max(0, min(brought, self._available.get(person, 0)))
            if brought:
                held.append(HeldPoints(volunteer_id=person, worth=brought, points=points))
                self._available[person] = self._available.get(person, 0) - points
        if any(one.points for one in held):
            self._taken |= {record.record_id for record in free}
        return tuple(held)
