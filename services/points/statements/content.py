"""What a statement says: the balance it begins with, every line in words, the balance it ends with."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.explain import facts
from services.points.explain.telling import tell
from services.points.ledger.reading import Sight, posted
from services.points.policy.book import PolicyBook
from shared.clock import day_start
from shared.contracts import Refusal, refuse_if
from shared.web.problems import Texts

_MOMENT = timedelta(microseconds=1)


class StatementTooLong(Refusal):
    """More lines than the form can carry. Params: `lines_max`."""

    code: ClassVar[str] = "statement_too_long"
    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a statement."""

    occurred_at: datetime
    text: str
    amount: int
    balance_after: int


@dataclass(frozen=True, slots=True)
class Statement:
    """An account over a period, oldest line first."""

    holder: str
    community: str
    unit: str
    first: date
    last: date
    opening: int
    closing: int
    entries: list[Entry]


async def statement_of(
    read: AsyncConnection,
    row: Any,
    first: date,
    last: date,
    *,
    lines_max: int,
    book: PolicyBook,
    texts: Texts,
    language: str,
) -> Statement:
    """The statement of an account over days, both included. Raises `StatementTooLong`."""
    since, until = day_start(first), day_start(last + timedelta(days=1)) - _MOMENT
    sight = Sight(until=until, since=since)
    account = await facts.account_of(read, row)
    query, (occurred_at, number) = facts.lines(account, sight)
    rows = (await read.execute(query.order_by(occurred_at.desc(), number.desc()).limit(lines_max + 1))).all()
    refuse_if(len(rows) > lines_max, StatementTooLong(lines_max=lines_max))
    lines = [facts.line_of(row) for row in rows]
    told = await tell(read, account, row.code, lines, sight, book, texts, language)
    opening = await posted(read, account.id, Sight(until=since - _MOMENT))
    entries, balance = [], opening
    for line, sentence in zip(reversed(lines), reversed(told.sentences), strict=True):
        balance += line.amount
        entries.append(Entry(line.occurred_at, sentence.text, line.amount, balance))
    return Statement(row.holder, row.community, row.code, first, last, opening, balance, entries)
