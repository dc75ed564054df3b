"""Identity documents of people who are no volunteers, and how old their birth dates make them."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import ClassVar

from shared.contracts import Refusal
from shared.identity_documents import Document, DocumentKind, NumberWrong, read_document, read_number, reason

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


def changed_document(
    before: Mapping[str, str],
    today: date,
    number: str | None = None,
    kind: DocumentKind | None = None,
    born_on: date | None = None,
) -> Document:
    """The document after a change of some of what the vault says of it. Raises `IdNumberWrong`.

    A renewed passport is shown by whoever was born on the day that is known; another kind of document tells its own.
    """
    if number is None:
        number, known = before["id_number"], before.get("id_kind")
        kind = kind or (DocumentKind(known) if known is not None else None)
    if born_on is None and "born_on" in before:
        with suppress(NumberWrong):
            if read_number(number, today, kind).born_on is None:
                born_on = date.fromisoformat(before["born_on"])
    return valid_document(number, today, kind, born_on)


def vault_fields(document: Document) -> dict[str, str]:
    """A document as it stands in the vault."""
    return {
        "id_kind": document.kind.value,
        "id_number": document.number,
        "born_on": document.born_on.isoformat(),
    }


def age_in_month(born: date, day: date) -> int:
    """Full years (周岁) on the first of the month: as the registry looks at ages, so that all are treated alike."""
    first = day.replace(day=1)
    return max(0, first.year - born.year - ((first.month, first.day) < (born.month, born.day)))


def age_group_from(age: int) -> int:
    """The youngest age of the group of five years that an age is in."""
    return age - age % GROUP_YEARS
