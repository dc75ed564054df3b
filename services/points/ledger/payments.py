"""Transfers that spend: posted at once, and refused where not enough is there.

`LedgerWriter.move` books facts and lets an account fall below zero; a hold waits for its outcome. What is paid over the
counter is neither: it happens now, or not at all.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from services.points.ledger.holds import Leg, NotAvailable, what_failed
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import Connection, LedgerWriter, UnknownAccounts


class Payments:
    """Payments on one set of ledger tables."""

    def __init__(self, writer: LedgerWriter, *, replaying: bool = False) -> None:
        self._writer, self._replaying = writer, replaying
        # In a replay everything was already granted, and what it was granted on may come later.
        self._pay = _PAY.format(schema=writer.schema, owed=_OWED_REPLAYED if replaying else _OWED)
        self._owing = f"SELECT unit, owed FROM {writer.schema}.accounts WHERE holder = $1 AND owed > 0 ORDER BY unit"

    async def pay(
        self, db: Connection, legs: Sequence[Leg], *, record_id: UUID, event_id: UUID, occurred_at: datetime,
        recorded_at: datetime, ahead: bool = False,
    ) -> None:  # fmt: skip
        """Post all legs, or raise as `post` does.

        `ahead` of what pays for it, in the same transaction: what is missing is owed until then. Whoever does so asks
        `owed_by` when that is posted.
        """
        transfers = [
            Transfer(
                leg.debit_account, leg.credit_account, leg.amount, None, occurred_at, recorded_at, event_id, record_id,
                leg.unit, None, leg.clause,
            )
            for leg in legs
        ]  # fmt: skip
        await (self._writer.post if ahead else self.post)(db, transfers)

    async def owed_by(self, db: Connection, holder: str) -> tuple[int, int] | None:
        """A unit of which the holder owes something, and how much; None where there is none, and in a replay."""
        row = None if self._replaying else await db.fetchrow(self._owing, holder)
        return None if row is None else (row[0], row[1])

    async def post(self, db: Connection, transfers: Sequence[Transfer]) -> None:
        """Post all transfers, or raise `NotAvailable` with one that cannot be; the transaction is then lost."""
        changes: dict[int, list[int]] = {}
        for one in transfers:
            changes.setdefault(one.credit_account, [0, 0])[0] += one.amount
            changes.setdefault(one.debit_account, [0, 0])[1] += one.amount
        await self._writer.insert_transfers(db, transfers)
        # In the order of the accounts, as every writer takes them.
        for account in sorted(changes):
            try:
                status = await db.execute(self._pay, account, *changes[account])
            except asyncpg.CheckViolationError as error:
                if error.constraint_name != "accounts_never_below_zero":
                    raise
                legs = [Leg(t.debit_account, t.credit_account, t.unit, t.amount, t.clause) for t in transfers]
                raise NotAvailable(*what_failed(error, legs, [leg.debit_account for leg in legs])) from error
            if status != "UPDATE 1":
                raise UnknownAccounts(status)
        await self._writer.announce(db, sorted(number for number in changes if number > 0))


# What is owed can be paid back here, never grow.
_OWED = "least(owed, greatest(0, debits + $3 + pending_debits - credits - $2))"
_OWED_REPLAYED = "greatest(0, debits + $3 + pending_debits - credits - $2)"
_PAY = """
    UPDATE {schema}.accounts
       SET credits = credits + $2, debits = debits + $3,
           owed = CASE WHEN limited THEN {owed} ELSE 0 END,
           version = version + 1
     WHERE id = $1
"""
