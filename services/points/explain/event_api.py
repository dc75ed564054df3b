"""The way back: from an event to everything that it caused, and whether it has arrived at all."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy import func, or_, select, text

from services.points.explain import facts
from services.points.explain.api import GroundOut, ground_out
from services.points.explain.words import Line, Narrator
from services.points.fields import own_id
from services.points.ledger import holders
from services.points.policy.in_force import InForce
from services.points.tables import accounts, transfers, units
from shared.auth.permissions import Role
from shared.parking import Standing, standing_of
from shared.web import Api, Caller, Page, Paging, Read
from shared.web.problems import Texts, language_of

api = Api(tags=["explanations 说明"])


class EventState(StrEnum):
    """What became of an event here."""

    OWN = "own"
    TAKEN = "taken"
    PARKED = "parked"
    DISCARDED = "discarded"
    NOT_SEEN = "not_seen"


class EventOut(BaseModel):
    """Where an event stands with the points service."""

    event_id: UUID
    state: EventState
    reason: str | None = Field(description="未入账的原因代码 why it was not taken, as a code")
    text: str = Field(description="说明 in words, and what to do")


class EffectOut(BaseModel):
    """One transfer that an event caused."""

    id: int
    occurred_at: datetime
    recorded_at: datetime
    giver: str = Field(description="付出方 the holder whose account gave")
    receiver: str = Field(description="收入方 the holder whose account gained")
    unit: str
    amount: int
    reason: str
    text: str
    record_id: UUID
    grounds: list[GroundOut]
    corrects: int | None


@api.query("/v1/events/{event_id}", permission="accounts.read")
async def get_event(request: Request, event_id: UUID, read: Read) -> EventOut:
    """事件是否已入账，为什么没有。Whether an event has been taken into account; if not, why and what to do."""
    own = await read.scalar(text("SELECT 1 FROM events WHERE event_id = :id"), {"id": event_id})
    standing, reason = (Standing.TAKEN, None) if own else await standing_of(read, event_id)
    state = EventState.OWN if own else EventState(standing.value)
    texts: Texts = request.app.state.texts
    sentence = texts.get(language_of(request), f"event.{state.value}", {"reason": reason or ""})
    return EventOut(event_id=event_id, state=state, reason=reason, text=sentence)


@api.query("/v1/events/{event_id}/effects", permission="accounts.read")
async def list_effects(
    request: Request, event_id: UUID, read: Read, caller: Caller, page: Paging, in_force: InForce
) -> Page[EffectOut]:
    """一个事件引起的全部流水。Everything that an event caused, as far as the caller may see it."""
    giver, receiver = accounts.alias("giver"), accounts.alias("receiver")
    query = (
        select(transfers, giver.c.holder.label("giver"), receiver.c.holder.label("receiver"), units.c.code)
        .join(giver, giver.c.id == transfers.c.debit_account)
        .join(receiver, receiver.c.id == transfers.c.credit_account)
        .join(units, units.c.id == transfers.c.unit)
        .where(transfers.c.event_id == event_id)
    )
    if caller.role is Role.VOLUNTEER:
        own = str(own_id(caller))
        query = query.where(or_(giver.c.holder == own, receiver.c.holder == own))
    else:
        here = [func.starts_with(side.c.community, caller.node) for side in (giver, receiver)]
        query = query.where(or_(*here))
    found: Page[Any] = await page.fetch(read, query, [transfers.c.id], lambda row: row)
    texts: Texts = request.app.state.texts
    language = language_of(request)
    titles = await facts.titles(read, language)
    lines = [_line(row) for row in found.items]
    book, goods, before = await in_force.book(read), await facts.goods(read, lines), await facts.before(read, lines)
    ordered = await facts.ordered(read, lines)
    people = {max(row.debit_account, row.credit_account) for row in found.items}
    earned_on = await facts.earned_on(read, people, lines)

    def say(code: str, params: Mapping[str, Any]) -> str:
        return texts.get(language, code, params)

    narrators = {
        row.code: Narrator(row.code, say, book, titles, goods, before, ordered, earned_on) for row in found.items
    }
    effects = []
    for row, line in zip(found.items, lines, strict=True):
        told = narrators[row.code].tell(line)
        effects.append(
            EffectOut(
                id=row.id,
                occurred_at=row.occurred_at,
                recorded_at=row.recorded_at,
                giver=row.giver,
                receiver=row.receiver,
                unit=row.code,
                amount=row.amount,
                reason=told.reason,
                text=told.text,
                record_id=row.record_id,
                grounds=[ground_out(ground, titles) for ground in told.grounds],
                corrects=row.corrects,
            )
        )
    return Page(items=effects, next_cursor=found.next_cursor)


def _line(row: Any) -> Line:
    """A transfer as a line of the account that people look at: the person's, not the one that points come from."""
    gives = holders.is_bulk(row.receiver)
    return Line(
        row.id,
        row.occurred_at,
        row.recorded_at,
        row.clause,
        row.event_id,
        row.record_id,
        row.policy_version,
        row.corrects,
        row.kind,
        row.evidence,
        row.minutes,
        -row.amount if gives else row.amount,
        row.receiver if gives else row.giver,
    )
