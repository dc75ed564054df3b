"""Routes of statements as files."""

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.accounts.visible import visible_account
from services.points.fields import Holder, UnitCode
from services.points.figures import figure
from services.points.policy.in_force import InForce, PoliciesInForce
from services.points.statements.content import Statement, account_name, holder_name, statement_of
from services.points.statements.sheet import sheet
from shared.auth.tokens import Principal
from shared.clock import SHANGHAI, local_day, system_clock
from shared.printing import PDF, print_pdf
from shared.web import Api, Caller, Read
from shared.web.fields import Day
from shared.web.problems import Texts, language_of

api = Api(tags=["statements 对账单"])

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_TEMPLATE = Path(__file__).with_name("statement.typ")
_SHEET_LINES_MAX = 20_000
_PAPER_LINES_MAX = 1000
_A_YEAR = timedelta(days=365)

First = Annotated[Day | None, Query(alias="from", description="第一天，默认一年前 first day; a year ago if not given")]
Last = Annotated[Day | None, Query(alias="to", description="最后一天，默认今天 last day; today if not given")]


@api.query("/v1/accounts/{holder}/{unit}/statement.xlsx", permission="accounts.read", response_class=Response)
async def get_sheet(
    request: Request, holder: Holder, unit: UnitCode, read: Read, caller: Caller, in_force: InForce,
    first: First = None, last: Last = None,
) -> Response:  # fmt: skip
    """对账单电子表格。The statement as a spreadsheet."""
    statement = await _statement(request, read, caller, in_force, holder, unit, first, last, _SHEET_LINES_MAX)
    await read.close()  # nothing of the database is kept waiting for the file
    texts: Texts = request.app.state.texts
    content = await asyncio.to_thread(sheet, statement, texts, language_of(request))
    return _download(content, XLSX, statement, "xlsx")


@api.query("/v1/accounts/{holder}/{unit}/statement.pdf", permission="accounts.read", response_class=Response)
async def get_paper(
    request: Request, holder: Holder, unit: UnitCode, read: Read, caller: Caller, in_force: InForce,
    first: First = None, last: Last = None,
) -> Response:  # fmt: skip
    """对账单打印件（PDF）。The statement on paper."""
    statement = await _statement(request, read, caller, in_force, holder, unit, first, last, _PAPER_LINES_MAX)
    await read.close()
    texts: Texts = request.app.state.texts
    content = await print_pdf(_TEMPLATE, _on_paper(statement, texts, language_of(request)))
    return _download(content, PDF, statement, "pdf")


async def _statement(
    request: Request, read: AsyncConnection, caller: Principal, in_force: PoliciesInForce, holder: str, unit: str,
    first: date | None, last: date | None, lines_max: int,
) -> Statement:  # fmt: skip
    row = await visible_account(read, caller, holder, unit, with_lines=True)
    last = last or local_day(system_clock())
    return await statement_of(
        read,
        row,
        first or last - _A_YEAR,
        last,
        lines_max=lines_max,
        book=await in_force.book(read),
        texts=request.app.state.texts,
        language=language_of(request),
    )


def _on_paper(statement: Statement, texts: Texts, language: str) -> dict[str, Any]:
    def word(key: str) -> str:
        return texts.word(language, f"statement.{key}")

    printed = system_clock().astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    return {
        "title": {"zh": texts.word("zh", "statement.title"), "en": texts.word("en", "statement.title")},
        "foot": f"{word('printed')} {printed}",
        "words": {key: word(key) for key in ("day", "text", "amount", "balance", "opening", "closing")},
        "fields": [
            {"label": word("account"), "value": account_name(statement, texts, language)},
            {"label": word("holder"), "value": holder_name(statement)},
            {"label": word("community"), "value": statement.community},
            {"label": word("period"), "value": f"{statement.first.isoformat()} – {statement.last.isoformat()}"},
        ],
        "opening": figure(statement.unit, statement.opening, ","),
        "closing": figure(statement.unit, statement.closing, ","),
        "entries": [
            {
                "day": local_day(entry.occurred_at).isoformat(),
                "text": entry.text,
                "amount": figure(statement.unit, entry.amount, "+,") if entry.amount else "0",
                "balance": figure(statement.unit, entry.balance_after, ","),
            }
            for entry in statement.entries
        ],
    }


def _download(content: bytes, media_type: str, statement: Statement, suffix: str) -> Response:
    # Names of holders and units are made of letters that need no quoting.
    unit = statement.unit.lower().replace(":", "-")
    name = f"statement-{unit}-{statement.first.isoformat()}-{statement.last.isoformat()}.{suffix}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
