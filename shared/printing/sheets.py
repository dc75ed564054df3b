"""Workbooks (.xlsx) for people. Texts stay texts: what begins like a formula or an address is somebody's words."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "remove_timezone": True,
    "default_date_format": "yyyy-mm-dd",
}


@contextmanager
def workbook(file: io.BytesIO) -> Iterator[Any]:
    """An xlsxwriter workbook that is in the file when the context ends. Blocking: a long one takes seconds."""
    # Imported here: few who ask want a sheet, and it would cost every process 2 MB.
    import xlsxwriter

    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        yield book
