"""Telephone numbers of the mainland as lists keep them."""

import re

from services.registry.importing.cells import Cell, CellProblem, narrow, text_of

_BETWEEN_NUMBERS = re.compile(r"[、,;/|\\\n]+|\s{2,}")
_COUNTRY = re.compile(r"^(\+|00)?86(?=1[3-9][0-9]{9}$)")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
# Two-digit areas (010, 02x) have seven or eight digits behind them, three-digit areas as well.
_LANDLINE = re.compile(r"(010|02[0-9]|0[3-9][0-9]{2})([2-9][0-9]{6,7})")
_SEPARATORS = re.compile(r"[\s()\-—–._]+")


def read_phone(cell: Cell) -> str | None:
    """A mobile as 11 digits or a landline as ``0937-6220000``; None for an empty cell.

    Of several numbers in one cell the first mobile is taken, or else the first. Raises CellProblem
    ``phone_invalid`` when any of them is none.
    """
    text = narrow(text_of(cell)).strip().lstrip("'‘’`")
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    numbers = [_normalised(part) for part in _BETWEEN_NUMBERS.split(text) if part.strip()]
    if not numbers:
        return None
    return next((number for number in numbers if len(number) == 11 and number[0] == "1"), numbers[0])


def _normalised(text: str) -> str:
    digits = _COUNTRY.sub("", _SEPARATORS.sub("", text))
    if not digits.isascii():
        raise CellProblem("phone_invalid")
    if _MOBILE.fullmatch(digits):
        return digits
    if match := _LANDLINE.fullmatch(digits):
        return f"{match[1]}-{match[2]}"
    raise CellProblem("phone_invalid")
