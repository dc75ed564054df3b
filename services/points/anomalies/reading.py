"""What signs are read from: tellings, and the records of people as the ledger knows them now. Raw asyncpg."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.points.anomalies.evidence import Record, Told
from services.points.earning.kinds import KINDS
from services.points.ledger import holders
from services.points.ledger.clauses import EARNED, Clause
from services.points.ledger.schema import LIVE
from services.points.ledger.writing import Connection
from services.points.units import Unit

Span = tuple[datetime, datetime]
"""From a moment until before another."""

_DAY_MINUTES = 24 * 60

TOLD_MAX = 5_000
"""What one person told, in a window, is read up to here: the first ones."""

_TOLD = """
    SELECT event_id, told_at, began_at, ended_at, community, confirmed_by, added, records, volunteers,
           entered_after_minutes
      FROM {schema}.tellings
"""

_EARNED = ", ".join(str(int(clause)) for clause in sorted(EARNED))

# What counts of a record is the sum of its lines before any cap, so that no order of corrections matters.
_RECORDS = f"""
    SELECT t.record_id, k.volunteer_id,
           (array_agg(t.event_id ORDER BY t.clause <> {Clause.RATE:d}, t.recorded_at, t.event_id))[1] AS event_id,
           min(i.holder) AS issuer, max(t.kind) AS kind, t.occurred_at, sum(t.amount)::int AS minutes,
           coalesce(min(t.recorded_at) FILTER (WHERE t.clause = {Clause.RATE:d}), min(t.recorded_at)) AS told_at
      FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS k(volunteer_id, since, until)
      JOIN {{schema}}.accounts AS a ON a.holder = k.volunteer_id::text AND a.unit = {Unit.SERVICE_MINUTE:d}
     CROSS JOIN LATERAL (
           SELECT record_id, event_id, clause, kind, occurred_at, recorded_at, amount, debit_account AS issuer
             FROM {{schema}}.transfers
            WHERE credit_account = a.id AND credit_account > 0 AND occurred_at >= k.since AND occurred_at < k.until
              AND clause IN ({_EARNED})
            UNION ALL
           SELECT record_id, event_id, clause, kind, occurred_at, recorded_at, -amount, credit_account
             FROM {{schema}}.transfers
            WHERE debit_account = a.id AND debit_account > 0 AND occurred_at >= k.since AND occurred_at < k.until
              AND clause IN ({_EARNED})) AS t
      JOIN {{schema}}.accounts AS i ON i.id = t.issuer
     GROUP BY t.record_id, k.volunteer_id, t.occurred_at
"""


class Readings:
    """Reads on one set of ledger tables."""

    def __init__(self, schema: str = LIVE) -> None:
        self._told = _TOLD.format(schema=schema)
        self._records = _RECORDS.format(schema=schema)
        self._schema = schema

    async def told(self, db: Connection, event_ids: Collection[UUID]) -> list[Told]:
        """What these events told."""
        rows = await db.fetch(self._told + " WHERE event_id = ANY($1::uuid[])", list(event_ids))
        return [Told(*row) for row in rows]

    async def told_by(self, db: Connection, confirmers: Iterable[UUID], span: Span) -> list[Told]:
        """What these people told in a time, the first `TOLD_MAX`."""
        where = " WHERE confirmed_by = ANY($1::uuid[]) AND told_at >= $2 AND told_at < $3 ORDER BY told_at, event_id"
        rows = await db.fetch(f"{self._told}{where} LIMIT {TOLD_MAX}", list(confirmers), *span)
        return [Told(*row) for row in rows]

    async def who_confirm(self, db: Connection, people: Collection[UUID], span: Span) -> set[UUID]:
        """Who of these people confirmed somebody's service in a time."""
        rows = await db.fetch(
            f"SELECT DISTINCT confirmed_by FROM {self._schema}.tellings"
            " WHERE confirmed_by = ANY($1::uuid[]) AND told_at >= $2 AND told_at < $3",
            list(people),
            *span,
        )
        return {row[0] for row in rows}

    async def who_serve(self, db: Connection, people: Collection[UUID]) -> set[UUID]:
        """Who of these people have served themselves: volunteers, not staff."""
        rows = await db.fetch(
            f"SELECT p.id FROM unnest($1::uuid[]) AS p(id) JOIN {self._schema}.accounts AS a"
            f" ON a.holder = p.id::text AND a.unit = {Unit.SERVICE_MINUTE:d}",
            list(people),
        )
        return {row[0] for row in rows}

    async def approved(self, db: Connection, people: Collection[UUID]) -> dict[tuple[UUID, date], int]:
        """Minutes that offices approved of people's long days, where the approval stands."""
        names = {holders.volunteer(person): person for person in people}
        rows = await db.fetch(
            "SELECT DISTINCT ON (holder, day) holder, day, coalesce(minutes, 0)"
            f"  FROM {self._schema}.day_approvals WHERE holder = ANY($1::text[])"
            " ORDER BY holder, day, sequence DESC",
            list(names),
        )
        return {(names[row[0]], row[1]): row[2] for row in rows}

    async def records(self, db: Connection, spans: Mapping[UUID, Span]) -> dict[UUID, list[Record]]:
        """The records of people that began in a time, by person; void ones are there with no minutes."""
        found: dict[UUID, list[Record]] = {person: [] for person in spans}
        if not spans:
            return found
        people: Sequence[UUID] = list(spans)
        since, until = [spans[person][0] for person in people], [spans[person][1] for person in people]
        for row in await db.fetch(self._records, people, since, until):
            found[row["volunteer_id"]].append(_record(row))
        return found


def _record(row: Any) -> Record:
    return Record(
        row["record_id"],
        row["volunteer_id"],
        row["event_id"],
        row["issuer"].removeprefix(holders.issuance_prefix),
        KINDS[row["kind"]],
        row["occurred_at"],
        # While a correction is here and what it corrects is not, the sum may lie outside of what a record can have.
        max(0, min(row["minutes"], _DAY_MINUTES)),
        row["told_at"],
    )
