"""Findings as a table; what was said about them is not in it."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.grid_patrol.tables import findings
from shared.contracts.grid_patrol import PatrolFindingReported
from shared.eventstore import Recorded
from shared.views import Views

views = Views([findings])


@views.on(PatrolFindingReported)
async def report(connection: AsyncConnection, event: PatrolFindingReported, recorded: Recorded) -> None:
    """Something was found."""
    await connection.execute(
        insert(findings).values(
            finding_id=event.finding_id,
            shift_id=event.shift_id,
            community=event.community,
            cell=event.cell,
            kind=event.kind.value,
            risk=event.risk.value,
            reported_by=event.reported_by,
            found_at=event.found_at,
            version=recorded.version,
        )
    )
