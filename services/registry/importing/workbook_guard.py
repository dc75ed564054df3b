"""Looks through a workbook before it is opened: what it would unpack to, and how large its sheets are.

The reader of workbooks unpacks without limit and fills in every empty cell between the first and the last
written one, so that a file of two kilobytes with a cell in the far corner of the sheet would take all memory.
"""

import io
import re
import zipfile
import zlib
from collections import Counter
from xml.parsers import expat

from services.registry.importing.limits import Limits
from services.registry.importing.refusals import FileTooLarge, NotASpreadsheet, TooManyColumns, TooManyRows

_CELL_REFERENCE = re.compile(r"([A-Za-z]{1,3})([1-9][0-9]{0,6})")
_ROW_NUMBER = re.compile(r"[1-9][0-9]{0,6}")
_INDEX = re.compile(r"[0-9]{1,10}")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CHUNK_BYTES = 1 << 16


class _Damaged(Exception):
    """The part is not what a spreadsheet program writes."""


class _Census:
    """Counts what the worksheets of one workbook hold, part by part."""

    def __init__(self) -> None:
        self.rows = 0
        self.columns = 0
        self.area = 0
        self.shared_text_lengths: list[int] = []
        self.shared_text_uses: Counter[str] = Counter()
        self._start_part()

    def take(self, part: bytes) -> None:
        """Count one XML part. Raises _Damaged for anything malformed and for document type declarations."""
        self._start_part()
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        try:
            parser.Parse(part, True)
        except expat.ExpatError:
            raise _Damaged from None
        self.rows = max(self.rows, self._last_row)
        self.columns = max(self.columns, self._last_column)
        self.area += self._last_row * self._last_column

    def shown_characters(self) -> int:
        """Length of all shared texts, as often as cells show them."""
        shown = 0
        for index, uses in self.shared_text_uses.items():
            if not _INDEX.fullmatch(index) or int(index) >= len(self.shared_text_lengths):
                raise _Damaged
            shown += self.shared_text_lengths[int(index)] * uses
        return shown

    def _start_part(self) -> None:
        self._row = self._column = self._last_row = self._last_column = 0
        self._shared = self._written = False
        self._index: list[str] | None = None
        self._in_shared_text = False

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(" ")[2]:
            case "row":
                self._row = self._number(attributes["r"]) if "r" in attributes else self._row + 1
                self._column = 0
            case "c":
                self._place_cell(attributes.get("r"))
                self._shared = attributes.get("t") == "s"
                self._written = False
            case "v" | "is":
                self._written = True
                self._index = [] if self._shared else None
            case "si":
                self._in_shared_text = True
                self.shared_text_lengths.append(0)

    def _end(self, name: str) -> None:
        match name.rpartition(" ")[2]:
            case "c" if self._written:
                self._last_row = max(self._last_row, self._row)
                self._last_column = max(self._last_column, self._column)
            case "v" if self._index is not None:
                if index := "".join(self._index).strip():
                    self.shared_text_uses[index] += 1
                self._index = None
            case "si":
                self._in_shared_text = False

    def _text(self, text: str) -> None:
        if self._in_shared_text:
            self.shared_text_lengths[-1] += len(text)
        elif self._index is not None:
            self._index.append(text)

    def _doctype(self, *_: object) -> None:
        raise _Damaged  # entities are how small XML becomes large

    def _place_cell(self, reference: str | None) -> None:
        if reference is None:
            self._column += 1
            return
        match = _CELL_REFERENCE.fullmatch(reference)
        if match is None:
            raise _Damaged
        self._row = max(self._row, int(match[2]))
        column = 0
        for letter in match[1].upper():
            column = column * 26 + ord(letter) - ord("A") + 1
        self._column = column

    @staticmethod
    def _number(text: str) -> int:
        if not _ROW_NUMBER.fullmatch(text):
            raise _Damaged
        return int(text)


def inspect_workbook(content: bytes, limits: Limits, *, title_rows: int) -> None:
    """Refuse a workbook that would unpack to too much, or that is none.

    Raises NotASpreadsheet, FileTooLarge, TooManyRows or TooManyColumns.
    """
    census = _Census()
    damaged = False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _take_parts(archive, census, limits)
        characters = census.shown_characters()
    except (_Damaged, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, KeyError):
        damaged = True  # NotImplementedError, for exotic compression, is a RuntimeError
    if damaged:
        raise NotASpreadsheet()
    if census.rows > limits.rows_max + title_rows:
        raise TooManyRows(limit=limits.rows_max)
    if census.columns > limits.columns_max:
        raise TooManyColumns(limit=limits.columns_max)
    if census.area > limits.cells_max or characters > limits.characters_max:
        raise FileTooLarge(limit_mb=limits.file_bytes_max // 1_000_000)


def _take_parts(archive: zipfile.ZipFile, census: _Census, limits: Limits) -> None:
    parts = archive.infolist()
    names = {part.filename.lower().replace("\\", "/").lstrip("/") for part in parts}
    # Other formats in the same kind of archive (binary workbooks, OpenDocument) are not looked through here.
    if len(parts) > limits.parts_max or "xl/workbook.xml" not in names:
        raise _Damaged
    if "xl/workbook.bin" in names or "content.xml" in names:
        raise _Damaged
    left = limits.unpacked_bytes_max
    for part in parts:
        unpacked = _unpacked(archive, part, left)
        if unpacked is None:
            raise FileTooLarge(limit_mb=limits.file_bytes_max // 1_000_000)
        left -= len(unpacked)
        if unpacked.startswith(_UTF_16):
            raise _Damaged
        if b"sheetData" in unpacked or b"<sst" in unpacked or b":sst" in unpacked:
            census.take(unpacked)


def _unpacked(archive: zipfile.ZipFile, part: zipfile.ZipInfo, bytes_max: int) -> bytes | None:
    """The part's content; None where it is longer than allowed, whatever the archive declares."""
    if part.file_size > bytes_max:
        return None
    chunks: list[bytes] = []
    size = 0
    with archive.open(part) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > bytes_max:
                return None
            chunks.append(chunk)
    return b"".join(chunks)
