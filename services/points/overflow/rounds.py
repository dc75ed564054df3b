"""Once a day, part by part: lets flow over what stood above the cap when the day ended."""

from datetime import date, timedelta
from functools import partial
from uuid import UUID

from services.points.ledger.parts import go_through, shut_gate
from services.points.overflow.flowing import Overflow
from services.points.overflow.model import Part, Pool, decide, evolve
from services.points.policy.views import PolicyShelf
from shared.aggregate import Aggregate
from shared.clock import day_start, local_day
from shared.database import driver_connection
from shared.eventstore import writing
from shared.ids import derived_id
from shared.rounds import go_round_forever
from shared.telemetry import logger
from shared.unit_of_work import Workshop

log = logger("overflow")

OVERFLOW = Aggregate("overflow", initial=Part(), decide=decide, evolve=evolve)

_A_DAY = timedelta(days=1)
_MARGIN = timedelta(minutes=15)
"""So long after midnight: a command of the old day that is still being committed must not come after its round."""


def part_id(part: int) -> UUID:
    """The stream of a part."""
    return derived_id("points", "overflow", part)


class OverflowRounds:
    """A round looks at every part. Any number of replicas may go round: the later one finds it done."""

    def __init__(self, workshop: Workshop, overflow: Overflow, interval_s: float) -> None:
        self._workshop = workshop
        self._overflow = overflow
        self._interval_s = interval_s
        self._shelf = PolicyShelf()
        self._looked: date | None = None
        """The day of the last whole round; what comes late is put right as it is booked."""

    async def run(self) -> None:
        """Go round until cancelled."""
        await go_round_forever(self.go_round, self._interval_s, log, "overflow_interrupted")

    async def go_round(self) -> None:
        """Look at every part in which anybody can have stood above the cap at the end of yesterday."""
        yesterday = local_day(self._workshop.clock() - _MARGIN) - _A_DAY
        if self._looked == yesterday:
            return
        async with self._workshop.database.reading() as connection:
            db = await driver_connection(connection)
            done = await self._overflow.through(db)
            parts = await self._overflow.parts(db, await self._shelf.current(db), yesterday)
        parts = {part for part in parts if done.get(part, date.min) < yesterday}
        pool = partial(self._pool, through=yesterday)
        if not await go_through(self._workshop.database, parts, pool, "overflow", log):
            self._looked = yesterday

    async def _pool(self, part: int, through: date) -> None:
        async with writing(self._workshop.database) as connection:
            db = await driver_connection(connection)
            book = await self._shelf.current(db)
            await shut_gate(db)
            accounts = await self._overflow.candidates(db, book, through, part)
            # Whoever spends from these accounts now is waited for, so that everything is before the round or after it.
            await self._overflow.lock(db, accounts)
            if not accounts:
                return
            spent = await self._overflow.spent_since(db, accounts, day_start(through + _A_DAY))
            work = self._workshop.on(connection, actor="overflow")
            await work.execute(OVERFLOW, part_id(part), Pool(part, through, work.now, spent))
            await work.finish()
        late_s = (work.now - day_start(through + _A_DAY)).total_seconds()
        log.info("minutes_pooled", part=part, through=through.isoformat(), accounts=len(accounts), late_s=int(late_s))
