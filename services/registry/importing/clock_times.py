"""Clock times and durations as sign-in sheets keep them."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from services.registry.importing.cells import Cell, CellProblem, narrow, text_of
from services.registry.importing.dates import read_date

MINUTES_A_DAY = 24 * 60

_HALF_DAYS = "凌晨|清晨|早晨|早上|上午|中午|下午|傍晚|晚上|晚间|夜里|am|pm|a\\.m\\.|p\\.m\\."
_CLOCK = re.compile(
    rf"(?P<before>{_HALF_DAYS})?"
    r"(?P<hour>[0-9]{1,2})(?:[:点时.](?P<minute>[0-9]{2}|[0-9](?=分))?(?P<half>半)?分?(?::[0-9]{2}秒?)?整?)"
    rf"(?P<after>{_HALF_DAYS})?"
)
_FOUR_DIGITS = re.compile(r"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})")
_DATE_BEFORE = re.compile(
    r"(?P<date>[0-9]{4}[年./-][0-9]{1,2}[月./-][0-9]{1,2}[日号]?)(?:T| +|(?<=[日号]))(?P<clock>.+)"
)
_DURATION = re.compile(
    r"(?:(?P<hours>[0-9]{1,4}(?:\.[0-9]+)?)(?:个?半?小时|个?半?钟头|h|hours?|hrs?|时))?(?:零)?"
    r"(?:(?P<minutes>[0-9]{1,5}(?:\.[0-9]+)?)(?:分钟?|m|mins?|minutes?|’|'))?"
)
_SPAN = re.compile(r"(?P<hours>[0-9]{1,2}):(?P<minutes>[0-5][0-9])(?::[0-9]{2})?")
_BARE = re.compile(r"[0-9]{1,5}(?:\.[0-9]+)?")
_CHINESE_DIGITS = str.maketrans("一二两三四五六七八九", "1223456789")


@dataclass(frozen=True, slots=True)
class ClockReading:
    """A local clock time, with its day where the cell names it."""

    day: date | None
    minutes: int
    """Minutes after midnight, 0 to 1440; 1440 is the end of the day (24:00)."""


def read_clock(cell: Cell) -> ClockReading:
    """A clock time from a cell; seconds are dropped. Raises CellProblem ``time_unreadable``."""
    match cell:
        case datetime():
            return ClockReading(cell.date(), cell.hour * 60 + cell.minute)
        case date():  # how the reader of workbooks gives midnight
            return ClockReading(cell, 0)
        case time():
            return ClockReading(None, cell.hour * 60 + cell.minute)
        case timedelta() if timedelta(0) <= cell <= timedelta(days=1):
            return ClockReading(None, int(cell.total_seconds() // 60))
        case float() if 0 <= cell < 1:  # a time cell whose format was lost
            return ClockReading(None, round(cell * MINUTES_A_DAY))
        case float() if 10_000 <= cell < 60_000:
            return ClockReading(read_date(float(int(cell))), round(cell % 1 * MINUTES_A_DAY))
        case str():
            return _clock_from_text(cell)
        case _:
            raise CellProblem("time_unreadable")


def _clock_from_text(raw: str) -> ClockReading:
    text = " ".join(narrow(raw).lower().replace("点钟", "点").split())
    if match := _DATE_BEFORE.fullmatch(text.replace("t", " ") if "年" not in text else text):
        day, minutes = _day_or_none(match["date"]), _minutes_after_midnight(match["clock"])
        if day is not None and minutes is not None:
            return ClockReading(day, minutes)
    elif (minutes := _minutes_after_midnight(text)) is not None:
        return ClockReading(None, minutes)
    raise CellProblem("time_unreadable")


def _day_or_none(text: str) -> date | None:
    try:
        return read_date(text)
    except CellProblem:
        return None


def _minutes_after_midnight(text: str) -> int | None:
    text = text.replace(" ", "").replace("时半", "点半")
    match = _CLOCK.fullmatch(text) or _FOUR_DIGITS.fullmatch(text)
    if match is None:
        return None
    parts = match.groupdict()
    hour, minute = int(parts["hour"]), int(parts["minute"] or 0)
    if parts.get("half"):
        if parts["minute"]:
            return None
        minute = 30
    if parts.get("before") and parts.get("after"):
        return None
    hour = _hour_of_day(hour, parts.get("before") or parts.get("after") or "")
    total = hour * 60 + minute
    return total if minute < 60 and 0 <= total <= MINUTES_A_DAY else None


def _hour_of_day(hour: int, half_day: str) -> int:
    match half_day:
        case "下午" | "傍晚" | "pm" | "p.m." if hour < 12:
            return hour + 12
        case "晚上" | "晚间" | "夜里" if 5 <= hour <= 12:
            return hour + 12  # 晚上12点 is the end of the day
        case "中午" if hour < 3:
            return hour + 12
        case "凌晨" | "夜里" | "am" | "a.m." if hour == 12:
            return 0
        case _:
            return hour


def read_minutes(cell: Cell, unit: str | None) -> int:
    """A duration in whole minutes. ``unit`` is what the header says: ``hours``, ``minutes`` or None.

    A bare number up to 12 without any unit means hours, the usual unit of service records (服务时长).
    Raises CellProblem ``duration_unreadable``, ``duration_unit_missing``, ``no_time_served``, ``over_a_day``.
    """
    minutes = _duration(cell, unit)
    if minutes is None:
        raise CellProblem("duration_unreadable")
    if minutes < 1:
        raise CellProblem("no_time_served")
    if minutes > MINUTES_A_DAY:
        raise CellProblem("over_a_day")
    return round(minutes)


def _duration(cell: Cell, unit: str | None) -> float | None:
    match cell:
        case time():
            return cell.hour * 60 + cell.minute
        case timedelta():
            return cell.total_seconds() / 60 if cell >= timedelta(0) else None
        case bool() | date() | None:
            return None
        case int() | float():
            return _in_unit(float(cell), unit)
    text = "".join(narrow(text_of(cell)).lower().split()).removeprefix("约")
    if len(text) > 40:
        return None
    text = text.replace("半个小时", "30分钟").replace("半小时", "30分钟") if text.startswith("半") else text
    if text.endswith(("小时半", "钟头半")):
        text = text[:-1] + "30分"
    text = text.translate(_CHINESE_DIGITS)
    if match := _SPAN.fullmatch(text):
        return int(match["hours"]) * 60 + int(match["minutes"])
    if _BARE.fullmatch(text):
        return _in_unit(float(text), unit)
    match = _DURATION.fullmatch(text)
    if match is None or not (match["hours"] or match["minutes"]):
        return None
    half_hour = 30 if "半" in text else 0
    return float(match["hours"] or 0) * 60 + half_hour + float(match["minutes"] or 0)


def _in_unit(number: float, unit: str | None) -> float | None:
    if not 0 <= number < 1e6:
        return None
    if unit == "minutes":
        return number
    if unit == "hours" or number <= 12:
        return number * 60
    raise CellProblem("duration_unit_missing")
