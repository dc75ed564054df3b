"""The seals as a table: all of them, the latest revision of a day being the one that holds."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.seals.model import Chain, decide, evolve
from services.points.tables import seals
from shared.aggregate import Aggregate
from shared.contracts.points import LedgerSealed
from shared.eventstore import Recorded
from shared.views import Views

SEALS = Aggregate("seals", initial=Chain(), decide=decide, evolve=evolve)
"""One stream for each community, by its code."""

views = Views(tables=[seals])


@views.on(LedgerSealed)
async def add(connection: AsyncConnection, event: LedgerSealed, recorded: Recorded) -> None:
    """A new row; earlier revisions stay."""
    await connection.execute(
        insert(seals).values(
            community=event.community,
            sequence=event.sequence,
            day=event.day,
            revision=event.revision,
            lines=event.lines,
            sums=[entry.model_dump() for entry in event.sums],
            lines_sha256=event.lines_sha256,
            previous_sha256=event.previous_sha256,
            seal_sha256=event.seal_sha256,
            format_version=event.format_version,
            sealed_at=recorded.occurred_at,
        )
    )
