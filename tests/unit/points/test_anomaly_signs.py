"""Signs of invented hours: what each sees, what it leaves alone, and that order changes nothing."""

import random
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.points.anomalies.evidence import Finding, Record, Told
from services.points.anomalies.signs import (
    OF_ONE_PERSON,
    back_office,
    burst,
    burst_window,
    impossible_days,
    overlaps,
    rings,
    round_the_clock,
)
from services.points.policy.book import BEGINNING, PolicyBook
from services.points.policy.document import read_document
from services.points.policy.ready import national_default
from services.points.policy.terms import AnomalyTerms, PolicyVersion
from shared.contracts.anomalies import Measure, Sign

COMMUNITY = "620201001004"
MORNING = datetime(2026, 2, 2, 1, tzinfo=UTC)
"""09:00 in Jiayuguan."""
ANNA, BO, CLEO, DAN, EVE, CLERK = (uuid.UUID(int=number) for number in range(1, 7))
NATIONAL = read_document(national_default(), complete=True)
BOOK = PolicyBook([PolicyVersion(1, None, BEGINNING, NATIONAL)])
TITLE = {"zh": "测试办法", "en": "Test"}


def terms_at(community: str, day: date) -> AnomalyTerms:
    return BOOK.terms(community, day).anomalies


def record(number: int, hours: float, minutes: int, who: uuid.UUID = ANNA, kind: str = "activity.general") -> Record:
    began = MORNING + timedelta(hours=hours)
    told = MORNING + timedelta(days=3)
    return Record(uuid.UUID(int=number), who, uuid.UUID(int=1000 + number), COMMUNITY, kind, began, minutes, told)


def minutes_of(findings: Iterable[Finding]) -> list[tuple[int, int]]:
    return [(finding.evidence.measured, finding.evidence.limit) for finding in findings]


def records_of(finding: Finding) -> list[int]:
    return [one.record_id.int for one in finding.evidence.records]


# ── of one person ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("minutes", "found"),
    [(240, []), (241, [(481, 480)]), (480, [(720, 480)]), (481, [(721, 720)]), (0, [])],
)
def test_a_day_over_eight_hours_is_told_and_one_over_twelve_for_the_district(
    minutes: int, found: list[tuple[int, int]]
) -> None:
    assert minutes_of(impossible_days([record(1, 0, 240), record(2, 5, minutes)], terms_at)) == found


def test_days_are_days_in_shanghai() -> None:
    evening, after_midnight = record(1, 7, 400), record(2, 15.5, 400)
    assert list(impossible_days([evening, after_midnight], terms_at)) == []


def test_a_night_after_a_day_is_round_the_clock_though_no_day_shows_it() -> None:
    day, night = record(1, 5, 540), record(2, 15, 500)  # 14:00 to 23:00, 00:00 to 08:20
    assert list(round_the_clock([day, night], terms_at)) == [*round_the_clock([night, day], terms_at)]
    assert minutes_of(round_the_clock([day, night], terms_at)) == [(1040, 960)]
    assert list(round_the_clock([day, record(2, 15, 400)], terms_at)) == []


def test_two_places_at_once_count_once_round_the_clock() -> None:
    assert list(round_the_clock([record(1, 5, 540), record(3, 5, 540), record(2, 15, 400)], terms_at)) == []


def test_a_shift_over_an_activity_is_seen_and_one_after_the_other_is_not() -> None:
    activity, shift = record(1, 0, 60), record(2, 0.5, 60, kind="patrol.volunteer.day")
    (found,) = overlaps([activity, shift], terms_at)
    assert (found.evidence.sign, found.evidence.measured, records_of(found)) == (Sign.OVERLAP, 30, [1, 2])
    assert found.evidence.since == shift.started_at
    assert list(overlaps([record(1, 0, 60), record(2, 1, 60)], terms_at)) == []
    assert list(overlaps([record(1, 0, 60), record(2, 51.1 / 60, 60)], terms_at)) == []  # under ten minutes


def test_mediators_are_told_by_the_day_and_not_held_to_a_place() -> None:
    case = record(2, 0.5, 120, kind="mediation.resolved")
    assert list(overlaps([record(1, 0, 60), case], terms_at)) == []
    assert minutes_of(impossible_days([record(1, 0, 480), case], terms_at)) == [(600, 480)]


def test_void_records_are_evidence_of_nothing() -> None:
    assert [f for sign in OF_ONE_PERSON for f in sign([record(1, 0, 0), record(2, 0, 60)], terms_at)] == []


# ── of whoever confirmed ─────────────────────────────────────────────────────────────────────────────────────────


def told(
    number: int,
    minutes: float,
    records: list[Record],
    by: uuid.UUID | None = CLERK,
    late: list[int] | None = None,
) -> Told:
    at = MORNING + timedelta(days=1, minutes=minutes)
    return Told(
        uuid.UUID(int=number), at, MORNING, MORNING + timedelta(hours=2), COMMUNITY, by, len(records),
        [one.record_id for one in records], [one.volunteer_id for one in records], late,
    )  # fmt: skip


def by_id(records: Iterable[Record]) -> dict[uuid.UUID, Record]:
    return {one.record_id: one for one in records}


def find_burst(tellings: list[Told], records: list[Record]) -> list[Finding]:
    return list(burst(burst_window(tellings, terms_at), by_id(records), terms_at)) if tellings else []


def test_a_hundred_and_one_records_within_ten_minutes_are_a_burst_and_a_hundred_are_not() -> None:
    records = [record(number, 0, 60, uuid.UUID(int=5000 + number)) for number in range(1, 102)]
    assert find_burst([told(1, 0, records[:50]), told(2, 10, records[50:100])], records) == []
    (found,) = find_burst([told(1, 0, records[:50]), told(2, 10, records[50:])], records)
    assert (found.evidence.measure, found.evidence.measured, found.evidence.limit) == (Measure.RECORDS, 101, 100)
    assert found.evidence.confirmed_by == (CLERK,)
    assert find_burst([told(1, 0, records[:50]), told(2, 10.1, records[50:])], records) == []


def test_eleven_activities_within_ten_minutes_are_a_burst() -> None:
    records = [record(number, 0, 60) for number in range(1, 12)]
    tellings = [told(number, number / 2, [one]) for number, one in enumerate(records, 1)]
    (found,) = find_burst(tellings, records)
    assert (found.evidence.measure, found.evidence.measured, found.evidence.limit) == (Measure.ACTIVITIES, 11, 10)
    assert find_burst(tellings[1:], records) == []


def test_the_same_day_is_one_burst_whatever_follows_and_shows_all_its_records() -> None:
    records = [record(number, 0, 60, uuid.UUID(int=5000 + number)) for number in range(1, 900)]
    first, later = told(1, 0, records[:600]), told(2, 300, records[600:])
    (one,), (both,) = find_burst([first], records), find_burst([later, first], records)
    assert one == both
    assert len(one.evidence.records) == 600


def test_check_ins_typed_after_the_end_are_told_from_five_on_and_within_half_an_hour() -> None:
    records = [record(number, 0, 60, uuid.UUID(int=5000 + number)) for number in range(1, 8)]
    known = by_id(records)
    (found,) = back_office(told(1, 0, records, late=[0, 5, 30, 30, 2, -1, 31]), known, terms_at)
    assert (found.evidence.measured, records_of(found)) == (5, [1, 2, 3, 4, 5])
    assert list(back_office(told(1, 0, records, late=[0, 5, 30, 30, 31, -1, -1]), known, terms_at)) == []
    assert list(back_office(told(1, 0, records), known, terms_at)) == []
    void = known | {uuid.UUID(int=1): record(1, 0, 0)}
    assert list(back_office(told(1, 0, records, late=[0, 5, 30, 30, 2, -1, -1]), void, terms_at)) == []


# ── of people who confirm each other ─────────────────────────────────────────────────────────────────────────────


def circle(*edges: tuple[uuid.UUID, uuid.UUID], times: int = 3) -> tuple[list[Told], list[Record]]:
    """Each edge: the first confirmed so many records of the second."""
    tellings, records = [], []
    for place, (giver, taker) in enumerate(edges):
        for time in range(times):
            number = 1 + place * times + time
            records.append(record(number, 24 * time, 60, taker))
            tellings.append(told(number, number, [records[-1]], giver))
    return tellings, records


def find_rings(tellings: list[Told], records: list[Record]) -> list[set[uuid.UUID]]:
    return [set(found.evidence.confirmed_by) for found in rings(tellings, by_id(records), terms_at)]


@pytest.mark.parametrize("size", [2, 3, 4])
def test_two_to_four_who_confirm_each_other_are_a_ring(size: int) -> None:
    people = [ANNA, BO, CLEO, DAN][:size]
    edges = list(zip(people, [*people[1:], people[0]], strict=True))
    assert find_rings(*circle(*edges)) == [set(people)]
    (found,) = rings(circle(*edges)[0], by_id(circle(*edges)[1]), terms_at)
    assert (found.evidence.measured, len(found.evidence.records)) == (100, 3 * size)


@pytest.mark.parametrize(("people_max", "found"), [(None, 0), (4, 0), (5, 1), (3, 0)])
def test_a_ring_has_as_many_people_as_the_policy_says(people_max: int | None, found: int) -> None:
    five = [ANNA, BO, CLEO, DAN, EVE]
    tellings, records = circle(*zip(five, [*five[1:], ANNA], strict=True))
    said = {} if people_max is None else {"anomalies": {"ring_people_max": people_max}}
    own = PolicyVersion(2, COMMUNITY, BEGINNING, read_document({"title": TITLE, **said}, complete=False))
    book = PolicyBook([PolicyVersion(1, None, BEGINNING, NATIONAL), own])
    assert (
        len(list(rings(tellings, by_id(records), lambda community, day: book.terms(community, day).anomalies))) == found
    )


def test_a_chain_two_confirmations_and_a_large_circle_are_no_ring() -> None:
    assert find_rings(*circle((ANNA, BO), (BO, CLEO), (CLEO, DAN))) == []
    assert find_rings(*circle((ANNA, BO), (BO, ANNA), times=2)) == []
    five = [ANNA, BO, CLEO, DAN, EVE]
    assert find_rings(*circle(*zip(five, [*five[1:], ANNA], strict=True))) == []
    assert find_rings(*circle((ANNA, ANNA))) == []


def test_leaders_with_most_of_their_hours_elsewhere_are_no_ring() -> None:
    tellings, records = circle((ANNA, BO), (BO, ANNA))
    elsewhere = [record(100 + number, 24 * number, 60, ANNA) for number in range(4)]
    assert find_rings(tellings, records + elsewhere[:3]) == [{ANNA, BO}]
    assert find_rings(tellings, records + elsewhere) == []


# ── all of them ──────────────────────────────────────────────────────────────────────────────────────────────────

KINDS = st.sampled_from(["activity.general", "patrol.volunteer.night", "mediation.resolved"])
RECORDS = st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 700), KINDS), max_size=8).map(
    lambda drawn: [record(n, hours, minutes, kind=kind) for n, (hours, minutes, kind) in enumerate(drawn, 1)]
)


@given(records=RECORDS, chance=st.randoms(use_true_random=False))
def test_the_order_of_records_changes_no_finding(records: list[Record], chance: random.Random) -> None:
    def found(of: list[Record]) -> list[Finding]:
        return sorted((f for sign in OF_ONE_PERSON for f in sign(of, terms_at)), key=lambda f: f.flag_id)

    shuffled = list(records)
    chance.shuffle(shuffled)
    assert found(records) == found(shuffled)
    assert len({finding.flag_id for finding in found(records)}) == len(found(records))


PEOPLE = st.sampled_from([ANNA, BO, CLEO, DAN])
TELLINGS = st.lists(st.tuples(PEOPLE, st.lists(PEOPLE, min_size=1, max_size=4), st.integers(0, 30)), max_size=25)


@settings(deadline=None)
@given(drawn=TELLINGS, chance=st.randoms(use_true_random=False))
def test_the_order_of_tellings_changes_no_finding(
    drawn: list[tuple[uuid.UUID, list[uuid.UUID], int]], chance: random.Random
) -> None:
    tellings, records = [], []
    for number, (giver, takers, minutes) in enumerate(drawn, 1):
        mine = [record(100 * number + place, 0, 60, who) for place, who in enumerate(takers)]
        records += mine
        tellings.append(told(number, minutes, mine, giver, [minutes] * len(mine)))

    def found(of: list[Told], known: list[Record]) -> list[Finding]:
        late = [f for one in of for f in back_office(one, by_id(known), terms_at)]
        mine: Callable[[uuid.UUID], list[Told]] = lambda who: [one for one in of if one.confirmed_by == who]  # noqa: E731
        bursts = [f for who in (ANNA, BO, CLEO, DAN) for f in find_burst(mine(who), known)]
        return sorted([*late, *bursts, *rings(of, by_id(known), terms_at)], key=lambda f: f.flag_id)

    shuffled, others = list(tellings), list(records)
    chance.shuffle(shuffled)
    chance.shuffle(others)
    assert found(tellings, records) == found(shuffled, others)
