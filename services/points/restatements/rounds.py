"""Posts restatements part by part, by one process of the service; a rebuild has the rest posted before it begins."""

import asyncio

from sqlalchemy import text

from services.points.ledger.parts import PARTS
from services.points.ledger.writing import Connection, LedgerWriter
from services.points.policy.views import PolicyShelf
from services.points.restatements.posting import RestatementPosting
from shared.database import Database, Lost, driver_connection, is_transient
from shared.election import elected, rest
from shared.telemetry import logger

log = logger("restatements")

_LOCK = 4995421802
_FAILED_POLL_S = 10.0


class RestatementRounds:
    """Looks for what is left to post. One process of the service is at it; the others stand by."""

    def __init__(self, database: Database, interval_s: float) -> None:
        self._database = database
        self._interval_s = interval_s
        self._posting = RestatementPosting(LedgerWriter())
        self._shelf = PolicyShelf()

    async def run(self) -> None:
        """Post until cancelled."""
        while True:
            try:
                async with elected(self._database, _LOCK) as db:
                    while True:
                        await self.finish()
                        await rest(db, self._interval_s)
            except Exception as error:
                if not is_transient(error) and not isinstance(error, Lost):
                    raise
                log.warning("restatement_interrupted", error=type(error).__name__)
                await asyncio.sleep(_FAILED_POLL_S)

    async def finish(self) -> int:
        """Post whatever is left of any restatement. Returns how many parts that were."""
        async with self._database.reading() as connection:
            left = await parts_left(await driver_connection(connection))
        for number, part in left:
            await self.post(number, part)
        return len(left)

    async def post(self, number: int, part: int) -> None:
        """Post one part of a restatement, unless it is done: whoever notes that first posts it, and nobody else does.

        A second process, or a rebuild, waits here until the first has committed, and leaves it at that.
        """
        async with self._database.transaction() as connection:
            if (await connection.execute(_CLAIM, {"number": number, "part": part})).first() is None:
                return
            db = await driver_connection(connection)
            book = await self._shelf.current(db)
            restatement = next(r for r in book.restatements if r.number == number)
            transfers = await self._posting.post(db, book, restatement, part)
        if part == PARTS - 1 or transfers:
            log.info("policy_restated", restatement=number, part=part, transfers=transfers)


async def parts_left(db: Connection) -> list[tuple[int, int]]:
    """Restatements and parts of the people for whom they are still to be posted."""
    return [(row[0], row[1]) for row in await db.fetch(_LEFT)]


_LEFT = f"""
    SELECT r.number, every.part FROM restatements AS r CROSS JOIN generate_series(0, {PARTS - 1}) AS every(part)
     WHERE NOT EXISTS (SELECT FROM restatement_parts AS p WHERE p.number = r.number AND p.part = every.part)
     ORDER BY 1, 2
"""

_CLAIM = text(
    "INSERT INTO restatement_parts (number, part, done_at) VALUES (:number, :part, now())"
    " ON CONFLICT DO NOTHING RETURNING part"
)
