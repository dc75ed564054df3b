"""Posts what a restatement changes for those whose service was booked before it; what is booked later posts its own.

One part of the people at a time, each in a transaction of its own. What is posted is what ought to be less what is
there: a part that is posted again posts nothing. Two who post one side by side would both see nothing there, so a part
is claimed before (`rounds`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.points.earning.cap_keeping import CapKeeping
from services.points.earning.kinds import EVIDENCE, EVIDENCE_NUMBERS, KINDS
from services.points.earning.pricing import Pricing, restated_transfers
from services.points.earning.services import Service
from services.points.expiry.effects import LapseNow
from services.points.expiry.lapsing import Lapsing
from services.points.ledger.clauses import Clause
from services.points.ledger.directory import AccountDirectory, BatchAccounts
from services.points.ledger.parts import enter_gate, part_sql
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import Connection, LedgerWriter, Movements
from services.points.overflow.effects import PoolNow
from services.points.overflow.flowing import Overflow
from services.points.policy.book import PolicyBook, Restatement
from services.points.units import EARNED_UNITS, SLOTS, Unit
from shared.clock import day_start, local_day

_SERVICE = SLOTS[Unit.SERVICE_MINUTE]


@dataclass(slots=True)
class _Record:
    """What the ledger says of a service record."""

    volunteer_id: UUID
    community: str
    began: datetime
    kind: int
    told: dict[UUID, Service] = field(default_factory=dict)
    """By event, what was told before the restatement."""
    rates: dict[int, int] = field(default_factory=dict)
    """By unit, the transfer of its first event."""
    posted: dict[int, int] = field(default_factory=dict)
    """By unit, what the restatement has posted for it."""


class RestatementPosting:
    """Restatements on the live ledger."""

    def __init__(self, writer: LedgerWriter) -> None:
        self._writer = writer
        self._schema = writer.schema
        self._lapses, self._overflow = LapseNow(Lapsing(writer)), PoolNow(Overflow(writer))

    async def post(self, db: Connection, book: PolicyBook, restatement: Restatement, part: int) -> int:
        """Post what is missing for one part of the people. Returns how many transfers that took."""
        await enter_gate(db)
        issuers = await self._issuers(db, restatement.node)
        records = await self._records(db, restatement, part, issuers)
        if not records:
            return 0
        accounts = await AccountDirectory(self._writer).prepare(
            db,
            {record.community for record in records.values()},
            {record.volunteer_id: record.community for record in records.values()},
            {record.volunteer_id for record in records.values() if KINDS[record.kind] in book.donate_only_kinds},
        )
        movements = Movements.none()
        transfers = self._differences(Pricing(book), restatement, records, accounts)
        written = await self._write(db, transfers, movements)
        full = await self._days(db, book, restatement, (n[_SERVICE] for n in accounts.volunteers.values()))
        caps = CapKeeping(self._writer, issuers, book)
        purses = await caps.purses(db, [person for person, _ in full])
        written += await self._write(db, await caps.due(db, [(purses[p], day) for p, day in full]), movements)
        await self._writer.move(db, movements)
        services = [service for record in records.values() for service in record.told.values()]
        await self._lapses.booked(db, book, services, accounts, movements)
        await self._overflow.booked(db, book, services, accounts)
        return written

    def _differences(
        self,
        pricing: Pricing,
        restatement: Restatement,
        records: dict[UUID, _Record],
        accounts: BatchAccounts,
    ) -> list[Transfer]:
        transfers = []
        for record_id, record in records.items():
            wanted, versions = _wanted(pricing, restatement, record)
            latest = max(record.told.values(), key=lambda one: (one.told_at, one.event_id.bytes), default=None)
            person, issuer = accounts.volunteers[record.volunteer_id], accounts.issuers[record.community]
            for slot, unit in enumerate(EARNED_UNITS):
                amount = wanted.get(unit, 0) - record.posted.get(unit, 0)
                if amount == 0 or latest is None:
                    continue
                debit, credit = issuer[slot], person[slot]
                if amount < 0:
                    debit, credit = credit, debit
                transfers.append(
                    Transfer(
                        debit,
                        credit,
                        abs(amount),
                        record.rates.get(unit),
                        record.began,
                        restatement.at,
                        restatement.event_id,
                        record_id,
                        int(unit),
                        versions.get(unit, restatement.policy_version),
                        Clause.POLICY_RESTATED,
                        record.kind,
                        EVIDENCE_NUMBERS[latest.evidence],
                        latest.minutes,
                    )
                )
        return transfers

    async def _write(self, db: Connection, transfers: Sequence[Transfer], movements: Movements) -> int:
        await self._writer.insert_transfers(db, transfers)
        for transfer in transfers:
            movements.add(transfer)
        return len(transfers)

    async def _issuers(self, db: Connection, node: str) -> dict[int, str]:
        rows = await db.fetch(_ISSUERS.format(schema=self._schema), node, node + ":")  # ":" follows "9"
        return {row[0]: row[1] for row in rows}

    async def _records(
        self, db: Connection, restatement: Restatement, part: int, issuers: dict[int, str]
    ) -> dict[UUID, _Record]:
        """Records of the days below the node, by id: what was told of them before the restatement, and posted by it."""
        rows = await db.fetch(
            _RECORDS.format(schema=self._schema),
            restatement.since,
            restatement.until,
            part,
            day_start(restatement.since),
            day_start(restatement.until + timedelta(days=1)),
            list(issuers),
            restatement.event_id,
        )
        records: dict[UUID, _Record] = {}
        for row in rows:
            record = records.get(row["record_id"])
            if record is None:
                record = records[row["record_id"]] = _Record(
                    UUID(row["holder"]), issuers[row["issuer"]], row["occurred_at"], row["kind"]
                )
            _take(record, row, restatement)
        return records

    async def _days(
        self, db: Connection, book: PolicyBook, restatement: Restatement, people: Iterable[int]
    ) -> list[tuple[int, Any]]:
        """Days with more minutes than any cap allows, by account of the service record.

        All days of these people are locked: whoever books on one of them waits, and then sees what was posted here.
        """
        rows = await db.fetch(
            _DAYS.format(schema=self._schema), sorted(set(people)), restatement.since, restatement.until
        )
        return [(row[0], row[1]) for row in rows if row[2] > book.uncapped_minutes_per_day]


def _take(record: _Record, row: Any, restatement: Restatement) -> None:
    """A line of the ledger about the record."""
    if row["clause"] == Clause.POLICY_RESTATED:
        record.posted[row["unit"]] = record.posted.get(row["unit"], 0) + row["amount"]
        return
    if row["clause"] == Clause.RATE:
        record.rates[row["unit"]] = row["id"]
    if row["recorded_at"] < restatement.at:
        before = row["evidence_before"]
        record.told[row["event_id"]] = Service(
            row["event_id"],
            row["record_id"],
            record.volunteer_id,
            record.community,
            KINDS[record.kind],
            record.began,
            local_day(record.began).toordinal(),
            row["minutes"],
            EVIDENCE[row["evidence"]],
            row["recorded_at"],
            row["minutes_before"] or 0,
            None if before is None else EVIDENCE[before],
        )


def _wanted(pricing: Pricing, restatement: Restatement, record: _Record) -> tuple[dict[Unit, int], dict[Unit, int]]:
    """By unit, what the restatement ought to have changed about a record, and the policy that says so."""
    amounts: dict[Unit, int] = {}
    versions: dict[Unit, int] = {}
    for service in record.told.values():
        for step in pricing.course(service)[1]:
            if step.restatement.number == restatement.number:
                for intent in restated_transfers(step, service):
                    amounts[intent.unit] = amounts.get(intent.unit, 0) + intent.amount
                    versions[intent.unit] = intent.policy_version
    return amounts, versions


_EARNED = ", ".join(str(int(unit)) for unit in EARNED_UNITS)

_ISSUERS = "SELECT id, community FROM {schema}.accounts WHERE id < 0 AND community >= $1 AND community < $2"

# People of the part who served on these days, and what was told of service below the node: first tellings by their
# transfers, corrections and what moved no account by the notes.
_RECORDS = f"""
    WITH people AS (
        SELECT record.holder, record.id AS record_account
          FROM {{schema}}.accounts AS record
         WHERE record.unit = {Unit.SERVICE_MINUTE:d} AND record.id > 0
           AND {part_sql("cast(record.holder AS uuid)")} = $3
           AND EXISTS (SELECT FROM {{schema}}.days AS d WHERE d.account = record.id AND d.day BETWEEN $1 AND $2)
    ), lines AS (
        SELECT p.holder, a.unit, t.*, null::smallint AS evidence_before, null::smallint AS minutes_before
          FROM people AS p
          JOIN {{schema}}.accounts AS a ON a.holder = p.holder AND a.unit IN ({_EARNED})
         CROSS JOIN LATERAL (
            SELECT id, debit_account AS issuer, occurred_at, recorded_at, event_id, record_id, clause, kind, evidence,
                   minutes, amount
              FROM {{schema}}.transfers
             WHERE credit_account = a.id AND credit_account > 0 AND occurred_at >= $4 AND occurred_at < $5
            UNION ALL
            SELECT id, credit_account, occurred_at, recorded_at, event_id, record_id, clause, kind, evidence,
                   minutes, -amount
              FROM {{schema}}.transfers
             WHERE debit_account = a.id AND debit_account > 0 AND occurred_at >= $4 AND occurred_at < $5
         ) AS t
         WHERE t.clause = {Clause.RATE:d} OR t.clause = {Clause.POLICY_RESTATED:d} AND t.event_id = $7
        UNION ALL
        SELECT p.holder, 0, 0, n.issuer, n.occurred_at, n.recorded_at, n.event_id, n.record_id, 0, n.kind, n.evidence,
               n.minutes, 0, n.evidence_before, n.minutes_before
          FROM people AS p
          JOIN {{schema}}.notes AS n ON n.account = p.record_account AND n.occurred_at >= $4 AND n.occurred_at < $5
    )
    SELECT * FROM lines WHERE issuer IN (SELECT unnest($6::bigint[]))
"""

_DAYS = """
    SELECT account, day, minutes FROM {schema}.days
     WHERE account = ANY($1::bigint[]) AND day BETWEEN $2 AND $3 ORDER BY account, day FOR UPDATE
"""
