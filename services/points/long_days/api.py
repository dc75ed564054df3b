"""Routes of long days: approve, take back, and what is approved."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from services.points.accounts.known import known_volunteers
from services.points.fields import own_id
from services.points.ledger.parts import shut_gate
from services.points.long_days.model import Approve, Limit, ListedStage, LongDay, Stage, Withdraw
from services.points.long_days.views import LONG_DAYS
from services.points.node_names import NamedPage, with_node_names
from services.points.policy.in_force import InForce
from services.points.tables import long_days
from shared.auth.actors import actor_id
from shared.auth.permissions import Role
from shared.clock import local_day
from shared.contracts.points import LongDayReason, LongDayWithdrawalReason
from shared.contracts.registry import NodeLevel
from shared.database import driver_connection
from shared.ids import derived_id
from shared.web import Api, Caller, NotFound, Paging, Read, Work, etag, narrowed
from shared.web.fields import Body, Day
from shared.web.nodes import Within, below, of_caller

api = Api(tags=["long days 超时服务"])


class LongDayBody(Body):
    """批准超时服务 Let more minutes of one volunteer's day count."""

    volunteer_id: UUID
    day: Annotated[Day, Field(description="服务开始的日期 the day on which the service begins")]
    minutes_max: Annotated[int, Field(ge=1, le=1440, description="当天最多计几分钟 so many minutes count at most")]
    reason: LongDayReason


class WithdrawalBody(Body):
    """撤回批准 Why the approval is taken back."""

    reason: LongDayWithdrawalReason


class LongDayStateOut(BaseModel):
    """A long day as the command left it."""

    id: UUID
    community: str
    volunteer_id: UUID
    day: date
    stage: Stage
    minutes_max: int
    level: NodeLevel = Field(description="需要哪一级批准 the level that such a day needs")


class LongDayOut(LongDayStateOut):
    """A long day: its last approval, and whether it was withdrawn."""

    reason: LongDayReason
    policy_version: int = Field(description="依据的办法版本 the policy that says what needs approval")
    approved_by: UUID
    approved_at: datetime
    event_id: UUID = Field(description="补计的流水见 what it gave: `/v1/events/{event_id}/effects`")
    withdrawn_by: UUID | None
    withdrawn_at: datetime | None
    withdrawal_event_id: UUID | None = Field(description="收回的流水见 what went back: `/v1/events/{event_id}/effects`")


@api.command("/v1/long-days", permission="long_days.approve", status=201)
async def approve_long_day(body: LongDayBody, work: Work, caller: Caller, policies: InForce) -> LongDayStateOut:
    """批准一名志愿者某日超时服务：当天的分钟上限改为批准的分钟，已削减的随即补计；积分的每日上限不变。

    Let more minutes of a day count, up to these: what the cap of the day took from service and time bank is given
    back, and later records count up to it. The cap in points stays. More than the policy's second number is for the
    district. Approving again with other minutes takes the place of the earlier approval.
    """
    # Nobody books until the commit: whoever books the day's service before it is seen here, and after it sees this.
    await shut_gate(await driver_connection(work.connection))
    known = (await known_volunteers(work.connection, [body.volunteer_id])).get(body.volunteer_id)
    if known is None:
        raise NotFound("volunteer")
    caller.require(known.community)
    terms = (await policies.terms(work.connection, known.community, body.day)).anomalies
    command = Approve(
        long_day_id=derived_id("points", "long-day", body.volunteer_id, body.day.isoformat()),
        community=known.community,
        volunteer_id=body.volunteer_id,
        day=body.day,
        today=local_day(work.now),
        minutes_max=body.minutes_max,
        community_from=Limit(terms.day_minutes_approval.value, terms.day_minutes_approval.version),
        district_from=Limit(terms.day_minutes_max.value, terms.day_minutes_max.version),
        reason=body.reason,
        office=caller.node,
        by=actor_id(work.vault, caller.subject),
        at=work.now,
    )
    return _state(await work.execute(LONG_DAYS, command.long_day_id, command))


@api.command("/v1/long-days/{long_day_id}/withdrawal", permission="long_days.approve")
async def withdraw_long_day(long_day_id: UUID, body: WithdrawalBody, work: Work, caller: Caller) -> LongDayStateOut:
    """撤回误批：当天上限恢复原样，因批准补计的随即收回。Take an approval back; what it had given goes back, too."""
    await shut_gate(await driver_connection(work.connection))
    await of_caller(work, caller, LONG_DAYS, long_day_id)
    command = Withdraw(body.reason, caller.node, actor_id(work.vault, caller.subject), work.now)
    return _state(await work.execute(LONG_DAYS, long_day_id, command))


@api.query("/v1/long-days", permission="long_days.read")
async def list_long_days(
    read: Read,
    caller: Caller,
    page: Paging,
    node: Within = None,
    volunteer_id: Annotated[UUID | None, Query(description="志愿者 volunteer")] = None,
    day: Annotated[Day | None, Query(description="日期 day")] = None,
    stage: Annotated[ListedStage | None, Query(description="状态 stage")] = None,
) -> NamedPage[LongDayOut]:
    """批准的超时服务清单；志愿者只见本人的。Approved long days, latest first; a volunteer sees their own."""
    own = caller.role is Role.VOLUNTEER
    query = select(long_days)
    query = query.where(
        long_days.c.volunteer_id == own_id(caller) if own else below(long_days.c.community, node, caller)
    )
    asked = (long_days.c.volunteer_id, volunteer_id), (long_days.c.day, day), (long_days.c.stage, stage)
    query = narrowed(query, *asked)
    order = [long_days.c.day, long_days.c.id]
    return await with_node_names(read, await page.fetch(read, query, order, _long_day, descending=True))


@api.query("/v1/long-days/{long_day_id}", permission="long_days.read")
async def get_long_day(long_day_id: UUID, read: Read, caller: Caller, response: Response) -> LongDayOut:
    """一日的批准。One long day."""
    row = (await read.execute(select(long_days).where(long_days.c.id == long_day_id))).first()
    if row is None:
        raise NotFound("long_day")
    caller.require(row.community, row.volunteer_id)
    etag(response, row.version)
    return _long_day(row)


def _state(long_day: LongDay) -> LongDayStateOut:
    assert long_day.id is not None
    assert long_day.volunteer_id is not None
    assert long_day.day is not None
    return LongDayStateOut(
        id=long_day.id,
        community=long_day.community,
        volunteer_id=long_day.volunteer_id,
        day=long_day.day,
        stage=long_day.stage,
        minutes_max=long_day.minutes_max,
        level=long_day.level,
    )


def _long_day(row: Any) -> LongDayOut:
    return LongDayOut(**{name: getattr(row, name) for name in LongDayOut.model_fields})
