"""Identity documents of people who are no volunteers, and how old their birth dates make them."""

from datetime import date
from typing import ClassVar

from shared.contracts import Refusal
from shared.identity_documents import Document, DocumentKind, NumberWrong, read_document, reason

GROUP_YEARS = 5
"""Ages are told in groups of so many years, as the registry tells them."""


class IdNumberWrong(Refusal):
    """The number cannot be right, or the birth date is missing or differs. Says why, and never repeats the value."""

    code: ClassVar[str] = "beneficiary_id_number_wrong"
    status: ClassVar[int] = 422

    def __init__(self, code: str) -> None:
        zh, en = reason(code)
        super().__init__(reason=code, zh=zh, en=en)


def valid_document(text: str, today: date, kind: DocumentKind | None = None, born_on: date | None = None) -> Document:
    """The checked document. Raises `IdNumberWrong`."""
    try:
        return read_document(text, today, kind, born_on)
    except NumberWrong as wrong:
        raise IdNumberWrong(wrong.code) from None


def age_in_month(born: date, day: date) -> int:
    """Full years (周岁) on the first of the month: as the registry looks at ages, so that all are treated alike."""
    first = day.replace(day=1)
    return max(0, first.year - born.year - ((first.month, first.day) < (born.month, born.day)))


def age_group_from(age: int) -> int:
    """The youngest age of the group of five years that an age is in."""
    return age - age % GROUP_YEARS
