"""Sales as a table."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.market.lines import as_json
from services.points.market.taken_back import mark_reversed
from services.points.sales.model import Sale, decide, evolve
from services.points.tables import sales
from shared.aggregate import Aggregate
from shared.contracts.love_market import GoodsSold
from shared.contracts.reversals import SaleReversed
from shared.eventstore import Recorded
from shared.views import Views

SALES = Aggregate("sale", initial=Sale(), decide=decide, evolve=evolve)

views = Views(tables=[sales])


@views.on(GoodsSold)
async def sell(connection: AsyncConnection, event: GoodsSold, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(sales).values(
            id=event.sale_id,
            community=event.community,
            lines=as_json(event.lines),
            amount_fen=event.amount_fen,
            sold_at=event.sold_at,
            version=recorded.version,
        )
    )


@views.on(SaleReversed)
async def reverse(connection: AsyncConnection, event: SaleReversed, recorded: Recorded) -> None:
    """Taken back."""
    await mark_reversed(connection, sales, event.sale_id, event, version=recorded.version)
