"""Reads from the ledger: statements line by line, and balances at any moment, as known then or as known now.

Queries for lines are put together once for each kind of sight, and run with parameters. Putting one together takes as
long as running it, and leaves thousands of objects that hold each other: Python then stops to collect them, and
whoever asks at that moment waits.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Select,
    Table,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from services.points.tables import accounts, holds, transfers
from services.points.tables.base import MOMENT
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

    @property
    def bounds(self) -> frozenset[str]:
        """Names of the limits that it has."""
        return frozenset(name for name in ("until", "known_at", "since") if getattr(self, name) is not None)

    @property
    def params(self) -> dict[str, datetime]:
        """What queries that are `bounded` by its bounds are run with."""
        return {name: getattr(self, name) for name in self.bounds}


EVERYTHING = Sight()


def bounded(bounds: Collection[str], table: Table = transfers) -> list[ColumnElement[bool]]:
    """Conditions on `transfers`, or another table of what happened and when it was known; see `Sight.params`."""
    found: list[ColumnElement[bool]] = []
    if "until" in bounds:
        found.append(table.c.occurred_at <= bindparam("until", type_=MOMENT))
    if "known_at" in bounds:
        found.append(table.c.recorded_at <= bindparam("known_at", type_=MOMENT))
    if "since" in bounds:
        found.append(table.c.occurred_at >= bindparam("since", type_=MOMENT))
    return found


class Lines(NamedTuple):
    """A query for lines of accounts, the order that its pages follow, and what it is run with."""

    query: Select[Any]
    order: list[ColumnElement[Any]]
    params: Mapping[str, Any]


def on(side: ColumnElement[Any], account: ColumnElement[int]) -> ColumnElement[bool]:
    """Transfers with an account on one side, so said that its partial index can be used."""
    # The second half is what the partial index says of itself; without it the planner may not use the index.
    return (side == account) & (side > literal_column("0"))


ACCOUNT: ColumnElement[int] = bindparam("account", type_=BigInteger)
"""The account that a query is run for. Not one of issue, which are in no index and have no statement."""


def sides(bounds: Collection[str], account: ColumnElement[int] = ACCOUNT) -> list[Select[Any]]:
    """Queries for what an account gained and what it gave, `amount` signed; each uses the index of its side."""
    seen = bounded(bounds)
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


@cache
def _statement(bounds: frozenset[str]) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    return lines_of(*sides(bounds))


def statement(account: int, sight: Sight = EVERYTHING) -> Lines:
    """The lines of an account. Each side of it has an index in just this order, so a page costs what is on it."""
    return Lines(*_statement(sight.bounds), {"account": account, **sight.params})


async def posted(
    connection: AsyncConnection, account: int, sight: Sight = EVERYTHING, *, after: tuple[datetime, int] | None = None
) -> int:
    """The posted balance in a sight; `after` a line (its moment and number) where one is given.

    As known now it is today's balance less everything later, which is little for the recent past.
    """
    params = {"account": account, **sight.params}
    if after is not None:
        params |= {"edge_at": after[0], "edge_id": after[1]}
    return int(await connection.scalar(_posted(sight.bounds - {"since"}, after is not None), params) or 0)


@cache
def _posted(bounds: frozenset[str], after_a_line: bool) -> Select[Any]:
    edge = tuple_(transfers.c.occurred_at, transfers.c.id)
    line = tuple_(bindparam("edge_at", type_=MOMENT), bindparam("edge_id", type_=BigInteger))

    def total(side: ColumnElement[Any], condition: ColumnElement[bool]) -> ColumnElement[int]:
        amounts = select(func.sum(transfers.c.amount)).where(on(side, ACCOUNT), condition)
        return func.coalesce(amounts.scalar_subquery(), 0)

    if "known_at" in bounds:
        seen = and_(*bounded(bounds), *([edge <= line] if after_a_line else []))
        balance = total(transfers.c.credit_account, seen) - total(transfers.c.debit_account, seen)
    else:
        balance = accounts.c.credits - accounts.c.debits
        if after_a_line or bounds:
            later = edge > line if after_a_line else transfers.c.occurred_at > bindparam("until", type_=MOMENT)
            balance = balance - total(transfers.c.credit_account, later) + total(transfers.c.debit_account, later)
    return select(cast(balance, BigInteger)).where(accounts.c.id == ACCOUNT)


async def pending(connection: AsyncConnection, account: int, at: datetime) -> int:
    """What was held of an account at a moment."""
    held = select(func.coalesce(func.sum(holds.c.amount), 0)).where(
        holds.c.debit_account == account,
        holds.c.held_at <= at,
        or_(holds.c.settled_at.is_(None), holds.c.settled_at > at),
    )
    return int(await connection.scalar(held) or 0)
