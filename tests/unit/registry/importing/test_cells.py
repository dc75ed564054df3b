"""Dates, telephones, clock times and durations in all the ways that people write them."""

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.importing.cells import CellProblem, narrow, split_list, text_of
from services.registry.importing.clock_times import ClockReading, read_clock, read_minutes
from services.registry.importing.dates import read_date
from services.registry.importing.phone import read_phone

FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
ANY_CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text("0123456789.:/-年月日时分点半上下午小钟Xx+eE ", max_size=24),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
)


def refusal(reader: Any, *arguments: Any) -> str:
    with pytest.raises(CellProblem) as caught:
        reader(*arguments)
    return caught.value.code


@pytest.mark.parametrize(
    "cell",
    [
        date(2015, 4, 1),
        datetime(2015, 4, 1, 8, 30),  # noqa: DTZ001 - cells know no zone
        42095,
        42095.0,
        42095.35,
        "42095",
        20150401.0,
        "20150401",
        "2015年4月1日",
        "2015年04月01日",
        "2015年4月1号",
        "2015 年 4 月 1 日",
        "2015.4.1",
        "2015.04.01",
        "2015/4/1",
        "2015-4-1",
        "2015—4—1",
        "2015–04–01",
        " 2015-04-01 ",
        "2015-04-01 00:00:00",
        "2015-04-01T08:30:00",
        "2015/4/1 9:00",
        "2015年4月1日9:00",
        "2015年4月",
        "2015.4",
        "2015/04",
        2015.4,
        "2015年4月1日".translate(FULL_WIDTH),
        "2015-4-1".translate(FULL_WIDTH),
        "'2015-04-01",
    ],
)
def test_a_date_is_read_in_every_spelling(cell: Any) -> None:
    assert read_date(cell) == date(2015, 4, 1)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("2015.1", "date_ambiguous"),
        (2015.1, "date_ambiguous"),
        ("去年春天", "date_unreadable"),
        ("2015", "date_unreadable"),
        (2015, "date_unreadable"),
        ("2015年", "date_unreadable"),
        ("2015-13-01", "date_unreadable"),
        ("2015-02-29", "date_unreadable"),
        ("4/1/2015", "date_unreadable"),
        ("15.4.1", "date_unreadable"),
        (2015.123, "date_unreadable"),
        (float("nan"), "date_unreadable"),
        (float("inf"), "date_unreadable"),
        (1e300, "date_unreadable"),
        (-5, "date_unreadable"),
        (True, "date_unreadable"),
        (time(9, 0), "date_unreadable"),
        ("", "date_unreadable"),
    ],
)
def test_a_date_that_cannot_be_told_is_refused(cell: Any, code: str) -> None:
    assert refusal(read_date, cell) == code


@given(
    st.dates(date(1927, 6, 1), date(2064, 1, 1)), st.sampled_from(["cell", "serial", "iso", "zh", "dots", "compact"])
)
def test_every_day_survives_every_spelling(day: date, way: str) -> None:
    spelled: dict[str, Any] = {
        "cell": day,
        "serial": float((day - date(1899, 12, 30)).days),
        "iso": day.isoformat(),
        "zh": f"{day.year}年{day.month}月{day.day}日",
        "dots": f"{day.year}.{day.month}.{day.day}",
        "compact": f"{day:%Y%m%d}",
    }
    assert read_date(spelled[way]) == day


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("15400000001", "15400000001"),
        (15400000001.0, "15400000001"),
        ("154-0000-0001", "15400000001"),
        ("154 0000 0001", "15400000001"),
        ("+86 15400000001", "15400000001"),
        ("008615400000001", "15400000001"),
        ("8615400000001", "15400000001"),
        ("15400000001".translate(FULL_WIDTH), "15400000001"),
        ('="15400000001"', "15400000001"),
        ("0937-6220000", "0937-6220000"),
        ("(0937)6220000", "0937-6220000"),
        ("09376220000", "0937-6220000"),
        ("010-62200000", "010-62200000"),
        ("0937-6220000/15400000001", "15400000001"),
        ("15400000001、15400000002", "15400000001"),
        (None, None),
        ("  ", None),
    ],
)
def test_a_telephone_is_read_in_every_spelling(cell: Any, number: str | None) -> None:
    assert read_phone(cell) == number


@pytest.mark.parametrize(
    "cell",
    ["154000012", "154000000012", "6220000", "12345678901", "没有", "15400000001转3", 1.54e12, True, date(2015, 4, 1)],
)
def test_what_is_no_telephone_is_refused(cell: Any) -> None:
    assert refusal(read_phone, cell) == "phone_invalid"


@pytest.mark.parametrize(
    ("cell", "minutes"),
    [
        (time(9, 5), 545),
        ("9:05", 545),
        ("09:05:30", 545),
        ("9:05".translate(FULL_WIDTH), 545),
        ("9点05分", 545),
        ("9时5分", 545),
        ("上午9:05", 545),
        ("9:05 AM", 545),
        ("0905", 545),
        (545 / 1440, 545),
        (timedelta(hours=9, minutes=5), 545),
        ("9点半", 570),
        ("9点", 540),
        ("9点整", 540),
        ("9点钟", 540),
        ("下午2:30", 870),
        ("2:30pm", 870),
        ("14点30分", 870),
        ("下午14:30", 870),
        ("晚上7点半", 1170),
        ("中午12:00", 720),
        ("中午1点", 780),
        ("12:30 am", 30),
        ("0:00", 0),
        ("24:00", 1440),
        ("晚上12点", 1440),
        ("半夜12点", 1440),
        ("9∶05", 545),
        ("9；05", 545),
        ("9。05", 545),
        ("9点一刻", 555),
        ("上午9点半", 570),
        ("上午九点半", 570),
        ("下午两点三刻", 885),
        ("十点二十五分", 625),
        ("九点零五", 545),
        ("当天9:05", 545),
        ("24:30", 1470),
        ("２４：３０", 1470),
        ("25点10分", 1510),
        (timedelta(hours=24, minutes=30), 1470),
        (datetime(1900, 1, 1, 0, 30), 1470),  # noqa: DTZ001 - how the reader of workbooks gives 24:30
        (1 + 30 / 1440, 1470),
        (date(1900, 1, 1), 1440),
        ("次日1:10", 1510),
        ("次日 1：10", 1510),
        ("（次日）1:10", 1510),
        ("1:10(次日)", 1510),
        ("第二天凌晨1点10分", 1510),
        ("翌日一点十分", 1510),
    ],
)
def test_a_clock_time_is_read_in_every_spelling(cell: Any, minutes: int) -> None:
    assert read_clock(cell) == ClockReading(None, minutes)


@pytest.mark.parametrize(
    "cell",
    [
        datetime(2015, 4, 1, 9, 5),  # noqa: DTZ001 - cells know no zone
        "2015-04-01 9:05",
        "2015/4/1 09:05:00",
        "2015-04-01T09:05",
        "2015年4月1日9点05分",
        "2015年4月1日 上午9:05",
        42095 + 545 / 1440,
    ],
)
def test_a_clock_time_may_name_its_day(cell: Any) -> None:
    assert read_clock(cell) == ClockReading(date(2015, 4, 1), 545)


@pytest.mark.parametrize(
    "cell",
    [
        "30:00",
        "9:60",
        "24:60",
        "9",
        9,
        930,
        "9点半30分",
        "准时",
        True,
        None,
        "上午9点上午",
        timedelta(days=2),
        1.3,
        "次日",
        "次日24:30",
        "次日次日1:10",
        "9点五",
        "十十点",
        "9点11刻",
        "9:00一11:00",
        "9:00左右",
        datetime(1900, 1, 1, 7),  # noqa: DTZ001
    ],
)
def test_an_unclear_clock_time_is_refused(cell: Any) -> None:
    assert refusal(read_clock, cell) == "time_unreadable"


@pytest.mark.parametrize(
    ("cell", "unit", "minutes"),
    [
        ("2小时", None, 120),
        ("2个小时", None, 120),
        ("1.5小时", None, 90),
        ("1.5", None, 90),
        (1.5, None, 90),
        (2, None, 120),
        (90, "minutes", 90),
        (90, "hours", None),
        ("90分钟", None, 90),
        ("90分", "hours", 90),
        ("2小时30分", None, 150),
        ("2小时零5分钟", None, 125),
        ("2h", None, 120),
        ("1h30m", None, 90),
        ("90min", None, 90),
        ("半小时", None, 30),
        ("半个小时", None, 30),
        ("两个半小时", None, 150),
        ("一个半小时", None, 90),
        ("2个半小时", None, 150),
        ("一小时半", None, 90),
        ("两小时", None, 120),
        ("约2小时", None, 120),
        ("1:30", None, 90),
        (time(1, 30), None, 90),
        (timedelta(hours=1, minutes=30), None, 90),
        ("2小时".translate(FULL_WIDTH), None, 120),
    ],
)
def test_a_duration_is_read_in_every_spelling(cell: Any, unit: str | None, minutes: int | None) -> None:
    if minutes is None:
        assert refusal(read_minutes, cell, unit) == "over_a_day"
    else:
        assert read_minutes(cell, unit) == minutes


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (90, "duration_unit_missing"),
        ("90", "duration_unit_missing"),
        ("一天", "duration_unreadable"),
        ("很久", "duration_unreadable"),
        ("", "duration_unreadable"),
        (-1, "duration_unreadable"),
        (float("nan"), "duration_unreadable"),
        (True, "duration_unreadable"),
        (date(2015, 4, 1), "duration_unreadable"),
        ("0小时", "no_time_served"),
        (0, "no_time_served"),
        ("25小时", "over_a_day"),
    ],
)
def test_an_unclear_duration_is_refused(cell: Any, code: str) -> None:
    assert refusal(read_minutes, cell, None) == code


@given(ANY_CELL)
def test_readers_raise_nothing_but_their_own_error(cell: Any) -> None:
    for read in (read_date, read_phone, read_clock, lambda value: read_minutes(value, None), text_of, split_list):
        with suppress(CellProblem):
            read(cell)


def test_enumerations_are_split_at_every_usual_sign() -> None:
    assert split_list("巾帼队、文体队，环保队;卫生队/ 调解队 \n巡逻队、巾帼队") == (
        *("巾帼队", "文体队", "环保队", "卫生队", "调解队", "巡逻队"),
    )


def test_rare_characters_of_names_survive_the_narrowing() -> None:
    assert narrow("\u4dae\uf9fe\U00020000") == "\u4dae\uf9fe\U00020000"
