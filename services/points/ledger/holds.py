"""Two-phase transfers: amounts are held, then posted or set free. A hold has one outcome, also under races.

A hold has legs that share its fate: the points of a redemption and the pieces they pay for. Holding leaves `owed`
alone, so the constraint on accounts refuses it where not enough is available; settling books facts.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import Connection, LedgerWriter, UnknownAccounts


class Outcome(IntEnum):
    """What became of a hold; 0 is still open."""

    POSTED = 1
    VOIDED = 2
    TIMED_OUT = 3


class Leg(NamedTuple):
    """One amount of a hold."""

    debit_account: int
    credit_account: int
    unit: int
    amount: int
    clause: int


class NotAvailable(Exception):
    """A leg asks for more than its account has available."""

    def __init__(self, leg: Leg) -> None:
        super().__init__("not available")
        self.leg = leg


class HoldSettled(Exception):
    """The hold has its outcome already, or does not exist."""


class Holds:
    """Holds on one set of ledger tables."""

    def __init__(self, writer: LedgerWriter, *, replaying: bool = False) -> None:
        schema = writer.schema
        self._writer = writer
        self._insert = f"""
            INSERT INTO {schema}.holds
                   (hold_id, leg, event_id, debit_account, credit_account, unit, amount, clause, held_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """
        # In a replay everything was already granted, and what it was granted on may come later.
        self._hold = (_HOLD_REPLAYED if replaying else _HOLD).format(schema=schema)
        self._close = f"""
            UPDATE {schema}.holds SET state = $2, settled_by = $3, settled_at = $4
             WHERE hold_id = $1 AND state = 0
            RETURNING debit_account, credit_account, unit, amount, clause
        """
        self._settle = _SETTLE.format(schema=schema)

    async def hold(self, db: Connection, hold_id: UUID, legs: Sequence[Leg], event_id: UUID, at: datetime) -> None:
        """Hold all legs. Raises `NotAvailable` with the leg that failed; the transaction is then lost."""
        # In the order of the accounts, so that two holds on the same accounts cannot wait for each other.
        for number, leg in enumerate(sorted(legs)):
            try:
                status = await db.execute(self._hold, leg.debit_account, leg.amount)
            except asyncpg.CheckViolationError as error:
                if error.constraint_name != "accounts_never_below_zero":
                    raise
                raise NotAvailable(leg) from error
            if status != "UPDATE 1":
                raise UnknownAccounts(status)
            await db.execute(self._insert, hold_id, number, event_id, *leg, at)
        await self._writer.announce(db, [leg.debit_account for leg in legs])

    async def settle(self, db: Connection, hold_id: UUID, outcome: Outcome, event_id: UUID, at: datetime) -> None:
        """Give the hold its outcome. Raises `HoldSettled` when it has one."""
        legs = [Leg(*row) for row in await db.fetch(self._close, hold_id, int(outcome), event_id, at)]
        if not legs:
            raise HoldSettled
        posted = outcome is Outcome.POSTED
        if posted:
            await self._writer.insert_transfers(
                db,
                [
                    Transfer(
                        leg.debit_account,
                        leg.credit_account,
                        leg.amount,
                        None,
                        at,
                        at,
                        event_id,
                        hold_id,
                        leg.unit,
                        None,
                        leg.clause,
                    )
                    for leg in legs
                ],
            )
        changes: dict[int, list[int]] = {}
        for leg in legs:
            held = changes.setdefault(leg.debit_account, [0, 0, 0])
            held[2] -= leg.amount
            if posted:
                held[1] += leg.amount
                changes.setdefault(leg.credit_account, [0, 0, 0])[0] += leg.amount
        for account in sorted(changes):
            status = await db.execute(self._settle, account, *changes[account])
            if status != "UPDATE 1":
                raise UnknownAccounts(status)
        await self._writer.announce(db, sorted(changes))


_HOLD = """
    UPDATE {schema}.accounts SET pending_debits = pending_debits + $2, version = version + 1 WHERE id = $1
"""

_HOLD_REPLAYED = """
    UPDATE {schema}.accounts
       SET pending_debits = pending_debits + $2,
           owed = CASE WHEN limited THEN greatest(0, debits + pending_debits + $2 - credits) ELSE 0 END,
           version = version + 1
     WHERE id = $1
"""

_SETTLE = """
    UPDATE {schema}.accounts
       SET credits = credits + $2, debits = debits + $3, pending_debits = pending_debits + $4,
           owed = CASE WHEN limited
                       THEN greatest(0, debits + $3 + pending_debits + $4 - credits - $2) ELSE 0 END,
           version = version + 1
     WHERE id = $1
"""
