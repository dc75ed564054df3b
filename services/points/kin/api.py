"""Routes of kin: enter, verify, end; and who is related to whom."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel
from sqlalchemy import or_, select

from services.points.accounts.known import known_volunteers
from services.points.beneficiaries.views import BENEFICIARIES, beneficiary_row, home_now, home_of
from services.points.deaths.gate import enter_gate, shut_gate
from services.points.fields import own_id
from services.points.kin.model import (
    End,
    ListedStage,
    Propose,
    Stage,
    Tie,
    Verify,
)
from services.points.kin.views import TIES, beneficiaries_of
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import beneficiaries, kin, members
from shared.auth.actors import actor_id
from shared.auth.permissions import Role
from shared.auth.tokens import OutsideNode, Principal
from shared.contracts.common import CommunityCode
from shared.contracts.time_bank import KinRelation
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Paging, Read, Work, etag
from shared.web.fields import Body

api = Api(tags=["kin 亲属"])


class KinBody(Body):
    """登记亲属关系 What the beneficiary is to the volunteer."""

    volunteer_id: UUID
    beneficiary_id: UUID
    relation: KinRelation


class KinStateOut(BaseModel):
    """The relation as the command left it."""

    id: UUID
    community: str
    volunteer_id: UUID
    beneficiary_id: UUID
    stage: Stage


class KinOut(KinStateOut):
    """A relation."""

    relation: KinRelation
    proposed_at: datetime
    verified_at: datetime | None
    ended_at: datetime | None


@api.command("/v1/kin", permission="kin.manage", status=201)
async def propose_kin(body: KinBody, work: Work, caller: Caller) -> KinStateOut:
    """登记亲属关系，须由另一人核实。Enter a relation; it counts once a second person has verified it."""
    await enter_gate(work.connection)
    beneficiary = await beneficiary_row(work.connection, body.beneficiary_id)
    caller.require(beneficiary.community)
    known = (await known_volunteers(work.connection, [body.volunteer_id])).get(body.volunteer_id)
    kin_id = work.new_id()
    command = Propose(
        kin_id=kin_id,
        community=beneficiary.community,
        volunteer_id=body.volunteer_id,
        volunteer_known=known is not None and not known.closed,
        beneficiary_id=body.beneficiary_id,
        beneficiary_volunteer_id=beneficiary.volunteer_id,
        beneficiary_forgotten=beneficiary.forgotten_at is not None,
        relation=body.relation,
        by=actor_id(work.vault, caller.subject),
        at=work.now,
    )
    return _state(work.create(TIES, kin_id, command))


@api.command("/v1/kin/{kin_id}/verification", permission="kin.manage")
async def verify_kin(kin_id: UUID, work: Work, caller: Caller) -> KinStateOut:
    """核实亲属关系（看过户口簿、结婚证等）；登记人不能核实。Verify it from the papers; not by who entered it."""
    tie = await _tie(work, caller, kin_id)
    await enter_gate(work.connection)
    assert tie.beneficiary_id is not None
    beneficiary = (await work.load(BENEFICIARIES, tie.beneficiary_id)).state
    by = actor_id(work.vault, caller.subject)
    command = Verify(by, beneficiary.forgotten, work.now, beneficiary.volunteer_id)
    return _state(await work.execute(TIES, kin_id, command))


@api.command("/v1/kin/{kin_id}/end", permission="kin.manage")
async def end_kin(kin_id: UUID, work: Work, caller: Caller) -> KinStateOut:
    """亲属关系结束或登记有误；已下的订单不受影响。The relation ended, or was wrong; orders that were made stay."""
    await _tie(work, caller, kin_id)
    await shut_gate(work.connection)
    return _state(await work.execute(TIES, kin_id, End(actor_id(work.vault, caller.subject), work.now)))


@api.query("/v1/kin", permission="kin.read")
async def list_kin(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    beneficiary_id: Annotated[UUID | None, Query(description="服务对象 beneficiary")] = None,
    volunteer_id: Annotated[UUID | None, Query(description="志愿者 volunteer")] = None,
    stage: Annotated[ListedStage | None, Query(description="状态 stage")] = None,
) -> NamedPage[KinOut]:
    """亲属关系清单；志愿者只见本人的。Relations of the caller's node; a volunteer sees their own."""
    own = caller.role is Role.VOLUNTEER
    query = _ROWS.where(_of(own_id(caller)) if own else home_now.startswith(caller.node))
    for column, wanted in (
        (home_now, community),
        (kin.c.beneficiary_id, beneficiary_id),
        (kin.c.volunteer_id, volunteer_id),
        (kin.c.stage, None if stage is None else stage.value),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    return await with_node_names(read, await page.fetch(read, query, [kin.c.id], _kin))


@api.query("/v1/kin/{kin_id}", permission="kin.read")
async def get_kin(kin_id: UUID, read: Read, caller: Caller, response: Response) -> KinOut:
    """一条亲属关系。One relation."""
    row = (await read.execute(_ROWS.where(kin.c.id == kin_id))).first()
    if row is None:
        raise NotFound("kin")
    if caller.role is Role.VOLUNTEER:
        mine = select(kin.c.id).where(kin.c.id == kin_id, _of(own_id(caller)))
        if await read.scalar(mine) is None:
            raise OutsideNode
    else:
        caller.require(row.community)
    etag(response, row.version)
    return _kin(row)


# A relation is with the office where the beneficiary lives, also after they have moved.
_ROWS = (
    select(*(column for column in kin.c if column is not kin.c.community), home_now.label("community"))
    .join(beneficiaries, beneficiaries.c.id == kin.c.beneficiary_id)
    .outerjoin(members, members.c.volunteer_id == beneficiaries.c.volunteer_id)
)


async def _tie(work: UnitOfWork, caller: Principal, kin_id: UUID) -> Tie:
    """A relation that the caller's office has in hand. Raises `NotFound` or `OutsideNode`."""
    tie = (await work.load(TIES, kin_id)).state
    if tie.beneficiary_id is None:
        raise NotFound("kin")
    caller.require(await home_of(work.connection, tie.beneficiary_id))
    return tie


def _of(volunteer_id: UUID) -> Any:
    """Relations that a volunteer is one side of."""
    return or_(kin.c.volunteer_id == volunteer_id, kin.c.beneficiary_id.in_(beneficiaries_of(volunteer_id)))


def _state(tie: Tie) -> KinStateOut:
    assert tie.id is not None
    assert tie.volunteer_id is not None
    assert tie.beneficiary_id is not None
    return KinStateOut(
        id=tie.id,
        community=tie.community,
        volunteer_id=tie.volunteer_id,
        beneficiary_id=tie.beneficiary_id,
        stage=tie.stage,
    )


def _kin(row: Any) -> KinOut:
    return KinOut(
        id=row.id,
        community=row.community,
        volunteer_id=row.volunteer_id,
        beneficiary_id=row.beneficiary_id,
        stage=Stage(row.stage),
        relation=KinRelation(row.relation),
        proposed_at=row.proposed_at,
        verified_at=row.verified_at,
        ended_at=row.ended_at,
    )
