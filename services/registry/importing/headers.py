"""Which column is which: people's names for columns, and the header row below titles and remarks."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.registry.importing.cells import Cell, text_of

_HEADER_ROWS_SEARCHED = 40
_HEADER_LENGTH_MAX = 30
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]|【[^】]*】|〔[^〕]*〕|\{[^}]*\}")
_NOISE = re.compile(r"[\s*:.,。、_\-—/★※●#\"'“”]|必填项?|选填|可填")
_PREFIXES = ("志愿者", "队员", "本人", "会员", "参加人员", "人员")
_LONG_NUMBER = re.compile(r"[0-9]{5,}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column the importer knows, with the names people give it."""

    field: str
    title: str
    """Usual Chinese title; problems name the column by it."""
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one kind of sheet."""

    columns: tuple[Column, ...]
    needed: tuple[tuple[str, ...], ...]
    """Of each group of fields, at least one column must be there."""

    def title(self, field: str) -> str:
        """Usual title of a field."""
        return next(column.title for column in self.columns if column.field == field)


@dataclass(frozen=True, slots=True)
class Header:
    """Where the header was found and what it says."""

    first_index: int
    """0-based index of its first row."""
    height: int
    """1, or 2 where a group heading spans two rows."""
    titles: tuple[str, ...]
    positions: Mapping[str, tuple[int, ...]]
    """Field → 0-based column indices, in sheet order."""

    def missing(self, layout: Layout) -> tuple[str, ...]:
        """Titles of the needed columns that are not there, alternatives joined by 或."""
        return tuple(
            "或".join(layout.title(field) for field in group)
            for group in layout.needed
            if not any(field in self.positions for field in group)
        )


def column(field: str, title: str, other_names: str) -> Column:
    """A column known under its title and under other names, which are separated by spaces."""
    return Column(field, title, frozenset(normalise_header(name) for name in (title, *other_names.split())))


def normalise_header(text: str) -> str:
    """A header reduced to its words: without white space, brackets, 必填 marks and trailing numbers."""
    # A bomb of a cell is cut before any expression sees it.
    folded = unicodedata.normalize("NFKC", text[:200]).lower()
    words = _NOISE.sub("", _BRACKETS.sub("", folded))
    return words if len(words) < 2 else words.rstrip("0123456789一二三")


def find_header(rows: Sequence[Sequence[Cell]], layout: Layout) -> Header | None:
    """The row (or two) that names most of the layout's columns; None where no row names two of them.

    The topmost wins a tie, since a page header may be repeated further down.
    """
    names = {name: known.field for known in layout.columns for name in known.names}
    best: Header | None = None
    for index in range(min(len(rows), _HEADER_ROWS_SEARCHED)):
        single = _match(index, 1, [text_of(cell) for cell in rows[index]], names)
        candidates = [single]
        if index + 1 < len(rows):
            below = [text_of(cell) for cell in rows[index + 1]]
            if single.positions and _match(index + 1, 1, below, names).positions:
                candidates.append(_match(index, 2, _stacked(single.titles, below), names))
        for candidate in candidates:
            if len(candidate.positions) >= 2 and (best is None or len(candidate.positions) > len(best.positions)):
                best = candidate
    return best


def found_titles(header: Header) -> tuple[str, ...]:
    """The header's titles as an error may quote them: whatever could be a value instead is left out."""
    return tuple(
        title
        for title in (" ".join(text.split()) for text in header.titles)
        if title and len(title) <= _HEADER_LENGTH_MAX and not _LONG_NUMBER.search(title)
    )


def repeats_header(header: Header, cells: Sequence[Cell]) -> bool:
    """Whether a row is the header again, as printed lists repeat it on every page."""
    texts = [" ".join(text_of(cell).split()) for cell in cells]
    titles = [" ".join(title.split()) for title in header.titles]
    known = sorted(index for indices in header.positions.values() for index in indices)
    return len(known) >= 2 and all(
        index < len(texts) and texts[index] == titles[index] and titles[index] for index in known
    )


def _match(index: int, height: int, titles: list[str], names: Mapping[str, str]) -> Header:
    positions: dict[str, tuple[int, ...]] = {}
    for place, title in enumerate(titles):
        if (field := _field_of(title, names)) is not None:
            positions[field] = (*positions.get(field, ()), place)
    return Header(index, height, tuple(titles), positions)


def _field_of(title: str, names: Mapping[str, str]) -> str | None:
    words = normalise_header(title)
    if words in names:
        return names[words]
    # 志愿者姓名 is 姓名; but 编号 alone is a running number, only 志愿者编号 says who it is.
    for prefix in _PREFIXES:
        if words.startswith(prefix):
            return names.get(words.removeprefix(prefix))
    return None


def _stacked(above: Sequence[str], below: Sequence[str]) -> list[str]:
    width = max(len(above), len(below))
    padded_above = [*above, *[""] * (width - len(above))]
    padded_below = [*below, *[""] * (width - len(below))]
    return [low if low.strip() else high for high, low in zip(padded_above, padded_below, strict=True)]
