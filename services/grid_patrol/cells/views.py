"""Grid cells as a table, and which logged shifts covered them."""

from collections.abc import Collection, Sequence

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.grid_patrol.tables import cells, coverage
from shared.contracts.grid_patrol import CellDefined, CellRetired, PatrolShiftLogged
from shared.eventstore import Recorded
from shared.views import Views

views = Views([cells, coverage])


@views.on_run(CellDefined)
async def define(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """New cells, or retired ones that come back."""
    rows = {}
    for recorded in run:
        event = recorded.event
        assert isinstance(event, CellDefined)
        rows[event.community, event.cell] = {
            "community": event.community,
            "cell": event.cell,
            "area_m2": event.area_m2,
            "defined_at": recorded.occurred_at,
            "retired": False,
            "version": recorded.version,
        }
    statement = insert(cells).values(list(rows.values()))
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["community", "cell"],
            set_={name: statement.excluded[name] for name in ("area_m2", "defined_at", "retired", "version")},
        )
    )


@views.on(CellRetired)
async def retire(connection: AsyncConnection, event: CellRetired, recorded: Recorded) -> None:
    """The cell is out of the grid; what was patrolled there stays."""
    await connection.execute(
        update(cells)
        .where(cells.c.community == event.community, cells.c.cell == event.cell)
        .values(retired=True, version=recorded.version)
    )


@views.on(PatrolShiftLogged)
async def cover(connection: AsyncConnection, event: PatrolShiftLogged, _: Recorded) -> None:
    """The shift covered these cells."""
    await connection.execute(
        text(
            "INSERT INTO coverage (community, cell, covered_at, shift_id)"
            " SELECT :community, cell, :covered_at, :shift_id FROM unnest(cast(:cells AS text[])) AS c(cell)"
        ),
        {
            "community": event.community,
            "covered_at": event.ended_at,
            "shift_id": event.shift_id,
            "cells": list(event.covered_cells),
        },
    )


async def known_cells(
    connection: AsyncConnection, community: str, codes: Collection[str], *, retired_too: bool = False
) -> frozenset[str]:
    """Those of the codes that are cells of the community's grid."""
    query = select(cells.c.cell).where(cells.c.community == community, cells.c.cell.in_(sorted(set(codes))))
    if not retired_too:
        query = query.where(cells.c.retired.is_(False))
    return frozenset((await connection.scalars(query)).all())
