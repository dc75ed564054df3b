"""Routes of lots: which points can be spent until when, and whose lapse by a day."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Select, exists, select

from services.points.accounts.numbers import numbers_of
from services.points.accounts.visible import accounts_of, visible_account
from services.points.expiry.lapsing import Lapsing
from services.points.expiry.lots import Lot
from services.points.expiry.terms import earning_days
from services.points.fields import Clocked, Holder
from services.points.ledger.writing import LedgerWriter
from services.points.node_names import NamedPage, with_node_names
from services.points.policy.in_force import InForce
from services.points.tables import accounts, days
from services.points.units import Unit
from shared.clock import local_day
from shared.contracts import NodeCode
from shared.database import driver_connection
from shared.web import Api, Caller, NotFound, Page, Read
from shared.web.fields import Day
from shared.web.paging import ShortPaging
from shared.web.problems import Texts, language_of

api = Api(tags=["accounts 积分账户"])


class LotOut(BaseModel):
    """Points of one service record."""

    record_id: UUID
    earned_at: datetime
    amount: int = Field(description="获得 what it brought, after corrections and caps")
    spent: int = Field(description="已用 what was spent of it, first earned first spent")
    lapsed: int = Field(description="已失效 what has lapsed of it")
    left: int = Field(description="剩余 what can be spent")
    last_day: date | None = Field(
        description="最后可用日，空为长期有效 last day on which it can be spent; null for ever"
    )
    policy_version: int | None


class LotsOut(BaseModel):
    """The lots of an account of points, the one that is spent next first."""

    text: str = Field(description="最近到期的积分 what lapses next, in words")
    items: list[LotOut]


class LapsingOut(BaseModel):
    """Points that can be spent on one day for the last time."""

    last_day: date
    points: int


class ExpiringOut(BaseModel):
    """What lapses of one volunteer's points, unless it is spent before."""

    volunteer_id: UUID
    volunteer_number: str | None
    community: str
    points: int = Field(description="到该日共失效 all that lapses by the day asked for")
    days: list[LapsingOut] = Field(description="最后可用日，从早到晚 by the last day on which they can be spent")


@api.query("/v1/expiring-points", permission="accounts.read")
async def list_expiring(
    read: Read,
    caller: Caller,
    in_force: InForce,
    page: ShortPaging,
    clock: Clocked,
    until: Annotated[Day, Query(description="到这一天为止 the last of the last days")],
    node: Annotated[NodeCode | None, Query(description="节点，默认本节点 node, the caller's own if not given")] = None,
) -> NamedPage[ExpiringOut]:
    """到某日为止将失效的积分，按志愿者。Whose points lapse by a day if they are not spent; a volunteer sees their own.

    A page looks at as many people as asked for and leaves out those who have spent it all, so it may be short; go on
    as long as there is a `next_cursor`.
    """
    book, today = await in_force.book(read), local_day(clock())
    query = accounts_of(caller).where(accounts.c.unit == int(Unit.POINT))
    if node is not None:
        caller.require(node)
        query = query.where(accounts.c.community.startswith(node))
    earned = earning_days(book.expiry_rules, today, until)
    if earned is None:
        return NamedPage(items=[], node_names={})
    order = [accounts.c.community, accounts.c.holder]
    found: Page[Any] = await page.fetch(read, _served_between(query, *earned), order, lambda row: row)
    purses = {row.id: row for row in found.items}
    lapsing = Lapsing(LedgerWriter())
    courses = await lapsing.courses(await driver_connection(read), book, list(purses), with_suspected=True)
    numbers = await numbers_of(read, (UUID(row.holder) for row in purses.values()))
    answers = [_expiring(row, numbers, courses[account].lots, today, until) for account, row in purses.items()]
    told = [answer for answer in answers if answer.days]
    return await with_node_names(read, Page(items=told, next_cursor=found.next_cursor))


def _served_between(query: Select[Any], first: date, last: date) -> Select[Any]:
    """Accounts with something on them, whose holders served on some of these days."""
    record = accounts.alias("record")
    served = (
        select(record.c.id)
        .join(days, days.c.account == record.c.id)
        .where(record.c.holder == accounts.c.holder, record.c.unit == int(Unit.SERVICE_MINUTE))
        .where(days.c.day.between(first, last))
    )
    return query.where(accounts.c.id > 0, accounts.c.credits > accounts.c.debits, exists(served))


def _expiring(row: Any, numbers: Mapping[UUID, str], lots: Sequence[Lot], today: date, until: date) -> ExpiringOut:
    person = UUID(row.holder)
    lapsing: Counter[date] = Counter()
    for lot in lots:
        if lot.left and lot.term.last_day is not None and today <= lot.term.last_day <= until:
            lapsing[lot.term.last_day] += lot.left
    return ExpiringOut(
        volunteer_id=person,
        volunteer_number=numbers.get(person),
        community=row.community,
        points=lapsing.total(),
        days=[LapsingOut(last_day=day, points=points) for day, points in sorted(lapsing.items())],
    )


@api.query("/v1/accounts/{holder}/POINT/lots", permission="accounts.read")
async def list_lots(
    request: Request, holder: Holder, read: Read, caller: Caller, in_force: InForce, all_lots: bool = False
) -> LotsOut:
    """积分批次：各批积分的最后可用日。Which points can be spent until when; the first earned are spent first."""
    row = await visible_account(read, caller, holder, Unit.POINT.name, with_lines=True)
    try:
        UUID(row.holder)
    except ValueError:
        raise NotFound("account") from None
    book = await in_force.book(read)
    lots = (await Lapsing(LedgerWriter()).courses(await driver_connection(read), book, [row.id]))[row.id].lots
    shown = [lot for lot in lots if all_lots or lot.left]
    texts: Texts = request.app.state.texts
    dated = [lot.term.last_day for lot in lots if lot.left and lot.term.last_day is not None]
    next_day = min(dated, default=None)
    points = sum(lot.left for lot in lots if lot.left and lot.term.last_day == next_day)
    sentence = "expiry.none" if next_day is None else "expiry.next"
    return LotsOut(
        text=texts.get(language_of(request), sentence, {"points": points, "day": str(next_day)}),
        items=[
            LotOut(
                record_id=lot.record_id,
                earned_at=lot.earned_at,
                amount=lot.amount,
                spent=lot.spent,
                lapsed=lot.lapsed,
                left=lot.left,
                last_day=lot.term.last_day,
                policy_version=lot.term.policy_version or None,
            )
            for lot in shown
        ],
    )
