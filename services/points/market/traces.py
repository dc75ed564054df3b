"""Route of the trace of one item, for staff and audit: which pieces went from which source to which recipient."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import select

from services.points.ledger import holders
from services.points.market.tracing import OUTCOMES, SOURCES, Outcome, Source, shelves, trace
from services.points.tables import items
from shared.web import Api, Caller, NotFound, Page, Paging, Read

api = Api(tags=["market 爱心超市"])


class TraceOut(BaseModel):
    """Pieces that went from one source to one recipient, or still lie on the shelf."""

    pieces: int
    source: Source
    source_holder: str = Field(description="来源账户（匿名编号） opaque holder", examples=["donor:0192d3a0-…"])
    source_record: UUID = Field(description="捐赠、采购或盘点编号 the donation, purchase, receipt or count")
    came_at: datetime
    outcome: Outcome
    recipient: str | None = Field(description="去向账户（匿名编号） opaque holder; null on the shelf")
    outcome_record: UUID | None
    left_at: datetime | None


@api.query("/v1/items/{item_id}/trace", permission="market.trace")
async def get_trace(item_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[TraceOut]:
    """一件物品从来源到去向的追溯，先进先出。Every piece of an item from source to recipient, first in first out."""
    community = await read.scalar(select(items.c.community).where(items.c.id == item_id))
    if community is None:
        raise NotFound("item")
    caller.require(community)
    pieces = trace(list((await shelves(read, [holders.stock(item_id)])).values()))
    # What lies on the shelf comes last of its source: nothing that left later is of it.
    order = [pieces.c.source_number, pieces.c.recipient_number]
    return await page.fetch(read, select(pieces), order, _line)


def _line(row: Any) -> TraceOut:
    return TraceOut(
        pieces=row.pieces,
        source=SOURCES[row.source_clause],
        source_holder=row.source_holder,
        source_record=row.source_record,
        came_at=row.came_at,
        outcome=OUTCOMES[row.outcome_clause] if row.outcome_clause is not None else Outcome.ON_THE_SHELF,
        recipient=row.recipient,
        outcome_record=row.outcome_record,
        left_at=row.left_at,
    )
