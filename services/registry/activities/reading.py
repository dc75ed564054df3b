"""Reading activities: lists by node, month, stage and team; participants for the organiser; a volunteer's own hours."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.activities.model import Stage
from services.registry.activities.schemas import (
    ActivityDetailOut,
    ActivityOut,
    EarlierPlanOut,
    HoursOut,
    ParticipantOut,
    ParticipationOut,
    ServiceOut,
    SignUpOut,
)
from services.registry.fields import own_id, volunteer_of_caller
from services.registry.tables import activities, activity_plans, participations, volunteers
from services.registry.volunteers.people import masked_name
from shared.auth.permissions import Role
from shared.auth.tokens import Principal
from shared.clock import month_bounds
from shared.contracts import NodeCode
from shared.contracts.registry import ActivityCategory
from shared.web import Api, Caller, Page, Paging, Read, Vaulted, etag, narrowed
from shared.web.fields import Month
from shared.web.nodes import below, row_of_caller

api = Api(tags=["activities 活动"])


@api.query("/v1/activities", permission="activities.read")
async def list_activities(
    read: Read,
    caller: Caller,
    page: Paging,
    node: Annotated[NodeCode | None, Query(description="该节点及下级 this node and below; 默认本人所在节点")] = None,
    month: Annotated[Month | None, Query(description="月份 month, 2026-03")] = None,
    stage: Stage | None = None,
    team_id: UUID | None = None,
    category: ActivityCategory | None = None,
) -> Page[ActivityOut]:
    """活动列表，最近的在前。Activities, latest first; months are those of Asia/Shanghai."""
    a = activities
    query = select(a).where(below(a.c.community, node, caller))
    if month is not None:
        start, end = month_bounds(month)
        query = query.where(a.c.planned_start >= start, a.c.planned_start < end)
    query = narrowed(query, (a.c.stage, stage), (a.c.team_id, team_id), (a.c.category, category))
    return await page.fetch(read, query, [a.c.planned_start, a.c.id], ActivityOut.model_validate, descending=True)


@api.query("/v1/activities/{activity_id}", permission="activities.read")
async def get_activity(activity_id: UUID, read: Read, caller: Caller, response: Response) -> ActivityDetailOut:
    """一个活动；志愿者看到自己的报名和记录，看不到别人。An activity; volunteers see their own part, nobody else's."""
    row = await activity_of_caller(read, caller, activity_id)
    etag(response, row.version)
    found = ActivityDetailOut.model_validate(row)
    if (own := own_id(caller)) is None:
        return found
    p = participations
    mine = (await read.execute(select(p).where(p.c.activity_id == activity_id, p.c.volunteer_id == own))).first()
    return found.model_copy(update={"mine": None if mine is None else ParticipationOut.model_validate(mine)})


@api.query("/v1/activities/{activity_id}/earlier-plans", permission="activities.read")
async def list_earlier_plans(activity_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[EarlierPlanOut]:
    """活动变更以前发布的内容，最早的在前。What was announced before each change, first to last."""
    await activity_of_caller(read, caller, activity_id)
    query = select(activity_plans).where(activity_plans.c.activity_id == activity_id)
    return await page.fetch(read, query, [activity_plans.c.changed_version], EarlierPlanOut.model_validate)


@api.query("/v1/activities/{activity_id}/participants", permission="activities.read_participants")
async def list_participants(
    activity_id: UUID,
    read: Read,
    caller: Caller,
    page: Paging,
    vault: Vaulted,
    names: Annotated[bool, Query(description="附遮盖的姓名 with masked names; 审计不可见 not for auditors")] = False,
) -> Page[ParticipantOut]:
    """报名和出勤，供组织者使用。Who signed up and who attended, for the organiser."""
    await activity_of_caller(read, caller, activity_id)
    p = participations
    query = (
        select(p, volunteers.c.number)
        .join(volunteers, volunteers.c.id == p.c.volunteer_id)
        .where(p.c.activity_id == activity_id)
    )
    found = await page.fetch(read, query, [p.c.volunteer_id], ParticipantOut.model_validate)
    if not names or caller.role is Role.AUDITOR:
        return found
    opened = await vault.get_many(read, [item.volunteer_id for item in found.items], ["name"])
    items = [
        item.model_copy(update={"name": masked_name(opened[item.volunteer_id]["name"])})
        if item.volunteer_id in opened
        else item
        for item in found.items
    ]
    return Page(items=items, next_cursor=found.next_cursor)


@api.query("/v1/volunteers/{volunteer_id}/attendances", permission="volunteers.read")
async def list_service(
    volunteer_id: UUID,
    read: Read,
    caller: Caller,
    page: Paging,
    confirmed: Annotated[bool | None, Query(description="只看已确认或未确认的")] = None,
) -> Page[ServiceOut]:
    """我的时长明细，最近的在前。A volunteer's service, latest first."""
    await volunteer_of_caller(read, caller, volunteer_id)
    p, a = participations, activities
    query = (
        select(
            p.c.activity_id,
            a.c.title,
            a.c.category,
            a.c.community,
            p.c.started_at,
            p.c.minutes,
            p.c.evidence,
            p.c.record_id,
            p.c.revision,
            p.c.closed_at_planned_end,
            p.c.confirmed,
        )
        .join(a, a.c.id == p.c.activity_id)
        .where(p.c.volunteer_id == volunteer_id, p.c.started_at.is_not(None))
    )
    return await page.fetch(
        read,
        narrowed(query, (p.c.confirmed, confirmed)),
        [p.c.started_at, p.c.activity_id],
        ServiceOut.model_validate,
        descending=True,
    )


@api.query("/v1/volunteers/{volunteer_id}/sign-ups", permission="volunteers.read")
async def list_sign_ups(
    volunteer_id: UUID,
    read: Read,
    caller: Caller,
    page: Paging,
    stage: Annotated[Stage | None, Query(description="published：还没有确认完成的 those that are not over")] = None,
) -> Page[SignUpOut]:
    """我的报名，最近的在前；已退出的不列。What a volunteer is signed up for, latest first; not what was taken back."""
    await volunteer_of_caller(read, caller, volunteer_id)
    p, a = participations, activities
    query = (
        select(
            p.c.activity_id,
            p.c.signed_up_at,
            p.c.started_at.is_not(None).label("attended"),
            a.c.title,
            a.c.category,
            a.c.community,
            a.c.planned_start,
            a.c.planned_end,
            a.c.meeting_place,
            a.c.changed_at,
            a.c.stage,
        )
        .join(a, a.c.id == p.c.activity_id)
        .where(p.c.volunteer_id == volunteer_id, p.c.signed_up_at.is_not(None), p.c.withdrawn_at.is_(None))
    )
    query = narrowed(query, (a.c.stage, stage))
    return await page.fetch(
        read, query, [a.c.planned_start, p.c.activity_id], SignUpOut.model_validate, descending=True
    )


@api.query("/v1/volunteers/{volunteer_id}/hours", permission="volunteers.read")
async def get_hours(volunteer_id: UUID, read: Read, caller: Caller) -> HoursOut:
    """我的活动时长合计（分钟），不含巡防和调解；全部服务时长见积分服务的 SERVICE_MINUTE 账户。

    A volunteer's confirmed service in activities, in minutes by evidence. Patrols and mediation are not in it: the
    whole record is the account SERVICE_MINUTE of the points service.
    """
    await volunteer_of_caller(read, caller, volunteer_id)
    row = (
        await read.execute(
            text(
                "SELECT coalesce(sum(minutes) FILTER (WHERE confirmed AND evidence = 'scanned'), 0) AS scanned_minutes,"
                " coalesce(sum(minutes) FILTER (WHERE confirmed AND evidence = 'backfilled'), 0) AS backfilled_minutes,"
                " coalesce(sum(minutes) FILTER (WHERE confirmed AND evidence = 'estimated'), 0) AS estimated_minutes,"
                " count(*) FILTER (WHERE confirmed AND minutes > 0) AS activities_count,"
                " count(*) FILTER (WHERE NOT confirmed) AS unconfirmed_count"
                " FROM participations WHERE volunteer_id = :id AND started_at IS NOT NULL"
            ),
            {"id": volunteer_id},
        )
    ).one()
    return HoursOut(volunteer_id=volunteer_id, **row._mapping)


async def activity_of_caller(read: AsyncConnection, caller: Principal, activity_id: UUID) -> Any:
    """The activity's row, if the caller may read it. Raises `NotFound` or `OutsideNode`."""
    return await row_of_caller(read, caller, activities.c.id, activity_id, "activity")
