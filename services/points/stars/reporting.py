"""The rows of the report of three stars and above, and the report as a workbook."""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import xlsxwriter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.stars.refusals import StarPeriodInverted, StarReportTooLong
from services.points.stars.report import GRADE_MIN, ROWS_MAX, ReportRow
from services.points.stars.views import Stage
from services.points.tables import members, star_applications
from shared.contracts import refuse_if

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
    a = star_applications.c
    query = (
        select(a.community, a.volunteer_id, members.c.number, a.grade, a.minutes, a.granted_on, a.policy_version)
        .join(members, members.c.volunteer_id == a.volunteer_id, isouter=True)
        .where(
            a.grade >= GRADE_MIN,
            a.granted_on.between(since, until),
            a.community.startswith(node),
            a.stage.in_([Stage.GRANTED.value, Stage.FLAGGED.value, Stage.SUPERSEDED.value]),
        )
        .order_by(a.granted_on, a.volunteer_id, a.grade)
        .limit(ROWS_MAX + 1)
    )
    rows = [ReportRow(*row) for row in (await connection.execute(query)).all()]
    refuse_if(len(rows) > ROWS_MAX, StarReportTooLong(rows_max=ROWS_MAX))
    return rows


def workbook(rows: Sequence[ReportRow], sha256: str, names: Mapping[str, str]) -> bytes:
    """The report as .xlsx, with the names of nodes by code. Blocking: run it in a thread."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "default_date_format": "yyyy-mm-dd"})
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
    book.close()
    return file.getvalue()
