"""Why a household is in need (困难原因): in the vault alone, since it may be an illness or a disability of somebody.

It is kept for as long as the need is recognised. That it ran out is no event; it is looked for every day.
"""

from datetime import date
from typing import Final

from sqlalchemy import text

from shared.clock import local_day
from shared.eventstore import keep_writers_out
from shared.service import Service
from shared.unit_of_work import Workshop

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
     WHERE h.need_until >= :today
       AND NOT EXISTS (SELECT FROM vault_entries AS v WHERE v.subject = h.id AND v.field = :field)
""")


async def keep_those_that_were_told(service: Service) -> None:
    """Put into the vault why households are in need that were recognised when events still told it."""
    async with service.database.transaction() as connection:
        await keep_writers_out(connection)  # who is forgotten at this moment must not come into the vault again
        params = {"field": NEED_REASON, "today": local_day(service.clock())}
        found = (await connection.execute(_TOLD_IN_AN_EVENT, params)).all()
        reasons = {row.id: {NEED_REASON: row.reason} for row in found}
        await service.workshop.vault.put_many(connection, reasons)


_OVER = "h.id = v.subject AND v.field = :field AND (h.need_until IS NULL OR h.need_until < :today)"
_HOLD = text(f"""
    SELECT v.subject FROM vault_entries AS v JOIN households AS h ON {_OVER} FOR UPDATE OF v SKIP LOCKED
""")
_FORGET = text(f"DELETE FROM vault_entries AS v USING households AS h WHERE v.subject = ANY(:held) AND {_OVER}")


async def forget_those_that_are_over(workshop: Workshop, today: date) -> int:
    """Erase why households were in need whose need ended or ran out before a day; returns how many were looked at."""
    params = {"field": NEED_REASON, "today": today}
    async with workshop.database.transaction() as connection:
        # Two statements: whoever recognises need anew holds the entry until they commit. The second one sees what they
        # committed before it was held here; and whoever comes later waits, and writes a reason of their own.
        held = (await connection.scalars(_HOLD, params)).all()
        await connection.execute(_FORGET, {**params, "held": held})
    return len(held)
