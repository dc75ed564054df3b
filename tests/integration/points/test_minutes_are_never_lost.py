"""Whatever is ordered, given, confirmed, called off and corrected, in whatever order: every minute is accounted for."""

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.points.deaths.effects import EstateChanged, EstateEffects
from services.points.deaths.model import Death, Heir, Settle
from services.points.deaths.model import Stage as DeathStage
from services.points.deaths.views import DEATHS
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.schema import copy_of_the_tables
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import AccountKey, LedgerWriter
from services.points.overflow.effects import PoolLater
from services.points.overflow.flowing import Overflow
from services.points.proof.checks import check_tables, net_effects
from services.points.time_gifts.effects import TimeGiftEffects
from services.points.time_gifts.model import Donate, Give, Side
from services.points.time_gifts.streams import DONATIONS, GIFTS
from services.points.time_orders.effects import TimeOrderEffects, planned_hold
from services.points.time_orders.model import Accept, Approve, Cancel, Confirm, Request, Serve, TimeOut
from services.points.time_orders.order import OPEN, Order, Stage
from services.points.time_orders.standing import Means, Standing
from services.points.time_orders.views import ORDERS
from services.points.units import Unit
from shared.aggregate import Aggregate
from shared.contracts import Event, Refusal
from shared.contracts.deaths import OnDeathOutcome
from shared.contracts.time_bank import (
    TimeOrderCancelReason,
    TimePayer,
    TimeService,
)
from shared.eventstore import Recorded
from tests.integration.points.ledger_database import connected, migrate, run

COMMUNITIES = ("620201001004", "620201001005")
PEOPLE = tuple(uuid.UUID(int=n) for n in range(1, 5))
HOMES = dict(zip(PEOPLE, (*COMMUNITIES, *COMMUNITIES), strict=True))
DEPOSIT, DONATE_ONLY = 600, 60
NOON = datetime(2026, 3, 1, 4, tzinfo=UTC)
TICK = timedelta(hours=12)
PATIENCE = timedelta(days=5)
"""How long an order waits to be served."""
CLERK, COLLEAGUE = uuid.uuid4(), uuid.uuid4()

person = st.sampled_from(PEOPLE)
KINDS = (
    *["step"] * 10,
    *["request"] * 4,
    *["give", "donate", "correct", "settle"] * 2,
    *["approve", "accept", "serve", "confirm", "cancel", "time_out"],
)
"""What happens, as often as it stands here. A step is what comes next for an order: approved, accepted, served …"""


class Happening(NamedTuple):
    """Something that is tried, with all that it may need."""

    what: str
    number: int
    """Of the order."""
    one: uuid.UUID
    other: uuid.UUID
    minutes: int
    payer: TimePayer
    donation_minutes: int
    outcome: OnDeathOutcome

    @property
    def corrected(self) -> int:
        """By how much a record changes; now and then it was longer."""
        return self.minutes if self.outcome is OnDeathOutcome.LAPSE else -self.minutes


happenings = st.builds(
    Happening,
    st.sampled_from(KINDS),
    st.integers(0, 5),
    person,
    person,
    st.sampled_from([1, 30, 90, 200, 300]),
    st.sampled_from([TimePayer.OWN, TimePayer.OWN, TimePayer.GIFT, TimePayer.POOL]),
    st.sampled_from([0, 20, 60]),
    st.sampled_from(OnDeathOutcome),
)
NEXT = {
    Stage.PROPOSED: "approve",
    Stage.REQUESTED: "accept",
    Stage.ACCEPTED: "serve",
    Stage.TIMED_OUT: "serve",
    Stage.SERVED: "confirm",
}


@dataclass
class Town:
    """A ledger on which own events act, and the orders that were made."""

    db: asyncpg.Connection
    schema: str
    replaying: bool = False
    orders: list[Order] = field(default_factory=list)
    told: list[Recorded] = field(default_factory=list)
    corrected: list[tuple[uuid.UUID, int, int, Unit]] = field(default_factory=list)
    deaths: dict[uuid.UUID, Death] = field(default_factory=dict)
    ticks: int = 0

    async def fresh(self) -> "Town":
        for statement in copy_of_the_tables(self.schema):
            await self.db.execute(statement)
        self.writer = LedgerWriter(self.schema)
        overflow = PoolLater(Overflow(self.writer))
        rooms = [kind(self.writer, overflow, replaying=self.replaying) for kind in (TimeOrderEffects, TimeGiftEffects)]
        rooms.append(EstateEffects(self.writer, replaying=self.replaying))
        self.effects = {event: room for room in rooms for event in room.EVENTS}
        return self

    def now(self) -> datetime:
        self.ticks += 1
        return NOON + self.ticks * TICK

    def wait_for(self, then: datetime) -> datetime:
        """Let time pass until then; it never runs back."""
        self.ticks = max(self.ticks, -((NOON - then) // TICK))
        return NOON + self.ticks * TICK

    async def deposit(self) -> None:
        for one in PEOPLE:
            for unit, amount in ((Unit.MINUTE, DEPOSIT), (Unit.DONATION_MINUTE, DONATE_ONLY)):
                await self.fact(one, amount, 0, unit)

    async def fact(self, one: uuid.UUID, amount: int, tick: int, unit: Unit = Unit.MINUTE) -> None:
        """What was served turns out to be so much more, or less: booked whatever is there."""
        issuer, purse = AccountKey(holders.issuance(HOMES[one]), unit), AccountKey(holders.volunteer(one), unit)
        numbers = await self.writer.accounts(self.db, [issuer, purse], HOMES[one])
        giver, taker = (issuer, purse) if amount > 0 else (purse, issuer)
        at = NOON + tick * TICK
        record = uuid.uuid5(uuid.NAMESPACE_OID, f"{one}{unit}{tick}")
        transfer = Transfer(
            numbers[giver], numbers[taker], abs(amount), None, at, at, record, record, unit, 1, Clause.RATE
        )  # fmt: skip
        await self.writer.post(self.db, [transfer])

    async def act(self, aggregate: Aggregate[Any], state: Any, command: Any) -> Any:
        """Decide and let it act, or neither. Returns the state afterwards."""
        try:
            async with self.db.transaction():
                events = aggregate.decide(state, command)
                for event in events:
                    await self.tell(event, command.at)
                return aggregate.fold(events, state)
        except (Refusal, EstateChanged):
            return state

    async def tell(self, event: Event, at: datetime) -> None:
        recorded = Recorded(event, uuid.uuid5(uuid.NAMESPACE_OID, f"{event!r}"), "", 1, "", at)
        await self.effects_of(event, recorded)
        self.told.append(recorded)

    async def effects_of(self, event: Event, recorded: Recorded) -> None:
        room: Any = self.effects.get(type(event))
        if room is not None:
            await room.apply(self.db, event, recorded)

    async def available(self, one: uuid.UUID, unit: Unit) -> int:
        query = f"SELECT credits - debits - pending_debits FROM {self.schema}.accounts WHERE holder = $1 AND unit = $2"
        return int(await self.db.fetchval(query, str(one), int(unit)) or 0)

    async def do(self, it: Happening) -> None:
        at, giver, recipient = self.now(), _side(it.one), _side(it.other)
        match it.what:
            case "request":
                await self._request(it.one, it.minutes, it.payer, at)
            case "give" if giver != recipient:
                command = Give(self._id(), giver, recipient, CLERK, 60, 60, it.minutes, True, at)
                await self.act(GIFTS, GIFTS.initial, command)
            case "donate":
                donation = Donate(self._id(), giver, it.minutes, it.donation_minutes, True, at)
                await self.act(DONATIONS, DONATIONS.initial, donation)
            case "settle":
                await self._settle(it.one, it.outcome, [it.other], at)
            case "correct":
                unit = Unit.DONATION_MINUTE if it.donation_minutes else Unit.MINUTE
                await self.fact(it.one, it.corrected, self.ticks, unit)
                self.corrected.append((it.one, it.corrected, self.ticks, unit))
            case _ if self.orders and it.what != "give":
                number = it.number % len(self.orders)
                order = self.orders[number]
                self.orders[number] = await self.act(ORDERS, order, self._on_order(it, order, at))
            case _:
                pass

    async def _request(self, who: uuid.UUID, planned: int, payer: TimePayer, at: datetime) -> None:
        standing = Standing(
            beneficiary_id=who, community=HOMES[who], beneficiary_forgotten=False, someone_died=False,
            payer_volunteer_id=None if payer is TimePayer.POOL else who, payer_community=HOMES[who],
            payer_closed=False, kin_id=CLERK, age_years_min=60, spend_from_age=60,
        )  # fmt: skip
        command = Request(
            self._id(), HOMES[who], TimeService.CARE, planned, payer, standing, True, CLERK, at, at + PATIENCE
        )  # fmt: skip
        order = await self.act(ORDERS, ORDERS.initial, command)
        if order.id is not None:
            self.orders.append(order)

    async def _settle(self, who: uuid.UUID, outcome: OnDeathOutcome, heirs: list[uuid.UUID], at: datetime) -> None:
        there = [await self.available(who, unit) for unit in (Unit.MINUTE, Unit.DONATION_MINUTE)]
        first = Death(uuid.uuid4(), HOMES[who], who, None, (), DeathStage.CONFIRMED, CLERK, outcome, 1)
        named = [Heir(heir, HOMES[heir]) for heir in heirs if heir != who]
        self.deaths[who] = await self.act(DEATHS, self.deaths.get(who, first), Settle(*there, named, at))
        for unit in (Unit.MINUTE, Unit.DONATION_MINUTE):
            assert await self.available(who, unit) == 0, "what the dead left went, and what was missing was made good"

    def _on_order(self, it: Happening, order: Order, at: datetime) -> Any:
        match NEXT.get(order.stage, "confirm") if it.what == "step" else it.what:
            case "approve":
                return Approve(Means(), COLLEAGUE, at)
            case "accept":
                provider = next(one for one in (it.one, it.other, *PEOPLE) if one != order.beneficiary_id)
                return Accept(provider, HOMES[provider], False, False, False, True, at)
            case "serve":
                served = min(it.minutes, order.planned_minutes)
                # The office enters late what was served before time ran out.
                ended = min(at, order.serve_by or at)
                return Serve(ended - timedelta(minutes=served), served, False, CLERK, at, at, by_office=True)
            case "confirm":
                return Confirm(False, COLLEAGUE, at)
            case "cancel":
                return Cancel(TimeOrderCancelReason.OTHER, True, at)
            case _:
                return TimeOut(self.wait_for(order.serve_by or at))

    def _id(self) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_OID, f"command {self.ticks}")


def _side(one: uuid.UUID) -> Side:
    return Side(one, HOMES[one], False)


@pytest.fixture(scope="module")
def database_url(stack: Any) -> str:
    url: str = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    run(migrate(url))
    return url


async def balances(town: Town) -> list[Any]:
    query = (
        "SELECT holder, unit, credits - debits, pending_debits, owed FROM {s}.accounts"
        " WHERE credits <> debits OR pending_debits <> 0 OR owed <> 0 ORDER BY 1, 2"
    )
    return [tuple(row) for row in await town.db.fetch(query.format(s=town.schema))]


async def holds(town: Town) -> dict[tuple[uuid.UUID, int], tuple[int, int]]:
    """Outcome and amount by hold and leg."""
    query = f"SELECT hold_id, leg, state, amount FROM {town.schema}.holds"
    return {(row[0], row[1]): (row[2], row[3]) for row in await town.db.fetch(query)}


async def hold_together(town: Town) -> None:
    """What must be so at every moment."""
    assert [check.name for check in await check_tables(town.db, town.schema) if check.breaks] == []
    for holder, _, posted, pending, owed in await balances(town):
        if holders.is_limited(holder):
            assert posted - pending + owed >= 0, holder
            if not town.corrected:
                assert owed == 0, holder
    clearing = [row[2] for row in await balances(town) if row[0].startswith(holders.clearing_prefix)]
    assert sum(clearing) == 0
    known = await holds(town)
    for order in town.orders:
        assert order.id is not None
        open_ones = [state for (hold, _), (state, _) in known.items() if hold in _of(order) and state == 0]
        held = order.stage in OPEN - {Stage.PROPOSED}
        assert bool(open_ones) == held, order.stage


async def end_all(town: Town) -> None:
    """Let every order end; then what was held was posted, set free or timed out, and nothing is pending."""
    for number in range(len(town.orders)):
        for what in ("time_out", "confirm", "cancel"):
            await town.do(Happening(what, number, PEOPLE[0], PEOPLE[1], 1, TimePayer.OWN, 0, OnDeathOutcome.KIN))
    known = await holds(town)
    by_state = {state: sum(amount for had, amount in known.values() if had == state) for state in range(4)}
    assert by_state[0] == 0
    assert by_state[1] + by_state[2] + by_state[3] == sum(amount for _, amount in known.values())
    assert all(pending == 0 for _, _, _, pending, _ in await balances(town))
    for order in town.orders:
        assert order.id is not None
        paid = {amount for (hold, _), (state, amount) in known.items() if hold == order.id and state == 1}
        assert paid == ({order.minutes} if order.stage is Stage.CONFIRMED else set())


def _of(order: Order) -> set[uuid.UUID]:
    assert order.id is not None
    return {order.id, planned_hold(order.id)}


async def _live_and_replayed(url: str, sequence: list[Happening], seed: int) -> None:
    async with connected(url) as db:
        town = await Town(db, "plain").fresh()
        await town.deposit()
        for command in sequence:
            await town.do(command)
            await hold_together(town)
        await end_all(town)
        await hold_together(town)
        # A rebuild takes own events first, and what was earned after them, in any order.
        again = await Town(db, "other", replaying=True).fresh()
        for recorded in town.told:
            await again.effects_of(recorded.event, recorded)
        random.Random(seed).shuffle(town.corrected)
        for fact in town.corrected:
            await again.fact(*fact)
        await again.deposit()
        assert await balances(again) == await balances(town)
        assert await holds(again) == await holds(town)
        assert (await net_effects(db, "other")).digest == (await net_effects(db, "plain")).digest


async def _a_correction_in_between(url: str) -> None:
    async with connected(url) as db:
        town = await Town(db, "plain").fresh()
        await town.deposit()
        payer, provider = PEOPLE[:2]
        plain = Happening("request", 0, payer, provider, 300, TimePayer.OWN, 0, OnDeathOutcome.KIN)
        for what in ("request", "correct", "correct"):
            await town.do(plain._replace(what=what))
        await hold_together(town)
        for what in ("accept", "serve", "confirm"):
            await town.do(plain._replace(what=what, one=provider))
            await hold_together(town)
        (order,) = town.orders
        assert order.stage is Stage.CONFIRMED
        had = {(holder, unit): (posted, owed) for holder, unit, posted, _, owed in await balances(town)}
        assert had[str(provider), Unit.MINUTE] == (DEPOSIT + 300, 0)
        assert had[str(payer), Unit.MINUTE] == (-300, 300)


def test_whoever_served_is_paid_even_if_a_correction_took_the_payers_minutes_meanwhile(database_url: str) -> None:
    run(_a_correction_in_between(database_url))


_DIED = Happening("settle", 0, PEOPLE[0], PEOPLE[1], 300, TimePayer.OWN, 0, OnDeathOutcome.KIN)
_SHORTER = _DIED._replace(what="correct")
_LONGER = _SHORTER._replace(outcome=OnDeathOutcome.LAPSE, minutes=400)


@example(
    sequence=[_DIED, _SHORTER, _SHORTER._replace(donation_minutes=20), _DIED, _LONGER, _DIED, _LONGER, _DIED], seed=0
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(sequence=st.lists(happenings, min_size=10, max_size=40), seed=st.integers(0, 2**32))
def test_every_minute_is_held_posted_or_free_and_a_rebuild_says_the_same(
    database_url: str, sequence: list[Happening], seed: int
) -> None:
    run(_live_and_replayed(database_url, sequence, seed))
