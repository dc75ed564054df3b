"""Points lapse lot by lot: first earned first spent, and whatever is known late comes out right."""

import random
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.points.expiry.lots import Course, Due, Known, Lapse, Term, TermOf, course, due
from services.points.expiry.model import Announce, LetLapse
from services.points.expiry.rounds import EXPIRY
from services.points.expiry.terms import lapsed_until, lapsing_days
from services.points.ledger.clauses import CUTS, EARNED, EXPIRED, Clause
from services.points.ledger.postings import Held, Posting
from services.points.policy.rules import ExpiryKind, ExpiryRule
from shared.contracts.points import ExpiryNotice, PointsExpiryAnnounced, PointsLapsed
from tests.specification import given as given_events

BEGIN = datetime(2025, 1, 1, 4, tzinfo=UTC)
ISSUER = -1
YEAR_END, MONTHS, NEVER = (
    ExpiryRule(ExpiryKind.END_OF_NEXT_YEAR),
    ExpiryRule(ExpiryKind.MONTHS, 36),
    ExpiryRule(ExpiryKind.NEVER),
)


def term_of(_: int, earned_at: datetime) -> Term:
    """Ten days, to keep the examples short."""
    return Term(earned_at.date() + timedelta(days=10), 1)


def earned(record: int, day: int, amount: int, *, told: int | None = None, clause: Clause = Clause.RATE) -> Posting:
    at, known = BEGIN + timedelta(days=day), BEGIN + timedelta(days=day if told is None else told)
    return Posting(record, uuid.UUID(int=record), uuid.UUID(int=record), clause, amount, ISSUER, at, known)


def corrected(record: int, day: int, amount: int, told: int) -> Posting:
    return earned(record, day, amount, told=told, clause=Clause.CORRECTION)._replace(event_id=uuid.UUID(int=900 + told))


def held(number: int, day: int, amount: int, freed: int | None = None) -> Held:
    at = BEGIN + timedelta(days=day, hours=1)
    return Held(uuid.UUID(int=500 + number), amount, at, None if freed is None else BEGIN + timedelta(days=freed))


def lapse(day: int) -> Lapse:
    at = BEGIN + timedelta(days=day, hours=2)
    return Lapse(uuid.UUID(int=800 + day), at.date() - timedelta(days=1), at)


def lapsing(postings: list[Posting], holds: list[Held], lapses: list[Lapse]) -> list[tuple[int, int]]:
    return [(one.lot.record_id.int, one.amount) for one in due(Known(postings, holds, lapses), term_of)]


def parts(of: Course) -> dict[int, list[tuple[int, int]]]:
    return {paid.int: [(lot.record_id.int, amount) for lot, amount, _ in of_one] for paid, of_one in of.paid.items()}


def post(one: Due, number: int) -> Posting:
    clause = Clause.EXPIRY if one.corrects is None else Clause.EXPIRY_RESTATED
    return Posting(
        number, one.lapse.event_id, one.lot.record_id, clause, one.amount, ISSUER, one.lapse.at, one.known_at
    )


def test_what_is_not_spent_lapses_after_its_last_day() -> None:
    lots = [earned(1, 0, 30), earned(2, 5, 20)]
    assert lapsing(lots, [], [lapse(10)]) == []
    assert lapsing(lots, [], [lapse(11)]) == [(1, -30)]
    assert lapsing(lots, [], [lapse(16)]) == [(1, -30), (2, -20)]


def test_the_first_earned_is_the_first_spent() -> None:
    lots = [earned(1, 0, 30), earned(2, 5, 20)]
    assert lapsing(lots, [held(1, 6, 40)], [lapse(16)]) == [(2, -10)]
    spent = course(Known(lots, [held(1, 6, 40)], []), term_of)
    assert [(lot.spent, lot.held, lot.left) for lot in spent.lots] == [(30, 30, 0), (10, 10, 10)]
    assert parts(spent) == {501: [(1, 30), (2, 10)]}


def test_what_was_reserved_before_and_comes_back_afterwards_lapses_then() -> None:
    lots = [earned(1, 0, 30)]
    assert lapsing(lots, [held(1, 6, 30)], [lapse(12)]) == []
    (late,) = due(Known(lots, [held(1, 6, 30, freed=14)], [lapse(12)]), term_of)
    assert (late.amount, late.known_at) == (-30, BEGIN + timedelta(days=14))


def test_a_record_corrected_after_it_lapsed_gives_back_what_it_never_was() -> None:
    first = [earned(1, 0, 30)]
    posted = [post(one, 100) for one in due(Known(first, [], [lapse(12)]), term_of)]
    late = [*first, *posted, corrected(1, 0, -20, told=20)]
    assert lapsing(late, [], [lapse(12)]) == [(1, 20)]


def test_a_record_that_becomes_known_after_its_last_day_lapses_at_once() -> None:
    (late,) = due(Known([earned(1, 0, 30, told=20)], [], [lapse(12)]), term_of)
    assert (late.amount, late.lapse, late.known_at) == (-30, lapse(12), BEGIN + timedelta(days=20))


def test_a_debt_is_paid_from_what_is_earned_next() -> None:
    lots = [earned(1, 0, 30), corrected(1, 0, -30, told=8), earned(2, 9, 50)]
    assert lapsing(lots, [held(1, 6, 30)], [lapse(20)]) == [(2, -20)]
    owing = [earned(1, 0, 30), corrected(1, 0, -20, told=8), earned(2, 9, 15), earned(3, 10, 50)]
    paid = parts(course(Known(owing, [held(1, 6, 30), held(2, 7, 10)], []), term_of))
    assert paid == {501: [(1, 10), (2, 15), (3, 5)], 502: [(3, 10)]}, "the older debt first"


def test_what_was_paid_from_which_lots_is_told_as_it_was_known_then() -> None:
    lots = [earned(1, 0, 30), earned(2, 5, 20, told=9)]
    collected = earned(77, 8, -25, clause=Clause.REDEMPTION)._replace(record_id=held(1, 6, 0).hold_id)
    known = Known([*lots, collected], [held(1, 6, 25), held(2, 7, 10, freed=12)], [lapse(16)])

    def told(known: Known) -> list[tuple[int, int, int, int]]:
        return [(lot.spent, lot.held, lot.lapsed, lot.left) for lot in course(known, term_of).lots]

    assert told(known) == [(25, 0, 5, 0), (0, 0, 20, 0)]
    day = [BEGIN + timedelta(days=n, hours=1) for n in range(20)]
    assert told(known.until(day[7])) == [(25, 25, 0, 5), (0, 0, 0, 20)], "as it is known now: the second came back"
    assert told(known.until(day[7]).as_of(day[7])) == [(30, 30, 0, 0)], (
        "the second lot was not known, nor what came back"
    )
    assert told(known.until(day[9]).as_of(day[9])) == [(30, 5, 0, 0), (5, 5, 0, 15)]
    assert told(known.until(day[15])) == [(25, 0, 0, 5), (0, 0, 0, 20)]


days = st.integers(0, 25)
known_late = st.integers(0, 30)


@given(
    records=st.lists(st.tuples(days, st.integers(1, 40), known_late), min_size=1, max_size=5),
    corrections=st.lists(st.tuples(st.integers(1, 5), st.integers(-40, 40).filter(bool), known_late), max_size=3),
    holds=st.lists(st.tuples(days, st.integers(1, 60), st.none() | st.integers(1, 20)), max_size=3),
    lapse_days=st.sets(st.integers(11, 40), min_size=1, max_size=3),
    chance=st.randoms(use_true_random=False),
)
def test_what_lapses_depends_on_what_is_known_and_not_on_the_order_of_arrival(
    records: list[Any], corrections: list[Any], holds: list[Any], lapse_days: set[int], chance: Any
) -> None:
    told: list[Any] = [earned(n, day, amount, told=day + late) for n, (day, amount, late) in enumerate(records, 1)]
    for n, (record, amount, late) in enumerate(corrections):
        if record <= len(records):
            day = records[record - 1][0]
            told.append(corrected(record, day, amount, told=day + late)._replace(event_id=uuid.UUID(int=950 + n)))
    told += [lapse(day) for day in lapse_days]
    all_held = [
        held(n, day, amount, None if after is None else day + after) for n, (day, amount, after) in enumerate(holds)
    ]
    chance.shuffle(told)
    postings: list[Posting] = []
    lapses: list[Lapse] = []
    for arrived in told:
        (lapses if isinstance(arrived, Lapse) else postings).append(arrived)
        known = Known(postings, all_held, lapses)
        postings += [post(one, 100 + len(postings) + n) for n, one in enumerate(due(known, term_of))]
    known = Known(postings, all_held, lapses)
    assert due(known, term_of) == []
    for moment in sorted({p.recorded_at for p in postings} | {one.at for one in lapses}):
        first_told = Known([p for p in told if isinstance(p, Posting)], all_held, lapses)
        afresh = due(first_told.as_of(moment), term_of)
        expired = sum(p.amount for p in postings if p not in told and p.recorded_at <= moment)
        assert expired == sum(one.amount for one in afresh)
    now = course(known, term_of)
    paid = Counter[int]()
    for of_one in now.paid.values():
        for lot, amount, _ in of_one:
            paid[lot.record_id.int] += amount
    for lot in now.lots:
        assert lot.left >= 0
        assert lot.spent == lot.held == paid[lot.record_id.int]
    owed = sum(one.amount for one in all_held if one.freed_at is None) - paid.total()
    assert sum(lot.left for lot in now.lots if owed) == 0, "nothing is owed while there is something left"


def due_moment_by_moment(known: Known, terms: TermOf) -> list[Any]:
    """What `due` says, the slow way: all is gone through anew for every moment at which anything became known."""
    first = min((one.at for one in known.lapses), default=None)
    if first is None:
        return []
    expiry = [p for p in known.postings if p.clause in EXPIRED]
    moments = {one.at for one in known.lapses}
    moments |= {p.recorded_at for p in known.postings if p.recorded_at > first and p not in expiry}
    moments |= {h.freed_at for h in known.held if h.freed_at is not None and h.freed_at > first}
    posted = {(p.record_id, p.event_id) for p in expiry}
    wanted, before = [], dict[Any, Any]()
    for known_at in sorted(moments):
        lapsed = course(known.as_of(known_at), terms).lapsed
        for key in sorted(lapsed.keys() | before.keys() | posted):
            mine = [p for p in expiry if (p.record_id, p.event_id) == key and p.recorded_at <= known_at]
            there = sum(p.amount for p in mine if p.recorded_at == known_at)
            amount = (before[key][2] if key in before else 0) - (lapsed[key][2] if key in lapsed else 0) - there
            if amount:
                wanted.append((known_at, *key, amount, max((p.transfer_id for p in mine), default=None)))
        before = dict(lapsed)
    return wanted


def long_and_short(issuer: int, earned_at: datetime) -> Term:
    """Points of one community last ten days, of another three weeks, of a third for ever."""
    last = {-1: 10, -2: 21}.get(issuer)
    return Term(None if last is None else earned_at.date() + timedelta(days=last), 1)


hours = st.integers(0, 40 * 24)
"""Since the beginning. Much happens within days of each other, and some of it in the same moment."""
later = st.just(0) | st.integers(0, 30 * 24)
rarely_later = st.just(0) | later


@settings(deadline=None)
@given(
    records=st.lists(st.tuples(hours, st.integers(1, 40), st.integers(-3, -1), rarely_later), max_size=12),
    changes=st.lists(
        st.tuples(st.integers(1, 12), st.integers(-40, 40), later, st.sampled_from(sorted(EARNED | CUTS))), max_size=4
    ),
    dealings=st.lists(st.tuples(hours, st.integers(-30, 30).filter(bool), rarely_later), max_size=4),
    holds=st.lists(st.tuples(hours, st.integers(1, 60), st.none() | later), max_size=5),
    lapse_days=st.sets(st.integers(5, 45), max_size=12),
    ahead=st.just(0) | st.integers(0, 15),
    chance=st.randoms(use_true_random=False),
)
@example(  # what is corrected was paid from before the last one, which lapsed before the first one did
    records=[(0, 10, -2, 0), (5 * 24, 10, -3, 0), (8 * 24, 10, -1, 0)],
    changes=[(2, -5, 20 * 24, Clause.CORRECTION)],
    dealings=[(9 * 24, -25, 0)],
    holds=[],
    lapse_days={19, 22},
    ahead=0,
    chance=random.Random(1),
)
def test_what_is_due_is_what_every_moment_gone_through_anew_would_say(
    records: list[Any],
    changes: list[Any],
    dealings: list[Any],
    holds: list[Any],
    lapse_days: set[int],
    ahead: int,
    chance: Any,
) -> None:
    def moment(hour: int) -> datetime:
        return BEGIN + timedelta(hours=hour)

    def line(record: int, clause: int, amount: int, issuer: int, hour: int, late: int) -> Posting:
        told = uuid.UUID(int=1000 + len(postings))
        return Posting(
            len(postings), told, uuid.UUID(int=record), clause, amount, issuer, moment(hour), moment(hour + late)
        )

    postings: list[Posting] = []
    for record, (hour, amount, issuer, late) in enumerate(records, 1):
        postings.append(line(record, Clause.RATE, amount, issuer, hour, late))
    for record, amount, after, clause in changes:
        if record <= len(records):
            hour, _, issuer, late = records[record - 1]
            postings.append(line(record, clause, amount, issuer, hour, late + after))
    for n, (hour, amount, late) in enumerate(dealings):
        postings.append(line(600 + n, Clause.REDEMPTION if amount < 0 else Clause.TAKEN_BACK, amount, -4, hour, late))
    all_held = [
        Held(uuid.UUID(int=500 + n), amount, moment(hour), None if after is None else moment(hour + after))
        for n, (hour, amount, after) in enumerate(holds)
    ]
    runs = [lapse(day) for day in lapse_days]
    arriving: list[Any] = [*postings, *(one._replace(through=one.through + timedelta(days=ahead)) for one in runs)]
    chance.shuffle(arriving)
    postings, lapses = [], list[Lapse]()
    for arrived in arriving:
        (lapses if isinstance(arrived, Lapse) else postings).append(arrived)
        known = Known(postings, all_held, lapses)
        found = due(known, long_and_short)
        assert [
            (one.known_at, one.lot.record_id, one.lapse.event_id, one.amount, one.corrects) for one in found
        ] == due_moment_by_moment(known, long_and_short)
        if chance.random() < 0.5:  # else they are posted with what comes next, as in a rebuild
            postings += [post(one, 2000 + len(postings) + n) for n, one in enumerate(found)]


def test_all_is_gone_through_once_and_once_more_for_each_thing_that_came_late() -> None:
    def lots_looked_at(known: Known) -> int:
        looked_at = 0

        def counted(issuer: int, earned_at: datetime) -> Term:
            nonlocal looked_at
            looked_at += 1
            return term_of(issuer, earned_at)

        due(known, counted)
        return looked_at

    ten_years = [earned(n, n, 5) for n in range(1, 3651)]
    every_week = [lapse(day) for day in range(11, 3651, 7)]
    early = [held(1, 2, 5, freed=3), held(2, 50, 5, freed=51)]
    in_time = corrected(40, 40, -2, told=45)
    assert lots_looked_at(Known([*ten_years, in_time], early, every_week)) == 3650
    late = [corrected(60, 60, -2, told=90), earned(4000, 200, -1, told=300, clause=Clause.REDEMPTION)]
    across_a_run = held(3, 99, 5, freed=110)
    known = Known([*ten_years, in_time, *late], [*early, across_a_run], every_week)
    assert lots_looked_at(known) == 3650 + 89 + 109 + 299, "once more for each, as it was known until then"


# ── which days lapse when ────────────────────────────────────────────────────────────────────────────────────────


def test_the_bound_of_what_has_lapsed_follows_from_the_rules() -> None:
    assert lapsed_until([YEAR_END], date(2026, 12, 30)) == date(2024, 12, 31)
    assert lapsed_until([YEAR_END], date(2026, 12, 31)) == date(2025, 12, 31)
    assert lapsed_until([MONTHS], date(2026, 3, 5)) == date(2023, 3, 5)
    assert lapsed_until([YEAR_END, MONTHS], date(2026, 12, 31)) == date(2025, 12, 31)
    assert lapsed_until([NEVER], date(2026, 12, 31)) is None


def test_days_lapse_between_two_runs_exactly_once() -> None:
    assert lapsing_days([YEAR_END], date(2025, 12, 30), date(2025, 12, 30)) is None
    year = lapsing_days([YEAR_END], date(2025, 12, 30), date(2025, 12, 31))
    assert year == (date(2024, 1, 1), date(2024, 12, 31))
    assert lapsing_days([YEAR_END], date(2025, 12, 31), date(2026, 6, 1)) is None
    assert lapsing_days([MONTHS], date(2027, 3, 4), date(2027, 3, 5)) == (date(2024, 3, 5), date(2024, 3, 5))
    assert lapsing_days([NEVER], None, date(2027, 3, 5)) is None


# ── the model ────────────────────────────────────────────────────────────────────────────────────────────────────

NOTICE = ExpiryNotice(volunteer_id=uuid.UUID(int=1), community="620201001004", points=3, last_day=date(2026, 12, 31))


def test_a_part_lapses_once_for_a_day() -> None:
    first = PointsLapsed(part=3, through=date(2026, 1, 1), lapsed_at=BEGIN)
    given_events(EXPIRY).when(LetLapse(3, date(2026, 1, 1), BEGIN)).then(first)
    given_events(EXPIRY, first).when(LetLapse(3, date(2026, 1, 1), BEGIN)).then_nothing()
    given_events(EXPIRY, first).when(LetLapse(3, date(2025, 12, 31), BEGIN)).then_nothing()


def test_a_part_is_told_once_a_day() -> None:
    first = PointsExpiryAnnounced(part=3, announced_on=date(2026, 12, 1), notices=(NOTICE,), announced_at=BEGIN)
    given_events(EXPIRY).when(Announce(3, date(2026, 12, 1), [NOTICE], BEGIN)).then(first)
    given_events(EXPIRY, first).when(Announce(3, date(2026, 12, 1), [NOTICE], BEGIN)).then_nothing()
    given_events(EXPIRY).when(Announce(3, date(2026, 12, 1), [], BEGIN)).then_nothing()


def test_what_comes_back_or_comes_late_is_told_as_the_difference() -> None:
    def lapsing(points: int) -> list[ExpiryNotice]:
        return [NOTICE.model_copy(update={"points": points})]

    first = PointsExpiryAnnounced(part=3, announced_on=date(2026, 12, 1), notices=(NOTICE,), announced_at=BEGIN)
    more = PointsExpiryAnnounced(part=3, announced_on=date(2026, 12, 4), notices=tuple(lapsing(97)), announced_at=BEGIN)
    given_events(EXPIRY, first).when(Announce(3, date(2026, 12, 4), lapsing(2), BEGIN)).then_nothing()
    given_events(EXPIRY, first).when(Announce(3, date(2026, 12, 4), lapsing(100), BEGIN)).then(more)
    given_events(EXPIRY, first, more).when(Announce(3, date(2026, 12, 31), lapsing(100), BEGIN)).then_nothing()


@given(rounds=st.lists(st.tuples(st.integers(0, 30), st.lists(st.integers(1, 99), max_size=2)), max_size=8))
def test_what_was_told_adds_up_to_the_most_there_was(rounds: list[tuple[int, list[int]]]) -> None:
    part, told, most, last = EXPIRY.initial, [0, 0], [0, 0], -1
    for day, left in rounds:
        today = date(2026, 12, 1) + timedelta(days=day)
        lapsing = [
            NOTICE.model_copy(update={"volunteer_id": uuid.UUID(int=n), "points": points})
            for n, points in enumerate(left)
        ]
        events = EXPIRY.decide(part, Announce(3, today, lapsing, BEGIN))
        if day > last:
            most = [max(m, p) for m, p in zip(most, [*left, 0, 0], strict=False)]
        for event in events:
            assert isinstance(event, PointsExpiryAnnounced)
            last = day
            for one in event.notices:
                told[one.volunteer_id.int] += one.points
        part = EXPIRY.fold(events, part)
        assert told == most


@pytest.mark.parametrize("rule", [YEAR_END, MONTHS])
def test_no_day_lapses_before_its_last_day(rule: ExpiryRule) -> None:
    for through in (date(2026, 2, 28), date(2026, 12, 31), date(2028, 2, 29)):
        bound = lapsed_until([rule], through)
        assert bound is not None
        last, next_last = rule.last_day(bound), rule.last_day(bound + timedelta(days=1))
        assert last is not None
        assert next_last is not None
        assert last <= through < next_last
