"""Sign-in sheets of activities, as team leaders fill them in: synthetic, reproducible, with or without faults."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from io import BytesIO
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format

from services.registry.importing.signin import LOCAL_ZONE, PlannedTime

_HEADER_ROW = 3
_FAULT_CODES = ("sign_out_missing", "time_unreadable", "person_unnamed")
_Clock = str | time | datetime


@dataclass(frozen=True, slots=True)
class Attendee:
    """Who signs; at least one of the two numbers is needed."""

    name: str = field(repr=False)
    id_number: str | None = field(default=None, repr=False)
    volunteer_number: str | None = None

    def __post_init__(self) -> None:
        if not self.id_number and not self.volunteer_number:
            raise ValueError("an attendee needs an ID number or a volunteer number")


@dataclass(frozen=True, slots=True)
class SignInFacts:
    """What a correct import of the written sheet must find."""

    minutes_by_row: dict[int, int]
    """Row number → minutes, of the good rows; rows stand in the order of the attendees."""
    bad_rows: tuple[tuple[int, str], ...]
    """Row number and code of the reason; they stand below the good ones."""

    @property
    def minutes(self) -> int:
        """All minutes served."""
        return sum(self.minutes_by_row.values())


def write_sign_in_sheet(
    target: Path | BytesIO,
    title: str,
    planned: PlannedTime,
    attendees: Sequence[Attendee],
    *,
    seed: int,
    faulty_rows: int = 0,
) -> SignInFacts:
    """Write one activity's sheet; ``faulty_rows`` further lines at its end cannot be taken.

    People come up to 10 minutes early or late and leave within 15 minutes of the planned end, though nobody for
    less than a quarter of an hour.
    """
    source = random.Random(seed)
    minutes: dict[int, int] = {}
    lines: list[list[str | _Clock | None]] = []
    for number, attendee in enumerate(attendees, start=_HEADER_ROW + 1):
        came, left = _times(source, planned)
        minutes[number] = int((left - came).total_seconds() // 60)
        lines.append([attendee.name, attendee.id_number, attendee.volunteer_number, *_as_kept(source, came, left)])
    bad = []
    for index in range(faulty_rows):
        code = _FAULT_CODES[index % len(_FAULT_CODES)]
        bad.append((_HEADER_ROW + 1 + len(lines), code))
        lines.append(_faulty(code, index, planned))
    _write(target, title, planned, lines)
    return SignInFacts(minutes, tuple(bad))


def _times(source: random.Random, planned: PlannedTime) -> tuple[datetime, datetime]:
    minute = timedelta(minutes=1)
    came = planned.start + source.randint(-10, 10) * minute
    left = max(planned.end + source.randint(-15, 15) * minute, came + 15 * minute)
    return came.astimezone(LOCAL_ZONE), left.astimezone(LOCAL_ZONE)


def _as_kept(source: random.Random, came: datetime, left: datetime) -> list[_Clock]:
    """Both times in one person's hand: as time cells, as date-time cells or as text."""
    way: Callable[[datetime], _Clock] = source.choice(
        (
            lambda moment: moment.time(),
            lambda moment: moment.replace(tzinfo=None),
            lambda moment: f"{moment:%H:%M}",
            lambda moment: f"{moment.hour}点{moment.minute:02d}分",
            lambda moment: f"{moment.hour}:{moment.minute:02d}".replace(":", "："),
            _with_half_day,
        )
    )
    return [way(came), way(left)]


def _with_half_day(moment: datetime) -> str:
    if moment.hour < 12:
        return (
            f"上午{moment.hour}:{moment.minute:02d}" if moment.hour >= 5 else f"凌晨{moment.hour}:{moment.minute:02d}"
        )
    hour = moment.hour - 12 if moment.hour > 12 else 12
    return f"{'下午' if 12 < moment.hour < 19 else '中午' if hour == 12 else '晚上'}{hour}:{moment.minute:02d}"


def _faulty(code: str, index: int, planned: PlannedTime) -> list[str | _Clock | None]:
    came = planned.start.astimezone(LOCAL_ZONE).time()
    left = planned.end.astimezone(LOCAL_ZONE).time()
    number = f"SYNTHETIC-{index:04d}"
    match code:
        case "sign_out_missing":
            return ["佚名", None, number, came, None]
        case "time_unreadable":
            return ["佚名", None, number, came, "散会后"]
        case _:
            return ["佚名", None, None, came, left]


def _write(
    target: Path | BytesIO, title: str, planned: PlannedTime, lines: Sequence[Sequence[str | _Clock | None]]
) -> None:
    local = planned.start.astimezone(LOCAL_ZONE)
    with xlsxwriter.Workbook(target, {"in_memory": True}) as workbook:
        workbook.set_properties({"created": planned.start.astimezone(UTC).replace(tzinfo=None)})
        bold = workbook.add_format({"bold": True, "border": 1})
        forms = _Forms(
            workbook.add_format({"num_format": "@"}),
            workbook.add_format({"num_format": "hh:mm"}),
            workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        )
        sheet = workbook.add_worksheet("签到表(合成)")
        sheet.merge_range(0, 0, 0, 6, f"“{title}”志愿服务活动签到表(合成数据 SYNTHETIC)", bold)
        sheet.write_string(1, 0, f"活动时间:{local.year}年{local.month}月{local.day}日{local:%H:%M}")
        titles = ("序号", "姓名", "身份证号", "志愿者编号", "签到时间", "签退时间", "签名")
        for column, name in enumerate(titles):
            sheet.write_string(_HEADER_ROW - 1, column, name, bold)
        for number, line in enumerate(lines, start=1):
            row = _HEADER_ROW - 1 + number
            sheet.write_number(row, 0, number)
            for column, cell in enumerate(line, start=1):
                match cell:
                    case datetime():
                        sheet.write_datetime(row, column, cell, forms.moment)
                    case time():
                        sheet.write_datetime(row, column, cell, forms.clock)
                    case str():
                        sheet.write_string(row, column, cell, forms.text)
        sheet.write_string(_HEADER_ROW + len(lines) + 1, 1, "合计")


@dataclass(frozen=True, slots=True)
class _Forms:
    text: Format
    clock: Format
    moment: Format
