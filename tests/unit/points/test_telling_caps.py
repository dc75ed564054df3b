"""What a line says of how its amount came about: parts of a point, evidence that does not count, caps per activity."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import services.points
from services.points.earning.kinds import KIND_NUMBERS
from services.points.explain.known import NOTHING, Known, Line, LongDay
from services.points.explain.words import Narrator, Sentence
from services.points.ledger.clauses import Clause
from services.points.policy.book import BEGINNING, PolicyBook
from services.points.policy.views import national_default, read_published
from shared.web.problems import Texts

COMMUNITY = "620201001004"
OWN = {
    "title": {"zh": "演示", "en": "An example"},
    "caps_per_activity": {"POINT": 20, "MINUTE": 240, "SERVICE_MINUTE": 0},
    "time_bank": {"deposit_kinds": ["activity.care", "activity.culture"]},
}
BOOK = PolicyBook(
    [read_published(1, None, BEGINNING, national_default()), read_published(2, COMMUNITY, BEGINNING, OWN)]
)
TEXTS = Texts([Path(services.points.__file__).parent / "locales"])
MORNING = datetime(2026, 3, 5, 1, tzinfo=UTC)


def told(
    unit: str, amount: int, minutes: int, clause: int = Clause.RATE, kind: str = "activity.care", evidence: int = 1
) -> Sentence:
    def say(code: str, params: Mapping[str, Any]) -> str:
        return TEXTS.get("zh", code, params)

    line = Line(
        1, MORNING, MORNING, clause, uuid.uuid4(), uuid.uuid4(), 1, None, KIND_NUMBERS[kind], evidence, minutes, amount,
        f"issuance:{COMMUNITY}",
    )  # fmt: skip
    return Narrator(unit, say, BOOK, Known(titles={1: "全国默认", 2: "本社区办法"})).tell(line)


def test_a_record_above_the_cap_says_so_and_names_the_policy_that_caps_it() -> None:
    sentence = told("POINT", 20, 300)
    assert sentence.text == (
        "2026-03-05 关爱帮扶 300 分钟（现场签到签退），每 6 分钟 1 分，得 20 分。"
        "一次服务最多计 20 积分。依据《本社区办法》（第 2 版）。"
    )
    assert (sentence.grounds[-1].place, sentence.grounds[-1].value) == ("/caps_per_activity/POINT", 20)


def test_a_record_below_the_cap_does_not_speak_of_it() -> None:
    assert "最多" not in told("POINT", 10, 60).text
    assert [ground.place for ground in told("MINUTE", 60, 60).grounds] == ["/evidence/scanned"]


def test_service_that_is_not_deposited_says_so_and_names_the_policy() -> None:
    sentence = told("MINUTE", 0, 60, NOTHING, kind="activity.training")
    assert sentence.text.endswith("60 分钟：按办法，这类服务不存入时间银行。依据《本社区办法》（第 2 版）。")
    assert [ground.place for ground in sentence.grounds] == ["/time_bank/deposit_kinds"]


def test_what_is_only_given_away_is_capped_by_the_name_of_the_time_bank() -> None:
    sentence = told("DONATION_MINUTE", 240, 300, kind="activity.culture")
    assert "存入 240 分钟。一次服务最多计 240 分钟（仅可捐出）。" in sentence.text
    assert [ground.place for ground in sentence.grounds] == [
        "/evidence/scanned", "/time_bank/donate_only_kinds", "/caps_per_activity/MINUTE",
    ]  # fmt: skip
    elsewhere = told("MINUTE", 0, 300, NOTHING, kind="activity.culture")
    assert [ground.place for ground in elsewhere.grounds] == ["/time_bank/donate_only_kinds"]


def test_a_cap_of_nothing_is_why_service_brought_nothing() -> None:
    sentence = told("SERVICE_MINUTE", 0, 300, NOTHING)
    assert sentence.text.startswith("2026-03-05 关爱帮扶 300 分钟：没有计入服务时长。一次服务最多计 0 分钟。")


def test_a_correction_that_stays_above_the_cap_says_so() -> None:
    assert "一次服务最多计 20 积分。" in told("POINT", 5, 300, Clause.CORRECTION).text


def test_a_dropped_part_of_a_point_is_told_and_a_whole_number_is_not_explained_away() -> None:
    assert "按 1.5 倍计，得 12 分（不足 1 分的零头不计）。" in told("POINT", 12, 50, kind="patrol.volunteer.night").text
    assert "每 6 分钟 1 分，得 10 分。" in told("POINT", 10, 60).text


def test_a_correction_to_evidence_that_does_not_count_says_why_everything_is_taken() -> None:
    changed = told("POINT", -20, 60, Clause.CORRECTION, evidence=2).text
    assert "60 分钟（事后补录），这样记录的服务不计入积分，扣减 20 积分。" in changed
    assert "不计入" not in told("SERVICE_MINUTE", -60, 60, Clause.CORRECTION, evidence=2).text


def test_what_is_put_right_of_an_approval_is_told_under_the_policy_that_had_it_approved() -> None:
    """A correction that overtakes an approval takes back what that lifted: such a line names no policy itself."""
    approval = uuid.uuid4()
    known = Known(titles={1: "全国默认"}, long_days={approval: LongDay(700, "community", "emergency", 480, 1)})
    line = Line(
        1, MORNING, MORNING, Clause.LONG_DAY, approval, uuid.uuid4(), None, 2, None, None, None, -220, "issuance"
    )  # fmt: skip
    told = Narrator("SERVICE_MINUTE", partial(TEXTS.get, "zh"), BOOK, known).tell(line)
    assert told.text.startswith("2026-03-05 的超时服务经社区批准（抢险救灾），当天最多计 700 分钟；因批准的分钟改变，")
    assert told.text.endswith("减 220 分钟。依据《全国默认》（第 1 版）。")
    assert [(ground.place, ground.value) for ground in told.grounds] == [("/anomalies/day_minutes_approval", 480)]
