"""Route of the trace of one item, for staff and audit: which pieces went from which source to which recipient."""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, column, select

from services.points.ledger.clauses import Clause
from services.points.market.tracing import OUTCOMES, SOURCES, ByTeam, Moved, Outcome, Source, Traced, by_teams, traced
from services.points.tables import items
from shared.web import Api, Caller, NotFound, Page, Paging, Read

api = Api(tags=["market 爱心超市"])


class TraceOut(BaseModel):
    """Pieces that went from one source to one recipient, or still lie on the shelf, or with a team."""

    pieces: int
    source: Source
    source_holder: str = Field(description="来源账户（匿名编号） opaque holder", examples=["donor:0192d3a0-…"])
    source_record: UUID = Field(description="捐赠、采购或盘点编号 the donation, purchase, receipt or count")
    came_at: datetime
    outcome: Outcome
    recipient: str | None = Field(description="去向账户（匿名编号） opaque holder; null on the shelf")
    outcome_record: UUID | None
    left_at: datetime | None
    team_id: UUID | None = Field(description="经手的服务队 the volunteer team that has them, or had them last")
    team_name: str | None
    activity_id: UUID | None = Field(description="在哪次活动中使用 the activity in which it used them")


_EDGE = (column("source_number", BigInteger), column("fate_number", BigInteger))


@api.query("/v1/items/{item_id}/trace", permission="market.trace")
async def get_trace(item_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[TraceOut]:
    """一件物品从来源到去向的追溯，先进先出。Every piece of an item from source to recipient, first in first out."""
    community = await read.scalar(select(items.c.community).where(items.c.id == item_id))
    if community is None:
        raise NotFound("item")
    caller.require(community)
    pieces = (await traced(read, community, [item_id]))[item_id]
    after = page.after(_EDGE)
    rows = pieces[bisect_right(pieces, after, key=_edge_of) if after is not None else 0 :][: page.limit + 1]
    teams = await by_teams(read, (row.fate for row in rows))
    return page.cut(rows, _edge_of, lambda row: _line(row, teams))


def _edge_of(row: Traced) -> tuple[int, int]:
    return row.source_number, row.fate_number


def _line(row: Traced, teams: Mapping[Moved, ByTeam]) -> TraceOut:
    source, fate = row.source, row.fate
    team = None if fate is None else teams.get(fate)
    return TraceOut(
        pieces=row.pieces,
        source=SOURCES[Clause(source.clause)],
        source_holder=source.giver,
        source_record=source.record_id,
        came_at=source.at,
        outcome=Outcome.ON_THE_SHELF if fate is None else OUTCOMES[Clause(fate.clause)],
        recipient=None if fate is None else fate.receiver,
        outcome_record=None if fate is None else fate.record_id,
        left_at=None if fate is None else fate.at,
        team_id=None if team is None else team.team_id,
        team_name=None if team is None else team.team_name,
        activity_id=None if team is None else team.activity_id,
    )
