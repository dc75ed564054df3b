"""Routes of policies: publish one, read them, and see what is in force in a place on a day."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import or_, select

from services.points.fields import Configured
from services.points.node_names import NamedPage, with_node_names
from services.points.policy.answers import TermsOut, terms_out
from services.points.policy.bodies import Receipt
from services.points.policy.consistency import require_consistent, require_not_needed
from services.points.policy.document import read_document
from services.points.policy.in_force import InForce
from services.points.policy.model import PublishPolicy, UnknownPolicy, WithdrawPolicy, require_ahead
from services.points.policy.ready import shipped_policies
from services.points.policy.receipts import Proposal
from services.points.policy.views import BOOK_ID, POLICIES
from services.points.tables import policies
from shared.clock import local_day, system_clock
from shared.contracts import NodeCode
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, NotFound, Paging, Read, Work
from shared.web.fields import Body, Day

api = Api(tags=["policies 积分办法"])

PolicyNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]
"""Version of a policy, in a path."""


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
    receipt: Receipt = None


class PolicyOut(BaseModel):
    """A published policy."""

    policy_version: int
    node: str | None
    in_force_from: date
    document: dict[str, Any]
    published_at: datetime
    withdrawn_at: datetime | None = Field(
        description="生效前已撤回，从未生效 withdrawn before its first day, never in force"
    )
    tried_at: datetime | None = Field(
        description="发布前何时试算过，早先发布的为空 when it was tried before; null for what was published long ago"
    )
    tried_months: int | None = Field(description="按最近几个月的服务试算 on the service of how many months")


class PublishedOut(BaseModel):
    """The policy as it was published."""

    policy_version: int
    node: str
    in_force_from: date


class WithdrawnOut(BaseModel):
    """The policy that was withdrawn."""

    policy_version: int
    node: str
    in_force_from: date


class ShippedOut(BaseModel):
    """A document that comes with the platform."""

    name: str
    title: dict[str, str]
    document: dict[str, Any]


class ShippedList(BaseModel):
    """All of them."""

    items: list[ShippedOut]


@api.command("/v1/policies", permission="policies.publish", status=201)
async def publish_policy(
    body: PublishBody, work: Work, caller: Caller, policies: InForce, settings: Configured
) -> PublishedOut:
    """发布积分办法，不追溯既往；先试算，再凭试算答复中的 receipt 发布。Publish a policy that was tried.

    It is never retroactive, and cannot be changed afterwards. Try it first: `POST /v1/policies/dry-run` with the same
    document, node and first day says who would get how much more or less, and gives the receipt that is needed here.
    Until its first day it can be withdrawn: `POST /v1/policies/{policy_version}/withdrawal`.
    """
    caller.require(body.node)
    document = read_document(body.document, complete=False)
    require_ahead(body.in_force_from, work.now)
    # Before the policies are read: what is published after them and before the commit is then met at the append.
    await work.load(POLICIES, BOOK_ID)
    book = await policies.book(work.connection)
    require_consistent(book, body.node, body.in_force_from, document)
    proposal = Proposal.policy(body.node, body.in_force_from, body.document)
    tried = proposal.require_tried(work.vault, book, body.receipt, work.now, settings.dry_run_holds_days)
    command = PublishPolicy(body.node, body.in_force_from, body.document, tried, work.now)
    state = await work.execute(POLICIES, BOOK_ID, command)
    return PublishedOut(policy_version=state.latest_version, node=body.node, in_force_from=body.in_force_from)


@api.command("/v1/policies/{policy_version}/withdrawal", permission="policies.publish")
async def withdraw_policy(
    policy_version: PolicyNumber, work: Work, caller: Caller, policies_in_force: InForce
) -> WithdrawnOut:
    """撤回尚未生效的积分办法；版本号不再使用，同一天可以另行发布。Withdraw a policy that is not in force yet.

    Another one can then be published for the same day, under a version of its own. What has begun stays.
    """
    row = (await work.connection.execute(select(policies).where(policies.c.policy_version == policy_version))).first()
    if row is None:
        raise UnknownPolicy
    caller.require(row.node or "")
    await work.execute(POLICIES, BOOK_ID, WithdrawPolicy(policy_version, work.now))
    # Of the policies as they are without this work's own event, which is not committed.
    require_not_needed(await policies_in_force.book(work.connection), policy_version, row.node, row.in_force_from)
    return WithdrawnOut(policy_version=policy_version, node=row.node, in_force_from=row.in_force_from)


@api.query("/v1/policies", permission="policies.read")
async def list_policies(read: Read, caller: Caller, page: Paging) -> NamedPage[PolicyOut]:
    """积分办法清单：本级、下级及上级的。Policies at the caller's node, below and above it."""
    above = [caller.node[:length] for length in (2, 4, 6, 9, 12) if length <= len(caller.node)]
    query = select(policies).where(
        or_(policies.c.node.is_(None), policies.c.node.in_(above), policies.c.node.startswith(caller.node))
    )
    return await with_node_names(read, await page.fetch(read, query, [policies.c.policy_version], _policy))


@api.query("/v1/policies/in-force", permission="policies.read")
async def get_terms(
    read: Read,
    caller: Caller,
    policies: InForce,
    community: Annotated[CommunityCode, Query(description="社区 community")],
    day: Annotated[Day | None, Query(description="日期，默认今天 the day, today if not given")] = None,
) -> TermsOut:
    """某社区某日适用的办法，逐项注明出处。What holds in a community on a day, and which policy says each number."""
    caller.require(community)
    day = day or local_day(system_clock())
    return terms_out(community, day, await policies.terms(read, community, day))


@api.query("/v1/policies/shipped", permission="policies.read")
async def list_shipped() -> ShippedList:
    """随平台提供的办法，可选用后发布。Documents that come with the platform, ready to be published for a node."""
    return ShippedList(
        items=[
            ShippedOut(name=policy.name, title=policy.document["title"], document=policy.document)
            for policy in shipped_policies()
        ]
    )


@api.query("/v1/policies/{policy_version}", permission="policies.read")
async def get_policy(policy_version: PolicyNumber, read: Read, caller: Caller) -> PolicyOut:
    """一份积分办法。One policy."""
    row = (await read.execute(select(policies).where(policies.c.policy_version == policy_version))).first()
    if row is None:
        raise NotFound("policy")
    if row.node is not None and not row.node.startswith(caller.node) and not caller.node.startswith(row.node):
        caller.require(row.node)
    return _policy(row)


def _policy(row: Any) -> PolicyOut:
    return PolicyOut(
        policy_version=row.policy_version,
        node=row.node,
        in_force_from=row.in_force_from,
        document=row.document,
        published_at=row.published_at,
        withdrawn_at=row.withdrawn_at,
        tried_at=row.tried_at,
        tried_months=row.tried_months,
    )
