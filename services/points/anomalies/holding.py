"""How many points a flag can hold: what its records brought, as far as it is still there and not held already.

A record may be on several flags. Its points are held once, by the flag that held first; the others that hold wait for
it, and when it lets go, one of them takes over. So they are held for as long as any of these flags holds.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from services.points.anomalies.model import Flag, Hold, portions
from services.points.anomalies.views import FLAGS
from services.points.ledger.clauses import CUTS, EARNED
from services.points.ledger.schema import LIVE
from services.points.ledger.writing import Connection
from services.points.units import Unit
from shared.contracts.anomalies import HeldPoints, SuspectRecord
from shared.database import Lost
from shared.unit_of_work import UnitOfWork

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

# Flags that hold something and have one of these records, as they stand under the lock of the people's points.
_HOLDING = """
    SELECT DISTINCT f.id, f.version FROM anomaly_records AS r JOIN anomaly_flags AS f ON f.id = r.flag_id
     WHERE r.record_id = ANY($1::uuid[]) AND f.hold_id IS NOT NULL ORDER BY f.id
"""


class Purses:
    """The points of the people of one transaction: locked together, and given out once."""

    def __init__(self, work: UnitOfWork, db: Connection) -> None:
        self._work, self._db = work, db
        self._available: dict[UUID, int] = {}
        self._locked = False
        self._holding: set[UUID] = set()
        """Flags that began to hold in this transaction; the tables do not know it yet."""

    async def lock(self, people: Iterable[UUID]) -> None:
        """Keep the points of these people as they are until the commit. Once in a transaction, for all of them."""
        assert not self._locked, "locked twice, two transactions could wait for each other in a circle"
        self._locked = True
        rows = await self._db.fetch(_LOCK, sorted(str(person) for person in set(people)))
        self._available = {UUID(bytes=row[0].bytes): row[1] for row in rows}

    async def hold(self, flag_id: UUID, records: Sequence[SuspectRecord], by: UUID | None) -> Flag:
        """Let a flag hold what these records brought, as far as nothing holds it yet. Raises the flag's refusals."""
        flag = (await self._work.load(FLAGS, flag_id)).state
        others = await self._flags_holding(flag_id, records)
        elsewhere = {record for other in others.values() for record in other.carries}
        carried = flag.carries
        new = [record for record in records if record.record_id not in carried]
        self._holding.add(flag_id)
        commands = []
        for part in portions(new):
            of_part = [record for record in part if record.record_id not in elsewhere]
            held = await self._held(of_part, self._available)
            waited_for = sorted({record.record_id for record in part} & elsewhere - flag.waiting)
            hold_id = self._work.new_id()
            commands.append(Hold(hold_id, held, by, self._work.now, _ids(of_part), tuple(waited_for)))
        # Where there is nothing to hold, the first one is refused.
        for command in [one for one in commands if one.holds_something] or commands[:1]:
            flag = await self._work.execute(FLAGS, flag_id, command)
        return flag

    async def hand_over(self, flag_id: UUID, before: Flag) -> None:
        """After a flag has let go: whatever another one waits for stays held, by that one. `before` is how it held."""
        freed: dict[UUID, int] = defaultdict(int)
        for one in (one for held in before.holds.values() for one in held.held):
            freed[one.volunteer_id] += one.points
            self._available[one.volunteer_id] = self._available.get(one.volunteer_id, 0) + one.points
        left = set(before.carries)
        if not left or before.evidence is None:
            return
        for other_id, other in (await self._flags_holding(flag_id, left)).items():
            assert other.evidence is not None, "what holds was flagged"
            records = [r for r in other.evidence.records if r.record_id in other.waiting & left]
            left -= {record.record_id for record in records}
            for part in portions(records) if records else ():
                held = await self._held(part, freed)
                now, new_id = self._work.now, self._work.new_id()
                taking = Hold(new_id, held, None, now, _ids(part), taken_over_from=flag_id)
                await self._work.execute(FLAGS, other_id, taking)

    async def _flags_holding(self, but: UUID, records: Iterable[SuspectRecord | UUID]) -> dict[UUID, Flag]:
        """Other flags that hold and have one of these records. Raises `Lost` where one has changed meanwhile."""
        wanted = [record if isinstance(record, UUID) else record.record_id for record in records]
        versions = {UUID(bytes=row[0].bytes): row[1] for row in await self._db.fetch(_HOLDING, wanted)}
        flag_ids = sorted({*versions, *self._holding} - {but})
        await self._work.load_many(FLAGS, flag_ids)
        found: dict[UUID, Flag] = {}
        for flag_id in flag_ids:
            loaded = await self._work.load(FLAGS, flag_id)
            if versions.get(flag_id, 0) > loaded.version:
                raise Lost
            if loaded.state.holds:
                found[flag_id] = loaded.state
        return found

    async def _held(self, records: Sequence[SuspectRecord], up_to: dict[UUID, int]) -> tuple[HeldPoints, ...]:
        """What can be held of the records' points, by person: not more than `up_to`, and than there is."""
        rows = await self._db.fetch(
            _WORTH,
            [str(record.volunteer_id) for record in records],
            [record.started_at for record in records],
            [record.record_id for record in records],
        )
        worth = {row[0]: row[1] for row in rows}
        by_person: dict[UUID, int] = defaultdict(int)
        for record in records:
            by_person[record.volunteer_id] += max(0, worth.get(record.record_id, 0))
        held = []
        for person, brought in sorted(by_person.items()):
            points = max(0, min(brought, up_to.get(person, 0), self._available.get(person, 0)))
            if brought:
                held.append(HeldPoints(volunteer_id=person, worth=brought, points=points))
                self._available[person] = self._available.get(person, 0) - points
                if up_to is not self._available:
                    up_to[person] = up_to.get(person, 0) - points
        return tuple(held)


def people_of(flag: Flag) -> set[UUID]:
    """Whose points a flag holds, or could."""
    shown = () if flag.evidence is None else flag.evidence.records
    return {one.volunteer_id for one in shown} | {one.volunteer_id for h in flag.holds.values() for one in h.held}


def _ids(records: Iterable[SuspectRecord]) -> tuple[UUID, ...]:
    return tuple(record.record_id for record in records)
