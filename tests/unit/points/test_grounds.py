"""Which corrections took away what a star or a certificate rests on: a function of the record, in whatever order."""

import uuid
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import given as given_any
from hypothesis import strategies as st

from services.points.earning.kinds import EVIDENCE_NUMBERS, KIND_NUMBERS
from services.points.explain.known import Line
from services.points.grounds.corrections import RESTATED, Decision, corrections, taken_since_it_bore
from services.points.ledger.clauses import Clause

BEGAN = datetime(2026, 3, 1, 1, tzinfo=UTC)
R, S, T = (uuid.UUID(int=number) for number in (1, 2, 3))
ACTIVITY, PATROL = KIND_NUMBERS["activity.general"], KIND_NUMBERS["patrol.cadre.night"]


def event(number: int) -> uuid.UUID:
    return uuid.UUID(int=1000 + number)


def line(
    hour: int, amount: int, record: uuid.UUID = R, clause: Clause = Clause.CORRECTION, kind: int | None = ACTIVITY,
    event_id: uuid.UUID | None = None,
) -> Line:  # fmt: skip
    told = BEGAN + timedelta(hours=hour)
    by = event(hour) if event_id is None else event_id
    return Line(0, BEGAN, told, clause, by, record, 1, None, kind, EVIDENCE_NUMBERS["scanned"], 0, amount, "issuance")


def served(hour: int, amount: int, record: uuid.UUID = R) -> Line:
    return line(hour, amount, record, Clause.RATE)


def cause_of(bore: int, *lines: Line, decided: Any = None) -> list[tuple[int, int]]:
    """Numbers of the events that are the cause, and what each took."""
    return [(one.event_id.int - 1000, one.taken_minutes) for one in taken_since_it_bore(lines, bore, decided or {})]


def test_all_that_took_since_the_record_last_bore_it_is_the_cause_and_what_was_given_back_is_not() -> None:
    start = served(0, 600), served(1, 60, S)
    assert cause_of(660, *start, line(2, -30), line(3, -10, S)) == [(2, 30), (3, 10)]
    assert cause_of(600, *start, line(2, -30), served(3, 100, T), line(4, -200)) == [(4, 200)]
    assert cause_of(660, *start, line(2, -30), line(3, -20, S), line(4, 30)) == [(3, 20)]
    assert cause_of(660, *start, line(2, -30), line(3, 10)) == [(2, 30)]
    assert cause_of(660, *start, served(2, 40, T), line(3, -10, T), line(4, -200)) == [(4, 200)]
    assert cause_of(660, *start, line(2, -30), served(3, 20, T), line(4, -20, T)) == [(2, 30), (4, 20)]
    assert cause_of(600, *start, line(2, -30)) == []


def test_a_correction_told_before_the_grant_that_arrived_after_it_is_the_cause() -> None:
    """It was granted on 620; in the order of the times there was a moment with so many, and 570 ever after."""
    assert cause_of(620, served(0, 620), line(1, -50)) == [(1, 50)]
    assert cause_of(640, served(0, 600), line(1, -50), served(2, 40, S)) == [(1, 50)], "there never was one"


def test_what_the_cap_of_a_day_gives_back_for_a_correction_was_not_taken() -> None:
    first = event(0)
    capped = served(0, 480), served(1, 120, S), line(1, -120, S, Clause.DAY_CAP, None, event(1))
    room = line(2, 60, S, Clause.RESTATEMENT, None, event(1))
    assert cause_of(480, *capped, line(2, -60), room) == []
    assert cause_of(480, *capped, line(2, -200), line(2, 120, S, Clause.RESTATEMENT, None, first)) == [(2, 80)]


def test_days_that_were_priced_anew_are_a_cause_even_where_only_a_cap_changed() -> None:
    anew = {BEGAN + timedelta(hours=5): Decision(event(9), RESTATED)}
    cap = line(5, -100, R, Clause.DAY_CAP, None, event(0))
    assert cause_of(600, served(0, 600), cap, decided=anew) == [(9, 100)]
    price = line(5, -70, R, Clause.POLICY_RESTATED, event_id=event(9))
    (cause,) = taken_since_it_bore([served(0, 600), price], 600, anew)
    assert (cause.type, cause.taken_minutes) == ("liuling.points.PolicyRestated.v1", 70)


def test_what_an_office_takes_of_a_long_day_is_a_cause_until_an_office_gives_it_back() -> None:
    taken_back, anew = event(2), event(5)
    decided = {
        BEGAN + timedelta(hours=hour): Decision(event(hour), f"liuling.points.{name}.v1")
        for hour, name in ((1, "LongDayApproved"), (2, "LongDayApprovalWithdrawn"), (5, "LongDayApproved"))
    }

    def lifted(hour: int, amount: int, by: uuid.UUID) -> Line:
        return line(hour, amount, R, Clause.LONG_DAY, None, by)

    long_day = served(0, 780), line(0, -300, R, Clause.DAY_CAP, None, event(0)), lifted(1, 220, event(1))
    withdrawn = *long_day, lifted(2, -220, taken_back)
    assert cause_of(700, *withdrawn, decided=decided) == [(2, 220)]
    assert [(one.type.split(".")[2], one.minutes) for one in corrections(withdrawn, decided)] == [
        ("LongDayApproved", 220), ("LongDayApprovalWithdrawn", -220),
    ]  # fmt: skip
    again = *withdrawn, served(3, 10, S), line(4, -10, S)
    assert cause_of(700, *again, decided=decided) == [(2, 220), (4, 10)]
    assert cause_of(701, *again, lifted(5, 220, anew), decided=decided) == [(4, 10)]
    # What a correction moves of it is the correction's, though the line names the approval; given back, it is no cause.
    shorter = line(3, -380), line(3, 300, R, Clause.RESTATEMENT, None, event(0)), lifted(3, -220, event(1))
    assert cause_of(700, *long_day, *shorter, decided=decided) == [(3, 300)]
    longer = line(4, 380), line(4, -300, R, Clause.RESTATEMENT, None, event(0)), lifted(4, 220, event(1))
    more = *long_day, served(1, 100, S), line(2, -100, S), *shorter, *longer
    assert cause_of(800, *more, lifted(5, -100, anew), decided=decided) == [(2, 100), (5, 100)]


def test_a_correction_is_known_by_the_kind_of_service() -> None:
    told = corrections([served(0, 600), line(1, -5), line(2, 10, S, kind=PATROL)], {})
    assert [(one.type, one.minutes) for one in told] == [
        ("liuling.registry.AttendanceCorrected.v1", -5),
        ("liuling.grid_patrol.PatrolServiceCorrected.v1", 10),
    ]


@given_any(
    changes=st.lists(st.tuples(st.sampled_from([R, S, T]), st.integers(-90, 60)), max_size=12),
    bore=st.integers(1, 400),
    seed=st.integers(0, 99),
)
def test_whatever_lacks_minutes_has_a_cause_and_order_changes_nothing(
    changes: list[tuple[uuid.UUID, int]], bore: int, seed: int
) -> None:
    lines = [served(n, 150, record) for n, record in enumerate((R, S, T))]
    lines += [line(n, amount, record) for n, (record, amount) in enumerate(changes, 3) if amount]
    causes = taken_since_it_bore(lines, bore, {})
    shuffled = lines[:]
    Random(seed).shuffle(shuffled)
    assert taken_since_it_bore(shuffled, bore, {}) == causes
    if sum(one.amount for one in lines) < bore:
        assert causes or bore > 450
    else:
        assert not causes or lines[-1].amount < 0
