"""What is held of an account, and why: reservations, and points whose records somebody looks into."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy import Uuid, cast, column, select, table
from sqlalchemy.dialects.postgresql import JSONB

from services.points.accounts.visible import visible_account
from services.points.fields import Holder, UnitCode
from services.points.figures import figure
from services.points.ledger.clauses import Clause
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
    # A flag holds more than once where its evidence grows: each hold's event says which flag it is of.
    of_flag = cast(_events.c.data["flag_id"].astext, Uuid) == anomaly_flags.c.id
    sign = select(anomaly_flags.c.sign).join(_events, of_flag).where(_events.c.event_id == holds.c.event_id)
    query = select(
        holds.c.hold_id,
        holds.c.leg,
        holds.c.held_at,
        holds.c.amount,
        holds.c.clause,
        sign.scalar_subquery().label("sign"),
    ).where(holds.c.debit_account == account.id, holds.c.state == 0)
    texts: Texts = request.app.state.texts
    language = language_of(request)

    def told(row: Any) -> HoldOut:
        reason = Clause(row.clause).name.lower()
        params = {
            "day": local_day(row.held_at).isoformat(),
            "amount": figure(unit, row.amount),
            "unit": texts.word(language, f"unit.{unit.partition(':')[0]}"),
            "reason": texts.word(language, f"clause.{reason}"),
            "sign": "" if row.sign is None else texts.word(language, f"sign.{row.sign}"),
        }
        sentence = "explain.held.other" if row.sign is None else "explain.held.suspected"
        return HoldOut(
            hold_id=row.hold_id,
            held_at=row.held_at,
            amount=row.amount,
            reason=reason,
            text=texts.get(language, sentence, params),
        )

    return await page.fetch(read, query, [holds.c.held_at, holds.c.hold_id, holds.c.leg], told)
