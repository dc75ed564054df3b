"""What flows over into a pool, and what a pool lacks: the same for every order in which it becomes known."""

import random
import uuid
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.points.ledger.clauses import Clause
from services.points.ledger.postings import Held, Posting
from services.points.overflow.model import Part, Pool, decide, evolve
from services.points.overflow.pooling import Round, due, lacks, spent_since
from services.points.policy.terms import Said
from shared.clock import day_start
from shared.contracts.points import MinutesPooled

FIRST = date(2026, 3, 1)
POOL, ISSUER = 9, -1


def cap_on(day: date) -> Said[int]:
    return Said(100 if day < date(2026, 3, 6) else 80, 1 if day < date(2026, 3, 6) else 2)


def at(day: int, hour: float = 9) -> datetime:
    """An hour of a day of March, in Shanghai."""
    return day_start(date(2026, 3, day)) + timedelta(hours=hour)


def round_of(day: int, spent: int = 0, late: timedelta = timedelta()) -> Round:
    """The round for a day, twenty past midnight, or later by so much."""
    return Round(uuid.UUID(int=1000 + day), date(2026, 3, day), at(day + 1, 1 / 3) + late, spent)


def served(day: int, minutes: int, known: datetime | None = None, clause: Clause = Clause.RATE) -> Posting:
    moment = known or at(day, 12)
    return Posting(0, uuid.uuid4(), uuid.uuid4(), clause, minutes, ISSUER, at(day), moment)


def spent(moment: datetime, minutes: int) -> Posting:
    return Posting(0, uuid.uuid4(), uuid.uuid4(), 99, -minutes, 77, moment, moment)


def posted(postings: list[Posting], held: list[Held], rounds: list[Round]) -> list[Posting]:
    """The account with what is due on it."""
    number = max((p.transfer_id for p in postings), default=0)
    made = [
        Posting(
            number + n, one.round.event_id, one.round.event_id,
            Clause.POOLED if one.corrects is None else Clause.POOLED_RESTATED, one.amount, POOL, one.round.at,
            one.known_at,
        )
        for n, one in enumerate(due(postings, held, rounds, cap_on), 1)
    ]  # fmt: skip
    return postings + made


def flowed(postings: list[Posting]) -> dict[tuple[date, datetime], int]:
    """What went to the pool, by the day of the round and the moment from which on it was right."""
    found: dict[tuple[date, datetime], int] = {}
    for p in postings:
        if p.contra_account == POOL:
            key = (date(2026, 3, p.event_id.int - 1000), p.recorded_at)
            found[key] = found.get(key, 0) - p.amount
    return {key: amount for key, amount in found.items() if amount}


def test_a_part_is_looked_at_once_for_a_day() -> None:
    command = Pool(7, FIRST, at(2))
    event = MinutesPooled(part=7, through=FIRST, pooled_at=at(2))
    assert decide(Part(), command) == [event]
    assert decide(evolve(Part(), event), command) == []
    assert decide(evolve(Part(), event), Pool(7, FIRST - timedelta(days=1), at(3))) == []
    who = uuid.UUID(int=7)
    (told,) = decide(Part(), Pool(7, FIRST, at(2), {who: 5}))
    assert isinstance(told, MinutesPooled)
    assert [(one.volunteer_id, one.minutes) for one in told.spent] == [(who, 5)]


def test_what_stands_above_the_cap_at_the_end_of_the_day_flows_over() -> None:
    account = posted([served(1, 70), served(1, 50)], [], [round_of(1)])
    assert flowed(account) == {(date(2026, 3, 1), round_of(1).at): 20}
    assert due(account, [], [round_of(1)], cap_on) == []


def test_without_a_round_nothing_flows_over_and_below_the_cap_neither() -> None:
    assert due([served(1, 500)], [], [], cap_on) == []
    assert due([served(1, 100)], [], [round_of(1)], cap_on) == []


def test_what_was_spent_does_not_flow_over_before_midnight_or_before_the_round() -> None:
    before = [served(1, 130), spent(at(1, 23), 15)]
    assert flowed(posted(before, [], [round_of(1)])) == {(date(2026, 3, 1), round_of(1).at): 15}
    account = [*before, spent(at(2, 0.1), 6)]
    assert spent_since(account, [], round_of(1).ends) == 6
    assert flowed(posted(account, [], [round_of(1, spent=6)])) == {(date(2026, 3, 1), round_of(1).at): 9}
    everything = [*before, spent(at(2, 0.1), 115)]
    assert flowed(posted(everything, [], [round_of(1, spent=spent_since(everything, [], round_of(1).ends))])) == {}


def test_what_was_spent_is_what_was_gone_at_its_most_whatever_came_in_again() -> None:
    ends = round_of(1).ends
    hold = Held(uuid.uuid4(), 30, at(2, 3), at(2, 5))
    assert spent_since([served(1, 120)], [hold], ends) == 30
    gift = Posting(0, uuid.uuid4(), uuid.uuid4(), 99, 50, 77, at(2, 4), at(2, 4))
    assert spent_since([gift, spent(at(2, 6), 40)], [], ends) == 0
    assert spent_since([gift, spent(at(2, 2), 40), spent(at(1, 2), 7)], [hold], ends) == 70
    # Served in the place of what was planned: set free and held anew in one moment is not spent twice.
    again = Held(uuid.uuid4(), 20, at(2, 5), None)
    assert spent_since([], [hold._replace(held_at=at(1, 3)), again], ends) == 0
    # Service is not spending, whatever is corrected of it.
    assert spent_since([served(2, -30, clause=Clause.CORRECTION)], [], ends) == 0


def test_what_is_held_for_something_is_gone_until_it_is_set_free() -> None:
    hold = Held(uuid.uuid4(), 30, at(1, 20), at(3, 10))
    account = posted([served(1, 120)], [hold], [round_of(1), round_of(2), round_of(3)])
    assert flowed(account) == {(date(2026, 3, 3), round_of(3).at): 20}
    collected = Posting(0, uuid.uuid4(), hold.hold_id, 99, -30, 77, at(2), at(2))
    kept = posted([served(1, 120), collected], [hold._replace(freed_at=None)], [round_of(1), round_of(2)])
    assert flowed(kept) == {}


def test_what_was_paid_and_given_by_mistake_never_flowed_over_and_what_comes_back_would_have() -> None:
    """A mistake counts from when it was made, known since it was taken back: both sides stand as if it never was."""
    rounds = [round_of(1), round_of(2)]

    def dealt(minutes: int, known: datetime, clause: int) -> Posting:
        return Posting(0, uuid.uuid4(), uuid.uuid4(), clause, minutes, 77, at(1, 15), known)

    recipient = posted([served(1, 70), dealt(60, at(1, 15), Clause.MINUTES_GIVEN)], [], rounds)
    assert flowed(recipient) == {(date(2026, 3, 1), round_of(1).at): 30}
    recipient = posted([*recipient, dealt(-60, at(3), Clause.GIFT_REVERSED)], [], rounds)
    assert sum(flowed(recipient).values()) == 0
    assert sum(p.amount for p in recipient) == 70
    giver = posted([served(1, 130), dealt(-60, at(1, 15), Clause.MINUTES_GIVEN)], [], rounds)
    giver = posted([*giver, dealt(60, at(3), Clause.GIFT_REVERSED)], [], rounds)
    assert flowed(giver) == {(date(2026, 3, 1), at(3)): 30}
    # Between midnight and the round it was spent, as the round says; what comes back counts from then, too.
    late = [served(1, 130), spent(at(2, 0.1), 60)]
    back = Posting(0, uuid.uuid4(), uuid.uuid4(), Clause.ORDER_CORRECTED, 60, 77, at(2, 0.1), at(3))
    account = posted(late, [], [round_of(1, spent=60), round_of(2)])
    account = posted([*account, back], [], [round_of(1, spent=60), round_of(2)])
    assert flowed(account) == {(date(2026, 3, 2), at(3)): 30}


def test_what_is_paid_on_top_of_an_order_was_not_held() -> None:
    hold = Held(uuid.uuid4(), 30, at(1, 20), None)
    paid = Posting(0, uuid.uuid4(), hold.hold_id, Clause.ORDER_PAID, -30, 77, at(1, 22), at(1, 22))
    more = Posting(0, uuid.uuid4(), hold.hold_id, Clause.ORDER_CORRECTED, -15, 77, at(1, 22), at(3))
    rounds = [round_of(1), round_of(2)]
    assert flowed(posted([served(1, 140), paid], [hold], rounds)) == {(date(2026, 3, 1), round_of(1).at): 10}
    account = posted([*posted([served(1, 140), paid], [hold], rounds), more], [hold], rounds)
    assert sum(flowed(account).values()) == 0
    # A pool that paid more had it, too.
    pool = [flow(1, 40, at(1)), paid, more]
    assert [one.amount for one in lacks(pool, [hold])] == [5]


def test_service_that_is_told_later_flows_over_when_it_is_known() -> None:
    rounds = [round_of(1), round_of(2)]
    account = posted([served(1, 90)], [], rounds)
    assert flowed(account) == {}
    account = posted([*account, served(1, 30, known=at(3))], [], rounds)
    assert flowed(account) == {(date(2026, 3, 1), at(3)): 20}


def test_a_correction_brings_back_what_would_not_have_flowed_over() -> None:
    rounds = [round_of(1), round_of(2)]
    account = posted([served(1, 150), served(2, 10)], [], rounds)
    assert flowed(account) == {(date(2026, 3, 1), round_of(1).at): 50, (date(2026, 3, 2), round_of(2).at): 10}
    account = posted([*account, served(1, -30, known=at(4), clause=Clause.CORRECTION)], [], rounds)
    assert flowed(account) == {
        (date(2026, 3, 1), round_of(1).at): 50,
        (date(2026, 3, 1), at(4)): -30,
        (date(2026, 3, 2), round_of(2).at): 10,
    }
    assert sum(posting.amount for posting in account) == 100
    account = posted([*account, served(1, -30, known=at(5), clause=Clause.CORRECTION)], [], rounds)
    assert sum(posting.amount for posting in account) == 100  # 150 + 10 - 60, and nothing in the pool
    assert sum(amount for amount in flowed(account).values()) == 0


def test_the_cap_of_the_day_holds() -> None:
    account = posted([served(4, 130)], [], [round_of(4), round_of(6)])
    assert [(p.amount, p.event_id.int) for p in account if p.contra_account == POOL] == [(-30, 1004), (-20, 1006)]
    assert [one.cap_version for one in due([served(4, 130)], [], [round_of(4), round_of(6)], cap_on)] == [1, 2]


moments = st.integers(0, 24 * 12).map(lambda hours: at(1, 0) + timedelta(hours=hours))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Posting], list[Held], list[Round]]:
    postings = []
    for _ in range(draw(st.integers(0, 8))):
        day = draw(st.integers(1, 8))
        known = max(at(day, 12), draw(moments))
        clause = draw(st.sampled_from([Clause.RATE, Clause.RATE, Clause.CORRECTION, Clause.DAY_CAP]))
        amount = draw(st.integers(1, 90))
        postings.append(served(day, amount if clause is Clause.RATE else -amount, known, clause))
    postings += [spent(draw(moments), draw(st.integers(1, 60))) for _ in range(draw(st.integers(0, 3)))]
    held = []
    for _ in range(draw(st.integers(0, 2))):
        since = draw(moments)
        freed = since + timedelta(hours=draw(st.integers(1, 90))) if draw(st.booleans()) else None
        held.append(Held(uuid.uuid4(), draw(st.integers(1, 60)), since, freed))
    return postings, held, [round_of(day) for day in sorted(draw(st.sets(st.integers(1, 9), max_size=6)))]


@settings(deadline=None, max_examples=300)
@given(histories(), st.integers(0, 2**32))
def test_in_whatever_order_it_becomes_known_the_same_flows_over(
    history: tuple[list[Posting], list[Held], list[Round]], seed: int
) -> None:
    postings, held, rounds = history
    at_once = posted(postings, held, rounds)
    chance, account, holds, ran = random.Random(seed), list[Posting](), list[Held](), list[Round]()
    arriving = [*postings, *held, *rounds]
    chance.shuffle(arriving)
    for one in arriving:
        match one:
            case Posting():
                account.append(one)
            case Held():
                holds.append(one)
            case Round():
                ran.append(one)
        account = posted(account, holds, ran)
    assert flowed(account) == flowed(at_once)
    assert due(account, holds, ran, cap_on) == []


@settings(deadline=None, max_examples=300)
@given(histories())
def test_nobody_keeps_more_than_the_cap_at_the_end_of_a_day_with_a_round(
    history: tuple[list[Posting], list[Held], list[Round]],
) -> None:
    postings, held, rounds = history
    account = posted(postings, held, rounds)
    pooled = {one: -sum(p.amount for p in account if p.event_id == one.event_id) for one in rounds}
    assert all(amount >= 0 for amount in pooled.values())
    for one in rounds:
        ends = one.ends
        stood = sum(p.amount for p in postings if (p.occurred_at if p.clause < 10 else p.recorded_at) < ends) - sum(
            h.amount for h in held if h.held_at < ends and (h.freed_at is None or h.freed_at >= ends)
        )
        flowed_before = sum(amount for other, amount in pooled.items() if other.through <= one.through)
        assert stood - flowed_before <= cap_on(one.through).value
        if pooled[one]:
            assert stood - flowed_before == cap_on(one.through).value


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(0, 30), st.integers(1, 150)), max_size=8),
    st.lists(st.tuples(moments, st.integers(1, 200)), max_size=8),
    st.dictionaries(st.integers(1, 9), st.integers(0, 60), max_size=6),
)
def test_a_round_takes_nothing_that_somebody_could_have_spent_however_late_it_runs(
    service: list[tuple[int, int, int]], wishes: list[tuple[datetime, int]], nights: dict[int, int]
) -> None:
    """Whoever asks for what is there gets it; then no round leaves the account owing, nor does what is told late."""
    account, ran = list[Posting](), list[Round]()
    told = [served(day, minutes, at(day, 10) + timedelta(hours=late)) for day, late, minutes in service]
    rounds = [round_of(day, late=timedelta(hours=late)) for day, late in nights.items()]
    happens: list[tuple[datetime, int, Posting | Round]] = [(one.recorded_at, 0, one) for one in told]
    happens += [(moment, 1, spent(moment, minutes)) for moment, minutes in wishes]
    happens += [(one.at, 2, one) for one in rounds]
    for _, _, one in sorted(happens, key=lambda happening: happening[:2]):
        if isinstance(one, Round):
            ran.append(one._replace(spent=spent_since(account, [], one.ends)))
        elif sum(p.amount for p in account) + one.amount >= 0:
            account.append(one)
        account = posted(account, [], ran)
        assert sum(p.amount for p in account) >= 0


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 150)), max_size=6),
    st.lists(st.tuples(moments, st.integers(-60, 100)), max_size=6),
    st.sets(st.integers(1, 4)),
)
def test_the_round_of_the_last_night_takes_all_that_those_before_it_would_have(
    service: list[tuple[int, int]], dealings: list[tuple[datetime, int]], missed: set[int]
) -> None:
    """So nights on which no round ran need not be made up for."""
    morning = at(6, 8)
    account = [served(day, minutes) for day, minutes in service]
    account += [spent(moment, minutes) for moment, minutes in dealings if minutes and moment < morning]

    def taken(days: list[int]) -> int:
        rounds = [round_of(day)._replace(at=morning) for day in days]
        rounds = [one._replace(spent=spent_since(account, [], one.ends)) for one in rounds]
        return -sum(one.amount for one in due(account, [], rounds, lambda _: Said(100, 1)))

    assert taken([*sorted(missed), 5]) == taken([5])


# ── the pool ─────────────────────────────────────────────────────────────────────────────────────────────────────


def flow(event: int, amount: int, moment: datetime, clause: int = Clause.POOLED) -> Posting:
    return Posting(0, uuid.UUID(int=event), uuid.UUID(int=event), clause, amount, 5, moment, moment)


def made_good(postings: list[Posting], held: list[Held]) -> list[Posting]:
    return postings + [
        Posting(0, one.event_id, one.event_id, Clause.POOL_MADE_GOOD, one.amount, ISSUER, one.known_at, one.known_at)
        for one in lacks(postings, held)
    ]


def test_what_comes_back_out_of_an_empty_pool_is_made_up_for() -> None:
    pool = [flow(1, 50, at(1)), flow(2, -50, at(2), 99), flow(3, -30, at(3), Clause.POOLED_RESTATED)]
    assert [(one.event_id.int, one.amount, one.known_at) for one in lacks(pool, [])] == [(3, 30, at(3))]
    assert lacks(made_good(pool, []), []) == []
    # What flows in afterwards is the pool's; what turns out to have been there before takes the place of what was lent.
    assert lacks([*made_good(pool, []), flow(4, 20, at(4))], []) == []
    assert [one.amount for one in lacks([*made_good(pool, []), flow(5, 20, at(2, 12))], [])] == [-20]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(st.integers(-60, 80), moments), max_size=10),
    st.lists(st.tuples(st.integers(1, 60), moments), max_size=2),
    st.integers(0, 2**32),
)
def test_a_pool_is_below_zero_at_no_moment_and_the_same_in_any_order(
    amounts: list[tuple[int, datetime]], holds: list[tuple[int, datetime]], seed: int
) -> None:
    flows = [flow(n, amount or 1, moment) for n, (amount, moment) in enumerate(amounts, 1)]
    held = [Held(uuid.UUID(int=100 + n), amount, moment, None) for n, (amount, moment) in enumerate(holds)]
    at_once = made_good(flows, held)
    shuffled, pool = flows[:], list[Posting]()
    random.Random(seed).shuffle(shuffled)
    for one in shuffled:
        pool = made_good([*pool, one], held)
    if not shuffled:
        pool = made_good(pool, held)

    def net(postings: list[Posting]) -> dict[tuple[uuid.UUID, datetime], int]:
        found: dict[tuple[uuid.UUID, datetime], int] = {}
        for p in postings:
            found[p.event_id, p.recorded_at] = found.get((p.event_id, p.recorded_at), 0) + p.amount
        return {key: amount for key, amount in found.items() if amount}

    assert net(pool) == net(at_once)
    for moment in [p.recorded_at for p in at_once] + [h.held_at for h in held]:
        stood = sum(p.amount for p in at_once if p.recorded_at <= moment)
        assert stood - sum(h.amount for h in held if h.held_at <= moment) >= 0


def test_times_are_aware() -> None:
    assert round_of(1).ends == datetime(2026, 3, 1, 16, tzinfo=UTC)
