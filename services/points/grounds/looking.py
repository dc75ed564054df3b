"""What the watches share: only what may have lost its ground since the last look is looked at, and the look is kept."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, cast, or_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.tables import accounts, honour_looks
from services.points.units import Unit

AT_ONCE_MAX = 500
"""How many a look takes at once; there is another one soon."""

moved: ColumnElement[bool] = or_(
    honour_looks.c.subject.is_(None),
    honour_looks.c.debits != accounts.c.debits,
    honour_looks.c.credits != accounts.c.credits,
)
"""The record has moved since the last look, or nobody has looked yet."""


def is_to_be_told(row: Any, within_days: int, today: date) -> ColumnElement[bool]:
    """Of a table's columns, whether it is time to remind of a flag; its model decides (`reminding`)."""
    first = row.remind_on.is_(None) & (row.waits_since <= today - timedelta(days=within_days))
    return or_(row.remind_on <= today, first)


def with_record(query: Select, subject: ColumnElement[UUID], volunteer_id: ColumnElement[UUID]) -> Select:  # type: ignore[type-arg]
    """Stars or certificates, with the account of the record behind each as it is now, and as it was last seen."""
    behind = (accounts.c.holder == cast(volunteer_id, Text)) & (accounts.c.unit == int(Unit.SERVICE_MINUTE))
    return (
        query.add_columns(accounts.c.credits, accounts.c.debits)
        .join(accounts, behind)
        .join(honour_looks, honour_looks.c.subject == subject, isouter=True)
        .limit(AT_ONCE_MAX)
    )


async def keep_look(connection: AsyncConnection, subject: UUID, credits_: int, debits: int) -> None:
    """What was seen is what the query read: the account may have moved since, and is then looked at again."""
    seen = {"subject": subject, "credits": credits_, "debits": debits}
    kept = insert(honour_looks).values(seen)
    await connection.execute(kept.on_conflict_do_update(index_elements=["subject"], set_=seen))
