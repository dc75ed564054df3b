"""Small files for the tests: workbooks and text files from rows, and valid ID numbers."""

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import xlsxwriter
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from shared.identity_documents import check_character

TODAY = date(2025, 11, 24)
ROSTER_HEADER = [
    "姓名",
    "身份证号",
    "手机",
    "政治面貌",
    "工作单位",
    "服务队",
    "特长",
    "入队时间",
    "监护人同意",
    "自食其力",
]


def id_number(born: str = "19800101", sequence: int = 12, area: str = "620299") -> str:
    """A valid number of an area that does not exist."""
    first_17 = f"{area}{born}{sequence:03d}"
    return first_17 + check_character(first_17)


def person(**changes: Any) -> list[Any]:
    """A good row under ROSTER_HEADER, with changes by title."""
    cells: dict[str, Any] = {
        "姓名": "王建国",
        "身份证号": id_number(),
        "手机": "15400000001",
        "政治面貌": "群众",
        "工作单位": "长城医院",
        "服务队": "巾帼志愿服务队",
        "特长": "剪纸",
        "入队时间": "2015-04-01",
    } | changes
    return [cells.get(title) for title in ROSTER_HEADER]


def workbook(rows: Sequence[Sequence[Any]], change: Callable[[Workbook, Worksheet], None] | None = None) -> bytes:
    """An .xlsx with one worksheet; ``change`` may do more to it."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True, "remove_timezone": True}) as book:
        sheet = book.add_worksheet()
        formats = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            time: book.add_format({"num_format": "hh:mm"}),
            timedelta: book.add_format({"num_format": "[h]:mm"}),
        }
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if type(cell) in formats:
                    sheet.write_datetime(row, column, cell, formats[type(cell)])
                elif isinstance(cell, str):
                    sheet.write_string(row, column, cell)
                elif cell is not None:
                    sheet.write(row, column, cell)
        if change:
            change(book, sheet)
    return target.getvalue()


def text_file(rows: Sequence[Sequence[Any]], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    """A .csv."""
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter).writerows([["" if cell is None else cell for cell in row] for row in rows])
    return target.getvalue().encode(encoding)


def repacked(content: bytes, replaced: dict[str, bytes | Callable[[bytes], bytes]]) -> bytes:
    """The workbook with some of its parts replaced, or added."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        for name in [*names, *(name for name in replaced if name not in names)]:
            part = replaced.get(name, b"")
            before = old.read(name) if name in names else b""
            new.writestr(name, (part(before) if callable(part) else part) if name in replaced else before)
    return target.getvalue()
