"""Events that were read back after a restore are not in the ledger before it was rebuilt. That this is still to be done
stands in the database, from the transaction that reads them back to the one that switches, whatever ends in between.
"""

from sqlalchemy import exists, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.tables import ledger_due

DONE = "DELETE FROM public.ledger_due"


class LedgerDue:
    """Whether the ledger is to be rebuilt before anybody may spend from it."""

    async def note(self, connection: AsyncConnection) -> None:
        """It is."""
        await connection.execute(insert(ledger_due))

    async def stands(self, connection: AsyncConnection) -> bool:
        """Whether it is."""
        return bool(await connection.scalar(select(exists(select(ledger_due)))))
