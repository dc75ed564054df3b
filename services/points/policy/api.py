"""Routes of policies: publish one, read them, and see what is in force in a place on a day."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import or_, select

from services.points.policy.book import NoPolicyInForce, Said
from services.points.policy.document import read_document
from services.points.policy.model import PublishPolicy
from services.points.policy.views import BOOK_ID, POLICIES, PolicyShelf
from services.points.tables import policies
from shared.clock import local_day, system_clock
from shared.contracts import NodeCode
from shared.contracts.common import CommunityCode
from shared.database import driver_connection
from shared.web import Api, Caller, NotFound, Page, Paging, Read, Work
from shared.web.fields import Body, Day

api = Api(tags=["policies 积分办法"])


class PublishBody(Body):
    """发布积分办法 A policy for a node and everything below it; it says only what differs from the nodes above."""

    node: NodeCode
    in_force_from: Annotated[Day, Field(description="生效日，最早为明天 first day in force, tomorrow at the earliest")]
    document: Annotated[
        dict[str, Any],
        Field(
            examples=[
                {"title": {"zh": "嘉峪关市积分办法", "en": "Points in Jiayuguan"}, "caps_per_day": {"POINT": 80}},
            ]
        ),
    ]


class PolicyOut(BaseModel):
    """A published policy."""

    policy_version: int
    node: str | None
    in_force_from: date
    document: dict[str, Any]
    published_at: datetime


class PublishedOut(BaseModel):
    """The policy as it was published."""

    policy_version: int
    node: str
    in_force_from: date


class SaidOut(BaseModel):
    """A number and the policy that says it."""

    value: int
    policy_version: int


class EarnsOut(BaseModel):
    """Units that a tier of evidence earns, and the policy that says so."""

    units: list[str]
    policy_version: int


class TermsOut(BaseModel):
    """What holds in a community on a day."""

    community: str
    day: date
    minutes_per_point: SaidOut
    weights_percent: dict[str, SaidOut]
    evidence: dict[str, EarnsOut]
    caps_per_day: dict[str, SaidOut]


@api.command("/v1/policies", permission="policies.publish", status=201)
async def publish_policy(body: PublishBody, work: Work, caller: Caller) -> PublishedOut:
    """发布积分办法，不追溯既往。Publish a policy. It is never retroactive, and cannot be changed afterwards."""
    caller.require(body.node)
    read_document(body.document, complete=False)
    command = PublishPolicy(body.node, body.in_force_from, body.document, work.now)
    book = await work.execute(POLICIES, BOOK_ID, command)
    return PublishedOut(policy_version=book.latest_version, node=body.node, in_force_from=body.in_force_from)


@api.query("/v1/policies", permission="policies.read")
async def list_policies(read: Read, caller: Caller, page: Paging) -> Page[PolicyOut]:
    """积分办法清单：本级、下级及上级的。Policies at the caller's node, below and above it."""
    above = [caller.node[:length] for length in (2, 4, 6, 9, 12) if length <= len(caller.node)]
    query = select(policies).where(
        or_(policies.c.node.is_(None), policies.c.node.in_(above), policies.c.node.startswith(caller.node))
    )
    return await page.fetch(read, query, [policies.c.policy_version], _policy)


@api.query("/v1/policies/in-force", permission="policies.read")
async def get_terms(
    read: Read,
    caller: Caller,
    community: Annotated[CommunityCode, Query(description="社区 community")],
    day: Annotated[Day | None, Query(description="日期，默认今天 the day, today if not given")] = None,
) -> TermsOut:
    """某社区某日适用的办法，逐项注明出处。What holds in a community on a day, and which policy says each number."""
    caller.require(community)
    await read.execute(select(1))
    book = await PolicyShelf().current(await driver_connection(read))
    day = day or local_day(system_clock())
    try:
        terms = book.terms(community, day)
    except NoPolicyInForce:
        raise NotFound("policy") from None
    return TermsOut(
        community=community,
        day=day,
        minutes_per_point=_said(terms.minutes_per_point),
        weights_percent={kind: _said(said) for kind, said in terms.weights_percent.items()},
        evidence={
            tier: EarnsOut(units=sorted(units), policy_version=version)
            for tier, (units, version) in terms.evidence.items()
        },
        caps_per_day={unit.name: _said(said) for unit, said in terms.caps_per_day.items()},
    )


@api.query("/v1/policies/{policy_version}", permission="policies.read")
async def get_policy(policy_version: Annotated[int, Path(ge=1, le=2**31 - 1)], read: Read, caller: Caller) -> PolicyOut:
    """一份积分办法。One policy."""
    row = (await read.execute(select(policies).where(policies.c.policy_version == policy_version))).first()
    if row is None:
        raise NotFound("policy")
    if row.node is not None and not row.node.startswith(caller.node) and not caller.node.startswith(row.node):
        caller.require(row.node)
    return _policy(row)


def _said(said: Said) -> SaidOut:
    return SaidOut(value=said.value, policy_version=said.version)


def _policy(row: Any) -> PolicyOut:
    return PolicyOut(
        policy_version=row.policy_version,
        node=row.node,
        in_force_from=row.in_force_from,
        document=row.document,
        published_at=row.published_at,
    )
