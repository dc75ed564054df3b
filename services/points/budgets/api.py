"""Routes of budgets: fen are granted, and it is seen what is left."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import select

from services.points.budgets.model import GrantBudget
from services.points.budgets.views import GRANTS
from services.points.fields import Configured, Fen, dated
from services.points.ledger import holders
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import accounts, budget_grants
from services.points.units import Unit
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, Paging, Read, Work
from shared.web.fields import Body, Code, Moment

api = Api(tags=["budgets 采购经费"])


class GrantBody(Body):
    """拨付经费 Fen are set aside for a community's market."""

    community: CommunityCode
    amount_fen: Fen
    reference: Annotated[Code | None, Field(description="文号 number of the paper that grants it")] = None
    granted_at: Moment | None = None


class GrantOut(BaseModel):
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


@api.query("/v1/budgets", permission="purchases.read")
async def list_grants(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
) -> NamedPage[GrantOut]:
    """拨款清单。Grants to the markets of the caller's node."""
    query = select(budget_grants).where(budget_grants.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(budget_grants.c.community == community)
    return await with_node_names(read, await page.fetch(read, query, [budget_grants.c.id], _grant))


@api.query("/v1/budgets/{community}", permission="purchases.read")
async def get_budget(community: CommunityCode, read: Read, caller: Caller) -> BudgetOut:
    """一个社区的经费余额。What a community's market has left to spend, zero where nothing was granted yet."""
    caller.require(community)
    query = select(accounts.c.holder, accounts.c.credits, accounts.c.debits).where(
        accounts.c.holder.in_([holders.budget(community), holders.till(community)]), accounts.c.unit == Unit.FEN
    )
    by_holder = {row.holder: row for row in await read.execute(query)}
    budget, till = by_holder.get(holders.budget(community)), by_holder.get(holders.till(community))
    granted, spent = (budget.credits, budget.debits) if budget is not None else (0, 0)
    taken = till.credits - till.debits if till is not None else 0
    return BudgetOut(
        community=community, granted_fen=granted, spent_fen=spent, left_fen=granted - spent, till_fen=taken
    )


def _grant(row: Any) -> GrantOut:
    return GrantOut(
        id=row.id,
        community=row.community,
        amount_fen=row.amount_fen,
        reference=row.reference,
        granted_at=row.granted_at,
    )
