"""What a statement says: the balance it begins with, every line in words, the balance it ends with."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.accounts.numbers import numbers_of
from services.points.explain import facts
from services.points.explain.telling import tell
from services.points.ledger.reading import Sight, posted
from services.points.node_names import named, names_of
from services.points.policy.book import PolicyBook
from services.points.tables import items
from services.points.teams import team_names
from shared.clock import day_start, local_day
from shared.contracts import Refusal, refuse_if
from shared.web.problems import Texts

_MOMENT = timedelta(microseconds=1)


class StatementTooLong(Refusal):
    """More lines than the form can carry. Params: `lines_max`."""

    code: ClassVar[str] = "statement_too_long"
    status: ClassVar[int] = 422


class StatementPeriodInverted(Refusal):
    """The last day is before the first."""

    code: ClassVar[str] = "statement_period_inverted"
    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a statement."""

    occurred_at: datetime
    text: str
    """What happened, to be read beside its day."""
    amount: int
    balance_after: int


@dataclass(frozen=True, slots=True)
class Statement:
    """An account over a period, oldest line first."""

    holder: str
    known_as: str | None
    """A volunteer's number, which is on their card, as the id of the account is not; a team's name."""
    community: str
    """As people read it: with its name, where that is known."""
    unit: str
    item: str | None
    """What the pieces are, of an account of goods."""
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
    """The statement of an account over days, both included. Raises `StatementPeriodInverted`, `StatementTooLong`."""
    refuse_if(last < first, StatementPeriodInverted)
    since, until = day_start(first), day_start(last + timedelta(days=1)) - _MOMENT
    sight = Sight(until=until, since=since)
    account = await facts.account_of(read, row)
    query, order, params = facts.lines(account, sight)
    query = query.order_by(*(column.desc() for column in order)).limit(lines_max + 1)
    rows = (await read.execute(query, params)).all()
    refuse_if(len(rows) > lines_max, StatementTooLong(lines_max=lines_max))
    lines = [facts.line_of(row) for row in rows]
    told = await tell(read, account, row.code, lines, sight, book, texts, language)
    opening = await posted(read, account.id, Sight(until=since - _MOMENT))
    entries, balance = [], opening
    for line, sentence in zip(reversed(lines), reversed(told.sentences), strict=True):
        balance += line.amount
        entries.append(Entry(line.occurred_at, _beside_its_day(line.occurred_at, sentence.text), line.amount, balance))
    known_as, item = await _known_as(read, row.holder), await _item_of(read, row.code)
    community = named(row.community, await names_of(read, [row.community]))
    return Statement(row.holder, known_as, community, row.code, item, first, last, opening, balance, entries)


async def _known_as(read: AsyncConnection, holder: str) -> str | None:
    kind, _, rest = holder.rpartition(":")
    if kind and kind != "team":  # a market, a pool, a donor
        return None
    one = UUID(rest)
    return (await (team_names if kind else numbers_of)(read, [one])).get(one)


async def _item_of(read: AsyncConnection, unit: str) -> str | None:
    _, of_goods, item_id = unit.partition(":")
    name: str | None = await read.scalar(select(items.c.name).where(items.c.id == UUID(item_id))) if of_goods else None
    return name


def _beside_its_day(at: datetime, text: str) -> str:
    """A sentence that begins with its day, without it; the day stands in a column of its own."""
    day = local_day(at).isoformat()
    if not text.startswith(day):
        return text
    text = text.removeprefix(day).lstrip(" :：")
    return text[:1].upper() + text[1:]


def account_name(statement: Statement, texts: Texts, language: str) -> str:
    """Which account it is, with its unit: minutes of the time bank and of the service record look alike."""
    name = texts.word(language, f"account.{statement.unit.partition(':')[0]}")
    return name if statement.item is None else f"{statement.item} · {name}"


def holder_name(statement: Statement) -> str:
    """Whose it is: the number or name that people know, or the account's id where there is none."""
    return statement.known_as or statement.holder
