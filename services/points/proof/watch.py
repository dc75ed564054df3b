"""Looks at the sums of the live ledger again and again, and shows them as a metric."""

from sqlalchemy import text

from services.points.ledger.schema import LIVE
from shared.database import Database
from shared.metrics import LEDGER_SUM
from shared.rounds import go_round_forever
from shared.telemetry import logger

log = logger("ledger")


class LedgerWatch:
    """Keeps the metric of the ledger's sums up to date."""

    def __init__(self, database: Database, interval_s: float) -> None:
        self._database = database
        self._interval_s = interval_s

    async def run(self) -> None:
        """Look until cancelled. A sum that is not zero is an alarm; nothing is repaired on its own."""
        await go_round_forever(self.look, self._interval_s, log, "ledger_not_watched")

    async def look(self) -> None:
        """One look at every unit. Goods are summed up as one."""
        async with self._database.reading() as connection:
            rows = await connection.execute(
                text(
                    "SELECT CASE WHEN u.id < 100 THEN u.code ELSE 'GOODS' END AS unit, sum(a.credits - a.debits)"
                    f" FROM {LIVE}.accounts AS a JOIN units AS u ON u.id = a.unit GROUP BY 1"
                )
            )
            for unit, total in rows:
                LEDGER_SUM.labels(unit=unit).set(int(total))
                if total != 0:
                    log.error("ledger_out_of_balance", unit=unit)
