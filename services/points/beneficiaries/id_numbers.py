"""Resident identity numbers (GB 11643-1999) of people who are no volunteers: checked, and read for the birth date."""

import re
from datetime import date
from typing import ClassVar

from shared.contracts import Refusal

_FORM = re.compile(r"[0-9]{17}[0-9X]")
_SPACES = re.compile(r"[\s\-\u3000]+")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
_OLDEST_BIRTH_YEAR = 1880
GROUP_YEARS = 5
"""Ages are told in groups of so many years, as the registry tells them."""


class IdNumberWrong(Refusal):
    """The number is not one that GB 11643 makes: 18 characters, a real birth date, the right check character."""

    code: ClassVar[str] = "beneficiary_id_number_wrong"
    status: ClassVar[int] = 422


def read_id_number(text: str, today: date) -> tuple[str, date]:
    """The number without spaces and with a capital X, and the birth date it states. Raises `IdNumberWrong`."""
    number = _SPACES.sub("", text).upper()
    if not (number.isascii() and _FORM.fullmatch(number)):
        raise IdNumberWrong
    # §4.3, by ISO 7064 MOD 11-2.
    total = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    if _CHECK_CHARACTERS[total % 11] != number[17]:
        raise IdNumberWrong
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise IdNumberWrong from None
    if not date(_OLDEST_BIRTH_YEAR, 1, 1) <= born <= today:
        raise IdNumberWrong
    return number, born


def age_in_month(born: date, day: date) -> int:
    """Full years (周岁) on the first of the month: as the registry looks at ages, so that all are treated alike."""
    first = day.replace(day=1)
    return max(0, first.year - born.year - ((first.month, first.day) < (born.month, born.day)))


def age_group_from(age: int) -> int:
    """The youngest age of the group of five years that an age is in."""
    return age - age % GROUP_YEARS
