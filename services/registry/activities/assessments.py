"""Reading what was said of somebody's service, by activity and by volunteer.

What those say whom a service was for, the office hears in a follow-up (回访) and keeps to itself: leaders of teams see
what organisers said, and volunteers see no single assessment, so that nobody is asked why they were not content. How
their own came out altogether, points shows with their stars.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from services.registry.activities.reading import activity_of_caller
from services.registry.activities.schemas import AssessmentOut
from services.registry.fields import volunteer_of_caller
from services.registry.tables import activities, assessments, participations
from shared.auth.permissions import Role
from shared.auth.tokens import Principal
from shared.contracts.registry import AssessmentSide
from shared.web import Api, Caller, Page, Paging, Read

api = Api(tags=["activities 活动"])


@api.query("/v1/activities/{activity_id}/assessments", permission="activities.read_assessments")
async def list_of_activity(activity_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[AssessmentOut]:
    """一次活动的服务评价；队长只见组织者的评价。What was said of the service in an activity."""
    await activity_of_caller(read, caller, activity_id)
    query = _assessments(caller).where(assessments.c.activity_id == activity_id)
    return await page.fetch(read, query, [assessments.c.volunteer_id, assessments.c.side], AssessmentOut.model_validate)


@api.query("/v1/volunteers/{volunteer_id}/assessments", permission="activities.read_assessments")
async def list_of_volunteer(volunteer_id: UUID, read: Read, caller: Caller, page: Paging) -> Page[AssessmentOut]:
    """一名志愿者得到的服务评价，最近发布的活动在前。What was said of a volunteer's service, latest activities first."""
    await volunteer_of_caller(read, caller, volunteer_id)
    query = _assessments(caller).where(assessments.c.volunteer_id == volunteer_id)
    order = [assessments.c.activity_id, assessments.c.side]  # ids of activities rise with time
    return await page.fetch(read, query, order, AssessmentOut.model_validate, descending=True)


def _assessments(caller: Principal) -> Select[Any]:
    s, p = assessments.c, participations.c
    query = (
        select(assessments, activities.c.community, p.record_id, p.started_at, p.minutes)
        .join(activities, activities.c.id == s.activity_id)
        .join(participations, (p.activity_id == s.activity_id) & (p.volunteer_id == s.volunteer_id))
    )
    if caller.role is Role.TEAM_LEADER:
        query = query.where(s.side == AssessmentSide.ORGANISER.value)
    return query
