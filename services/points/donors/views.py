"""Donors as a table, without their names."""

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.donors.model import Donor, decide, evolve
from services.points.tables import donors
from shared.aggregate import Aggregate
from shared.contracts.love_market import DonorDetailsChanged, DonorForgotten, DonorRegistered
from shared.eventstore import Recorded
from shared.views import Views

DONORS = Aggregate("donor", initial=Donor(), decide=decide, evolve=evolve)

views = Views(tables=[donors])


@views.on(DonorRegistered)
async def register(connection: AsyncConnection, event: DonorRegistered, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(donors).values(
            id=event.donor_id,
            community=event.community,
            kind=event.kind.value,
            registered_at=event.registered_at,
            version=recorded.version,
        )
    )


@views.on(DonorDetailsChanged)
async def put_right(connection: AsyncConnection, event: DonorDetailsChanged, recorded: Recorded) -> None:
    """Who it is reads otherwise now."""
    await connection.execute(update(donors).where(donors.c.id == event.donor_id).values(version=recorded.version))


@views.on(DonorForgotten)
async def forget(connection: AsyncConnection, event: DonorForgotten, recorded: Recorded) -> None:
    """The row stays, and means nobody."""
    changed = {"forgotten_at": event.forgotten_at, "version": recorded.version}
    await connection.execute(update(donors).where(donors.c.id == event.donor_id).values(changed))
