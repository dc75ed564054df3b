"""Identity documents in cells: what a spreadsheet did to a number, before `shared.identity_documents` judges it."""

import re
from datetime import date

from services.registry.importing.cells import Cell, CellProblem, without_spaces
from shared.identity_documents import Document, DocumentKind, NumberWrong, keys_to_find, read_document, read_number

_KIND_NAMES = {
    DocumentKind.RESIDENT_ID: "居民身份证 身份证 二代身份证 第二代居民身份证 二代证 中国居民身份证",
    DocumentKind.RESIDENCE_PERMIT: (
        "港澳台居民居住证 港澳居民居住证 台湾居民居住证 香港居民居住证 澳门居民居住证 居住证"
    ),
    DocumentKind.PERMANENT_RESIDENT: "外国人永久居留身份证 外国人永久居留证 永久居留身份证 永久居留证 永居证 五星卡",
    DocumentKind.HK_MACAO_PERMIT: (
        "港澳居民来往内地通行证 港澳居民通行证 港澳居民往来内地通行证 来往内地通行证 港澳通行证 回乡证 港澳居民回乡证"
    ),
    DocumentKind.TAIWAN_PERMIT: (
        "台湾居民来往大陆通行证 台湾居民往来大陆通行证 台湾居民通行证 来往大陆通行证 台湾通行证 台胞证"
    ),
    DocumentKind.PASSPORT: "护照 普通护照 外国护照 外国人护照 中国护照 passport",
}
_KINDS = {name: kind for kind, names in _KIND_NAMES.items() for name in names.split()}
_BRACKETS = re.compile(r"\([^)]*\)")


def read_kind(cell: Cell) -> DocumentKind | None:
    """证件类型 under any of its names; None for an empty cell. Raises CellProblem ``id_kind_unsupported``."""
    name = _BRACKETS.sub("", without_spaces(cell)).lower().replace("臺", "台").removesuffix("号码").removesuffix("号")
    if not name:
        return None
    if name not in _KINDS:
        raise CellProblem("id_kind_unsupported")
    return _KINDS[name]


def read_identity(cell: Cell, today: date, kind: DocumentKind | None = None, born_on: date | None = None) -> Document:
    """A checked document; `born_on` is the day beside it, for numbers that tell none.

    Raises CellProblem with a code of `shared.identity_documents`.
    """
    text = _text(cell)
    try:
        told = read_number(text, today, kind).born_on
        return read_document(text, today, kind, None if told else born_on)
    except NumberWrong as wrong:
        raise CellProblem(wrong.code) from None


def read_identity_keys(cell: Cell, today: date, kind: DocumentKind | None = None) -> tuple[str, ...]:
    """Under which keys whom the cell names may be registered. Raises CellProblem as `read_identity` does."""
    try:
        return keys_to_find(_text(cell), today, kind)
    except NumberWrong as wrong:
        raise CellProblem(wrong.code) from None


def _text(cell: Cell) -> str:
    if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) >= 1e15:
        # A numeric cell keeps 15 significant digits: the rest of an 18-digit number is already gone.
        raise CellProblem("id_number_damaged_by_spreadsheet")
    return without_spaces(cell)
