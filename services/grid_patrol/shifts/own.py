"""Routes about one volunteer: the shifts they were planned for or served on, and their scans (个人信息保护法 45)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import Field
from sqlalchemy import Column, ColumnElement, select, true

from services.grid_patrol.shifts.bodies import TrackOut
from services.grid_patrol.shifts.state import Stage
from services.grid_patrol.tables import scans, shift_members, shifts
from shared.auth.permissions import Role
from shared.auth.tokens import Principal
from shared.contracts import Evidence
from shared.contracts.grid_patrol import CrewKind
from shared.web import Api, Caller, Page, Paging, Read, narrowed
from shared.web.fields import Out
from shared.web.nodes import below

api = Api(tags=["shifts 班次"])


class OwnShiftOut(Out):
    """A volunteer's part in a shift; who else is on it is not told."""

    shift_id: UUID
    community: str
    crew_id: UUID
    crew_kind: CrewKind
    stage: Stage
    cells: list[str] = Field(description="责任片区 the beat")
    planned_start: datetime
    planned_end: datetime
    started_at: datetime | None
    ended_at: datetime | None
    planned: bool = Field(description="在安排之内；否则为临时参加 planned for it; or else stepped in")
    minutes: int | None = Field(
        description="本人的服务分钟，登记完成前为空 own minutes; null until the shift is logged"
    )
    evidence: Evidence | None
    record_id: UUID | None
    revision: int = Field(description="更正过几次 how often the record was corrected")


class OwnTrackOut(TrackOut):
    """A scan, and the shift it was made on."""

    shift_id: UUID


@api.query("/v1/volunteers/{volunteer_id}/shifts", permission="shifts.read_own")
async def list_shifts_of(
    volunteer_id: UUID,
    read: Read,
    caller: Caller,
    page: Paging,
    stage: Annotated[Stage | None, Query(description="如 planned：要去的 planned for those to come")] = None,
) -> Page[OwnShiftOut]:
    """某志愿者的班次，新的在前；志愿者只看本人。The shifts of a volunteer, latest first; one's own for volunteers."""
    caller.require_self(volunteer_id)
    m = shift_members
    query = (
        select(shifts, m.c.planned, m.c.evidence, m.c.record_id, m.c.revision, m.c.minutes.label("own_minutes"))
        .join(m, m.c.shift_id == shifts.c.shift_id)
        .where(m.c.volunteer_id == volunteer_id, _seen_by(caller, shifts.c.community))
    )
    query = narrowed(query, (shifts.c.stage, stage))
    return await page.fetch(read, query, [shifts.c.planned_start, shifts.c.shift_id], _own_shift, descending=True)


@api.query("/v1/volunteers/{volunteer_id}/scans", permission="shifts.read_own_tracks")
async def list_scans_of(volunteer_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[OwnTrackOut]:
    """某志愿者的扫码轨迹（敏感信息）；志愿者只看本人。What a volunteer scanned; one's own for volunteers."""
    caller.require_self(volunteer_id)
    query = (
        select(scans)
        .join(shifts, shifts.c.shift_id == scans.c.shift_id)
        .where(scans.c.volunteer_id == volunteer_id, _seen_by(caller, shifts.c.community))
    )
    return await page.fetch(
        read, query, [scans.c.shift_id, scans.c.version], OwnTrackOut.model_validate, descending=True
    )


def _seen_by(caller: Principal, community: Column[str]) -> ColumnElement[bool]:
    """Staff see what lies on their node; what is one's own is one's own wherever it was."""
    return true() if caller.role is Role.VOLUNTEER else below(community, None, caller)


def _own_shift(row: Any) -> OwnShiftOut:
    return OwnShiftOut.model_validate({**row._mapping, "minutes": row.own_minutes})
