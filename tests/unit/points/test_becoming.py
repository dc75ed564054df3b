"""A line says from which lots it was paid, or what became of the points that it brought."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import services.points
from services.points.expiry.lots import Known, Lapse, Term, course
from services.points.explain.becoming import Becoming
from services.points.explain.known import Line
from services.points.ledger.clauses import Clause
from services.points.ledger.postings import Held, Posting
from shared.clock import local_day
from shared.web.problems import Texts

TEXTS = Texts([Path(services.points.__file__).parent / "locales"])
BEGIN = datetime(2025, 1, 1, 4, tzinfo=UTC)


def moment(day: int) -> datetime:
    return BEGIN + timedelta(days=day - 1)


def line(record: int, day: int, amount: int, clause: Clause = Clause.RATE) -> Posting:
    record_id = uuid.UUID(int=record)
    return Posting(record, record_id, record_id, clause, amount, -1, moment(day), moment(day))


def redeemed(record: int, day: int, amount: int) -> Posting:
    return line(record, day, -amount, Clause.REDEMPTION)


def held(record: int, day: int, amount: int) -> Held:
    return Held(uuid.UUID(int=record), amount, moment(day), None)


def lapsed(day: int) -> Lapse:
    return Lapse(uuid.UUID(int=800 + day), local_day(moment(day - 1)), moment(day))


def said(
    of: Posting, postings: list[Posting], holds: Sequence[Held] = (), lapses: Sequence[Lapse] = (), language: str = "zh"
) -> str:
    def say(code: str, params: Mapping[str, Any]) -> str:
        return TEXTS.get(language, code, params)

    def ten_days(_: int, earned_at: datetime) -> Term:
        return Term(local_day(earned_at) + timedelta(days=10), 1)

    told = Line(
        of.transfer_id, of.occurred_at, of.recorded_at, of.clause, of.event_id, of.record_id, 1, None, None, None, None,
        of.amount, "issuance:620201001004",
    )  # fmt: skip
    return Becoming(course(Known(postings, holds, lapses), ten_days), say).of(told)


LOT, NEXT = line(1, 1, 30), line(2, 2, 20)


@pytest.mark.parametrize(
    ("postings", "holds", "lapses", "zh"),
    [
        ([], [], [], "这 30 分都还没有用，可用到 2025-01-11。"),
        ([redeemed(9, 3, 30)], [], [], "这 30 分已经用完。"),
        ([], [held(9, 3, 35)], [], "这 30 分暂时冻结（已预约，或正在核查）。"),
        ([], [], [lapsed(12)], "这 30 分没有用，已在 2025-01-12 到期失效。"),
        ([line(1, 1, -10, Clause.DAY_CAP)], [], [], "这 20 分（已计更正和上限）都还没有用，可用到 2025-01-11。"),
        ([line(1, 1, -30, Clause.CORRECTION)], [], [], ""),
        (
            [redeemed(9, 3, 5)],
            [held(8, 4, 10)],
            [],
            "这 30 分：已用 5 分，冻结 10 分（已预约，或正在核查），还有 15 分，可用到 2025-01-11。",
        ),
        ([redeemed(9, 3, 5)], [], [lapsed(12)], "这 30 分：已用 5 分，2025-01-12 到期失效 25 分。"),
    ],
)
def test_service_says_what_became_of_its_points(
    postings: list[Posting], holds: list[Held], lapses: list[Lapse], zh: str
) -> None:
    assert said(LOT, [LOT, NEXT, *postings], holds, lapses) == zh


def test_what_was_spent_names_the_days_that_paid_for_it() -> None:
    spent = redeemed(9, 8, 45)
    assert said(spent, [LOT, NEXT, spent]) == "先得先用，用的是：2025-01-01 所得 30 分，2025-01-02 所得 15 分。"
    twice_a_day = [LOT, line(3, 1, 10), NEXT, spent]
    assert said(spent, twice_a_day) == "先得先用，用的是：2025-01-01 所得 40 分，2025-01-02 所得 5 分。"
    assert said(spent, [LOT, NEXT, spent], language="en") == (
        " Paid, first earned first spent, from 30 points of 2025-01-01, 15 points of 2025-01-02."
    )
    many = [line(n, n, 10) for n in range(1, 6)]
    assert said(spent, [*many, spent]) == (
        "先得先用，用的是：2025-01-01 所得 10 分，2025-01-02 所得 10 分，2025-01-03 所得 10 分，另有 2 天所得共 15 分。"
    )
    assert said(line(5, 5, -4, Clause.EXPIRY), [*many, spent]) == "", "what lapses says itself which it was"


def test_what_a_correction_left_too_few_for_says_how_it_is_made_up() -> None:
    spent, less = redeemed(9, 8, 30), line(1, 1, -20, Clause.CORRECTION)
    assert said(less, [LOT, less, spent]) == ""
    assert said(spent, [LOT, less, spent]) == (
        "先得先用，用的是：2025-01-01 所得 10 分。更正后不足 20 分，现在欠着，以后得到的先用来补上。"
    )
    assert said(spent, [LOT, less, spent, line(4, 9, 50)]) == (
        "先得先用，用的是：2025-01-01 所得 10 分，2025-01-09 所得 20 分（更正后不足，事后补上）。"
    )


def test_what_was_paid_and_came_back_was_paid_from_nothing_and_is_not_owed() -> None:
    spent = redeemed(9, 8, 30)
    came_back = held(9, 7, 30)._replace(freed_at=moment(9))
    assert said(spent, [LOT, spent], [came_back]) == ""
    assert said(LOT, [LOT, spent], [came_back]).endswith("这 30 分都还没有用，可用到 2025-01-11。")
