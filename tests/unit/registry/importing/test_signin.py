"""Sign-in sheets into times of service."""

from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.demo.sign_in_sheets import Attendee, write_sign_in_sheet
from services.registry.importing.headers import find_header
from services.registry.importing.layouts import SIGN_IN_LAYOUT
from services.registry.importing.refusals import ColumnsMissing
from services.registry.importing.sheet import Sheet, SheetRow
from services.registry.importing.signin import (
    LOCAL_ZONE,
    PlannedTime,
    SignInSheet,
    parse_sign_in_sheet,
    read_sign_in_sheet,
)
from tests.unit.registry.importing.files import TODAY, id_number, workbook
from tests.unit.registry.importing.test_cells import ANY_CELL

HEADER = ["姓名", "身份证号", "志愿者编号", "日期", "签到时间", "签退时间", "服务时长"]
NUMBER = "620201001004-000123"


def planned(start: str = "2025-06-03 09:00", hours: float = 2) -> PlannedTime:
    begin = datetime.fromisoformat(start).replace(tzinfo=LOCAL_ZONE)
    return PlannedTime(begin, begin + timedelta(hours=hours))


def row(number: Any = NUMBER, **changes: Any) -> list[Any]:
    cells = {"姓名": "王建国", "志愿者编号": number, "签到时间": "8:55", "签退时间": "11:05"} | changes
    return [cells.get(title) for title in HEADER]


def read(*rows: list[Any], plan: PlannedTime | None = None, header: list[str] = HEADER) -> SignInSheet:
    return read_sign_in_sheet(workbook([["签到表"], header, *rows]), plan or planned(), TODAY)[1]


def codes(sheet: SignInSheet) -> list[tuple[int, str]]:
    return [(problem.row_number, problem.code) for problem in sheet.problems]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LOCAL_ZONE).astimezone(UTC)


def test_a_row_becomes_a_start_and_minutes() -> None:
    (service,) = read(row()).rows
    assert (service.row_number, service.name, service.identities, service.volunteer_number) == (
        3,
        "王建国",
        (),
        NUMBER,
    )
    assert (service.started_at, service.minutes) == (utc("2025-06-03 08:55"), 130)


def test_people_are_named_by_either_number() -> None:
    by_id, by_number = read(row(None, 身份证号=id_number()), row("a-0001", 姓名=None)).rows
    assert (by_id.identities, by_id.volunteer_number) == ((id_number(),), None)
    assert (by_number.name, by_number.volunteer_number) == (None, "A-0001")


@pytest.mark.parametrize(
    ("start", "hours", "came", "left", "started", "minutes"),
    [
        ("2025-06-03 09:00", 2, time(9, 0), time(11, 0), "2025-06-03 09:00", 120),
        ("2025-06-03 14:00", 2, "下午2:00", "下午4点", "2025-06-03 14:00", 120),
        ("2025-06-03 22:00", 4, "21:50", "2:10", "2025-06-03 21:50", 260),
        ("2025-06-03 22:00", 4, "0:30", "2:00", "2025-06-04 00:30", 90),
        ("2025-06-03 19:00", 4.5, "19:00", "0:15", "2025-06-03 19:00", 315),
        ("2025-06-03 20:00", 4, "20:00", "24:00", "2025-06-03 20:00", 240),
        ("2025-06-04 00:10", 2, "23:55", "2:00", "2025-06-03 23:55", 125),
        ("2025-06-03 20:00", 5, "20:00", "24:30", "2025-06-03 20:00", 270),
        ("2025-06-03 20:00", 5, "20:00", timedelta(hours=24, minutes=30), "2025-06-03 20:00", 270),
        ("2025-06-03 20:00", 5, "晚上8点", "次日1:10", "2025-06-03 20:00", 310),
        ("2025-06-03 22:00", 4, "24:10", "25:40", "2025-06-04 00:10", 90),
        ("2025-06-03 22:00", 4, "次日0:10", "次日1:40", "2025-06-04 00:10", 90),
        ("2025-06-03 22:00", 4, "次日0:10", "1:40", "2025-06-04 00:10", 90),
        ("2025-06-03 09:00", 2, "上午九点半", "11：00", "2025-06-03 09:30", 90),
        ("2025-06-03 22:00", 4, datetime(2025, 6, 3, 22), datetime(2025, 6, 4), "2025-06-03 22:00", 120),  # noqa: DTZ001 - cells know no zone
        ("2025-06-03 09:00", 56, "2025-06-05 9:00", "11:00", "2025-06-05 09:00", 120),
    ],
)
def test_clock_times_find_their_day_also_past_midnight(
    start: str, hours: float, came: Any, left: Any, started: str, minutes: int
) -> None:
    (service,) = read(row(签到时间=came, 签退时间=left), plan=planned(start, hours)).rows
    assert (service.started_at, service.minutes) == (utc(started), minutes)


@pytest.mark.parametrize(
    "written", ["14:00-16:00", "14：00—16：00", "下午2:00至4:00", "2025-06-03 14:00 ~ 16:00", "14时到16时"]
)
def test_two_clock_times_in_the_column_of_service_time_are_start_and_end(written: str) -> None:
    lines = [["王建国", f"{NUMBER}{n}", written, hours] for n, hours in enumerate((None, 1.5, 2.5))]
    header = ["姓名", "志愿者编号", "服务时间", "服务时长（小时）"]
    sheet = read(*lines, plan=planned("2025-06-03 13:30", 3), header=header)
    assert [(row.started_at, row.minutes) for row in sheet.rows] == [
        (utc("2025-06-03 14:00"), 120),
        (utc("2025-06-03 14:00"), 90),
    ]
    assert codes(sheet) == [(5, "duration_exceeds_times")]


def test_a_column_of_dates_says_which_day_of_several() -> None:
    plan = planned("2025-06-03 09:00", 56)
    sheet = read(row(日期="2025年6月5日"), row("b-1"), plan=plan)
    assert [service.started_at for service in sheet.rows] == [utc("2025-06-05 08:55")]
    assert codes(sheet) == [(4, "date_missing")]


@pytest.mark.parametrize(
    ("title", "written", "minutes"),
    [
        ("服务时长", "2小时", 120),
        ("服务时长", 1.5, 90),
        ("服务时长(分钟)", 90, 90),
        ("服务时长(小时)", 1.5, 90),
        ("小时数", "2", 120),
        ("服务分钟数", "45", 45),
        ("服务时长", time(1, 30), 90),
    ],
)
def test_a_duration_alone_counts_from_the_planned_start(title: str, written: Any, minutes: int) -> None:
    (service,) = read([NUMBER, written], header=["志愿者编号", title]).rows
    assert (service.started_at, service.minutes) == (utc("2025-06-03 09:00"), minutes)


def test_a_confirmed_duration_may_be_shorter_than_the_stay_but_not_longer() -> None:
    sheet = read(row(服务时长="1小时"), row("b-1", 服务时长="3小时"))
    assert [service.minutes for service in sheet.rows] == [60]
    assert codes(sheet) == [(4, "duration_exceeds_times")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"签退时间": None}, "sign_out_missing"),
        ({"签到时间": None}, "sign_in_missing"),
        ({"签到时间": "准时"}, "time_unreadable"),
        ({"签退时间": "8:30"}, "sign_out_before_sign_in"),
        ({"签退时间": "8:55"}, "sign_out_before_sign_in"),
        ({"签到时间": "2:30"}, "time_far_from_plan"),
        ({"签到时间": "2024-06-03 9:00", "签退时间": "2024-06-03 11:00"}, "time_far_from_plan"),
        ({"签退时间": "2025-06-04 11:00"}, "time_far_from_plan"),
        ({"签退时间": "2025-06-02 11:00"}, "sign_out_before_sign_in"),
        ({"签退时间": "次日11:00"}, "sign_out_before_sign_in"),
        ({"签退时间": "25:10"}, "sign_out_before_sign_in"),
        ({"签到时间": "9点左右"}, "time_unreadable"),
        ({"日期": "2025-06-13"}, "time_far_from_plan"),
        ({"日期": "某日"}, "date_unreadable"),
        ({"服务时长": "很久"}, "duration_unreadable"),
        ({"签到时间": None, "签退时间": None, "服务时长": 90}, "duration_unit_missing"),
        ({"签到时间": None, "签退时间": None, "服务时长": "2小时", "日期": "2025-07-03"}, "time_far_from_plan"),
        ({"志愿者编号": "十二号"}, "volunteer_number_invalid"),
        ({"志愿者编号": 620201001004000123}, "volunteer_number_invalid"),
        ({"志愿者编号": None}, "person_unnamed"),
        ({"志愿者编号": None, "身份证号": "1234567890123456"}, "id_number_length"),
        ({"姓名": "王2"}, "name_invalid"),
    ],
)
def test_a_bad_row_is_reported_with_its_reason(changes: dict[str, Any], code: str) -> None:
    sheet = read(row("a-1"), row(**{"number": NUMBER} | changes) if "志愿者编号" not in changes else row(**changes))
    assert codes(sheet) == [(4, code)]
    assert [service.row_number for service in sheet.rows] == [3]


def test_who_signed_twice_is_reported_once() -> None:
    sheet = read(row(身份证号=id_number()), row(), row(None, 身份证号=id_number()))
    assert [service.row_number for service in sheet.rows] == [3]
    assert codes(sheet) == [(4, "signed_twice"), (5, "signed_twice")]


def test_empty_lines_and_totals_of_the_form_name_nobody() -> None:
    sheet = read(row(), ["合计", None, None, None, None, None, "2小时"], ["王建国"], [None] * 4 + ["9:00"])
    assert codes(sheet) == []
    assert sheet.skipped_rows == (4, 5, 6)


@pytest.mark.parametrize(
    "header", [["姓名", "签到时间", "签退时间"], ["姓名", "志愿者编号"], ["志愿者编号", "签到时间"]]
)
def test_a_sheet_must_tell_who_and_how_long(header: list[str]) -> None:
    with pytest.raises(ColumnsMissing):
        read([None], header=header)


def test_an_unplanned_time_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="aware"):
        PlannedTime(datetime(2025, 6, 3, 9), datetime(2025, 6, 3, 11))  # noqa: DTZ001
    with pytest.raises(ValueError, match="after"):
        planned(hours=0)


@given(
    st.lists(
        st.one_of(
            st.lists(ANY_CELL, max_size=8),
            st.builds(
                lambda place, cell: [*(before := row())[:place], cell, *before[place + 1 :]],
                st.integers(0, 6),
                ANY_CELL,
            ),
        ),
        max_size=6,
    )
)
@settings(max_examples=300)
def test_every_row_of_anything_is_service_a_problem_or_skipped(rows: list[list[Any]]) -> None:
    header = find_header([HEADER], SIGN_IN_LAYOUT)
    assert header is not None
    sheet = Sheet(header, tuple(SheetRow(number, tuple(cells)) for number, cells in enumerate(rows, start=2)))
    plan = planned()
    result = parse_sign_in_sheet(sheet, plan, TODAY)
    good, bad, skipped = {row.row_number for row in result.rows}, set(result.bad_rows), set(result.skipped_rows)
    assert good | bad | skipped == {row.number for row in sheet.rows}
    assert not good & bad
    assert all(1 <= service.minutes <= 1440 for service in result.rows)
    assert all(abs(service.started_at - plan.start) <= timedelta(hours=30) for service in result.rows)


@given(
    st.integers(0, 2**32),
    st.integers(0, 24 * 60 - 1),
    st.integers(30, 8 * 60),
    st.integers(0, 12),
    st.integers(0, 6),
)
@settings(max_examples=40, deadline=None)
def test_the_demo_s_sheets_come_back_with_exactly_their_minutes_and_faults(
    seed: int, start_minute: int, length_minutes: int, people: int, faulty_rows: int
) -> None:
    begin = datetime(2025, 6, 3, tzinfo=LOCAL_ZONE) + timedelta(minutes=start_minute)
    plan = PlannedTime(begin, begin + timedelta(minutes=length_minutes))
    attendees = [
        Attendee("合成", id_number(sequence=2 * n)) if n % 2 else Attendee("合成", volunteer_number=f"N-{n}")
        for n in range(1, people + 1)
    ]
    target = BytesIO()
    facts = write_sign_in_sheet(target, "清洁家园", plan, attendees, seed=seed, faulty_rows=faulty_rows)
    _, sheet = read_sign_in_sheet(target.getvalue(), plan, date(2025, 7, 1))
    assert {service.row_number: service.minutes for service in sheet.rows} == facts.minutes_by_row
    assert codes(sheet) == list(facts.bad_rows)
