"""What flows over into pools depends on what is known and on the rounds that ran, not on how it became known.

A live ledger hears of service late, in disorder and twice, while rounds run and pools give; a rebuild hears of its own
events first and then of everything else. Both must come to the same, down to the net effect of every event.
"""

import itertools
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.points.accounts import members
from services.points.earning.ingest import Ingest
from services.points.earning.services import Service
from services.points.expiry.effects import LapseLater, LapseNow
from services.points.expiry.lapsing import Lapsing
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Holds, Leg, NotAvailable, Outcome
from services.points.ledger.parts import part_of
from services.points.ledger.payments import Payments
from services.points.ledger.writing import AccountKey, LedgerWriter
from services.points.long_days.effects import LongDayEffects
from services.points.overflow.effects import PoolLater, PoolNow, spent_in
from services.points.overflow.flowing import Overflow
from services.points.overflow.model import Part, Pool, decide
from services.points.overflow.pooling import Round
from services.points.policy.document import PolicyDocument
from services.points.policy.terms import PolicyVersion
from services.points.units import Unit
from shared.clock import day_start, local_day
from shared.contracts.points import LongDayApprovalWithdrawn, LongDayApproved, MinutesPooled
from shared.contracts.registry import VolunteerMoved, VolunteerRegistered
from shared.eventstore import Recorded
from tests.integration.points.ledger_database import (
    LedgerUnderTest,
    book,
    connected,
    migrate,
    run,
    said_of_a_long_day,
)
from tests.integration.points.test_ledger_is_a_function_of_the_events import ids

HERE, THERE, ELSEWHERE = "620201001004", "620201001005", "620201001006"
PEOPLE = {uuid.UUID(int=1): HERE, uuid.UUID(int=2): HERE, uuid.UUID(int=258): THERE}
"""Two of them are in one part."""
FIRST = date(2026, 2, 1)
POLICY = book(
    PolicyVersion(2, "62", FIRST, PolicyDocument(rules={"time_bank": {"cap_minutes": 200}})),
    PolicyVersion(3, THERE, FIRST + timedelta(days=3), PolicyDocument(rules={"time_bank": {"cap_minutes": 90}})),
)


SAID_OF_LONG_DAYS = [
    said_of_a_long_day(1, uuid.UUID(int=1), FIRST, 700, 24 * 26),
    said_of_a_long_day(2, uuid.UUID(int=2), FIRST + timedelta(days=1), 900, 24 * 26),
    said_of_a_long_day(3, uuid.UUID(int=1), FIRST, None, 24 * 24, 2),
]
"""Long days that are approved amid the rounds, one of them by mistake."""


class Moved(NamedTuple):
    """A move, by its place in the volunteer's stream."""

    sequence: int
    event: VolunteerMoved


class Heard(NamedTuple):
    """Service, a registration or a move, and when the live ledger hears of it."""

    at: datetime
    told: Service | VolunteerRegistered | Moved


class Asked(NamedTuple):
    """Somebody wants minutes of an account: to spend them, or to hold them until later."""

    at: datetime
    giver: str
    amount: int
    until: datetime | None
    outcome: Outcome


class Granted(NamedTuple):
    """An own event: a payment, a hold, its outcome, or a round."""

    at: datetime
    event_id: uuid.UUID
    what: Asked | Outcome | MinutesPooled | Recorded
    hold_id: uuid.UUID


def moment(day: int, hour: float) -> datetime:
    return day_start(FIRST + timedelta(days=day)) + timedelta(hours=hour)


@st.composite
def service(draw: st.DrawFn) -> list[Heard]:
    """A record, perhaps corrected, each heard of sooner or later, perhaps twice."""
    person, day = draw(st.sampled_from(list(PEOPLE))), draw(st.integers(0, 4))
    minutes, started = draw(st.sampled_from([60, 150, 300, 480])), moment(day, draw(st.integers(6, 20)))
    record, community = ids(draw), draw(st.sampled_from([HERE, THERE]))
    kind = draw(st.sampled_from(["activity.care", "activity.care", "activity.culture"]))
    told = started + timedelta(hours=draw(st.integers(1, 60)))
    common = (record, person, community, kind, started, local_day(started).toordinal())
    services = [Service(ids(draw), *common, minutes, "scanned", told)]
    before = minutes
    for _ in range(draw(st.integers(0, 2))):
        told += timedelta(hours=draw(st.integers(1, 40)))
        after = draw(st.sampled_from([0, 30, 200, 480]))
        services.append(Service(ids(draw), *common, after, "scanned", told, before, "scanned"))
        before = after
    heard = [Heard(one.told_at + timedelta(hours=draw(st.integers(0, 50))), one) for one in services]
    if draw(st.booleans()):
        heard.append(heard[0]._replace(at=heard[0].at + timedelta(hours=draw(st.integers(0, 50)))))
    return heard


@st.composite
def registrations(draw: st.DrawFn) -> list[Heard]:
    return [
        Heard(
            moment(0, draw(st.sampled_from([0, 0, 30, 100]))),
            VolunteerRegistered(
                volunteer_id=person,
                volunteer_number=f"{home}-000001",
                community=home,
                party_member=False,
                registered_on=FIRST,
            ),
        )
        for person, home in PEOPLE.items()
    ]


@st.composite
def moves(draw: st.DrawFn) -> list[Heard]:
    """Away and perhaps back, heard of in any order, before the registration and twice, too."""
    heard = []
    for person in draw(st.sets(st.sampled_from(list(PEOPLE)))):
        homes = [PEOPLE[person], *draw(st.lists(st.sampled_from([HERE, THERE, ELSEWHERE]), min_size=1, max_size=3))]
        for sequence, (left, home) in enumerate(itertools.pairwise(homes), 2):
            event = VolunteerMoved(volunteer_id=person, community=home, from_community=left, moved_on=FIRST)
            days = draw(st.lists(st.integers(0, 7), min_size=1, max_size=2))
            heard += [Heard(moment(day, 12), Moved(sequence, event)) for day in days]
    return heard


@st.composite
def wishes(draw: st.DrawFn) -> Asked:
    giver = draw(st.sampled_from([*map(holders.volunteer, PEOPLE), holders.pool(HERE), holders.pool(HERE)]))
    at = moment(draw(st.integers(0, 7)), draw(st.sampled_from([0.1, *range(6, 24)])))
    until = at + timedelta(hours=draw(st.integers(1, 60))) if draw(st.booleans()) else None
    outcome = draw(st.sampled_from([Outcome.POSTED, Outcome.VOIDED]))
    return Asked(at, giver, draw(st.sampled_from([20, 60, 150])), until, outcome)


@dataclass
class Ledger:
    """One set of tables, live or being rebuilt."""

    db: asyncpg.Connection
    schema: str
    replaying: bool
    own: list[Granted] = field(default_factory=list)
    ids: int = 0

    def __post_init__(self) -> None:
        self.writer = LedgerWriter(self.schema)
        self.flowing = Overflow(self.writer)
        lapsing = Lapsing(self.writer)
        self.effects: Any = PoolLater(self.flowing) if self.replaying else PoolNow(self.flowing)
        lapses: Any = LapseLater(lapsing) if self.replaying else LapseNow(lapsing)
        self.ingest = Ingest(self.writer, lapses, self.effects)
        self.long_days = LongDayEffects(self.writer, self.effects, replaying=True)
        self.payments = Payments(self.writer, replaying=self.replaying)
        self.holds = Holds(self.writer, replaying=self.replaying)

    async def hear(self, batch: list[Heard]) -> None:
        """A batch of the consumer."""
        async with self.db.transaction():
            people = [one.told for one in batch if isinstance(one.told, VolunteerRegistered)]
            await members.register(self.db, self.schema, people)
            await members.move(self.db, self.schema, [one.told for one in batch if isinstance(one.told, Moved)])
            services = {one.told.event_id: one.told for one in batch if isinstance(one.told, Service)}
            fresh = await self.db.fetch(
                f"INSERT INTO {self.schema}.consumed SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING *",
                sorted(services),
            )
            await self.ingest.book_services(self.db, POLICY, [services[row[0]] for row in fresh])
            if people:
                await self.effects.reckon_anew(self.db, POLICY, [person.volunteer_id for person in people])

    async def grant(self, one: Granted) -> None:
        """An own event. Raises `NotAvailable`."""
        async with self.db.transaction():
            match one.what:
                case MinutesPooled() as event:
                    recorded = Recorded(event, one.event_id, "overflow", 1, "", one.at, {})
                    if self.replaying:
                        await self.effects.pooled(self.db, event, recorded)
                    else:
                        ran = Round(one.event_id, event.through, one.at)
                        await self.flowing.pool(self.db, POLICY, event.part, ran, spent_in(event))
                case Recorded(event=LongDayApproved() | LongDayApprovalWithdrawn() as said):
                    await self.long_days.apply(self.db, said, one.what)
                    if not self.replaying:
                        await self.long_days.settle(self.db, POLICY)
                case Outcome() as outcome:
                    # Half of them in part.
                    posted = [7] if one.hold_id.int % 2 else None
                    await self.holds.settle(self.db, one.hold_id, outcome, one.event_id, one.at, posted)
                case Asked() as asked:
                    taker = AccountKey(holders.clearing(HERE), Unit.MINUTE)
                    giver = AccountKey(asked.giver, Unit.MINUTE)
                    numbers = await self.writer.accounts(self.db, [giver, taker], HERE)
                    leg = Leg(numbers[giver], numbers[taker], Unit.MINUTE, asked.amount, Clause.REDEMPTION)
                    if asked.until is not None:
                        await self.holds.hold(self.db, one.hold_id, [leg], one.event_id, one.at)
                    else:
                        await self.payments.pay(
                            self.db, [leg], record_id=one.hold_id, event_id=one.event_id, occurred_at=one.at,
                            recorded_at=one.at,
                        )  # fmt: skip
        self.own.append(one)

    def told(self, at: datetime, what: Asked | Outcome | MinutesPooled, hold_id: uuid.UUID | None = None) -> Granted:
        """An own event, with an id in no order."""
        self.ids += 1
        event_id = uuid.uuid5(uuid.NAMESPACE_URL, str(self.ids))
        return Granted(at, event_id, what, hold_id or uuid.uuid5(event_id, "hold"))

    async def round(self, day: date, at: datetime) -> None:
        """A round of the night, as `OverflowRounds` goes it."""
        midnight = day_start(day + timedelta(days=1))
        for part in sorted(await self.flowing.parts(self.db, POLICY, day)):
            accounts = await self.flowing.candidates(self.db, POLICY, day, part)
            spent = await self.flowing.spent_since(self.db, accounts, midnight)
            owed = await self.owed(accounts)
            told = decide(Part(), Pool(part, day, at, spent))
            await self.grant(self.told(at, *told))
            assert await self.owed(accounts) == owed, "a round took what was not there any more"

    async def homes(self) -> list[tuple[Any, ...]]:
        """Who is at home where, and in whose book. Their accounts are, too, and all else is where it was opened."""
        astray = await self.db.fetch(
            f"SELECT a.holder, a.community FROM {self.schema}.accounts AS a"
            f"  JOIN {self.schema}.members AS m ON m.volunteer_id::text = a.holder WHERE a.community <> m.community"
        )
        assert astray == []
        query = f"SELECT volunteer_id, community, registered_in FROM {self.schema}.members ORDER BY volunteer_id"
        return [tuple(row) for row in await self.db.fetch(query)]

    async def owed(self, accounts: list[int]) -> int:
        """What is missing on accounts."""
        query = f"SELECT sum(owed) FROM {self.schema}.accounts WHERE id = ANY($1::bigint[])"
        return int(await self.db.fetchval(query, accounts) or 0)


async def _live(ledger: Ledger, heard: list[Heard], asked: list[Asked], nights: dict[int, float]) -> None:
    """Everything in the order in which a service would meet it."""
    happens: list[tuple[datetime, int, Any]] = [(one.at, 0, one) for one in heard]
    happens += [(one.at, n, one) for n, one in enumerate(asked, 1)]
    happens += [(moment(day + 1, hours), 90, day) for day, hours in nights.items()]
    happens += [(one.occurred_at, 80, one) for one in SAID_OF_LONG_DAYS]
    happens.sort(key=lambda item: item[:2])
    settling: list[Granted] = []
    for at, _, one in happens:
        while settling and settling[0].at <= at:
            await ledger.grant(settling.pop(0))
        match one:
            case Heard():
                await ledger.hear([one])
            case Asked():
                granted = ledger.told(at, one)
                try:
                    await ledger.grant(granted)
                except NotAvailable:
                    continue
                if one.until is not None:
                    settling.append(ledger.told(one.until, one.outcome, granted.hold_id))
                    settling.sort(key=lambda item: item.at)
            case Recorded():
                await ledger.grant(Granted(at, one.event_id, one, one.event_id))
            case int():
                await ledger.round(FIRST + timedelta(days=one), at)


def _batches(heard: list[Heard], chance: random.Random) -> Iterator[list[Heard]]:
    shuffled = heard[:]
    chance.shuffle(shuffled)
    while shuffled:
        size = chance.randint(1, len(shuffled))
        yield shuffled[:size]
        shuffled = shuffled[size:]


async def _compare(url: str, heard: list[Heard], asked: list[Asked], nights: dict[int, float], seed: int) -> None:
    async with connected(url) as db:
        tables = await LedgerUnderTest(db, "plain").fresh(), await LedgerUnderTest(db, "other").fresh()
        live, rebuilt = Ledger(db, "plain", replaying=False), Ledger(db, "other", replaying=True)
        await _live(live, heard, asked, nights)
        for one in live.own:
            await rebuilt.grant(one)
        for batch in _batches(heard, random.Random(seed)):
            await rebuilt.hear(batch)
        async with db.transaction():
            await rebuilt.long_days.settle(db, POLICY)
            await rebuilt.effects.settle(db, POLICY)
        assert await tables[0].breaks() == []
        assert await tables[1].breaks() == []
        assert await rebuilt.homes() == await live.homes()
        balances = await tables[0].balances()
        assert await tables[1].balances() == balances
        assert await tables[1].effects() == await tables[0].effects()
        assert await tables[1].sealed_lines() == await tables[0].sealed_lines()
        for home in (HERE, THERE):
            assert balances.get((holders.pool(home), "MINUTE"), (0, 0))[0] >= 0


@pytest.fixture(scope="module")
def database_url(stack: Any) -> str:
    url: str = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    run(migrate(url))
    return url


@settings(max_examples=140, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(
    served=st.lists(service(), min_size=1, max_size=7),
    registered=registrations(),
    moved=moves(),
    asked=st.lists(wishes(), max_size=5),
    nights=st.dictionaries(st.integers(0, 8), st.sampled_from([0.4, 0.4, 8, 23]), max_size=8),
    seed=st.integers(0, 2**32),
)
def test_pools_come_to_the_same_live_and_in_a_rebuild(
    database_url: str,
    served: list[list[Heard]],
    registered: list[Heard],
    moved: list[Heard],
    asked: list[Asked],
    nights: dict[int, float],
    seed: int,
) -> None:
    heard = [*registered, *moved, *(one for record in served for one in record)]
    run(_compare(database_url, heard, asked, nights, seed))


def test_two_of_the_people_are_in_one_part() -> None:
    assert len({part_of(person) for person in PEOPLE}) == 2
    assert local_day(datetime(2026, 1, 31, 16, tzinfo=UTC)) == FIRST
