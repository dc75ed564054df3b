"""How a day's cap is kept, what an approved long day lifts of it, and that no order of arrival matters."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.points.earning.day_caps import Approval, Posting, Restatement, raised, restate
from services.points.ledger.clauses import Clause
from services.points.policy.terms import Said

MORNING = datetime(2026, 2, 1, 1, tzinfo=UTC)
TOLD = MORNING + timedelta(hours=12)

ISSUER, OTHER_ISSUER = -1, -2
CAPS = {ISSUER: Said(100, 1), OTHER_ISSUER: Said(60, 2)}


def cap_at(issuer: int, _: datetime) -> Said[int] | None:
    return CAPS.get(issuer)


def entry(
    number: int, record: int, amount: int, hour: int = 0, clause: Clause = Clause.RATE, **changed: Any
) -> Posting:
    plain = {
        "transfer_id": number, "event_id": uuid.UUID(int=number), "record_id": uuid.UUID(int=record), "clause": clause,
        "amount": amount, "contra_account": ISSUER, "occurred_at": MORNING + timedelta(hours=hour), "recorded_at": TOLD,
    }  # fmt: skip
    return Posting(**{**plain, **changed})


def cuts(entries: list[Posting]) -> list[tuple[int, int, Clause, int]]:
    found: list[Restatement] = restate(entries, cap_at)
    return [(r.event_id.int, r.amount, r.clause, r.corrects) for r in found]


def test_a_day_under_the_cap_is_left_alone() -> None:
    assert cuts([entry(1, 1, 60), entry(2, 2, 40, hour=1)]) == []


def test_what_is_over_the_cap_is_taken_from_the_latest_service_whatever_arrived_first() -> None:
    assert cuts([entry(1, 1, 60, hour=5), entry(2, 2, 60, hour=1)]) == [(1, -20, Clause.DAY_CAP, 1)]


def test_a_late_record_moves_the_cut() -> None:
    known = [entry(1, 1, 60), entry(2, 2, 60, hour=5), entry(3, 2, -20, 5, Clause.DAY_CAP, event_id=uuid.UUID(int=2))]
    late = entry(4, 3, 30, hour=1)
    assert cuts([*known, late]) == [(2, -30, Clause.RESTATEMENT, 3)]


def test_a_correction_that_makes_room_gives_back_what_was_cut() -> None:
    known = [entry(1, 1, 60), entry(2, 2, 60, hour=5), entry(3, 2, -20, 5, Clause.DAY_CAP, event_id=uuid.UUID(int=2))]
    correction = entry(4, 1, -30, clause=Clause.CORRECTION)
    assert cuts([*known, correction]) == [(2, 20, Clause.RESTATEMENT, 3)]


def test_a_correction_ahead_of_its_record_holds_the_cut_only_until_the_record_is_there() -> None:
    ahead = entry(5, 1, 120, clause=Clause.CORRECTION)
    assert cuts([ahead]) == [(5, -20, Clause.DAY_CAP, 5)]
    cut = entry(6, 1, -20, 0, Clause.DAY_CAP, event_id=uuid.UUID(int=5))
    first = entry(9, 1, 10)
    assert cuts([ahead, cut, first]) == [(5, 20, Clause.RESTATEMENT, 6), (9, -30, Clause.DAY_CAP, 9)]


def test_the_cut_is_not_of_an_event_that_came_to_nothing() -> None:
    corrected = entry(5, 1, 120, clause=Clause.CORRECTION)
    restated = uuid.UUID(int=1)
    given_and_taken = [
        entry(number, 1, amount, clause=Clause.POLICY_RESTATED, event_id=restated)
        for number, amount in ((6, 40), (7, -40))
    ]
    assert cuts([corrected, *given_and_taken]) == cuts([corrected]) == [(5, -20, Clause.DAY_CAP, 5)]
    assert cuts(given_and_taken) == []


def test_each_record_is_capped_by_the_policy_of_its_own_community() -> None:
    here, there = entry(1, 1, 50), entry(2, 2, 50, hour=1, contra_account=OTHER_ISSUER)
    assert cuts([here, there]) == [(2, -40, Clause.DAY_CAP, 2)]


def test_nothing_remains_to_be_posted_after_a_restatement_was() -> None:
    entries = [entry(1, 1, 90, hour=3), entry(2, 2, 80, hour=1), entry(3, 3, 70, hour=2)]
    posted = [
        Posting(100 + n, r.event_id, r.record_id, r.clause, r.amount, r.contra_account, r.occurred_at, r.recorded_at)
        for n, r in enumerate(restate(entries, cap_at))
    ]
    assert sum(e.amount for e in [*entries, *posted]) == 100
    assert restate([*entries, *posted], cap_at) == []


APPROVAL, WITHDRAWAL = (uuid.UUID(int=n) for n in (900, 901))


def said(event_id: uuid.UUID, minutes: int | None, hours: int = 1) -> Approval:
    return Approval(event_id, TOLD + timedelta(hours=hours), minutes, 7)


def test_what_an_approval_lifts_of_a_cut_is_its_own_and_what_goes_back_the_withdrawals() -> None:
    known = [entry(1, 1, 60), entry(2, 2, 60, hour=5), entry(3, 2, -20, 5, Clause.DAY_CAP, event_id=uuid.UUID(int=2))]
    (lifted,) = restate(known, cap_at, approvals=[said(APPROVAL, 110)])
    assert (lifted.event_id, lifted.amount, lifted.clause, lifted.policy_version) == (APPROVAL, 10, Clause.LONG_DAY, 7)
    assert lifted.recorded_at == TOLD + timedelta(hours=1)
    posted = entry(4, 2, 10, 5, Clause.LONG_DAY, event_id=APPROVAL, recorded_at=lifted.recorded_at)
    both = [said(APPROVAL, 110), said(WITHDRAWAL, None, 2)]
    (back,) = restate([*known, posted], cap_at, approvals=both)
    assert (back.event_id, back.amount, back.clause) == (WITHDRAWAL, -10, Clause.LONG_DAY)


def test_what_is_told_after_a_withdrawal_does_not_stir_up_the_approval() -> None:
    told = [entry(1, 1, 60), entry(2, 2, 60, hour=5)]
    both = [said(APPROVAL, 110), said(WITHDRAWAL, None, 2)]
    late = entry(5, 3, 30, hour=1, recorded_at=TOLD + timedelta(hours=3))
    lifted = [r for r in restate([*told, late], cap_at, approvals=both) if r.clause == Clause.LONG_DAY]
    assert [(r.record_id.int, r.amount) for r in lifted] == [(2, 10), (2, -10)]


def test_an_approval_lowers_no_cap_and_opens_none_that_is_shut() -> None:
    assert raised(Said(100, 1), 80) == Said(100, 1)
    assert raised(Said(0, 1), 600) == Said(0, 1)
    assert raised(None, 600) is None


TIMES = st.integers(0, 3).map(lambda n: TOLD + timedelta(hours=n))


SAID = st.lists(st.tuples(st.sampled_from([None, 110, 130, 200]), st.integers(0, 3)), max_size=3)


@given(
    worths=st.lists(st.tuples(st.integers(1, 90), st.integers(0, 5), TIMES), min_size=1, max_size=5),
    corrections=st.lists(st.tuples(st.integers(1, 5), st.integers(-60, 60).filter(bool), TIMES), max_size=4),
    approvals=SAID,
    chance=st.randoms(use_true_random=False),
)
def test_what_was_known_at_a_moment_does_not_depend_on_the_order_of_arrival(
    worths: list[Any], corrections: list[Any], approvals: list[tuple[int | None, int]], chance: Any
) -> None:
    told: list[Any] = [entry(n, n, w, hour, recorded_at=at) for n, (w, hour, at) in enumerate(worths, 1)]
    for n, (record, amount, at) in enumerate(corrections, 10):
        told.append(entry(n, record, amount, clause=Clause.CORRECTION, recorded_at=at))
    offices = [said(uuid.UUID(int=900 + n), minutes, hours) for n, (minutes, hours) in enumerate(approvals)]
    offices.sort(key=lambda one: (one.at, one.event_id.int))
    arriving = [*told, *offices]
    chance.shuffle(arriving)
    ledger: list[Posting] = []
    heard: list[Approval] = []
    for arrived in arriving:
        (heard if isinstance(arrived, Approval) else ledger).append(arrived)
        heard.sort(key=offices.index)
        for r in restate(ledger, cap_at, approvals=heard):
            number = 100 + len(ledger)
            known_since = {"recorded_at": r.recorded_at, "occurred_at": r.occurred_at}
            ledger.append(entry(number, r.record_id.int, r.amount, clause=r.clause, event_id=r.event_id, **known_since))
    assert restate(ledger, cap_at, approvals=offices) == []
    at_once = restate(told, cap_at, approvals=offices)
    for moment_ in {one.recorded_at for one in told} | {one.at for one in offices}:
        afresh = by_event(r for r in at_once if r.recorded_at <= moment_)
        assert by_event(one for one in ledger if one not in told and one.recorded_at <= moment_) == afresh
        standing = [one for one in offices if one.at <= moment_][-1:]
        cap = raised(CAPS[ISSUER], standing[0].minutes if standing else None)
        assert cap is not None
        known = [one for one in told if one.recorded_at <= moment_]
        worth = sum(max(0, sum(e.amount for e in known if e.record_id == r)) for r in {e.record_id for e in known})
        lost = sum(min(0, sum(e.amount for e in known if e.record_id == r)) for r in {e.record_id for e in known})
        assert sum(e.amount for e in known) + sum(afresh.values()) == min(worth, cap.value) + lost


def by_event(entries: Iterable[Any]) -> dict[tuple[uuid.UUID, uuid.UUID], int]:
    """The net effect of each event on each record."""
    sums: dict[tuple[uuid.UUID, uuid.UUID], int] = {}
    for one in entries:
        sums[one.event_id, one.record_id] = sums.get((one.event_id, one.record_id), 0) + one.amount
    return {key: amount for key, amount in sums.items() if amount}
