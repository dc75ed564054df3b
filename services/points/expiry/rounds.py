"""Once a day, part by part: lets lapse what is over, and announces what will be."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from services.points.expiry.lapsing import Lapsing
from services.points.expiry.lots import Lot
from services.points.expiry.model import Announce, LetLapse, Part, decide, evolve
from services.points.ledger.parts import go_through, shut_gate
from services.points.policy.book import PolicyBook
from services.points.policy.views import PolicyShelf
from shared.aggregate import Aggregate
from shared.clock import local_day
from shared.contracts.points import ExpiryNotice
from shared.database import driver_connection
from shared.eventstore import writing
from shared.ids import derived_id
from shared.rounds import go_round_forever
from shared.telemetry import logger
from shared.unit_of_work import Workshop

log = logger("expiry")

EXPIRY = Aggregate("expiry", initial=Part(), decide=decide, evolve=evolve)

_A_DAY = timedelta(days=1)


def part_id(part: int) -> UUID:
    """The stream of a part."""
    return derived_id("points", "expiry", part)


class ExpiryRounds:
    """A round looks at every part. Any number of replicas may go round: the later one finds it done."""

    def __init__(self, workshop: Workshop, lapsing: Lapsing, interval_s: float) -> None:
        self._workshop = workshop
        self._lapsing = lapsing
        self._interval_s = interval_s
        self._shelf = PolicyShelf()
        self._looked: tuple[date, int] | None = None
        """The day and the policy version of the last round; what comes late on that day waits for the next."""
        self._undone: set[int] = set()
        """Parts that the last round could not deal with."""

    async def run(self) -> None:
        """Go round until cancelled."""
        await go_round_forever(self.go_round, self._interval_s, log, "expiry_interrupted")

    async def go_round(self) -> None:
        """Look at every part where anything can be due and that has not been dealt with today."""
        today = local_day(self._workshop.clock())
        async with self._workshop.database.reading() as connection:
            db = await driver_connection(connection)
            book = await self._shelf.current(db)
            again = self._looked == (today, book.latest_version)
            if again and not self._undone:
                return
            yesterday, ahead = today - _A_DAY, today + timedelta(days=max(book.announce_days))
            over = await self._lapsing.parts(db, book, await self._lapsing.through_everywhere(db), yesterday)
            soon = await self._lapsing.parts(db, book, yesterday, ahead)

        async def deal_with(part: int) -> None:
            if part in over:
                await self._lapse(part, yesterday)
            if part in soon:
                await self._announce(part, today)

        parts = (over | soon) & self._undone if again else over | soon
        self._undone = await go_through(self._workshop.database, parts, deal_with, "expiry", log)
        self._looked = (today, book.latest_version)

    async def _lapse(self, part: int, through: date) -> None:
        async with writing(self._workshop.database) as connection:
            db = await driver_connection(connection)
            book = await self._shelf.current(db)
            before = await self._lapsing.through(db, part)
            if not await self._lapsing.candidates(db, book, part, before, through):
                return  # nobody is made to wait for nothing
            await shut_gate(db)
            before = await self._lapsing.through(db, part)
            accounts = await self._lapsing.candidates(db, book, part, before, through)
            # Whoever holds points of these accounts now is waited for; only then the moment is taken, so that every
            # reservation is either clearly before it and counts as spent, or comes after and finds the points gone.
            await self._lapsing.lock(db, accounts)
            work = self._workshop.on(connection, actor="expiry")
            await work.execute(EXPIRY, part_id(part), LetLapse(part, through, work.now))
            await work.finish()
        log.info("points_lapsed", part=part, through=through.isoformat(), accounts=len(accounts))

    async def _announce(self, part: int, today: date) -> None:
        async with self._workshop.transaction(actor="expiry") as work:
            db = await driver_connection(work.connection)
            book = await self._shelf.current(db)
            ahead = today + timedelta(days=max(book.announce_days))
            accounts = await self._lapsing.candidates(db, book, part, today - _A_DAY, ahead)
            holders = await self._lapsing.holders(db, accounts)
            lapsing: list[ExpiryNotice] = []
            for account, course in (await self._lapsing.courses(db, book, accounts, with_suspected=True)).items():
                lapsing += self._lapsing_soon(book, holders[account], course.lots, today)
            await work.execute(EXPIRY, part_id(part), Announce(part, today, lapsing, work.now))
            announced = await work.finish()
        if announced:
            log.info("expiry_announced", part=part)

    def _lapsing_soon(
        self, book: PolicyBook, volunteer_id: UUID, lots: Sequence[Lot], today: date
    ) -> list[ExpiryNotice]:
        """What of one volunteer's points lapses so soon that the policy of its community would have it told."""
        points: dict[tuple[str, date], int] = defaultdict(int)
        for lot in lots:
            last_day = lot.term.last_day
            if not lot.left or last_day is None:
                continue
            community = self._lapsing.community(lot.contra_account)
            if today <= last_day <= today + _ahead(book, community, today):
                points[community, last_day] += lot.left
        return [
            ExpiryNotice(volunteer_id=volunteer_id, community=community, points=amount, last_day=last_day)
            for (community, last_day), amount in sorted(points.items())
        ]


def _ahead(book: PolicyBook, community: str, day: date) -> timedelta:
    return timedelta(days=book.terms(community, day).expiry.announce_days.value)
