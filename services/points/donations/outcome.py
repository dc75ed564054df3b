"""Route of a donation's outcome: what became of the gift, in numbers and days, and never who got it."""

from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Date, Row, Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.market.tracing import OUTCOMES, Outcome, shelves, trace
from services.points.tables import donations, items
from shared.web import Api, Caller, Read
from shared.web.nodes import row_of_caller

api = Api(tags=["donations 捐赠"])


class OutcomeOut(BaseModel):
    """Pieces of one item with the same fate on the same day."""

    outcome: Outcome
    day: date | None = Field(description="日期，仍在货架上的为空 null for what lies on the shelf")
    pieces: int


class LineOutcomeOut(BaseModel):
    """What became of the pieces of one item."""

    item_id: UUID
    name: str
    piece: str | None = Field(description="计量单位 what one piece is")
    given: int
    outcomes: list[OutcomeOut]


class DonationOutcomeOut(BaseModel):
    """What became of a donation."""

    donation_id: UUID
    receipt_number: str
    lines: list[LineOutcomeOut]


@api.query("/v1/donations/{donation_id}/outcome", permission="donations.read")
async def get_outcome(donation_id: UUID, read: Read, caller: Caller) -> DonationOutcomeOut:
    """捐赠物资的去向：兑换、救助、售出、损耗或在库，只有日期和件数。

    What became of a gift: redeemed by volunteers, given in aid, sold, lost, or still on the shelf; days and numbers,
    never who.
    """
    donation = await row_of_caller(read, caller, donations.c.id, donation_id, "donation")
    lines = await outcomes_of(read, donation)
    return DonationOutcomeOut(donation_id=donation_id, receipt_number=donation.receipt_number, lines=lines)


async def outcomes_of(read: AsyncConnection, donation: Row[Any]) -> list[LineOutcomeOut]:
    """What became of each line of a donation, by outcome and day."""
    given = {UUID(line["item_id"]): line["quantity"] for line in donation.lines}
    known = {item.id: item for item in await read.execute(select(items).where(items.c.id.in_(given)))}
    shelf_by_holder = await shelves(read, [holders.stock(item_id) for item_id in given])
    pieces = trace(list(shelf_by_holder.values()))
    day = cast(func.timezone(cast("Asia/Shanghai", Text), pieces.c.left_at), Date).label("day")
    query = (
        select(pieces.c.shelf, pieces.c.outcome_clause, day, func.sum(pieces.c.pieces).label("pieces"))
        .where(pieces.c.source_record == donation.id, pieces.c.source_clause == Clause.DONATED)
        .group_by(pieces.c.shelf, pieces.c.outcome_clause, day)
        .order_by(pieces.c.shelf, day.nulls_last(), pieces.c.outcome_clause)
    )
    found: dict[int, list[OutcomeOut]] = {}
    for row in await read.execute(query):
        outcome = OUTCOMES[row.outcome_clause] if row.outcome_clause is not None else Outcome.ON_THE_SHELF
        found.setdefault(row.shelf, []).append(OutcomeOut(outcome=outcome, day=row.day, pieces=int(row.pieces)))
    return [
        LineOutcomeOut(
            item_id=item_id,
            name=known[item_id].name,
            piece=known[item_id].piece,
            given=quantity,
            outcomes=found.get(shelf_by_holder[holders.stock(item_id)], []),
        )
        for item_id, quantity in given.items()
    ]
