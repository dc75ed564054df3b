"""Suppliers as a table, without their names."""

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.suppliers.model import Supplier, decide, evolve
from services.points.tables import suppliers
from shared.aggregate import Aggregate
from shared.contracts.love_market import SupplierDetailsChanged, SupplierForgotten, SupplierRegistered
from shared.eventstore import Recorded
from shared.views import Views

SUPPLIERS = Aggregate("supplier", initial=Supplier(), decide=decide, evolve=evolve)

views = Views(tables=[suppliers])


@views.on(SupplierRegistered)
async def register(connection: AsyncConnection, event: SupplierRegistered, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(suppliers).values(
            id=event.supplier_id,
            community=event.community,
            registered_at=event.registered_at,
            version=recorded.version,
        )
    )


@views.on(SupplierDetailsChanged)
async def put_right(connection: AsyncConnection, event: SupplierDetailsChanged, recorded: Recorded) -> None:
    """Who it is reads otherwise now."""
    await connection.execute(
        update(suppliers).where(suppliers.c.id == event.supplier_id).values(version=recorded.version)
    )


@views.on(SupplierForgotten)
async def forget(connection: AsyncConnection, event: SupplierForgotten, recorded: Recorded) -> None:
    """The row stays, and means nobody."""
    changed = {"forgotten_at": event.forgotten_at, "version": recorded.version}
    await connection.execute(update(suppliers).where(suppliers.c.id == event.supplier_id).values(changed))
