"""Counter-transfers: what was entered wrongly goes back, and nothing is deleted.

Each takes back of one transfer, and names it in `corrects`: the same unit, between the same accounts, the other way
round. It counts from the moment at which the other one is said to have happened, since that is now known not to be so,
and is known since the event that takes it back: the past is told with the mistake as it was known then, and without it
as it is known now.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.points.ledger.clauses import Clause
from services.points.ledger.payments import Payments
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import Connection, LedgerWriter
from shared.eventstore import Recorded


class NothingToReverse(Exception):
    """The record has no transfers on these accounts, or its event and the accounts it names do not agree."""


class Reversals:
    """Reversals on one set of ledger tables."""

    def __init__(self, writer: LedgerWriter, *, replaying: bool = False) -> None:
        self._writer = writer
        self._payments = Payments(writer, replaying=replaying)
        self._given_at = _GIVEN_AT.format(s=writer.schema)
        self._lines = _LINES.format(s=writer.schema)

    async def owe(self, db: Connection, transfers: Sequence[Transfer]) -> None:
        """Post counter-transfers as facts: where what they take back was spent, it is owed."""
        await self._writer.post(db, transfers)

    async def pay(self, db: Connection, transfers: Sequence[Transfer]) -> None:
        """Post counter-transfers, or raise `NotAvailable` where what they take is not there any more."""
        await self._payments.post(db, transfers)

    async def counter_transfers(
        self, db: Connection, giver: str, others: Sequence[str], record_id: UUID, recorded: Recorded, clause: Clause,
        back: int | None = None,
    ) -> list[Transfer]:  # fmt: skip
        """What takes back every transfer of a record, whole or of each as much as is said. Raises `NothingToReverse`.

        Below zero, as much again goes the way that it went. Each transfer has an account of the giver or of one of the
        others on one of its sides; only what the giver gave is looked through for the record. In a rebuild the
        transfers are there, too: own events are replayed in their order.
        """
        given_at: datetime | None = await db.fetchval(self._given_at, giver, record_id)
        if given_at is None:
            raise NothingToReverse(record_id)
        rows = await db.fetch(self._lines, [giver, *others], record_id, given_at)
        transfers = []
        for number, debit, credit, amount, unit in rows:
            moves = amount if back is None else back
            giving, taking = (credit, debit) if moves > 0 else (debit, credit)
            transfers.append(
                Transfer(
                    giving, taking, abs(moves), number, given_at, recorded.occurred_at, recorded.event_id, record_id,
                    unit, None, clause,
                )
            )  # fmt: skip
        return transfers


_GIVEN_AT = """
    SELECT t.occurred_at
      FROM {s}.accounts AS a JOIN {s}.transfers AS t ON t.debit_account = a.id AND t.debit_account > 0
     WHERE a.holder = $1 AND t.record_id = $2 AND t.corrects IS NULL
     LIMIT 1
"""

# A transfer with both sides among the holders' accounts is found twice; UNION leaves one.
_LINES = """
    WITH mine AS MATERIALIZED (SELECT id FROM {s}.accounts WHERE holder = ANY($1::text[]) AND id > 0), found AS (
        SELECT t.id, t.debit_account, t.credit_account, t.amount, t.unit
          FROM mine JOIN {s}.transfers AS t ON t.credit_account = mine.id AND t.credit_account > 0
         WHERE t.record_id = $2 AND t.corrects IS NULL AND t.occurred_at = $3
        UNION
        SELECT t.id, t.debit_account, t.credit_account, t.amount, t.unit
          FROM mine JOIN {s}.transfers AS t ON t.debit_account = mine.id AND t.debit_account > 0
         WHERE t.record_id = $2 AND t.corrects IS NULL AND t.occurred_at = $3
    )
    SELECT * FROM found ORDER BY id
"""
