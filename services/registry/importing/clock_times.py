"""Clock times and durations as sign-in sheets keep them."""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from services.registry.importing.cells import Cell, CellProblem, narrow, text_of
from services.registry.importing.dates import read_date

MINUTES_A_DAY = 24 * 60

_LATEST_MINUTES = 30 * 60
"""24:30 is half past midnight to whoever was there since the evening; nobody counts on like that past six."""
_SERIAL_DAY_ONE = date(1900, 1, 1)

_HALF_DAYS = "凌晨|清晨|早晨|早上|上午|中午|下午|傍晚|晚上|晚间|当晚|夜晚|夜里|半夜|深夜|午夜|am|pm|a\\.m\\.|p\\.m\\."
_HALF_DAY = re.compile(_HALF_DAYS)
_NIGHTS = frozenset({"晚上", "晚间", "当晚", "夜晚", "夜里", "半夜", "深夜", "午夜"})
_NEXT_DAY = re.compile(r"\(?(?:次日|翌日|第二天|隔天|隔日|转天)的?\)?")
_SAME_DAY = re.compile(r"^(?:当天|当日|同日)的?")
_COLONS = str.maketrans("∶︰﹕;。", "::::.")
_QUARTERS = (("1刻", "15分"), ("3刻", "45分"))
_NUMERAL = re.compile(r"[零〇一二两三四五六七八九十]+")
_CLOCK = re.compile(
    rf"(?P<before>{_HALF_DAYS})?"
    r"(?P<hour>[0-9]{1,2})(?:[:点时.](?P<minute>[0-9]{2}|[0-9](?=分))?(?P<half>半)?分?(?::[0-9]{2}秒?)?整?)"
    rf"(?P<after>{_HALF_DAYS})?"
)
_FOUR_DIGITS = re.compile(r"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})")
_BETWEEN = re.compile(r"[-—–−~〜至到]+")
_CLOCKS_LENGTH_MAX = 60
_DATE_BEFORE = re.compile(
    r"(?P<date>[0-9]{4}[年./-][0-9]{1,2}[月./-][0-9]{1,2}[日号]?)(?:T| +|(?<=[日号]))(?P<clock>.+)"
)
_DURATION = re.compile(
    r"(?:(?P<hours>[0-9]{1,4}(?:\.[0-9]+)?)(?:个?半?小时|个?半?钟头|h|hours?|hrs?|时))?"
    r"(?:(?P<minutes>[0-9]{1,5}(?:\.[0-9]+)?)(?:分钟?|m|mins?|minutes?|’|'))?"
)
_SPAN = re.compile(r"(?P<hours>[0-9]{1,2}):(?P<minutes>[0-5][0-9])(?::[0-9]{2})?")
_BARE = re.compile(r"[0-9]{1,5}(?:\.[0-9]+)?")
_CHINESE_DIGITS = str.maketrans("零〇一二两三四五六七八九", "001223456789")


@dataclass(frozen=True, slots=True)
class ClockReading:
    """A local clock time, with its day where the cell names it."""

    day: date | None
    minutes: int
    """Minutes after midnight, 0 to 2879; 1440 is the end of the day (24:00), what is more lies in the next one."""


def read_clock(cell: Cell) -> ClockReading:
    """A clock time from a cell; seconds are dropped. Raises CellProblem ``time_unreadable``."""
    match cell:
        case datetime() if cell.date() == _SERIAL_DAY_ONE:  # 24:30 in a cell of times
            return _next_morning(cell.hour * 60 + cell.minute)
        case datetime():
            return ClockReading(cell.date(), cell.hour * 60 + cell.minute)
        case date() if cell == _SERIAL_DAY_ONE:
            return _next_morning(0)
        case date():  # how the reader of workbooks gives midnight
            return ClockReading(cell, 0)
        case time():
            return ClockReading(None, cell.hour * 60 + cell.minute)
        case timedelta() if timedelta(0) <= cell < timedelta(minutes=_LATEST_MINUTES):
            return ClockReading(None, int(cell.total_seconds() // 60))
        case float() if 0 <= cell < 1:  # a time cell whose format was lost
            return ClockReading(None, round(cell * MINUTES_A_DAY))
        case float() if 1 < cell < 1.25:
            return _next_morning(round((cell - 1) * MINUTES_A_DAY))
        case float() if 10_000 <= cell < 60_000:
            return ClockReading(read_date(float(int(cell))), round(cell % 1 * MINUTES_A_DAY))
        case str():
            return _clock_from_text(cell)
        case _:
            raise CellProblem("time_unreadable")


def read_clocks(cell: Cell) -> tuple[ClockReading, ClockReading] | None:
    """Two clock times in one cell, as in 14:00-16:00; None for everything else."""
    text = narrow(cell).lower() if isinstance(cell, str) else ""
    for between in _BETWEEN.finditer(text[:_CLOCKS_LENGTH_MAX]):
        first, second = text[: between.start()], text[between.end() :]
        try:
            came, left = read_clock(first), read_clock(second)
        except CellProblem:
            continue  # a hyphen of the date
        told_once = _HALF_DAY.search(first) and not _HALF_DAY.search(second)
        if told_once and left.minutes < came.minutes < left.minutes + 12 * 60:  # 下午2:00-4:00
            left = replace(left, minutes=left.minutes + 12 * 60)
        return came, left
    return None


def _next_morning(minutes: int) -> ClockReading:
    if MINUTES_A_DAY + minutes >= _LATEST_MINUTES:
        raise CellProblem("time_unreadable")
    return ClockReading(None, MINUTES_A_DAY + minutes)


def _clock_from_text(raw: str) -> ClockReading:
    text = " ".join(narrow(raw).lower().translate(_COLONS).replace("点钟", "点").split())
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
    text, later = _NEXT_DAY.subn("", _SAME_DAY.sub("", text.replace(" ", "")))
    minutes = _minutes_of(_NUMERAL.sub(_digits, text).replace("时半", "点半"))
    if minutes is None or not later:
        return minutes
    # 次日24:30 is the third day, or half past midnight told twice.
    return minutes + MINUTES_A_DAY if later == 1 and minutes < MINUTES_A_DAY else None


def _digits(numeral: re.Match[str]) -> str:
    """九 → 9, 十 → 10, 二十五 → 25, 零五 → 05; anything else stays, and is then unreadable."""
    text = numeral[0].translate(_CHINESE_DIGITS)
    tens, ten, ones = text.partition("十")
    if not ten:
        return text
    return f"{tens or 1}{ones or 0}" if len(tens) <= 1 and len(ones) <= 1 else numeral[0]


def _minutes_of(text: str) -> int | None:
    for quarter, written in _QUARTERS:
        text = text.replace(quarter, written)
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
    return total if minute < 60 and total < _LATEST_MINUTES else None


def _hour_of_day(hour: int, half_day: str) -> int:
    match half_day:
        case "下午" | "傍晚" | "pm" | "p.m." if hour < 12:
            return hour + 12
        case _ if half_day in _NIGHTS and 5 <= hour <= 12:
            return hour + 12  # 晚上12点 is the end of the day
        case "中午" if hour < 3:
            return hour + 12
        case "凌晨" | "am" | "a.m." if hour == 12:
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
