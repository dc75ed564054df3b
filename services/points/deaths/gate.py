"""Keeps a death and what is being spent at the same moment apart.

Whoever ties minutes to somebody passes together with others; whoever closes an account passes alone. So an order or a
gift either is there when the account is closed, and is dealt with, or comes after and finds it closed.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_GATE = 4995421796


async def enter_gate(connection: AsyncConnection) -> None:
    """Before minutes are tied to anybody."""
    await connection.execute(text("SELECT pg_advisory_xact_lock_shared(:gate)"), {"gate": _GATE})


async def shut_gate(connection: AsyncConnection) -> None:
    """Before an account is closed."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:gate)"), {"gate": _GATE})
