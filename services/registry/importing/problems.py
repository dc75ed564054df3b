"""The file to hand back to the clerk: the rows that were not taken, as they were, with the reasons beside.

It can be corrected and uploaded again as it is: its header is the original one, and the rows that went in
are not in it. It repeats personal data, so it is made on request, sent and not kept.
"""

import io
from collections.abc import Iterable, Sequence
from typing import Any

from services.registry.importing.cells import text_of
from services.registry.importing.reasons import RowProblem
from services.registry.importing.sheet import Sheet, SheetRow
from shared.printing import sheets

_CELL_LENGTH_MAX = 32_767
_ADDED = ("原行号 Row", "原因", "Reason")


def write_problem_file(sheet: Sheet, problems: Sequence[RowProblem]) -> bytes:
    """An ``.xlsx`` with a line per bad row: its number, reasons in Chinese and English, the original cells.

    Cells of the columns at fault are coloured.
    """
    by_row: dict[int, list[RowProblem]] = {}
    for problem in problems:
        by_row.setdefault(problem.row_number, []).append(problem)
    rows = [row for row in sheet.rows if row.number in by_row]
    width = max([len(sheet.header.titles), *(len(row.cells) for row in rows)])
    target = io.BytesIO()
    with sheets.workbook(target) as workbook:
        bold = workbook.add_format({"bold": True, "text_wrap": True, "num_format": "@"})
        plain = workbook.add_format({"text_wrap": True, "num_format": "@", "valign": "top"})
        fault = workbook.add_format({"bg_color": "#FFD9D9", "num_format": "@", "valign": "top"})
        worksheet = workbook.add_worksheet("需要更正的行")
        worksheet.freeze_panes(1, 0)
        worksheet.set_column(0, 0, 10)
        worksheet.set_column(1, 2, 48)
        worksheet.set_column(3, 2 + width, 20)
        titles = [*sheet.header.titles, *[""] * (width - len(sheet.header.titles))]
        _write_line(worksheet, 0, [*_ADDED, *titles], (), bold, fault)
        for line, row in enumerate(rows, start=1):
            found = by_row[row.number]
            _write_line(worksheet, line, _line(row, found), _places_at_fault(sheet, found), plain, fault)
    return target.getvalue()


def _line(row: SheetRow, problems: Sequence[RowProblem]) -> list[str]:
    zh = "\n".join(f"{problem.column}：{problem.zh}".removeprefix("：") for problem in problems)
    en = "\n".join(f"{problem.column}: {problem.en}".removeprefix(": ") for problem in problems)
    return [str(row.number), zh, en, *(text_of(cell) for cell in row.cells)]


def _places_at_fault(sheet: Sheet, problems: Iterable[RowProblem]) -> tuple[int, ...]:
    fields = {problem.field for problem in problems}
    return tuple(
        place + len(_ADDED) for field, places in sheet.header.positions.items() if field in fields for place in places
    )


def _write_line(
    worksheet: Any,
    line: int,
    texts: Sequence[str],
    coloured: Sequence[int],
    plain: Any,
    fault: Any,
) -> None:
    for place, text in enumerate(texts):
        form = fault if place in coloured else plain
        if text:
            worksheet.write_string(line, place, text[:_CELL_LENGTH_MAX], form)
        elif place in coloured:
            worksheet.write_blank(line, place, None, form)
