"""Routes of budgets: fen are granted, and it is seen what is left."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from services.points.budgets.model import GrantBudget
from services.points.budgets.views import GRANTS
from services.points.fields import (
    Configured,
    Fen,
    ReversalBody,
    ReversalOut,
    Reversible,
    WhetherReversed,
    dated,
    reversing,
)
from services.points.ledger import holders
from services.points.market.taken_back import hold_row
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import accounts, budget_grants
from services.points.units import Unit
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, Paging, Read, Work
from shared.web.fields import Body, Code, Moment
from shared.web.nodes import of_caller

api = Api(tags=["budgets 采购经费"])


class GrantBody(Body):
    """拨付经费 Fen are set aside for a community's market."""

    community: CommunityCode
    amount_fen: Fen
    reference: Annotated[Code | None, Field(description="文号 number of the paper that grants it")] = None
    granted_at: Moment | None = None


class GrantOut(Reversible):
    """A grant."""

    id: UUID
    community: str
    amount_fen: int
    reference: str | None
    granted_at: datetime


class BudgetOut(BaseModel):
    """What a market has to buy goods with, and what it took at the counter."""

    community: str
    granted_fen: int
    spent_fen: int
    left_fen: int
    till_fen: int = Field(description="销售收入 fen taken at the counter")


@api.command("/v1/budgets", permission="budgets.grant", status=201)
async def grant_budget(body: GrantBody, work: Work, caller: Caller, settings: Configured) -> GrantOut:
    """拨付采购经费。Grant a budget in fen."""
    caller.require(body.community)
    grant_id = work.new_id()
    granted = dated(work, settings, body.granted_at)
    work.create(GRANTS, grant_id, GrantBudget(grant_id, body.community, body.amount_fen, body.reference, granted))
    return GrantOut(
        id=grant_id,
        community=body.community,
        amount_fen=body.amount_fen,
        reference=body.reference,
        granted_at=granted.at,
    )


@api.command("/v1/budgets/{grant_id}/reversal", permission="budgets.grant")
async def reverse_grant(
    grant_id: UUID, body: ReversalBody, work: Work, caller: Caller, settings: Configured
) -> ReversalOut:
    """撤回登记错误的拨款；经费已经用掉的不能撤回。

    Take a grant back that was entered wrongly, as a whole. Not where the money is spent.
    """
    await hold_row(work.connection, budget_grants, grant_id)
    await of_caller(work, caller, GRANTS, grant_id)
    command = reversing(work, settings, body)
    await work.execute(GRANTS, grant_id, command)
    return ReversalOut(id=grant_id, reason=command.reason, reversed_at=command.at)


@api.query("/v1/budgets", permission="purchases.read")
async def list_grants(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    reversed_: WhetherReversed = None,
) -> NamedPage[GrantOut]:
    """拨款清单。Grants to the markets of the caller's node."""
    query = select(budget_grants).where(budget_grants.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(budget_grants.c.community == community)
    if reversed_ is not None:
        query = query.where(budget_grants.c.reversed_at.is_not(None) == reversed_)
    return await with_node_names(read, await page.fetch(read, query, [budget_grants.c.id], _grant))


@api.query("/v1/budgets/{community}", permission="purchases.read")
async def get_budget(community: CommunityCode, read: Read, caller: Caller) -> BudgetOut:
    """一个社区的经费余额。What a community's market has left to spend, zero where nothing was granted yet."""
    caller.require(community)
    # By the grants and not by the account: what is taken back goes through it once more.
    granted = func.coalesce(func.sum(budget_grants.c.amount_fen), 0).label("granted")
    holding = select(granted).where(budget_grants.c.community == community, budget_grants.c.reversed_at.is_(None))
    query = select(accounts.c.holder, accounts.c.credits - accounts.c.debits, holding.scalar_subquery()).where(
        accounts.c.holder.in_([holders.budget(community), holders.till(community)]), accounts.c.unit == Unit.FEN
    )
    rows = (await read.execute(query)).all()
    left = {holder: amount for holder, amount, _ in rows}
    granted_fen, unspent_fen = int(rows[0][2]) if rows else 0, left.get(holders.budget(community), 0)
    return BudgetOut(
        community=community,
        granted_fen=granted_fen,
        spent_fen=granted_fen - unspent_fen,
        left_fen=unspent_fen,
        till_fen=left.get(holders.till(community), 0),
    )


def _grant(row: Any) -> GrantOut:
    return GrantOut(
        id=row.id,
        community=row.community,
        amount_fen=row.amount_fen,
        reference=row.reference,
        granted_at=row.granted_at,
        reversed_at=row.reversed_at,
        reversal_reason=row.reversal_reason,
    )
