"""What stands in one cell, and how its text is tidied before anybody judges it."""

import re
from datetime import date, datetime, time, timedelta

Cell = str | int | float | bool | date | datetime | time | timedelta | None
"""A cell as read. Text cells keep their text; empty cells are None."""

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0x00AD, 0x202A, 0x202C, 0x202D])
_WIDTH = _FULL_WIDTH | _INVISIBLE
_NOTHING = re.compile(r"(?:暂?无|没有)(?:手机号?|电话|号码)?|[-—–/]*")
_LIST_SEPARATORS = re.compile(r"[、,;/|\\\n\r]+")


class CellProblem(Exception):
    """A cell that cannot be used; becomes a RowProblem and never leaves the importer.

    Carries the code of the reason, never the value.
    """

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def narrow(text: str) -> str:
    """Full-width characters to ASCII, invisible ones dropped.

    Deliberately not NFKC: that would also replace rare characters in people's names by look-alikes.
    """
    return text.translate(_WIDTH)


def is_blank(cell: Cell) -> bool:
    """Whether a cell holds nothing that a person would see."""
    return cell is None or (isinstance(cell, str) and not narrow(cell).strip())


def says_nothing(cell: Cell) -> bool:
    """Whether a cell holds nothing, or what people write into a field that does not apply: 无, —, /."""
    return is_blank(cell) or (isinstance(cell, str) and _NOTHING.fullmatch(without_spaces(cell)) is not None)


def text_of(cell: Cell) -> str:
    """The cell as a person sees it: whole numbers without a fraction, dates in ISO form.

    Numbers whose last digits the spreadsheet has lost keep the exponent, so that nobody takes them for complete.
    """
    match cell:
        case None:
            return ""
        case bool():
            return "是" if cell else "否"
        case str():
            return cell
        case float() if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        case datetime():
            return cell.isoformat(sep=" ", timespec="minutes")
        case time():
            return cell.isoformat(timespec="minutes")
        case timedelta():
            minutes = round(cell.total_seconds() / 60)
            return f"{minutes // 60}:{minutes % 60:02d}"
        case _:
            return str(cell)


def tidy(cell: Cell) -> str:
    """Text of the cell in narrow characters, ends trimmed, inner white space as single spaces."""
    return " ".join(narrow(text_of(cell)).split())


def without_spaces(cell: Cell) -> str:
    """Text of the cell in narrow characters without any white space.

    Also undoes what people do to keep digits as text: a leading apostrophe, or ``="…"`` in a CSV file.
    """
    text = "".join(narrow(text_of(cell)).split())
    if text.startswith('="') and text.endswith('"') and len(text) >= 3:
        text = text[2:-1]
    return text.lstrip("'‘’`")


def split_list(cell: Cell) -> tuple[str, ...]:
    """The items of an enumeration such as 巾帼队、文体队; those that say nothing dropped, repeated ones once."""
    items = (" ".join(item.split()) for item in _LIST_SEPARATORS.split(narrow(text_of(cell))))
    return tuple(dict.fromkeys(item for item in items if not says_nothing(item)))
