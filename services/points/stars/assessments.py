"""How well somebody served, as registry's assessments say: kept beside the ledger, and counted for stars."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.ledger import holders
from services.points.ledger.clauses import EARNED
from services.points.ledger.schema import LIVE
from services.points.stars.commands import Assessed
from services.points.units import Unit
from shared.contracts.registry import ServiceAssessed, ServiceQuality
from shared.database import driver_connection
from shared.deliveries import Delivery

Fetch = Callable[..., Awaitable[list[Any]]]
"""Rows of a query, which names the schema of the ledger as `{schema}`, with its values."""


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
_ASSESSED = f"""
    WITH mine AS (
        SELECT id, holder FROM {{schema}}.accounts WHERE holder = ANY($1::text[]) AND unit = {Unit.SERVICE_MINUTE:d}
    ), lines AS (
        SELECT mine.holder, t.record_id, t.amount FROM mine JOIN {{schema}}.transfers AS t
            ON t.credit_account = mine.id AND t.credit_account > 0 WHERE t.clause IN ({_CLAUSES})
        UNION ALL
        SELECT mine.holder, t.record_id, -t.amount FROM mine JOIN {{schema}}.transfers AS t
            ON t.debit_account = mine.id AND t.debit_account > 0 WHERE t.clause IN ({_CLAUSES})
    ), records AS (
        SELECT holder, record_id FROM lines GROUP BY holder, record_id HAVING sum(amount) > 0
    )
    SELECT r.holder, count(DISTINCT r.record_id), count(DISTINCT a.record_id),
           count(*) FILTER (WHERE a.quality = '{ServiceQuality.GOOD.value}'),
           count(*) FILTER (WHERE a.quality = '{ServiceQuality.FAIR.value}'),
           count(*) FILTER (WHERE a.quality = '{ServiceQuality.POOR.value}')
      FROM records AS r
      LEFT JOIN {{schema}}.assessments AS a ON a.record_id = r.record_id AND a.volunteer_id = r.holder::uuid
     GROUP BY r.holder
"""


async def assessed_of(fetch: Fetch, volunteers: Collection[UUID]) -> dict[UUID, Assessed]:
    """How many of these volunteers' records were assessed, and how. `fetch` puts in which tables of the ledger."""
    found = dict.fromkeys(volunteers, Assessed())
    if volunteers:
        rows = await fetch(_ASSESSED, [holders.volunteer(one) for one in volunteers])
        found |= {UUID(holder): Assessed(*counts) for holder, *counts in rows}
    return found


async def assessed(connection: AsyncConnection, volunteer_id: UUID) -> Assessed:
    """How many of a volunteer's records were assessed, and how."""
    return (await all_assessed(connection, [volunteer_id]))[volunteer_id]


async def all_assessed(connection: AsyncConnection, volunteers: Collection[UUID]) -> dict[UUID, Assessed]:
    """The same of several, on the live ledger."""
    db = await driver_connection(connection)

    async def fetch(query: str, *values: Any) -> list[Any]:
        rows: list[Any] = await db.fetch(query.format(schema=LIVE), *values)
        return rows

    return await assessed_of(fetch, volunteers)
