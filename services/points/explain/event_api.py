"""The way back: from an event to everything that it caused, and whether it has arrived at all."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import IntEnum, StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement, FromClause

from services.points.explain.causes import EVENT, consequences, named, of_named
from services.points.explain.holdings import HeldOut, held_told, sign
from services.points.explain.known import Line
from services.points.explain.lines import GroundOut, ground_out
from services.points.explain.telling import what_is_known
from services.points.explain.words import Narrator
from services.points.fields import own_id
from services.points.grounds.telling import FlagOut, flags_of, flags_told
from services.points.ledger import holders
from services.points.policy.book import PolicyBook
from services.points.policy.in_force import InForce
from services.points.tables import accounts, holds, honour_flags, transfers, units
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
    caused_by: list[UUID] = Field(
        description="引起本笔的其他事件：上限、到期、归池因它重新计算"
        " the events that caused it where its own did not: a cap, expiry or overflow fell differently because of them"
    )


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
    """A page of what an event caused: its transfers, then those it brought about of other events, flags and holds."""

    flagged: list[FlagOut] = Field(
        description="因此存疑的星级和证明 stars and certificates that were flagged because of it"
    )
    held: list[HeldOut] = Field(
        description="由它冻结、结清或解冻的数额 what it held, or what was held and it posted or set free"
    )


class _Part(IntEnum):
    """What a page has, in this order."""

    OWN = 0
    INDIRECT = 1
    FLAGS = 2
    HOLDS = 3


@api.query("/v1/events/{event_id}/effects", permission="accounts.read")
async def list_effects(
    request: Request, event_id: UUID, read: Read, caller: Caller, page: Paging, in_force: InForce
) -> EffectsOut:
    """一个事件引起的全部流水（包括因它重新计算的上限、到期、归池）、冻结，和因此存疑的星级、证明。

    All that an event caused, as far as the caller may see it, what fell differently because of it included.
    """
    about = await named(read, event_id)
    own = caller.role is Role.VOLUNTEER
    params = {"event": event_id, **about.params, **_who(caller)}
    keys, order = _effects(own, about.restated_at is not None)
    found: Page[Any] = await page.fetch(read, keys, order, lambda row: row, params=params)
    of_part: dict[int, list[Any]] = {part: [row for row in found.items if row.part == part] for part in _Part}
    texts: Texts = request.app.state.texts
    language = language_of(request)
    moved = [*of_part[_Part.OWN], *of_part[_Part.INDIRECT]]
    flagged = flags_of(own).where(honour_flags.c.flag_id.in_([row.id for row in of_part[_Part.FLAGS]]))
    return EffectsOut(
        items=await _told(
            read, event_id, await _moved(read, moved, params, own), await in_force.book(read), texts, language
        ),
        flagged=await flags_told(read, flagged, params, texts, language) if of_part[_Part.FLAGS] else [],
        held=await _held(read, of_part[_Part.HOLDS], params, own, texts, language),
        next_cursor=found.next_cursor,
    )


@cache
def _effects(own: bool, restates: bool) -> tuple[Select[Any], list[ColumnElement[Any]]]:
    """A query for everything that an event caused, by part, number and id, and the order of its pages.

    Put together once, as those for lines of accounts (`ledger.reading`).
    """
    mine = select(transfers).where(transfers.c.event_id == EVENT).cte("own")
    indirect = consequences(mine, restates).subquery("indirect")
    keys = union_all(
        _seen(mine, own).with_only_columns(
            literal(_Part.OWN.value).label("part"), mine.c.id.label("number"), mine.c.event_id.label("id")
        ),
        _seen(transfers, own)
        .join(indirect, indirect.c.id == transfers.c.id)
        .with_only_columns(literal(_Part.INDIRECT.value), transfers.c.id, transfers.c.event_id),
        flags_of(own).with_only_columns(literal(_Part.FLAGS.value), literal(0, BigInteger), honour_flags.c.flag_id),
        _seen_holds(own).with_only_columns(literal(_Part.HOLDS.value), cast(holds.c.leg, BigInteger), holds.c.hold_id),
    ).subquery("effects")
    return select(keys), [keys.c.part, keys.c.number, keys.c.id]


def _who(caller: Principal) -> dict[str, object]:
    """What such queries are run with: a volunteer sees their own, an office all below its node."""
    if caller.role is Role.VOLUNTEER:
        return {"caller_id": own_id(caller), "caller": str(own_id(caller))}
    return {"node": caller.node}


def _seen(lines: FromClause, own: bool) -> Select[Any]:
    """A query for transfers or holds, as far as the caller may see them; to be run with `_who` they are."""
    giver, receiver = accounts.alias("giver"), accounts.alias("receiver")
    query = (
        select(lines, giver.c.holder.label("giver"), receiver.c.holder.label("receiver"), units.c.code)
        .select_from(lines)
        .join(giver, giver.c.id == lines.c.debit_account)
        .join(receiver, receiver.c.id == lines.c.credit_account)
        .join(units, units.c.id == lines.c.unit)
    )
    if own:
        caller = bindparam("caller", type_=Text)
        return query.where(or_(giver.c.holder == caller, receiver.c.holder == caller))
    node = bindparam("node", type_=Text)
    return query.where(or_(*(func.starts_with(side.c.community, node) for side in (giver, receiver))))


def _seen_holds(own: bool) -> Select[Any]:
    of_event = or_(holds.c.event_id == EVENT, holds.c.settled_by == EVENT)
    return _seen(holds, own).where(of_named(holds.c.hold_id), of_event)


@cache
def _seen_transfers(own: bool) -> Select[Any]:
    ids, event_ids = bindparam("ids", type_=ARRAY(BigInteger)), bindparam("event_ids", type_=ARRAY(Uuid))
    return _seen(transfers, own).where(transfers.c.id == any_(ids), transfers.c.event_id == any_(event_ids))


async def _moved(read: AsyncConnection, keys: Sequence[Any], params: Mapping[str, object], own: bool) -> list[Any]:
    """The transfers of a page, in its order."""
    if not keys:
        return []
    asked = {"ids": [row.number for row in keys], "event_ids": list({row.id for row in keys})}
    order = {row.number: place for place, row in enumerate(keys)}
    rows = await read.execute(_seen_transfers(own), {**params, **asked})
    return sorted(rows, key=lambda row: order[row.id])


async def _held(
    read: AsyncConnection,
    keys: Sequence[Any],
    params: Mapping[str, object],
    own: bool,
    texts: Texts,
    language: str,
) -> list[HeldOut]:
    """The holds of a page, in words."""
    if not keys:
        return []
    on_page = tuple_(holds.c.leg, holds.c.hold_id).in_([(row.number, row.id) for row in keys])
    query = _seen_holds(own).add_columns(sign().label("sign")).where(on_page).order_by(holds.c.leg, holds.c.hold_id)
    return held_told((await read.execute(query, params)).all(), texts, language)


async def _told(
    read: AsyncConnection, event_id: UUID, rows: Sequence[Any], book: PolicyBook, texts: Texts, language: str
) -> list[EffectOut]:
    """Transfers that an event caused, in words."""
    lines = [_line(row) for row in rows]
    people = {max(row.debit_account, row.credit_account) for row in rows}
    of_people = [(_account(row), line) for row, line in zip(rows, lines, strict=True)]
    known = await what_is_known(read, lines, people, of_people, language)

    def say(code: str, params: Mapping[str, Any]) -> str:
        return texts.get(language, code, params)

    narrators = {row.code: Narrator(row.code, say, book, known) for row in rows}
    effects = []
    for row, line in zip(rows, lines, strict=True):
        told = narrators[row.code].tell(line)
        # What a community makes up for a pool has no cause on a person's account; it is here because of this event.
        because = [event_id] if row.event_id != event_id else []
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
                grounds=[ground_out(ground, known.titles) for ground in told.grounds],
                corrects=row.corrects,
                caused_by=[cause.event_id for cause in known.causes.get(row.id, ())] or because,
            )
        )
    return effects


def _account(row: Any) -> int:
    """The account of a transfer that is a person's, if one is: other holders say what they are."""
    account: int = row.credit_account if ":" in row.giver else row.debit_account
    return account


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
