"""Supplies of teams as tables. What a team has is in the ledger."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.market.lines import as_json
from services.points.supplies.accounting import Return, Use, decide_return, decide_use, evolve_return, evolve_use
from services.points.supplies.model import Request, Stage, decide, evolve
from services.points.tables import supply_requests, supply_returns, supply_uses
from shared.aggregate import Aggregate
from shared.contracts.supplies import (
    SuppliesApproved,
    SuppliesCancelled,
    SuppliesExpired,
    SuppliesIssued,
    SuppliesRefused,
    SuppliesRequested,
    SuppliesReturned,
    SuppliesReturnWithdrawn,
    SuppliesUsed,
    SuppliesUseWithdrawn,
)
from shared.eventstore import Recorded
from shared.views import Views

REQUESTS = Aggregate("supply_request", initial=Request(), decide=decide, evolve=evolve)
RETURNS = Aggregate("supply_return", initial=Return(), decide=decide_return, evolve=evolve_return)
USES = Aggregate("supply_use", initial=Use(), decide=decide_use, evolve=evolve_use)

views = Views(tables=[supply_requests, supply_returns, supply_uses])


@views.on(SuppliesRequested)
async def ask(connection: AsyncConnection, event: SuppliesRequested, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(supply_requests).values(
            id=event.supply_request_id,
            community=event.community,
            team_id=event.team_id,
            activity_id=event.activity_id,
            lines=as_json(event.lines),
            stage=Stage.REQUESTED.value,
            requested_at=event.requested_at,
            collect_by=event.collect_by,
            version=recorded.version,
        )
    )


@views.on(SuppliesApproved)
async def approve(connection: AsyncConnection, event: SuppliesApproved, recorded: Recorded) -> None:
    """To be collected by another day."""
    stage = Stage.APPROVED.value
    await _set(connection, event.supply_request_id, recorded, stage=stage, collect_by=event.collect_by)


@views.on(SuppliesIssued)
async def issue(connection: AsyncConnection, event: SuppliesIssued, recorded: Recorded) -> None:
    """The team has them."""
    await _end(connection, event.supply_request_id, recorded, Stage.ISSUED, event.issued_at)


@views.on(SuppliesRefused)
async def refuse(connection: AsyncConnection, event: SuppliesRefused, recorded: Recorded) -> None:
    """Somebody said no."""
    await _end(connection, event.supply_request_id, recorded, Stage.REFUSED, event.refused_at)


@views.on(SuppliesCancelled)
async def cancel(connection: AsyncConnection, event: SuppliesCancelled, recorded: Recorded) -> None:
    """Called off."""
    await _end(connection, event.supply_request_id, recorded, Stage.CANCELLED, event.cancelled_at)


@views.on(SuppliesExpired)
async def expire(connection: AsyncConnection, event: SuppliesExpired, recorded: Recorded) -> None:
    """Time passed."""
    await _end(connection, event.supply_request_id, recorded, Stage.EXPIRED, event.expired_at)


@views.on(SuppliesReturned)
async def bring_back(connection: AsyncConnection, event: SuppliesReturned, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(supply_returns).values(
            id=event.supply_return_id,
            community=event.community,
            team_id=event.team_id,
            lines=as_json(event.lines),
            returned_at=event.returned_at,
            version=recorded.version,
        )
    )


@views.on(SuppliesReturnWithdrawn)
async def take_back(connection: AsyncConnection, event: SuppliesReturnWithdrawn, recorded: Recorded) -> None:
    """It was entered by mistake."""
    changed = {"withdrawn_at": event.withdrawn_at, "replaced_by": event.replaced_by, "version": recorded.version}
    row = supply_returns.c.id == event.supply_return_id
    await connection.execute(update(supply_returns).where(row).values(changed))


@views.on(SuppliesUsed)
async def use(connection: AsyncConnection, event: SuppliesUsed, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(supply_uses).values(
            id=event.supply_use_id,
            community=event.community,
            team_id=event.team_id,
            activity_id=event.activity_id,
            people_reached=event.people_reached,
            lines=as_json(event.lines),
            used_at=event.used_at,
            version=recorded.version,
        )
    )


@views.on(SuppliesUseWithdrawn)
async def withdraw(connection: AsyncConnection, event: SuppliesUseWithdrawn, recorded: Recorded) -> None:
    """It was entered by mistake."""
    changed = {"withdrawn_at": event.withdrawn_at, "version": recorded.version}
    await connection.execute(update(supply_uses).where(supply_uses.c.id == event.supply_use_id).values(changed))


async def _end(connection: AsyncConnection, request_id: UUID, recorded: Recorded, stage: Stage, at: datetime) -> None:
    await _set(connection, request_id, recorded, stage=stage.value, ended_at=at)


async def _set(connection: AsyncConnection, request_id: UUID, recorded: Recorded, **values: Any) -> None:
    changed = {**values, "version": recorded.version}
    await connection.execute(update(supply_requests).where(supply_requests.c.id == request_id).values(changed))
