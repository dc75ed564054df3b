"""Why a row cannot be taken, in words that a clerk understands: a stable code and a sentence, twice."""

import json
from dataclasses import dataclass
from pathlib import Path

from shared.identity_documents import all_reasons

_LOCALES = Path(__file__).parent / "locales" / "rows"
_TEXTS: dict[str, dict[str, str]] = {
    language: {**json.loads((_LOCALES / f"{language}.json").read_text(encoding="utf-8")), **all_reasons(language)}
    for language in ("zh", "en")
}


@dataclass(frozen=True, slots=True)
class RowProblem:
    """One reason why one row is not taken. Texts name the rule, never what stands in the cell."""

    row_number: int
    """1-based, as the clerk sees it in the spreadsheet."""
    column: str
    """Usual Chinese title of the column, e.g. 身份证号; empty for the row as a whole."""
    code: str
    zh: str
    en: str
    field: str = ""
    """The importer's own name of the column, e.g. ``id_number``."""


def row_problem(row_number: int, column: str, field: str, code: str, **params: str | int) -> RowProblem:
    """The problem of this code, with its sentences filled in.

    Params must be row numbers and limits, never cell values.
    """
    zh, en = _TEXTS["zh"][code], _TEXTS["en"][code]
    return RowProblem(row_number, column, code, zh.format(**params), en.format(**params), field)


def known_codes() -> frozenset[str]:
    """All codes a row can be refused with; documentation and tests walk them."""
    return frozenset(_TEXTS["zh"])
