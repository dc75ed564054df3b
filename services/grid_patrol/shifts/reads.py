"""Routes that read shifts: lists, one with its members, its tracks, and figures by month."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import Select, select, text

from services.grid_patrol.shifts.bodies import (
    FiguresOut,
    ShiftMemberOut,
    ShiftOut,
    ShiftWithMembersOut,
    TrackOut,
)
from services.grid_patrol.shifts.state import Stage
from services.grid_patrol.tables import scans, shift_members, shifts
from shared.contracts.grid_patrol import CrewKind
from shared.web import Api, Caller, Page, Paging, Read, etag, narrowed
from shared.web.fields import Moment
from shared.web.nodes import Within, below, row_of_caller

api = Api(tags=["shifts 班次"])

From = Annotated[Moment | None, Query(alias="from", description="计划开始不早于 planned to start at or after")]
To = Annotated[Moment | None, Query(description="计划开始早于 planned to start before")]


@api.query("/v1/shifts", permission="patrol.read")
async def list_shifts(
    read: Read,
    caller: Caller,
    page: Paging,
    within: Within = None,
    crew_id: UUID | None = None,
    crew_kind: CrewKind | None = None,
    stage: Stage | None = None,
    from_: From = None,
    to: To = None,
) -> Page[ShiftOut]:
    """班次列表，新的在前。The shifts of a node and below, the latest first."""
    query = select(shifts).where(below(shifts.c.community, within, caller))
    query = narrowed(query, (shifts.c.crew_id, crew_id), (shifts.c.crew_kind, crew_kind), (shifts.c.stage, stage))
    order = [shifts.c.planned_start, shifts.c.shift_id]
    return await page.fetch(read, _planned(query, from_, to), order, ShiftOut.model_validate, descending=True)


@api.query("/v1/shifts/figures", permission="patrol.read")
async def shift_figures(
    read: Read, caller: Caller, within: Within = None, from_: From = None, to: To = None
) -> list[FiguresOut]:
    """按月按队伍类型统计。Figures by month and kind of crew; months are months in Asia/Shanghai."""
    node = within or caller.node
    caller.require(node)
    rows = await read.execute(
        text(
            "SELECT to_char(planned_start AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') AS month, crew_kind,"
            " count(*) AS planned, count(*) FILTER (WHERE stage = 'logged') AS logged,"
            " count(*) FILTER (WHERE stage = 'cancelled') AS cancelled,"
            " count(*) FILTER (WHERE stage = 'missed') AS missed, count(*) FILTER (WHERE late_minutes > 0) AS late,"
            " count(*) FILTER (WHERE night) AS night, coalesce(sum(minutes), 0) AS minutes,"
            " sum(findings_count) AS findings,"
            " coalesce(sum(cardinality(cells)) FILTER (WHERE stage = 'logged'), 0) AS planned_cells,"
            " coalesce(sum(covered_planned_count), 0) AS covered_cells"
            " FROM shifts WHERE community >= :node AND community < :node || ':'"
            " AND (cast(:from AS timestamptz) IS NULL OR planned_start >= :from)"
            " AND (cast(:to AS timestamptz) IS NULL OR planned_start < :to)"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        {"node": node, "from": from_, "to": to},
    )
    return [FiguresOut.model_validate(row) for row in rows]


@api.query("/v1/shifts/{shift_id}", permission="patrol.read")
async def get_shift(shift_id: UUID, read: Read, caller: Caller, response: Response) -> ShiftWithMembersOut:
    """一个班次及其队员。One shift and who was on it."""
    row = await row_of_caller(read, caller, shifts.c.shift_id, shift_id, "shift")
    etag(response, row.version)
    members = select(shift_members).where(shift_members.c.shift_id == shift_id).order_by(shift_members.c.volunteer_id)
    return ShiftWithMembersOut(
        **ShiftOut.model_validate(row).model_dump(),
        members=[ShiftMemberOut.model_validate(member) for member in await read.execute(members)],
    )


@api.query("/v1/shifts/{shift_id}/scans", permission="shifts.read_tracks")
async def list_scans(shift_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[TrackOut]:
    """扫码轨迹（敏感信息），按收到的先后。The scans of a shift as received; tracks are sensitive."""
    await row_of_caller(read, caller, shifts.c.shift_id, shift_id, "shift")
    query = select(scans).where(scans.c.shift_id == shift_id)
    return await page.fetch(read, query, [scans.c.version], TrackOut.model_validate)


def _planned(query: Select[Any], from_: datetime | None, to: datetime | None) -> Select[Any]:
    if from_ is not None:
        query = query.where(shifts.c.planned_start >= from_)
    if to is not None:
        query = query.where(shifts.c.planned_start < to)
    return query
