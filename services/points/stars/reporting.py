"""The rows of the report of three stars and above, and the report as a workbook."""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Table, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.stars.refusals import StarPeriodInverted, StarReportTooLong
from services.points.stars.report import ROWS_MAX, ReportRow
from services.points.stars.views import reported
from services.points.tables import members, star_applications, star_report_rows
from shared.contracts import refuse_if
from shared.printing import sheets

_COLUMNS: Final = (
    ("社区代码 code", 16),
    ("社区 community", 22),
    ("志愿者编号 volunteer number", 24),
    ("志愿者 ID volunteer id", 40),
    ("星级 grade", 12),
    ("服务小时 hours", 16),
    ("评定日期 granted on", 20),
    ("依据办法 policy", 16),
)


async def report_rows(connection: AsyncConnection, node: str, since: date, until: date) -> list[ReportRow]:
    """Grades of three stars and above at a node and below, granted in the period, both days included, and not
    withdrawn since. Raises `StarPeriodInverted` or `StarReportTooLong`.
    """
    refuse_if(until < since, StarPeriodInverted)
    query = _rows_of(star_applications).where(reported(node, since, until)).limit(ROWS_MAX + 1)
    rows = [ReportRow(*row) for row in (await connection.execute(query)).all()]
    refuse_if(len(rows) > ROWS_MAX, StarReportTooLong(rows_max=ROWS_MAX))
    return rows


async def issued_rows(connection: AsyncConnection, report_id: UUID) -> list[ReportRow]:
    """What a report listed when it was issued. The number of somebody who was forgotten since is gone from it, too."""
    query = _rows_of(star_report_rows).where(star_report_rows.c.report_id == report_id)
    return [ReportRow(*row) for row in (await connection.execute(query)).all()]


async def let_stars_stand_still(connection: AsyncConnection) -> None:
    """Wait for those who decide on stars at this moment, and have others wait until the transaction ends.

    What a report lists is then what all events before its own say, and no more, which is what a rebuild finds.
    """
    await connection.execute(text("LOCK TABLE star_applications IN SHARE MODE"))


def _rows_of(table: Table) -> Select[Any]:
    row = table.c
    return (
        select(row.community, row.volunteer_id, members.c.number, row.grade, row.minutes)
        .add_columns(row.granted_on, row.policy_version)
        .join(members, members.c.volunteer_id == row.volunteer_id, isouter=True)
        .order_by(row.granted_on, row.volunteer_id, row.grade)
    )


def workbook(rows: Sequence[ReportRow], sha256: str, names: Mapping[str, str]) -> bytes:
    """The report as .xlsx, with the names of nodes by code. Blocking: run it in a thread."""
    file = io.BytesIO()
    with sheets.workbook(file) as book:
        book.set_properties({"title": "三星及以上志愿者上报", "comments": f"sha256 {sha256}"})
        sheet = book.add_worksheet("三星及以上")
        bold = book.add_format({"bold": True})
        for number, (heading, width) in enumerate(_COLUMNS):
            sheet.set_column(number, number, width)
            sheet.write_string(0, number, heading, bold)
        sheet.freeze_panes(1, 0)
        for line, row in enumerate(rows, start=1):
            sheet.write_string(line, 0, row.community)
            sheet.write_string(line, 1, names.get(row.community, ""))
            sheet.write_string(line, 2, row.volunteer_number or "")
            sheet.write_string(line, 3, str(row.volunteer_id))
            sheet.write_number(line, 4, row.grade)
            # Whole hours and tenths of one, for people who read; the minutes are in the report as JSON.
            sheet.write_number(line, 5, row.minutes * 10 // 60 / 10)
            sheet.write_datetime(line, 6, row.granted_on)
            sheet.write_number(line, 7, row.policy_version)
    return file.getvalue()
