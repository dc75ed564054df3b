"""Routes of stock-taking (盘点): what lies on a shelf is counted, and the ledger follows."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select

from services.points.ledger import holders
from services.points.market.model import CountStock
from services.points.market.views import ITEMS
from services.points.tables import accounts, items, stock_counts
from shared.contracts.love_market import CountReason
from shared.web import Api, Caller, NotFound, Page, Paging, Read, Work
from shared.web.fields import Body
from shared.web.nodes import of_caller

api = Api(tags=["market 爱心超市"])


class CountBody(Body):
    """盘点 How many pieces lie on the shelf, the reserved ones among them; why, where the ledger says otherwise."""

    counted: Annotated[int, Field(ge=0, le=1_000_000)]
    reason: CountReason | None = None


class CountOut(BaseModel):
    """A count."""

    id: UUID
    item_id: UUID
    counted: int
    expected: int = Field(description="账面件数 pieces as the ledger had it")
    difference: int = Field(description="盘盈为正，盘亏为负 counted less expected")
    reason: CountReason | None
    counted_at: datetime


@api.command("/v1/items/{item_id}/counts", permission="market.count", status=201)
async def count_stock(item_id: UUID, body: CountBody, work: Work, caller: Caller) -> CountOut:
    """盘点：账随实物。已预约的件数不能盘掉，盘少了要补足才能再预约。

    Take stock; the ledger follows what is there. Where fewer pieces are there than are reserved, the shelf owes them:
    nothing can be reserved until it is even.
    """
    await of_caller(work, caller, ITEMS, item_id)
    # Locked until the commit: nothing can leave or reach the shelf between the number and what is booked on it.
    shelf = await work.connection.scalar(
        select(accounts.c.credits - accounts.c.debits)
        .where(accounts.c.holder == holders.stock(item_id))
        .with_for_update()
    )
    command = CountStock(work.new_id(), body.counted, shelf or 0, body.reason, work.now)
    await work.execute(ITEMS, item_id, command)
    difference = command.counted - command.expected
    return CountOut(
        id=command.count_id,
        item_id=item_id,
        counted=command.counted,
        expected=command.expected,
        difference=difference,
        reason=command.reason if difference else None,
        counted_at=command.at,
    )


@api.query("/v1/items/{item_id}/counts", permission="market.trace")
async def list_counts(item_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[CountOut]:
    """一件物品的盘点记录。Counts of one item."""
    community = await read.scalar(select(items.c.community).where(items.c.id == item_id))
    if community is None:
        raise NotFound("item")
    caller.require(community)
    return await page.fetch(
        read, select(stock_counts).where(stock_counts.c.item_id == item_id), [stock_counts.c.id], _count
    )


def _count(row: Any) -> CountOut:
    return CountOut(
        id=row.id,
        item_id=row.item_id,
        counted=row.counted,
        expected=row.expected,
        difference=row.counted - row.expected,
        reason=row.reason,
        counted_at=row.counted_at,
    )
