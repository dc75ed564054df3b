"""A volunteer's service record by year and kind: what was served, and what the cap of a day took from it."""

from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.ledger import holders
from services.points.ledger.clauses import CUTS
from services.points.ledger.schema import LIVE
from services.points.units import Unit
from shared.clock import day_start


class Served(NamedTuple):
    """Service of one kind in one year, in Asia/Shanghai."""

    year: int
    kind: int | None
    """Its number (`earning.kinds.KINDS`); None where no line says what service it was."""
    minutes: int
    """What counts."""
    told_minutes: int
    """As told and corrected, before the cap of the day."""


# What a cap takes does not repeat the kind, the record's first line says it. All lines of a record stand at one moment.
_SERVED = text(
    f"""
    WITH mine AS (SELECT id FROM {LIVE}.accounts WHERE holder = :holder AND unit = {Unit.SERVICE_MINUTE:d}),
    lines AS (
        SELECT t.occurred_at, t.record_id, t.clause, t.kind, t.amount FROM mine
          JOIN {LIVE}.transfers AS t ON t.credit_account = mine.id AND t.credit_account > 0
         WHERE t.occurred_at >= :since AND t.occurred_at < :until
        UNION ALL
        SELECT t.occurred_at, t.record_id, t.clause, t.kind, -t.amount FROM mine
          JOIN {LIVE}.transfers AS t ON t.debit_account = mine.id AND t.debit_account > 0
         WHERE t.occurred_at >= :since AND t.occurred_at < :until
    ), records AS (
        SELECT min(occurred_at) AS occurred_at, max(kind) AS kind, sum(amount) AS minutes,
               coalesce(sum(amount) FILTER (WHERE clause <> ALL (cast(:cuts AS int[]))), 0) AS told_minutes
          FROM lines GROUP BY record_id
    )
    SELECT extract(year FROM occurred_at AT TIME ZONE 'Asia/Shanghai')::int AS year, kind::int,
           sum(minutes)::bigint, sum(told_minutes)::bigint
      FROM records GROUP BY 1, 2 HAVING sum(told_minutes) <> 0 OR sum(minutes) <> 0 ORDER BY 1, 2
    """
)
_FIRST, _LAST = date(1900, 1, 1), date(2200, 1, 1)


async def service_record(
    connection: AsyncConnection, volunteer_id: UUID, since: date = _FIRST, until: date = _LAST
) -> list[Served]:
    """The service that began between two days, both included; oldest year first."""
    params = {
        "holder": holders.volunteer(volunteer_id),
        "since": day_start(since),
        "until": day_start(until + timedelta(days=1)),
        "cuts": [int(clause) for clause in CUTS],
    }
    return [Served(*row) for row in (await connection.execute(_SERVED, params)).all()]
