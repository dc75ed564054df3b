"""Routes that answer "why?": an account explained line by line, and everything that one event caused."""

from datetime import datetime
from typing import Any

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.accounts.visible import visible_account
from services.points.expiry.lapsing import Lapsing
from services.points.expiry.lots import Course
from services.points.explain import facts
from services.points.explain.known import Line
from services.points.explain.lines import ExplainedOut, explained
from services.points.fields import Holder, Seen, UnitCode
from services.points.figures import figure
from services.points.ledger.reading import EVERYTHING, Sight, posted
from services.points.ledger.writing import LedgerWriter
from services.points.policy.book import PolicyBook
from services.points.policy.in_force import InForce
from services.points.units import Unit
from shared.clock import system_clock
from shared.database import driver_connection
from shared.web import Api, Caller, LongPaging, Read
from shared.web.problems import Texts, language_of

api = Api(tags=["explanations 说明"])


class TotalOut(BaseModel):
    """What one reason brought or took, all together."""

    reason: str
    reason_text: str
    amount: int
    lines: int


class ExplanationOut(BaseModel):
    """Why the balance is what it is."""

    holder: str
    unit: str
    at: datetime
    known_at: datetime | None
    balance: int
    text: str = Field(description="余额说明 the balance in words")
    totals: list[TotalOut]
    items: list[ExplainedOut]
    next_cursor: str | None = None


@api.query("/v1/accounts/{holder}/{unit}/explanation", permission="accounts.read")
async def explain_account(
    request: Request,
    holder: Holder,
    unit: UnitCode,
    read: Read,
    caller: Caller,
    page: LongPaging,
    sight: Seen,
    in_force: InForce,
) -> ExplanationOut:
    """余额从何而来：逐笔说明来源、依据和更正。Why a balance is what it is: each line in words, newest first."""
    row = await visible_account(read, caller, holder, unit, with_lines=True)
    account = await facts.account_of(read, row)
    found = await facts.fetch(read, account, page, sight)
    shown: list[Line] = found.items
    texts: Texts = request.app.state.texts
    language = language_of(request)
    book = await in_force.book(read)
    course = await _course(read, account, row, sight, book)
    balance = await posted(read, account.id, sight, after=(shown[0].occurred_at, shown[0].id)) if shown else 0
    items = await explained(read, account, row.code, shown, balance, sight, book, texts, language, course)
    at, whole = sight.until or system_clock(), await posted(read, account.id, sight)
    totals = [
        TotalOut(
            reason=clause.name.lower(),
            reason_text=texts.word(language, f"clause.{clause.name.lower()}"),
            amount=amount,
            lines=count,
        )
        for clause, amount, count in await facts.totals(read, account.id, sight)
    ]
    return ExplanationOut(
        holder=row.holder,
        unit=row.code,
        at=at,
        known_at=sight.known_at,
        balance=whole,
        text=_in_words(texts, language, row.code, whole, totals) + _owed(texts, language, row, sight),
        totals=totals,
        items=items,
        next_cursor=found.next_cursor,
    )


async def _course(
    read: AsyncConnection, account: facts.Account, row: Any, sight: Sight, book: PolicyBook
) -> Course | None:
    """How a volunteer's points came and went; nothing else has lots.

    Minutes of the time bank have none: they do not lapse, and what flows over to the pool is an amount above the cap at
    the end of a day (`overflow.pooling`). No rule says which minutes are given first or stand above the cap, and to
    name some would tell people of an order that nothing goes by.
    """
    if row.unit != Unit.POINT or account.record_id is None:
        return None
    lapsing = Lapsing(LedgerWriter())
    return (await lapsing.courses(await driver_connection(read), book, [account.id], sight))[account.id]


def _in_words(texts: Texts, language: str, unit: str, balance: int, totals: list[TotalOut]) -> str:
    unit_text = texts.word(language, f"unit.{unit.partition(':')[0]}")
    parts = [
        texts.get(language, "explain.total", {"reason": total.reason_text, "amount": figure(unit, total.amount, "+")})
        for total in totals
    ]
    joined = texts.word(language, "explain.and").join(parts)
    sentence = "explain.balance" if parts else "explain.empty"
    return texts.get(language, sentence, {"balance": figure(unit, balance), "unit": unit_text, "parts": joined})


def _owed(texts: Texts, language: str, row: Any, sight: Sight) -> str:
    """What has to be made up first, as of now; an earlier moment is asked for to see how it came to this."""
    if not row.owed or sight != EVERYTHING:
        return ""
    unit_text = texts.word(language, f"unit.{row.code.partition(':')[0]}")
    return texts.get(language, "explain.owed", {"owed": figure(row.code, row.owed), "unit": unit_text})
