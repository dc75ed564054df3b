"""Reads from the ledger: statements line by line, and balances at any moment, as known then or as known now."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Table,
    and_,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from services.points.tables import accounts, holds, transfers
from shared.clock import day_start

_KEPT = (
    transfers.c.id,
    transfers.c.occurred_at,
    transfers.c.recorded_at,
    transfers.c.clause,
    transfers.c.event_id,
    transfers.c.record_id,
    transfers.c.policy_version,
    transfers.c.corrects,
    transfers.c.kind,
    transfers.c.evidence,
    transfers.c.minutes,
)

COLUMNS = (*(str(column.key) for column in _KEPT), "amount", "other", "counterparty")
"""Names of the columns of a line, in the order in which a row of `lines_of` holds them."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How much of the ledger is looked at: what happened until a moment, as far as it was known at a moment.

    None is no limit: until today, and as it is known now. `since` leaves earlier lines out, not what they amount to.
    """

    until: datetime | None = None
    known_at: datetime | None = None
    since: datetime | None = None

    def within(self, first: date, last: date) -> "Sight":
        """As much of it as happened between two days, both included."""
        end = day_start(last + timedelta(days=1)) - timedelta.resolution
        return replace(self, since=day_start(first), until=end if self.until is None else min(self.until, end))

    def shows(self, occurred_at: datetime, recorded_at: datetime) -> bool:
        """Whether a line of these times is in sight."""
        known = self.known_at is None or recorded_at <= self.known_at
        happened = self.until is None or occurred_at <= self.until
        return known and happened and (self.since is None or occurred_at >= self.since)

    def conditions(self, table: Table = transfers) -> list[ColumnElement[bool]]:
        """On `transfers`, or another table of what happened and when it was known."""
        found: list[ColumnElement[bool]] = []
        if self.until is not None:
            found.append(table.c.occurred_at <= self.until)
        if self.known_at is not None:
            found.append(table.c.recorded_at <= self.known_at)
        if self.since is not None:
            found.append(table.c.occurred_at >= self.since)
        return found


EVERYTHING = Sight()


def on(side: ColumnElement[Any], account: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Transfers with an account on one side, so said that its partial index can be used."""
    # The second half is what the partial index says of itself; without it the planner may not use the index.
    return (side == account) & (side > literal_column("0"))


def sides(account: int, sight: Sight = EVERYTHING) -> list[Select[Any]]:
    """Queries for what an account gained and what it gave, `amount` signed; each uses the index of its side."""
    assert account > 0, "accounts of issue have no statement"
    seen = sight.conditions()
    return [
        select(*_KEPT, transfers.c.amount.label("amount"), transfers.c.debit_account.label("other")).where(
            on(transfers.c.credit_account, account), *seen
        ),
        select(*_KEPT, (-transfers.c.amount).label("amount"), transfers.c.credit_account.label("other")).where(
            on(transfers.c.debit_account, account), *seen
        ),
    ]


def lines_of(*queries: Select[Any]) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """One query for the lines of several, and the order that pages follow: when it happened, then the number."""
    lines = union_all(*queries).subquery("lines")
    # Looked up for the rows of a page only; a join could be planned as one over all accounts.
    counterparty = select(accounts.c.holder).where(accounts.c.id == lines.c.other).scalar_subquery()
    return select(lines, counterparty.label("counterparty")), [lines.c.occurred_at, lines.c.id]


def statement(account: int, sight: Sight = EVERYTHING) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """A query for the lines of an account, and the order that pages follow.

    Each side of the account has an index in just this order, so a page costs what is on it. Not for accounts of
    issue, which are in no index.
    """
    return lines_of(*sides(account, sight))


async def posted(
    connection: AsyncConnection, account: int, sight: Sight = EVERYTHING, *, after: tuple[datetime, int] | None = None
) -> int:
    """The posted balance in a sight; `after` a line (its moment and number) where one is given.

    As known now it is today's balance less everything later, which is little for the recent past.
    """
    edge = tuple_(transfers.c.occurred_at, transfers.c.id)
    line = None if after is None else tuple_(literal(after[0]), literal(after[1], BigInteger))

    def total(side: ColumnElement[Any], condition: ColumnElement[bool]) -> ColumnElement[int]:
        amounts = select(func.sum(transfers.c.amount)).where(on(side, account), condition)
        return func.coalesce(amounts.scalar_subquery(), 0)

    if sight.known_at is None:
        later = edge > line if line is not None else None
        if later is None and sight.until is not None:
            later = transfers.c.occurred_at > sight.until
        balance: ColumnElement[int] = accounts.c.credits - accounts.c.debits
        if later is not None:
            balance = balance - total(transfers.c.credit_account, later) + total(transfers.c.debit_account, later)
    else:
        seen = and_(*replace(sight, since=None).conditions(), *([edge <= line] if line is not None else []))
        balance = total(transfers.c.credit_account, seen) - total(transfers.c.debit_account, seen)
    return int(await connection.scalar(select(cast(balance, BigInteger)).where(accounts.c.id == account)) or 0)


async def pending(connection: AsyncConnection, account: int, at: datetime) -> int:
    """What was held of an account at a moment."""
    held = select(func.coalesce(func.sum(holds.c.amount), 0)).where(
        holds.c.debit_account == account,
        holds.c.held_at <= at,
        or_(holds.c.settled_at.is_(None), holds.c.settled_at > at),
    )
    return int(await connection.scalar(held) or 0)
