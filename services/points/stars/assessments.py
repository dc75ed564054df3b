"""How well somebody served, as registry's assessments say: kept beside the ledger, and counted for stars."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.ledger import holders
from services.points.ledger.clauses import EARNED
from services.points.ledger.schema import LIVE
from services.points.stars.commands import Assessed
from services.points.units import Unit
from shared.contracts.registry import ServiceAssessed, ServiceQuality
from shared.deliveries import Delivery


async def note(db: Any, schema: str, deliveries: Sequence[Delivery]) -> None:
    """Keep what each side said last of each record, whatever order it comes in. May be repeated."""
    latest: dict[tuple[UUID, str], tuple[Any, ...]] = {}
    for delivery in deliveries:
        event = delivery.event
        if isinstance(event, ServiceAssessed):
            key, said_at = (event.record_id, event.side.value), (delivery.envelope.time, delivery.envelope.event_id)
            if key not in latest or latest[key][2:] < said_at:
                latest[key] = (event.volunteer_id, event.quality.value, *said_at)
    if not latest:
        return
    # In the order of the key: two batches that touch the same records wait for each other in one order.
    rows = [(*key, *latest[key]) for key in sorted(latest)]
    await db.execute(
        f"INSERT INTO {schema}.assessments AS a (record_id, side, volunteer_id, quality, told_at, event_id)"
        " SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::timestamptz[], $6::uuid[])"
        " ON CONFLICT (record_id, side) DO UPDATE SET volunteer_id = excluded.volunteer_id,"
        " quality = excluded.quality, told_at = excluded.told_at, event_id = excluded.event_id"
        " WHERE (a.told_at, a.event_id) < (excluded.told_at, excluded.event_id)",
        *map(list, zip(*rows, strict=True)),
    )


_CLAUSES = ", ".join(str(int(clause)) for clause in sorted(EARNED))

# Records that count now: with minutes left after all corrections. Assessments of records that were voided go with them.
_ASSESSED = text(
    f"""
    WITH mine AS (SELECT id FROM {LIVE}.accounts WHERE holder = :holder AND unit = {Unit.SERVICE_MINUTE:d}),
    lines AS (
        SELECT t.record_id, t.amount FROM mine JOIN {LIVE}.transfers AS t
            ON t.credit_account = mine.id AND t.credit_account > 0 WHERE t.clause IN ({_CLAUSES})
        UNION ALL
        SELECT t.record_id, -t.amount FROM mine JOIN {LIVE}.transfers AS t
            ON t.debit_account = mine.id AND t.debit_account > 0 WHERE t.clause IN ({_CLAUSES})
    ), records AS (
        SELECT record_id FROM lines GROUP BY record_id HAVING sum(amount) > 0
    ), said AS (
        SELECT a.record_id, a.quality FROM {LIVE}.assessments AS a JOIN records USING (record_id)
         WHERE a.volunteer_id = :volunteer_id
    )
    SELECT (SELECT count(*) FROM records), (SELECT count(DISTINCT record_id) FROM said),
           count(*) FILTER (WHERE quality = '{ServiceQuality.GOOD.value}'),
           count(*) FILTER (WHERE quality = '{ServiceQuality.FAIR.value}'),
           count(*) FILTER (WHERE quality = '{ServiceQuality.POOR.value}')
      FROM said
    """
)


async def assessed(connection: AsyncConnection, volunteer_id: UUID) -> Assessed:
    """How many of a volunteer's records were assessed, and how."""
    params = {"holder": holders.volunteer(volunteer_id), "volunteer_id": volunteer_id}
    return Assessed(*(await connection.execute(_ASSESSED, params)).one())
