"""A file of unknown make into rows with known columns: `.xlsx` by calamine, `.csv` in its usual encodings."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import MappingProxyType

from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from services.registry.importing.cells import Cell, is_blank, says_nothing
from services.registry.importing.headers import Header, Layout, find_header, found_titles, repeats_header
from services.registry.importing.limits import Limits
from services.registry.importing.refusals import (
    ColumnsMissing,
    EmptyFile,
    FileTooLarge,
    HeaderNotFound,
    NotASpreadsheet,
    OldSpreadsheetFormat,
    PasswordProtected,
    QuotesUnpaired,
    SeveralSheets,
    TooManyColumns,
    TooManyRows,
    WebPage,
)
from services.registry.importing.workbook_guard import inspect_workbook

_ZIP = b"PK\x03\x04"
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_UTF_8_MARK = b"\xef\xbb\xbf"
_NOT_TEXT = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"{\\rtf")
_DELIMITERS = (",", "\t", ";", "|", "\N{FULLWIDTH COMMA}")
_SNIFFED_CHARACTERS = 64_000
# Rows above the header (titles, instructions) that do not count against the limit of rows.
_TITLE_ROWS = 50


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row below the header."""

    number: int
    """1-based, as the spreadsheet shows it."""
    cells: tuple[Cell, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A list with a header: what it is called and what stands below it. Blank rows are not kept."""

    header: Header
    rows: tuple[SheetRow, ...]

    def value(self, row: SheetRow, field_name: str) -> Cell:
        """The first cell that says something among the columns of a field; None where there is none."""
        return next(iter(self.values(row, field_name)), None)

    def values(self, row: SheetRow, field_name: str) -> list[Cell]:
        """All cells of a field that say something, since lists keep 服务队1, 服务队2 in columns of their own."""
        places = self.header.positions.get(field_name, ())
        cells = [row.cells[place] for place in places if place < len(row.cells)]
        return [cell for cell in cells if not says_nothing(cell)]


def read_sheet(content: bytes, layout: Layout, limits: Limits | None = None) -> Sheet:
    """The list in a file.

    The kind of file is told from its content, since names lie. Raises SheetRefused and nothing else.
    """
    limits = limits or Limits()
    if len(content) > limits.file_bytes_max:
        raise FileTooLarge(limit_mb=limits.file_bytes_max // 1_000_000)
    if not content.strip():
        raise EmptyFile()
    if content.startswith(_COMPOUND_FILE):
        raise PasswordProtected() if _ENCRYPTED in content else OldSpreadsheetFormat()
    if content.startswith(_ZIP):
        return _from_workbook(content, layout, limits)
    if content.startswith(_NOT_TEXT):
        raise NotASpreadsheet()
    if content.removeprefix(_UTF_8_MARK).lstrip().startswith(b"<"):
        raise WebPage()
    return _from_text(_decoded(content), layout, limits)


def _decoded(content: bytes) -> str:
    encodings = ["utf-8-sig", "gb18030"]
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]  # what spreadsheets call "Unicode text"
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text
    raise NotASpreadsheet()


def _from_text(text: str, layout: Layout, limits: Limits) -> Sheet:
    if text[:4].lower() == "sep=":  # a hint to the spreadsheet, which does not show it as a row
        text = text.partition("\n")[2]
    beginning = text[:_SNIFFED_CHARACTERS]
    delimiter = max(_DELIMITERS, key=lambda candidate: _columns_recognised(beginning, candidate, layout))
    rows: list[list[Cell]] = []
    for record in _records(text, delimiter):
        if len(record) > limits.columns_max:
            raise TooManyColumns(limit=limits.columns_max)
        rows.append([cell if cell.strip() else None for cell in record])
        if len(rows) > limits.rows_max + _TITLE_ROWS:
            raise TooManyRows(limit=limits.rows_max)
    header = find_header(rows, layout)
    if header is None:
        raise _header_not_found(layout)
    return _below(header, rows, layout, limits)


def _columns_recognised(beginning: str, delimiter: str, layout: Layout) -> int:
    rows: list[list[Cell]] = []
    try:
        for record in _records(beginning, delimiter):
            rows.append([*record])
            if len(rows) >= _TITLE_ROWS:
                break
    except QuotesUnpaired:
        return 0  # not with this delimiter; the full reading decides
    header = find_header(rows, layout)
    return len(header.positions) if header else 0


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    """Strictly by the rules of quotes: one that is never closed would swallow the people below it."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    for number in count(1):
        malformed = False
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            malformed = True
        if malformed:  # outside the handler, so that nothing of the file hangs on the error
            raise QuotesUnpaired(row=number)
        yield record


def _from_workbook(content: bytes, layout: Layout, limits: Limits) -> Sheet:
    inspect_workbook(content, limits, title_rows=_TITLE_ROWS)
    found: list[tuple[int, Header, list[list[Cell]]]] = []
    for place, rows in enumerate(_worksheets(content, limits), start=1):
        if (header := find_header(rows, layout)) is not None:
            found.append((place, header, rows))
    if not found:
        raise _header_not_found(layout)
    complete = [entry for entry in found if not entry[1].missing(layout)]
    if len(complete) > 1:
        raise SeveralSheets(count=len(complete), places="、".join(str(place) for place, _, _ in complete))
    _, header, rows = (complete or found)[0]
    return _below(header, rows, layout, limits)


def _worksheets(content: bytes, limits: Limits) -> list[list[list[Cell]]]:
    """Rows of every visible worksheet, from the first row and column on."""
    sheets: list[list[list[Cell]]] = []
    broken = False
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            for index, about in enumerate(workbook.sheets_metadata):
                if about.typ == SheetTypeEnum.WorkSheet and about.visible == SheetVisibleEnum.Visible:
                    sheets.append(_grid(workbook.get_sheet_by_index(index), limits))
    except (KeyboardInterrupt, SystemExit, MemoryError, NotASpreadsheet):
        raise
    except BaseException:  # a panic of the native reader is not an Exception; its text may quote the file
        broken = True
    if broken:
        raise NotASpreadsheet()
    return sheets


def _grid(worksheet: CalamineSheet, limits: Limits) -> list[list[Cell]]:
    rows: list[list[Cell]] = [
        [None if cell == "" else cell for cell in row] for row in worksheet.to_python(skip_empty_area=False)
    ]
    filled = 0
    for (top, left), (bottom, right) in worksheet.merged_cell_ranges or ():
        # A team's name merged over its members belongs to each of them. Wider merges are titles.
        if left != right or top >= len(rows) or left >= len(rows[top]):
            continue
        for index in range(top + 1, min(bottom, len(rows) - 1) + 1):
            filled += 1
            if filled > limits.cells_max:  # merges laid over one another, without end
                raise NotASpreadsheet()
            if rows[index][left] is None:
                rows[index][left] = rows[top][left]
    return rows


def _below(header: Header, rows: Sequence[Sequence[Cell]], layout: Layout, limits: Limits) -> Sheet:
    first = header.first_index + header.height
    if missing := header.missing(layout):
        raise ColumnsMissing(row=first, missing="、".join(missing), found="、".join(found_titles(header)))
    kept = tuple(
        SheetRow(number, tuple(cells))
        for number, cells in enumerate(rows[first:], start=first + 1)
        if not all(is_blank(cell) for cell in cells) and not repeats_header(header, cells)
    )
    if len(kept) > limits.rows_max:
        raise TooManyRows(limit=limits.rows_max)
    positions = MappingProxyType(dict(header.positions))
    return Sheet(Header(header.first_index, header.height, header.titles, positions), kept)


def _header_not_found(layout: Layout) -> HeaderNotFound:
    needed = "、".join("或".join(layout.title(name) for name in group) for group in layout.needed)
    return HeaderNotFound(needed=needed)
