"""Routes of the public pool: what it has, and where that came from and went. Nobody is named."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy import select

from services.points.fields import Seen
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.reading import posted, statement
from services.points.tables import accounts
from services.points.units import Unit
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, Page, Paging, Read
from shared.web.problems import Texts, language_of

api = Api(tags=["public pools 公共池"])


class PoolOut(BaseModel):
    """A pool, in minutes; 60 are one coin."""

    community: str
    posted_minutes: int = Field(description="余额 what it has")
    pending_minutes: int = Field(description="其中冻结 of these, held for orders")
    available_minutes: int = Field(description="可用 what can be given")


class PoolLineOut(BaseModel):
    """One line of a pool's history."""

    id: int
    occurred_at: datetime
    amount: int = Field(description="增减分钟 minutes that the pool gained, negative for what it gave")
    balance_after: int
    reason: str = Field(examples=["donated_to_pool"], description="Code of the clause.")
    reason_text: str = Field(description="原因 the clause in words")
    record_id: UUID = Field(description="捐出、订单或身故 the gift, order or death")


@api.query("/v1/pools/{community}", permission="pools.read")
async def get_pool(community: CommunityCode, read: Read, caller: Caller) -> PoolOut:
    """公共池余额。What the pool of a community has."""
    caller.require(community)
    row = await _account(read, community)
    has, held = (0, 0) if row is None else (row.credits - row.debits, row.pending_debits)
    return PoolOut(community=community, posted_minutes=has, pending_minutes=held, available_minutes=has - held)


@api.query("/v1/pools/{community}/history", permission="pools.read")
async def get_pool_history(
    request: Request, community: CommunityCode, read: Read, caller: Caller, page: Paging, sight: Seen
) -> Page[PoolLineOut]:
    """公共池流水，从新到旧，不列姓名。Where its minutes came from and went, newest first."""
    caller.require(community)
    row = await _account(read, community)
    if row is None:
        return Page(items=[])
    query, order, params = statement(row.id, sight)
    found: Page[Any] = await page.fetch(read, query, order, lambda line: line, descending=True, params=params)
    texts: Texts = request.app.state.texts
    language = language_of(request)
    top, lines = (found.items[0] if found.items else None), []
    balance = await posted(read, row.id, sight, after=(top.occurred_at, top.id)) if top is not None else 0
    for line in found.items:
        reason = Clause(line.clause).name.lower()
        lines.append(
            PoolLineOut(
                id=line.id,
                occurred_at=line.occurred_at,
                amount=line.amount,
                balance_after=balance,
                reason=reason,
                reason_text=texts.word(language, f"clause.{reason}"),
                record_id=line.record_id,
            )
        )
        balance -= line.amount
    return Page(items=lines, next_cursor=found.next_cursor)


async def _account(read: Any, community: str) -> Any:
    query = select(accounts).where(accounts.c.holder == holders.pool(community), accounts.c.unit == int(Unit.MINUTE))
    return (await read.execute(query)).first()
