"""Grants as a table."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.budgets.model import Grant, decide, evolve
from services.points.market.taken_back import mark_reversed
from services.points.tables import budget_grants
from shared.aggregate import Aggregate
from shared.contracts.love_market import BudgetGranted
from shared.contracts.reversals import BudgetGrantReversed
from shared.eventstore import Recorded
from shared.views import Views

GRANTS = Aggregate("grant", initial=Grant(), decide=decide, evolve=evolve)

views = Views(tables=[budget_grants])


@views.on(BudgetGranted)
async def grant(connection: AsyncConnection, event: BudgetGranted, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(budget_grants).values(
            id=event.grant_id,
            community=event.community,
            amount_fen=event.amount_fen,
            reference=event.reference,
            granted_at=event.granted_at,
            version=recorded.version,
        )
    )


@views.on(BudgetGrantReversed)
async def reverse(connection: AsyncConnection, event: BudgetGrantReversed, recorded: Recorded) -> None:
    """Taken back."""
    await mark_reversed(connection, budget_grants, event.grant_id, event, version=recorded.version)
