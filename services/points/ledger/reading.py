"""Reads from the ledger: statements line by line, and the balance after a line."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Select, cast, func, literal, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from services.points.tables import accounts, transfers

_KEPT = (
    transfers.c.id,
    transfers.c.occurred_at,
    transfers.c.recorded_at,
    transfers.c.clause,
    transfers.c.event_id,
    transfers.c.record_id,
    transfers.c.policy_version,
    transfers.c.corrects,
)


def _on(side: ColumnElement[Any], account: int) -> ColumnElement[bool]:
    # The second half is what the partial index says of itself; without it the planner may not use the index.
    return (side == account) & (side > literal(0, literal_execute=True))


def statement(account: int) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """A query for the lines of an account, and the order that pages follow: when it happened, then the number.

    `amount` is signed: what the account gained. Each side of the account has an index in just this order, so a page
    costs what is on it. Not for accounts of issue, which are in no index.
    """
    assert account > 0, "accounts of issue have no statement"
    gained = select(*_KEPT, transfers.c.amount.label("amount"), transfers.c.debit_account.label("other")).where(
        _on(transfers.c.credit_account, account)
    )
    given = select(*_KEPT, (-transfers.c.amount).label("amount"), transfers.c.credit_account.label("other")).where(
        _on(transfers.c.debit_account, account)
    )
    lines = union_all(gained, given).subquery("lines")
    counterparty = select(accounts.c.holder).where(accounts.c.id == lines.c.other).scalar_subquery()
    return select(lines, counterparty.label("counterparty")), [lines.c.occurred_at, lines.c.id]


async def balance_after(connection: AsyncConnection, account: int, occurred_at: datetime, line: int) -> int:
    """The posted balance after a line, as the past is known now: today's balance less everything later."""

    def later(side: ColumnElement[Any]) -> ColumnElement[int]:
        edge = tuple_(transfers.c.occurred_at, transfers.c.id) > tuple_(literal(occurred_at), literal(line, BigInteger))
        return func.coalesce(select(func.sum(transfers.c.amount)).where(_on(side, account), edge).scalar_subquery(), 0)

    posted = accounts.c.credits - accounts.c.debits
    balance = posted - later(transfers.c.credit_account) + later(transfers.c.debit_account)
    return int(await connection.scalar(select(cast(balance, BigInteger)).where(accounts.c.id == account)) or 0)
