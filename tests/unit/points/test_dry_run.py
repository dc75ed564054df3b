"""Dry runs: a day's worth with caps, and the tally of before and after."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from services.points.dry_run.comparison import EDGES_PERCENT, SHOWN_MAX, Comparison, Spread
from services.points.dry_run.standing import BankTally, StarsTally, TwoBooks, WithMinutes, WithRecord
from services.points.earning.valuation import Served, Valuation
from services.points.policy.book import BEGINNING, PolicyBook
from services.points.policy.document import PolicyDocument, read_document
from services.points.policy.ready import national_default
from services.points.policy.views import read_published
from services.points.stars.commands import Assessed
from services.points.units import CAPPED_TOGETHER, SLOTS, Unit

HERE, ELSEWHERE = "620201001004", "110101001001"
MORNING = datetime(2026, 3, 10, 0, tzinfo=UTC)
TITLE = {"zh": "试行办法", "en": "Trial"}
BOOK = PolicyBook([read_published(1, None, BEGINNING, national_default())])


def proposed(**said: Any) -> PolicyDocument:
    return read_document({"title": TITLE, **said}, complete=False)


def served(
    number: int, minutes: int, *, community: str = HERE, kind: str = "activity.general", evidence: str = "scanned",
    hours: int = 0,
) -> Served:  # fmt: skip
    started_at = MORNING + timedelta(hours=hours)
    return Served(UUID(int=number), community, kind, started_at, date(2026, 3, 10).toordinal(), minutes, evidence)


def person(number: int) -> UUID:
    return uuid5(UUID(int=0), str(number))


def compared(document: PolicyDocument, *people: list[Served], node: str = HERE) -> Comparison:
    comparison = Comparison(node, BOOK, BOOK.with_proposed(node, document))
    for number, records in enumerate(people):
        comparison.add(person(number), records)
    return comparison


def test_a_day_is_worth_its_records_until_the_cap_and_nothing_after() -> None:
    worth = Valuation(BOOK).of_day([served(2, 300, hours=6), served(1, 400), served(3, 60, hours=7)])
    assert worth == [[34, 80, 80, 0], [66, 400, 400, 0], [0, 0, 0, 0]]


def test_what_is_only_given_away_shares_the_cap_of_the_day_with_the_rest_of_the_time_bank() -> None:
    culture = served(2, 300, kind="activity.culture", hours=6)
    assert Valuation(BOOK).of_day([served(1, 400), culture]) == [[66, 400, 400, 0], [34, 0, 80, 80]]


def test_a_proposed_document_takes_the_place_of_the_nodes_own_and_leaves_the_others_in_force() -> None:
    above = read_published(2, "6202", date(2026, 1, 1), {"title": TITLE, "caps_per_day": {"POINT": 80}})
    own = read_published(3, "620201", date(2026, 1, 1), {"title": TITLE, "points": {"minutes_per_point": 5}})
    later = read_published(4, "620201", date(2026, 2, 1), {"title": TITLE, "points": {"minutes_per_point": 4}})
    below = read_published(5, HERE, date(2026, 1, 1), {"title": TITLE, "caps_per_day": {"MINUTE": 90}})
    national = read_published(1, None, BEGINNING, national_default())
    book = PolicyBook([national, above, own, later, below])
    tried = book.with_proposed("620201", proposed(caps_per_day={"MINUTE": 100, "SERVICE_MINUTE": 200}))
    terms = tried.terms(HERE, date(2026, 3, 1))
    assert terms.minutes_per_point.value == 6
    assert {unit.name: said.value for unit, said in terms.caps_per_day.items()} == {
        "POINT": 80, "MINUTE": 90, "SERVICE_MINUTE": 200
    }  # fmt: skip
    assert terms.caps_per_day[Unit.SERVICE_MINUTE].version == 6
    assert tried.terms(HERE, date(2025, 3, 1)).caps_per_day[Unit.SERVICE_MINUTE].value == 200
    assert book.terms(HERE, date(2026, 3, 1)).minutes_per_point.value == 4


def test_more_less_and_the_same_are_counted_per_unit() -> None:
    document = proposed(points={"weights_percent": {"activity.care": 200, "patrol.volunteer.night": 50}})
    comparison = compared(
        document,
        [served(1, 60, kind="activity.care")],
        [served(2, 60, kind="patrol.volunteer.night")],
        [served(3, 60)],
        [served(4, 60, kind="activity.care", evidence="backfilled")],
    )
    points = comparison.spread[Unit.POINT]
    assert (points.more, points.less, points.same) == (1, 1, 2)
    assert points.gains() == [(person(0), 10, 20)]
    assert points.losses() == [(person(1), 15, 5)]
    minutes = comparison.spread[Unit.MINUTE]
    assert (minutes.more, minutes.less, minutes.same) == (0, 0, 4)
    assert (comparison.total.before, comparison.total.after) == ([35, 180, 240, 0], [35, 180, 240, 0])
    assert comparison.by_kind["activity.care"].records == 2
    assert comparison.by_kind["activity.care"].after == [20, 60, 120, 0]


def test_a_cap_that_falls_differently_elsewhere_is_counted_and_told_apart() -> None:
    # 60 points earned here first leave 40 of the day's 100 for the service elsewhere; 80 leave 20.
    day = [served(1, 360), served(2, 300, community=ELSEWHERE, hours=7)]
    another_day = [served(3, 60, community=ELSEWHERE)._replace(day=date(2026, 3, 11).toordinal())]
    comparison = compared(proposed(points={"weights_percent": {"activity.general": 135}}), day + another_day)
    assert comparison.by_community[HERE].after[0] == 81
    assert (comparison.by_community[None].before[0], comparison.by_community[None].after[0]) == (40, 19)
    assert comparison.by_community[None].records == 1
    assert comparison.total.records == 2
    assert comparison.spread[Unit.POINT].same == 1


def test_who_served_only_elsewhere_is_not_in_the_answer() -> None:
    comparison = compared(proposed(points={"minutes_per_point": 1}), [served(1, 60, community=ELSEWHERE)])
    assert (comparison.people, comparison.total.records) == (0, 0)


def test_the_steps_of_the_distribution_are_percent_of_what_a_person_had() -> None:
    spread = Spread()
    told = [(100, 0), (100, 50), (100, 51), (100, 80), (100, 81), (100, 99), (100, 100), (100, 101), (100, 105),
            (100, 106), (100, 150), (100, 200), (100, 201), (0, 1), (0, 0)]  # fmt: skip
    for number, (before, after) in enumerate(told):
        spread.add(person(number), before, after)
    assert EDGES_PERCENT == (-50, -20, -5, 0, 5, 20, 50, 100)
    assert spread.steps == [2, 2, 1, 1, 2, 1, 1, 1, 2]
    assert (spread.less, spread.same, spread.more) == (6, 2, 7)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=200))
def test_the_largest_differences_are_shown_and_everybody_is_counted(told: list[tuple[int, int]]) -> None:
    spread = Spread()
    for number, (before, after) in enumerate(told):
        spread.add(person(number), before, after)
    assert spread.more + spread.less + spread.same == len(told)
    assert sum(spread.steps) == spread.more + spread.less
    for shown, sign in ((spread.gains(), 1), (spread.losses(), -1)):
        differences = sorted((sign * (after - before) for before, after in told if sign * (after - before) > 0))
        assert [sign * (after - before) for _, before, after in shown] == differences[::-1][:SHOWN_MAX]


kinds = st.sampled_from(
    ["activity.general", "activity.care", "patrol.volunteer.night", "activity.meeting", "activity.culture"]
)


@st.composite
def days(draw: st.DrawFn) -> list[Served]:
    return [
        served(
            number,
            draw(st.integers(0, 700)),
            community=draw(st.sampled_from([HERE, ELSEWHERE])),
            kind=draw(kinds),
            evidence=draw(st.sampled_from(["scanned", "scanned", "backfilled", "estimated"])),
            hours=draw(st.integers(0, 15)),
        )
        for number in range(draw(st.integers(1, 6)))
    ]


@given(days(), st.randoms())
def test_what_a_day_is_worth_does_not_depend_on_the_order_of_its_records(day: list[Served], chance: Any) -> None:
    worth = dict(zip([r.record_id for r in day], Valuation(BOOK).of_day(day), strict=True))
    shuffled = day[:]
    chance.shuffle(shuffled)
    assert worth == dict(zip([r.record_id for r in shuffled], Valuation(BOOK).of_day(shuffled), strict=True))
    caps = {unit: said.value for unit, said in BOOK.terms(HERE, date(2026, 3, 10)).caps_per_day.items()}
    assert all(amount >= 0 for amounts in worth.values() for amount in amounts)
    for together in CAPPED_TOGETHER:
        earned = sum(amounts[SLOTS[unit]] for amounts in worth.values() for unit in together)
        assert earned <= caps[together[0]]


@given(st.lists(days(), min_size=1, max_size=4))
def test_the_document_that_is_in_force_makes_no_difference(people: list[list[Served]]) -> None:
    own = {"caps_per_day": {"POINT": 60}, "points": {"minutes_per_point": 5}}
    national = read_published(1, None, BEGINNING, national_default())
    book = PolicyBook([national, read_published(2, HERE, BEGINNING, {"title": TITLE, **own})])
    comparison = Comparison(HERE, book, book.with_proposed(HERE, proposed(**own)))
    for number, records in enumerate(people):
        comparison.add(person(number), records)
    assert comparison.total.before == comparison.total.after
    assert all(spread.more == spread.less == 0 for spread in comparison.spread.values())


# ── rules beside prices ──────────────────────────────────────────────────────────────────────────────────────────


def two_books(**said: Any) -> TwoBooks:
    return TwoBooks(BOOK, BOOK.with_proposed(HERE, proposed(**said)), date(2026, 3, 10))


def test_a_grade_is_counted_for_everyone_who_meets_it_and_all_below() -> None:
    books, tally = two_books(stars={"minutes": [3000, 6000, 9000, 60_000, 90_000]}), StarsTally()
    for number, (minutes, held) in enumerate(((2999, 0), (3000, 0), (6000, 1), (18_000, 2), (60_000, 4))):
        tally.add(books.stars(WithRecord(HERE, person(number), minutes, None, held), Assessed()))
    assert tally.before == [3, 2, 1, 1, 0]
    assert tally.after == [4, 3, 2, 1, 0]
    assert (tally.newly, tally.no_longer) == ([1, 1, 1, 0, 0], [0] * 5)


def test_whoever_no_longer_meets_a_grade_and_holds_it_is_counted_apart() -> None:
    books, tally = two_books(stars={"minutes": [7000, 20_000, 40_000, 60_000, 90_000]}), StarsTally()
    for number, (minutes, held) in enumerate(((6500, 0), (6500, 1), (18_000, 1))):
        tally.add(books.stars(WithRecord(HERE, person(number), minutes, None, held), Assessed()))
    assert (tally.no_longer, tally.kept) == ([2, 1, 0, 0, 0], [1, 0, 0, 0, 0])


def test_elsewhere_the_document_changes_nothing() -> None:
    books = two_books(stars={"minutes": [1, 2, 3, 4, 5]}, time_bank={"cap_minutes": 1, "spend_from_age": 0})
    assert not books.stars(WithRecord(ELSEWHERE, person(1), 5000, None, 0), Assessed()).changes
    assert not books.bank(WithMinutes(ELSEWHERE, person(1), 5000, 40, closed=False)).changes


def test_minutes_above_the_cap_are_what_flows_over_and_whoever_is_closed_spends_nothing() -> None:
    books, tally = two_books(time_bank={"cap_minutes": 300, "spend_from_age": 0}), BankTally()
    for number, (minutes, age, closed) in enumerate(((300, 60, False), (301, None, False), (95_000, 30, True))):
        tally.add(books.bank(WithMinutes(HERE, person(number), minutes, age, closed)))
    assert (tally.over_before, tally.over_after, tally.newly_over, tally.no_longer_over) == (1, 2, 1, 0)
    assert (tally.minutes_over_before, tally.minutes_over_after) == (5000, 1 + 94_700)
    assert (tally.spend_before, tally.spend_after, tally.newly_spend, tally.age_unknown) == (1, 2, 1, 1)
