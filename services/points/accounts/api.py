"""Routes of accounts: balances, and statements that say for every line where it comes from."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from services.points.accounts.visible import accounts_of, accounts_of_holder, visible_account
from services.points.fields import Holder, Seen, UnitCode
from services.points.ledger.clauses import Clause
from services.points.ledger.reading import pending, posted, statement
from services.points.node_names import NamedPage, with_node_names
from services.points.tables import accounts, units
from shared.clock import system_clock
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, NotFound, Page, Paging, Read, etag
from shared.web.problems import Texts, language_of

api = Api(tags=["accounts 积分账户"])


class AccountOut(BaseModel):
    """An account and its balance."""

    holder: str = Field(examples=["0192d3a0-5b7c-7d3e-8f00-2b1c3d4e5f60"])
    unit: str = Field(examples=["POINT"])
    community: str
    posted: int = Field(description="已入账余额 credits less debits that are final")
    pending: int = Field(description="其中冻结 of these, held")
    available: int = Field(description="可用 what can be spent; negative where points already spent were taken back")
    owed: int = Field(description="欠额 what must be earned before anything can be spent again")
    version: int


class BalanceOut(BaseModel):
    """The balance of an account at a moment."""

    holder: str
    unit: str
    at: datetime
    known_at: datetime | None = Field(description="按此时所知，空为按现在所知 null: as known now")
    posted: int = Field(description="已入账余额 what had happened until then")
    pending: int = Field(description="其中冻结 of these, held at that moment")
    available: int = Field(description="可用 what could be spent")


class LineOut(BaseModel):
    """One line of a statement."""

    id: int
    occurred_at: datetime
    recorded_at: datetime
    amount: int = Field(description="增减 what the account gained, negative for what it gave")
    balance_after: int = Field(description="此后余额 posted balance after this line")
    reason: str = Field(examples=["rate"], description="Code of the clause.")
    reason_text: str = Field(description="原因 the clause in words")
    counterparty: str = Field(description="对方 the other holder")
    event_id: UUID = Field(description="来源事件 the event that caused it")
    record_id: UUID = Field(description="服务记录、兑换或入库 the service record, redemption or receipt")
    policy_version: int | None
    corrects: int | None = Field(description="所更正的流水 the line that this one corrects")


@api.query("/v1/accounts", permission="accounts.read")
async def list_accounts(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    unit: Annotated[UnitCode | None, Query(description="单位 unit")] = None,
) -> NamedPage[AccountOut]:
    """账户清单。Accounts of the caller's node; a volunteer sees their own."""
    query = accounts_of(caller)
    if community is not None:
        query = query.where(accounts.c.community == community)
    if unit is not None:
        query = query.where(units.c.code == unit)
    order = [accounts.c.community, accounts.c.unit, accounts.c.holder]
    return await with_node_names(read, await page.fetch(read, query, order, _account))


@api.query("/v1/accounts/{holder}", permission="accounts.read")
async def get_accounts_of_holder(holder: Holder, read: Read, caller: Caller) -> list[AccountOut]:
    """某人（或机构）的全部账户。All accounts of a holder."""
    query = await accounts_of_holder(read, caller, holder)
    rows = (await read.execute(query.order_by(accounts.c.unit).limit(500))).all()
    if not rows:
        raise NotFound("account")
    return [_account(row) for row in rows]


@api.query("/v1/accounts/{holder}/{unit}", permission="accounts.read")
async def get_account(holder: Holder, unit: UnitCode, read: Read, caller: Caller, response: Response) -> AccountOut:
    """一个账户的余额。The balance of one account."""
    row = await visible_account(read, caller, holder, unit)
    etag(response, row.version)
    return _account(row)


@api.query("/v1/accounts/{holder}/{unit}/balance", permission="accounts.read")
async def get_balance(holder: Holder, unit: UnitCode, read: Read, caller: Caller, sight: Seen) -> BalanceOut:
    """任一时刻的余额，按当时或现在所知。The balance at any moment, as it was known then or is known now."""
    row = await visible_account(read, caller, holder, unit, with_lines=True)
    at = sight.until or system_clock()
    balance = await posted(read, row.id, sight)
    held = await pending(read, row.id, at)
    return BalanceOut(
        holder=row.holder,
        unit=row.code,
        at=at,
        known_at=sight.known_at,
        posted=balance,
        pending=held,
        available=balance - held,
    )


@api.query("/v1/accounts/{holder}/{unit}/statement", permission="accounts.read")
async def get_statement(
    request: Request, holder: Holder, unit: UnitCode, read: Read, caller: Caller, page: Paging, sight: Seen
) -> Page[LineOut]:
    """对账单，从新到旧，逐笔注明来源和依据。Statement, newest first: for every line its source and its ground."""
    row = await visible_account(read, caller, holder, unit, with_lines=True)
    query, order, params = statement(row.id, sight)
    found: Page[Any] = await page.fetch(read, query, order, lambda line: line, descending=True, params=params)
    texts: Texts = request.app.state.texts
    language = language_of(request)
    lines = []
    top = found.items[0] if found.items else None
    balance = await posted(read, row.id, sight, after=(top.occurred_at, top.id)) if top is not None else 0
    for line in found.items:
        lines.append(_line(line, balance, texts, language))
        balance -= line.amount
    return Page(items=lines, next_cursor=found.next_cursor)


def _line(line: Any, balance: int, texts: Texts, language: str) -> LineOut:
    reason = Clause(line.clause).name.lower()
    return LineOut(
        id=line.id,
        occurred_at=line.occurred_at,
        recorded_at=line.recorded_at,
        amount=line.amount,
        balance_after=balance,
        reason=reason,
        reason_text=texts.word(language, f"clause.{reason}"),
        counterparty=line.counterparty,
        event_id=line.event_id,
        record_id=line.record_id,
        policy_version=line.policy_version,
        corrects=line.corrects,
    )


def _account(row: Any) -> AccountOut:
    posted = row.credits - row.debits
    return AccountOut(
        holder=row.holder,
        unit=row.code,
        community=row.community,
        posted=posted,
        pending=row.pending_debits,
        available=posted - row.pending_debits,
        owed=row.owed,
        version=row.version,
    )
