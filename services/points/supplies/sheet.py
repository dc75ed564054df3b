"""What teams had and did with it as a workbook (活动物资台账), every heading in Chinese and English."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from shared.printing import sheets

_HELD: Final = (("服务队 team", 26), ("物品 item", 30), ("单位 piece", 10), ("在手件数 pieces", 16))
_MOVED: Final = (
    ("日期 day", 12),
    ("服务队 team", 26),
    ("发放或退回 what", 18),
    ("物品 item", 30),
    ("件数 pieces", 12),
    ("用于活动 activity", 40),
)
_USED: Final = (
    ("日期 day", 12),
    ("服务队 team", 26),
    ("活动 activity", 40),
    ("物品 item", 30),
    ("件数 pieces", 12),
    ("去向 what became of them", 26),
    ("服务人次 people reached", 24),
)

Row = Sequence[str | int | date | None]


@dataclass(frozen=True, slots=True)
class Report:
    """The account of a community's teams over days, both included."""

    community: str
    """As people read it."""
    since: date
    until: date
    held: Sequence[Row]
    """As of now."""
    moved: Sequence[Row]
    used: Sequence[Row]


def workbook(report: Report) -> bytes:
    """The account as .xlsx. Blocking: run it in a thread."""
    file = io.BytesIO()
    with sheets.workbook(file) as book:
        bold = book.add_format({"bold": True})
        period = f"{report.since.isoformat()} – {report.until.isoformat()}"
        for name, heading, columns, rows in (
            ("在手 held", "此刻在各服务队手中 in the hands of teams now", _HELD, report.held),
            ("发放和退回 issued", f"发放和退回 issued and brought back {period}", _MOVED, report.moved),
            ("使用 used", f"使用登记 accounted for {period}", _USED, report.used),
        ):
            _table(book.add_worksheet(name), f"{report.community} · {heading}", columns, rows, bold)
    return file.getvalue()


def _table(sheet: Any, title: str, columns: Sequence[tuple[str, int]], rows: Sequence[Row], bold: Any) -> None:
    sheet.write_string(0, 0, title, bold)
    for column, (heading, width) in enumerate(columns):
        sheet.set_column(column, column, width)
        sheet.write_string(1, column, heading, bold)
    sheet.freeze_panes(2, 0)
    for line, row in enumerate(rows, start=2):
        for column, value in enumerate(row):
            if isinstance(value, date):
                sheet.write_datetime(line, column, value)
            elif isinstance(value, int):
                sheet.write_number(line, column, value)
            elif value is not None:
                sheet.write_string(line, column, value)
