"""Route of a donation's outcome: what became of the gift, in numbers and days, and never who got it."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.fields import Reversible
from services.points.ledger.clauses import Clause
from services.points.market.tracing import OUTCOMES, ByTeam, Moved, Outcome, Traced, by_teams, traced
from services.points.tables import donations, items
from shared.clock import local_day
from shared.web import Api, Caller, Read
from shared.web.nodes import row_of_caller

api = Api(tags=["donations 捐赠"])


class OutcomeOut(BaseModel):
    """Pieces of one item with the same fate on the same day."""

    outcome: Outcome
    day: date | None = Field(description="日期，仍在货架上的为空 null for what lies on the shelf")
    pieces: int
    team_id: UUID | None = Field(description="经手的服务队 the volunteer team that has them, or used them")
    team_name: str | None
    activity_id: UUID | None = Field(description="在哪次活动中使用 the activity in which it used them")


class LineOutcomeOut(BaseModel):
    """What became of the pieces of one item."""

    item_id: UUID
    name: str
    piece: str | None = Field(description="计量单位 what one piece is")
    given: int
    outcomes: list[OutcomeOut]


class DonationOutcomeOut(Reversible):
    """What became of a donation; nothing, of one that was taken back."""

    donation_id: UUID
    receipt_number: str
    lines: list[LineOutcomeOut]


@api.query("/v1/donations/{donation_id}/outcome", permission="donations.read")
async def get_outcome(donation_id: UUID, read: Read, caller: Caller) -> DonationOutcomeOut:
    """捐赠物资的去向：兑换、救助、售出、损耗、服务队活动使用或在库；只有日期、件数和队名。

    What became of a gift: redeemed by volunteers, given in aid, sold, lost, used by a volunteer team in its activities,
    or still on the shelf; days and numbers, and never who, but for teams.
    """
    donation = await row_of_caller(read, caller, donations.c.id, donation_id, "donation")
    lines = await outcomes_of(read, donation)
    return DonationOutcomeOut(
        donation_id=donation_id,
        receipt_number=donation.receipt_number,
        lines=lines,
        reversed_at=donation.reversed_at,
        reversal_reason=donation.reversal_reason,
    )


async def outcomes_of(read: AsyncConnection, donation: Row[Any]) -> list[LineOutcomeOut]:
    """What became of each line of a donation, by outcome and day."""
    given = {UUID(line["item_id"]): line["quantity"] for line in donation.lines}
    known = {item.id: item for item in await read.execute(select(items).where(items.c.id.in_(given)))}
    by_item = await traced(read, donation.community, list(given))
    mine = {
        item_id: [p for p in pieces if p.source.record_id == donation.id and p.source.clause == Clause.DONATED]
        for item_id, pieces in by_item.items()
    }
    teams = await by_teams(read, (piece.fate for pieces in mine.values() for piece in pieces))
    return [
        LineOutcomeOut(
            item_id=item_id,
            name=known[item_id].name,
            piece=known[item_id].piece,
            given=quantity,
            outcomes=_outcomes(mine[item_id], teams),
        )
        for item_id, quantity in given.items()
    ]


def _outcomes(pieces: Iterable[Traced], teams: Mapping[Moved, ByTeam]) -> list[OutcomeOut]:
    """By day, then outcome and team; what lies on the shelf comes last."""
    found: dict[tuple[date | None, int, ByTeam | None], int] = {}
    for piece in pieces:
        fate = piece.fate
        key = (None, 0, None) if fate is None else (local_day(fate.at), fate.clause, teams.get(fate))
        found[key] = found.get(key, 0) + piece.pieces
    ordered = sorted(found.items(), key=lambda one: (one[0][0] or date.max, one[0][1], str(one[0][2])))
    return [
        OutcomeOut(
            outcome=OUTCOMES[Clause(clause)] if clause else Outcome.ON_THE_SHELF,
            day=day,
            pieces=count,
            team_id=None if team is None else team.team_id,
            team_name=None if team is None else team.team_name,
            activity_id=None if team is None else team.activity_id,
        )
        for (day, clause, team), count in ordered
    ]
