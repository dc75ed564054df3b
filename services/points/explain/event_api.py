"""The way back: from an event to everything that it caused, and whether it has arrived at all."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, Select, func, literal, or_, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.explain import facts
from services.points.explain.api import GroundOut, ground_out
from services.points.explain.words import Line, Narrator
from services.points.fields import own_id
from services.points.grounds.telling import FlagOut, flags_of, flags_told
from services.points.ledger import holders
from services.points.policy.book import PolicyBook
from services.points.policy.in_force import InForce
from services.points.tables import accounts, honour_flags, transfers, units
from shared.auth.permissions import Role
from shared.auth.tokens import Principal
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


class EffectsOut(Page[EffectOut]):
    """A page of what an event caused: transfers first, and after the last of them the flags."""

    flagged: list[FlagOut] = Field(
        description="因此存疑的星级和证明 stars and certificates that were flagged because of it"
    )


@api.query("/v1/events/{event_id}/effects", permission="accounts.read")
async def list_effects(
    request: Request, event_id: UUID, read: Read, caller: Caller, page: Paging, in_force: InForce
) -> EffectsOut:
    """一个事件引起的全部流水，和因此存疑的星级、证明。All that an event caused, as far as the caller may see it."""
    moved = _transfers_of(event_id, caller)
    flags = flags_of(event_id, caller)
    keys = union_all(
        moved.with_only_columns(
            literal(0).label("part"), transfers.c.id.label("number"), transfers.c.event_id.label("id")
        ),
        flags.with_only_columns(literal(1), literal(0, BigInteger), honour_flags.c.flag_id),
    ).subquery("effects")
    found: Page[Any] = await page.fetch(read, select(keys), [keys.c.part, keys.c.number, keys.c.id], lambda row: row)
    texts: Texts = request.app.state.texts
    language = language_of(request)
    numbers = [row.number for row in found.items if row.part == 0]
    rows = (await read.execute(moved.where(transfers.c.id.in_(numbers)).order_by(transfers.c.id))).all()
    book = await in_force.book(read)
    return EffectsOut(
        items=await _told(read, rows, book, texts, language),
        flagged=await flags_told(read, event_id, [row.id for row in found.items if row.part], caller, texts, language),
        next_cursor=found.next_cursor,
    )


def _transfers_of(event_id: UUID, caller: Principal) -> Select[Any]:
    """A query for the transfers that an event caused, as far as the caller may see them."""
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
        return query.where(or_(giver.c.holder == own, receiver.c.holder == own))
    return query.where(or_(*(func.starts_with(side.c.community, caller.node) for side in (giver, receiver))))


async def _told(
    read: AsyncConnection, rows: Sequence[Any], book: PolicyBook, texts: Texts, language: str
) -> list[EffectOut]:
    """Transfers in words."""
    titles = await facts.titles(read, language)
    lines = [_line(row) for row in rows]
    goods, before, ordered = (
        await facts.goods(read, lines),
        await facts.before(read, lines),
        await facts.ordered(read, lines),
    )
    earned_on = await facts.earned_on(read, {max(row.debit_account, row.credit_account) for row in rows}, lines)

    def say(code: str, params: Mapping[str, Any]) -> str:
        return texts.get(language, code, params)

    long_days = await facts.long_days(read, lines)
    narrators = {
        row.code: Narrator(row.code, say, book, titles, goods, before, ordered, earned_on, long_days) for row in rows
    }
    effects = []
    for row, line in zip(rows, lines, strict=True):
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
    return effects


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
