"""A volunteer's service record by year and kind: what was served, and what the cap of a day took from it."""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.ledger import holders
from services.points.ledger.clauses import CUTS
from services.points.ledger.reading import EVERYTHING, Sight
from services.points.ledger.schema import LIVE
from services.points.units import Unit


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
         WHERE t.occurred_at >= :since AND t.occurred_at <= :until AND t.recorded_at <= :known_at
        UNION ALL
        SELECT t.occurred_at, t.record_id, t.clause, t.kind, -t.amount FROM mine
          JOIN {LIVE}.transfers AS t ON t.debit_account = mine.id AND t.debit_account > 0
         WHERE t.occurred_at >= :since AND t.occurred_at <= :until AND t.recorded_at <= :known_at
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
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


async def service_record(connection: AsyncConnection, volunteer_id: UUID, sight: Sight = EVERYTHING) -> list[Served]:
    """The service that began in a sight; oldest year first."""
    params = {
        "holder": holders.volunteer(volunteer_id),
        "since": sight.since or _FIRST,
        "until": sight.until or _LAST,
        "known_at": sight.known_at or _LAST,
        "cuts": [int(clause) for clause in CUTS],
    }
    return [Served(*row) for row in (await connection.execute(_SERVED, params)).all()]
