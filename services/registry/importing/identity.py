"""Resident identity numbers: GB 11643-1999, check digit by ISO 7064 MOD 11-2."""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from services.registry.importing.cells import Cell, CellProblem, without_spaces

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
# GB/T 2260 provinces; 81–83 are residence permits of Hong Kong, Macao and Taiwan residents (2018).
_PROVINCES = frozenset(
    str(code)
    for codes in ((11, 16), (21, 24), (31, 38), (41, 47), (50, 55), (61, 66), (71, 72), (81, 84))
    for code in range(*codes)
)
_FORM = re.compile(r"[0-9]{17}[0-9X]")
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]{1,2}")
# What people and input methods write in the place of the X: multiplication signs, Greek and Cyrillic letters.
_LOOKS_LIKE_X = str.maketrans("x×✕╳ⅹⅩΧХхχ", "XXXXXXXXXX")
_OLDEST_BIRTH_YEAR = 1880


class Sex(StrEnum):
    """Sex as the number states it: odd sequence numbers are men."""

    MALE = "male"
    FEMALE = "female"


@dataclass(frozen=True, slots=True)
class IdNumber:
    """A number that has passed every check. Its ``repr`` hides it."""

    number: str = field(repr=False)
    """18 characters, ASCII digits, the last may be a capital X."""
    birth_date: date = field(repr=False)
    sex: Sex = field(repr=False)

    def age_on(self, day: date) -> int:
        """Full years (周岁) on a day."""
        return age_on(self.birth_date, day)

    def masked(self) -> str:
        """For display: ``6202**********1234``."""
        return masked(self.number)


def age_on(birth_date: date, day: date) -> int:
    """Full years on a day, counted from the birthday itself; from 29 February, on 1 March of other years."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def masked(number: str) -> str:
    """First and last four characters with stars between; anything too short becomes stars only."""
    if len(number) < 12:
        return "*" * len(number)
    return number[:4] + "*" * (len(number) - 8) + number[-4:]


def check_character(first_17: str) -> str:
    """Check character of 17 digits (GB 11643-1999 §4.3)."""
    total = sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def normalise_id_number(cell: Cell) -> str:
    """The number in ASCII without spaces or hyphens and with a capital X; not checked."""
    return without_spaces(cell).translate(_LOOKS_LIKE_X).replace("-", "").upper()


def read_id_number(cell: Cell, today: date) -> IdNumber:
    """A checked number from a cell.

    Raises CellProblem with one of the ``id_number_*`` codes; the cheapest reason to understand comes first.
    """
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        # A numeric cell keeps 15 significant digits: the rest of an 18-digit number is already gone.
        raise CellProblem("id_number_damaged_by_spreadsheet" if abs(cell) >= 1e15 else "id_number_length")
    text = normalise_id_number(cell)
    if not text:
        raise CellProblem("id_number_missing")
    if _SCIENTIFIC.fullmatch(text):
        raise CellProblem("id_number_damaged_by_spreadsheet")
    if len(text) == 15 and text.isascii() and text.isdigit():
        raise CellProblem("id_number_15_digits")
    if len(text) != 18:
        raise CellProblem("id_number_length")
    if not _FORM.fullmatch(text):
        raise CellProblem("id_number_characters")
    _check_area(text)
    birth_date = _birth_date(text, today)
    if check_character(text[:17]) != text[17]:
        raise CellProblem("id_number_checksum")
    return IdNumber(text, birth_date, Sex.MALE if int(text[16]) % 2 else Sex.FEMALE)


def _check_area(text: str) -> None:
    # Permanent residents' numbers (2023) start with 9 and then the province that received the application.
    province, rest = (text[1:3], text[3:6]) if text[0] == "9" else (text[:2], text[2:6])
    if province not in _PROVINCES or not rest.strip("0"):
        raise CellProblem("id_number_area")


def _birth_date(text: str, today: date) -> date:
    year, month, day = int(text[6:10]), int(text[10:12]), int(text[12:14])
    try:
        born: date | None = date(year, month, day)
    except ValueError:
        born = None
    if born is None or born.year < _OLDEST_BIRTH_YEAR:
        raise CellProblem("id_number_birth_date")
    if born > today:
        raise CellProblem("id_number_birth_in_future")
    return born
