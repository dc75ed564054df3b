"""What is held of an account, and why: reservations, and points whose records somebody looks into."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy import ScalarSelect, Uuid, cast, column, select, table
from sqlalchemy.dialects.postgresql import JSONB

from services.points.accounts.visible import visible_account
from services.points.fields import Holder, UnitCode
from services.points.figures import figure
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Outcome
from services.points.tables import anomaly_flags, holds
from shared.clock import local_day
from shared.web import Api, Caller, Page, Paging, Read
from shared.web.problems import Texts, language_of

api = Api(tags=["explanations 说明"])

_events = table("events", column("event_id", Uuid), column("data", JSONB))


class HoldOut(BaseModel):
    """An amount that is held."""

    hold_id: UUID
    held_at: datetime
    amount: int
    reason: str = Field(examples=["redemption"], description="Code of the clause.")
    text: str = Field(description="说明 why it is held, and what becomes of it")


@api.query("/v1/accounts/{holder}/{unit}/holds", permission="accounts.read")
async def list_holds(
    request: Request, holder: Holder, unit: UnitCode, read: Read, caller: Caller, page: Paging
) -> Page[HoldOut]:
    """冻结的数额，逐笔说明原因。What is held of an account, and why."""
    account = await visible_account(read, caller, holder, unit, with_lines=True)
    query = select(
        holds.c.hold_id,
        holds.c.leg,
        holds.c.held_at,
        holds.c.amount,
        holds.c.clause,
        sign().label("sign"),
    ).where(holds.c.debit_account == account.id, holds.c.state == 0)
    texts: Texts = request.app.state.texts
    language = language_of(request)

    def told(row: Any) -> HoldOut:
        return HoldOut(
            hold_id=row.hold_id,
            held_at=row.held_at,
            amount=row.amount,
            reason=Clause(row.clause).name.lower(),
            text=in_words(row, unit, texts, language),
        )

    return await page.fetch(read, query, [holds.c.held_at, holds.c.hold_id, holds.c.leg], told)


def sign() -> ScalarSelect[Any]:
    """For a query of holds, the sign that somebody looks into; null for other holds."""
    # A flag holds more than once where its evidence grows: each hold's event says which flag it is of.
    of_flag = cast(_events.c.data["flag_id"].astext, Uuid) == anomaly_flags.c.id
    found = select(anomaly_flags.c.sign).join(_events, of_flag).where(_events.c.event_id == holds.c.event_id)
    return found.correlate(holds).scalar_subquery()


def in_words(row: Any, unit: str, texts: Texts, language: str) -> str:
    """What is held, since when and why; `row` is of a hold with its sign."""
    params = {
        "day": local_day(row.held_at).isoformat(),
        "amount": figure(unit, row.amount),
        "unit": texts.word(language, f"unit.{unit.partition(':')[0]}"),
        "reason": texts.word(language, f"clause.{Clause(row.clause).name.lower()}"),
        "sign": "" if row.sign is None else texts.word(language, f"sign.{row.sign}"),
    }
    return texts.get(language, "explain.held.other" if row.sign is None else "explain.held.suspected", params)


class HeldOut(HoldOut):
    """An amount that an event held, or that it posted or set free."""

    holder: str = Field(description="谁的 whose account it is held of")
    unit: str
    event_id: UUID = Field(description="冻结它的事件 the event that held it")
    state: str = Field(examples=["open", "posted", "voided", "timed_out"])
    posted: int = Field(description="用去的 what was posted of it; what was not is free")
    settled_by: UUID | None = Field(description="结清或解冻它的事件 the event that posted it or set it free")
    settled_at: datetime | None


def held_told(rows: Collection[Any], texts: Texts, language: str) -> list[HeldOut]:
    """Holds with their holders (`giver`), units (`code`) and signs, in words."""
    return [_held(row, texts, language) for row in rows]


def _held(row: Any, texts: Texts, language: str) -> HeldOut:
    state = Outcome(row.state).name.lower() if row.state else "open"
    settled = {
        "settled_on": "" if row.settled_at is None else local_day(row.settled_at).isoformat(),
        "posted": figure(row.code, row.posted),
    }
    became = texts.get(language, f"explain.hold_state.{state}", settled)
    return HeldOut(
        hold_id=row.hold_id,
        held_at=row.held_at,
        amount=row.amount,
        reason=Clause(row.clause).name.lower(),
        text=in_words(row, row.code, texts, language) + became,
        holder=row.giver,
        unit=row.code,
        event_id=row.event_id,
        state=state,
        posted=row.posted,
        settled_by=row.settled_by,
        settled_at=row.settled_at,
    )
