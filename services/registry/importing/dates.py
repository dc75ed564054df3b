"""Dates as people keep them: as cells, as spreadsheet serials, or as text in a dozen ways."""

import re
from datetime import date, datetime, time, timedelta

from services.registry.importing.cells import Cell, CellProblem, narrow, without_spaces

_SERIAL_EPOCH = date(1899, 12, 30)
# 1927 to 2064: far from years (1900–2100) and from compact dates (19000101–), so that none is mistaken.
_SERIALS = range(10_000, 60_000)
_YEARS = range(1900, 2101)
_DASHES = str.maketrans("—–−一‐‑―。", "-------.")
_DAY = re.compile(r"([0-9]{4})([年./-])([0-9]{1,2})(?:[月./-]([0-9]{1,2})[日号]?|月)?")
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_CLOCK_TAIL = re.compile(r"(?<=[0-9日号])[T ]*[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?Z?$")
_NUMBER = re.compile(r"[0-9]{5}(\.[0-9]+)?")


def read_date(cell: Cell) -> date:
    """A calendar day from a cell. A month without a day means its first day.

    Raises CellProblem ``date_unreadable``, or ``date_ambiguous`` for 2015.1, which may have been 2015.10.
    """
    match cell:
        case datetime():
            return cell.date()
        case date():
            return cell
        case bool() | time() | timedelta() | None:
            raise CellProblem("date_unreadable")
        case int() | float():
            return _from_number(float(cell))
        case str():
            return _from_text(cell)


def _from_number(number: float) -> date:
    if number.is_integer():
        whole = int(number)
        if whole in _SERIALS:
            return _SERIAL_EPOCH + timedelta(days=whole)
        return _from_text(str(whole)) if 0 < whole < 10**8 else _unreadable()
    if int(number) in _SERIALS if 0 < number < 1e8 else False:
        return _SERIAL_EPOCH + timedelta(days=int(number))
    # 2015.4 and 2015.11 typed into a numeric cell; anything with more than two places is not a month.
    text = f"{number:.2f}".rstrip("0")
    return _from_text(text) if abs(float(text) - number) < 1e-9 else _unreadable()


def _from_text(raw: str) -> date:
    # Clock times are cut off while the space before them still tells "2015-4-1 9:00" from "2015-4-19:00".
    text = without_spaces(_CLOCK_TAIL.sub("", " ".join(narrow(raw).split())))
    text = text.translate(_DASHES) if "年" not in text else text
    if match := _DAY.fullmatch(text):
        year, separator, month, day = match.groups()
        if day is None and separator == "." and month == "1":
            raise CellProblem("date_ambiguous")
        if day is None and separator == "年" and not text.endswith("月"):
            return _unreadable()
        return _calendar_day(int(year), int(month), int(day or 1))
    if match := _COMPACT.fullmatch(text):
        return _calendar_day(*(int(part) for part in match.groups()))
    if _NUMBER.fullmatch(text) and int(float(text)) in _SERIALS:
        return _SERIAL_EPOCH + timedelta(days=int(float(text)))
    return _unreadable()


def _calendar_day(year: int, month: int, day: int) -> date:
    if year in _YEARS:
        try:
            return date(year, month, day)
        except ValueError:
            pass
    return _unreadable()


def _unreadable() -> date:
    raise CellProblem("date_unreadable")
