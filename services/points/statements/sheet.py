"""A statement as a spreadsheet (.xlsx)."""

import io

from services.points.statements.content import Statement, account_name, holder_name
from services.points.units import Unit
from shared.clock import SHANGHAI
from shared.printing import sheets
from shared.web.problems import Texts

_COLUMNS = (("day", 12), ("time", 8), ("text", 90), ("amount", 10), ("balance", 12))


def sheet(statement: Statement, texts: Texts, language: str) -> bytes:
    """The file. Blocking: a long statement takes a second."""

    def word(key: str) -> str:
        return texts.word(language, f"statement.{key}")

    def counted(amount: int) -> float:
        return amount / 100 if statement.unit == Unit.FEN.name else amount

    target = io.BytesIO()
    with sheets.workbook(target) as workbook:
        bold = workbook.add_format({"bold": True})
        head = workbook.add_format({"bold": True, "bottom": 1, "bg_color": "#EEEEEE"})
        wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
        day = workbook.add_format({"num_format": "yyyy-mm-dd", "valign": "top"})
        clock = workbook.add_format({"num_format": "hh:mm", "valign": "top"})
        whole = "#,##0.00" if statement.unit == Unit.FEN.name else "#,##0"
        signed = workbook.add_format({"num_format": f"+{whole};-{whole};0", "valign": "top"})
        number = workbook.add_format({"num_format": whole, "valign": "top"})
        page = workbook.add_worksheet(word("title")[:31])
        page.write_string(0, 0, f"{word('title')} · {account_name(statement, texts, language)}", bold)
        page.write_string(1, 0, f"{word('holder')}: {holder_name(statement)} · {statement.community}")
        page.write_string(2, 0, f"{word('period')}: {statement.first.isoformat()} – {statement.last.isoformat()}")
        page.write_string(3, 0, word("opening"))
        page.write_number(3, 4, counted(statement.opening), number)
        for column, (key, width) in enumerate(_COLUMNS):
            page.set_column(column, column, width)
            page.write_string(4, column, word(key), head)
        row = 5
        for row, entry in enumerate(statement.entries, 5):
            at = entry.occurred_at.astimezone(SHANGHAI)
            page.write_datetime(row, 0, at, day)
            page.write_datetime(row, 1, at, clock)
            page.write_string(row, 2, entry.text, wrapped)
            page.write_number(row, 3, counted(entry.amount), signed)
            page.write_number(row, 4, counted(entry.balance_after), number)
        page.write_string(row + 1, 0, word("closing"), bold)
        page.write_number(row + 1, 4, counted(statement.closing), number)
        page.freeze_panes(5, 0)
        page.set_landscape()
        page.fit_to_pages(1, 0)
        page.repeat_rows(4)
    return target.getvalue()
