"""Rows of read tables whose entry is taken back: they stay, and say so."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Table, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.reversals import ReversalReason


class _Reversal(Protocol):
    @property
    def reason(self) -> ReversalReason: ...

    @property
    def reversed_at(self) -> datetime: ...


async def hold_row(connection: AsyncConnection, table: Table, key: UUID) -> None:
    """Hold the row of what is to be taken back until the commit, before it is loaded.

    Of two of one moment the second then learns that it was taken back, and not that its pieces are gone.
    """
    await connection.execute(select(table.c.id).where(table.c.id == key).with_for_update())


async def mark_reversed(connection: AsyncConnection, table: Table, key: UUID, event: _Reversal, **more: Any) -> None:
    """Say of a row, by the event that took its entry back, when and why; `more` are other columns that change."""
    marked = {"reversed_at": event.reversed_at, "reversal_reason": event.reason.value, **more}
    await connection.execute(update(table).where(table.c.id == key).values(marked))
