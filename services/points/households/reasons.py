"""Why a household is in need (困难原因): in the vault alone, since it may be an illness or a disability of somebody."""

from typing import Final

from sqlalchemy import text

from shared.eventstore import keep_writers_out
from shared.service import Service

NEED_REASON: Final = "need_reason"
"""The field of a household's entry in the vault."""

_TOLD_IN_AN_EVENT = text("""
    SELECT h.id, e.data->>'reason' AS reason
      FROM households AS h
      JOIN LATERAL (
           SELECT type, data FROM events
            WHERE stream = 'household-' || cast(h.id AS text) AND type LIKE 'liuling.points.HouseholdNeedRecognised.%'
            ORDER BY version DESC LIMIT 1
           ) AS e ON e.type = 'liuling.points.HouseholdNeedRecognised.v1'
     WHERE h.need_until IS NOT NULL
       AND NOT EXISTS (SELECT FROM vault_entries AS v WHERE v.subject = h.id AND v.field = :field)
""")


async def keep_those_that_were_told(service: Service) -> None:
    """Put into the vault why households are in need that were recognised when events still told it."""
    async with service.database.transaction() as connection:
        await keep_writers_out(connection)  # who is forgotten at this moment must not come into the vault again
        found = (await connection.execute(_TOLD_IN_AN_EVENT, {"field": NEED_REASON})).all()
        reasons = {row.id: {NEED_REASON: row.reason} for row in found}
        await service.workshop.vault.put_many(connection, reasons)
