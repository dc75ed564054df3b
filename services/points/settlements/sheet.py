"""The report of a settlement as a workbook, every heading in Chinese and English."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.points.durations import in_words
from services.points.node_names import named
from services.points.settlements.bodies import FlowOut, ObligationOut, PositionOut, SettlementOut
from services.points.settlements.model import Stage
from shared.printing import sheets

_STAGES: Final = {
    Stage.PROPOSED: "待确认，尚未记账 proposed, not paid yet",
    Stage.CONFIRMED: "已确认并记账 confirmed and paid",
    Stage.WITHDRAWN: "已撤销 withdrawn",
}
_POSITIONS: Final = (
    ("社区代码 code", 18),
    ("社区 community", 22),
    ("上期未结 carried", 18),
    ("本社区居民付出 inflow", 24),
    ("付给本社区志愿者 outflow", 26),
    ("更正以前各期 corrections", 22),
    ("净头寸（正为应付） position (+ owes)", 34),
    ("本次结算 settled", 18),
    ("结转下期 open", 18),
)
_PAYMENTS: Final = (
    ("付方代码 code", 18),
    ("付方社区 debtor", 22),
    ("收方代码 code", 18),
    ("收方社区 creditor", 22),
    ("分钟 minutes", 14),
    ("时长 time", 22),
)
_FLOWS: Final = (
    ("受助方代码 code", 18),
    ("受助居民所在社区 served", 26),
    ("服务方代码 code", 18),
    ("志愿者所在社区 serving", 26),
    ("分钟 minutes", 14),
    ("时长 time", 22),
    ("其中更正以前各期，不是本期服务 of these, corrections", 44),
)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a settlement says."""

    run: SettlementOut
    positions: Sequence[PositionOut]
    obligations: Sequence[ObligationOut]
    flows: Sequence[FlowOut]
    names: Mapping[str, str]
    """Of the nodes, by code."""

    def node(self, code: str) -> tuple[str, str]:
        """A node's code and name."""
        return code, self.names.get(code, "")


def workbook(report: Report) -> bytes:
    """The report as .xlsx; amounts in minutes. Blocking: run it in a thread."""
    file = io.BytesIO()
    with sheets.workbook(file) as book:
        book.set_properties({"title": "时间银行社区间结算", "comments": str(report.run.id)})
        bold, number = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0"})
        _summary(book.add_worksheet("汇总 summary"), report, bold, number)
        positions = [
            (
                *report.node(p.community),
                p.carried_minutes,
                p.inflow_minutes,
                p.outflow_minutes,
                p.corrected_minutes,
                p.balance_minutes,
                p.settled_minutes,
                p.open_minutes,
            )
            for p in report.positions
        ]
        _table(book.add_worksheet("头寸 positions"), _POSITIONS, positions, bold, number)
        payments = [
            (*report.node(o.debtor), *report.node(o.creditor), o.minutes, _time(o.minutes)) for o in report.obligations
        ]
        _table(book.add_worksheet("付款 obligations"), _PAYMENTS, payments, bold, number)
        flows = [
            (*report.node(f.debtor), *report.node(f.creditor), f.minutes, _time(f.minutes), f.corrected_minutes)
            for f in report.flows
        ]
        _table(book.add_worksheet("轧差前往来 flows"), _FLOWS, flows, bold, number)
    return file.getvalue()


def _summary(sheet: Any, report: Report, bold: Any, number: Any) -> None:
    run = report.run
    sheet.set_column(0, 0, 60)
    sheet.set_column(1, 1, 42)
    sheet.write_string(0, 0, "时间银行社区间净额结算 Net settlement between communities", bold)
    lines: list[tuple[str, str | int]] = [
        ("组织节点 node", named(run.node, report.names)),
        ("结算至（含） through", run.through.isoformat()),
        ("状态 state", _STAGES[run.stage]),
        ("轧差前笔数 pairs before netting", run.flows),
        ("轧差前总额，更正除外（分钟） minutes before netting, corrections aside", run.gross_minutes),
        ("轧差后笔数 payments after netting", run.obligations),
        ("轧差后总额（分钟） minutes after netting", run.net_minutes),
        ("结转下期（分钟） minutes carried into the next run", run.open_minutes),
    ]
    for line, (label, value) in enumerate(lines, start=2):
        sheet.write_string(line, 0, label)
        if isinstance(value, int):
            sheet.write_number(line, 1, value, number)
        else:
            sheet.write_string(line, 1, value)


def _table(
    sheet: Any, columns: Sequence[tuple[str, int]], rows: Sequence[Sequence[Any]], bold: Any, number: Any
) -> None:
    for column, (heading, width) in enumerate(columns):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, heading, bold)
    sheet.freeze_panes(1, 0)
    for line, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            if isinstance(value, int):
                sheet.write_number(line, column, value, number)
            else:
                sheet.write_string(line, column, value)


def _time(minutes: int) -> str:
    return f"{in_words('zh', minutes)} {in_words('en', minutes)}"
