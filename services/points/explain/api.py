"""Routes that answer "why?": an account explained line by line, and everything that one event caused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.accounts.visible import visible_account
from services.points.earning.kinds import EVIDENCE, KINDS
from services.points.expiry.lapsing import Lapsing
from services.points.expiry.lots import Course
from services.points.explain import facts
from services.points.explain.telling import Told, tell
from services.points.explain.words import NOTHING, Ground, Line, Sentence
from services.points.fields import Holder, Seen, UnitCode
from services.points.figures import figure
from services.points.ledger.clauses import Clause
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

_OWN = {Clause.POLICY_RESTATED, Clause.LONG_DAY, Clause.EXPIRY, Clause.EXPIRY_RESTATED}
"""Clauses of what this service's own events caused, though it is about service."""
_CONTEXTS = {"activity": "registry", "patrol": "grid_patrol", "mediation": "mediation"}


# A line and its source are no models: these would look over each of the thousands of lines that were made here.
@dataclass(slots=True)
class SourceOut:
    """Where a line comes from."""

    context: Annotated[str, Field(examples=["registry"], description="Which service told it.")]
    event_id: UUID
    record_id: Annotated[UUID, Field(description="服务记录、兑换或入库 the service record, redemption or receipt")]
    kind: Annotated[str | None, Field(examples=["patrol.volunteer.night"], description="服务类别 kind of service")]
    minutes: int | None
    evidence: str | None


class GroundOut(BaseModel):
    """A clause of a policy that a line rests on."""

    policy_version: int
    title: str
    place: str = Field(examples=["/points/weights_percent/patrol.volunteer.night"], description="JSON pointer.")
    value: Any


@dataclass(slots=True)
class ExplainedOut:
    """A line, explained."""

    id: Annotated[int, Field(description="流水号；没有入账的服务为负数 below zero for service that moved no account")]
    occurred_at: datetime
    recorded_at: Annotated[datetime, Field(description="何时得知 since when it was known")]
    amount: Annotated[int, Field(description="增减 what the account gained; 0 for service that brought nothing")]
    balance_after: int
    reason: Annotated[str, Field(examples=["rate"])]
    text: Annotated[str, Field(description="说明 the line in words")]
    source: SourceOut
    grounds: list[GroundOut]
    corrects: Annotated[int | None, Field(description="所更正的流水 the line that this one corrects")]
    corrected_by: Annotated[list[int], Field(description="更正本笔的流水 the lines that correct this one")]
    caused_by: Annotated[
        list[UUID],
        Field(description="引起本笔的其他事件 the events that caused this line, where its own (`source`) did not"),
    ]


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
    told = await tell(read, account, row.code, shown, sight, book, texts, language, course)
    balance = await posted(read, account.id, sight, after=(shown[0].occurred_at, shown[0].id)) if shown else 0
    explained = []
    grounds: dict[int, list[GroundOut]] = {}
    for line, sentence in zip(shown, told.sentences, strict=True):
        explained.append(_explained(line, sentence, balance, told, grounds))
        balance -= line.amount
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
        items=explained,
        next_cursor=found.next_cursor,
    )


async def _course(
    read: AsyncConnection, account: facts.Account, row: Any, sight: Sight, book: PolicyBook
) -> Course | None:
    """How a volunteer's points came and went; nothing else has lots."""
    if row.unit != Unit.POINT or account.record_id is None:
        return None
    lapsing = Lapsing(LedgerWriter())
    return (await lapsing.courses(await driver_connection(read), book, [account.id], sight))[account.id]


def _explained(
    line: Line, sentence: Sentence, balance: int, told: Told, known: dict[int, list[GroundOut]]
) -> ExplainedOut:
    """`known` are the grounds of the lines before, which thousands of lines share, by their id."""
    grounds = known.get(id(sentence.grounds))
    if grounds is None:
        grounds = known[id(sentence.grounds)] = [ground_out(ground, told.titles) for ground in sentence.grounds]
    return ExplainedOut(
        id=line.id,
        occurred_at=line.occurred_at,
        recorded_at=line.recorded_at,
        amount=line.amount,
        balance_after=balance,
        reason=sentence.reason,
        text=sentence.text,
        source=_source(line, told.kin.service.get(line.record_id)),
        grounds=grounds,
        corrects=line.corrects if line.clause != NOTHING else None,
        corrected_by=told.kin.corrected_by.get(line.id, []),
        caused_by=[cause.event_id for cause in told.causes.get(line.id, ())],
    )


def _source(line: Line, service: Line | None) -> SourceOut:
    told = service if service is not None and line.kind is None else line
    kind = None if told.kind is None else KINDS[told.kind]
    return SourceOut(
        context="points" if kind is None or line.clause in _OWN else _CONTEXTS[kind.partition(".")[0]],
        event_id=line.event_id,
        record_id=line.record_id,
        kind=kind,
        minutes=told.minutes,
        evidence=None if told.evidence is None else EVIDENCE[told.evidence],
    )


def ground_out(ground: Ground, titles: Mapping[int, str]) -> GroundOut:
    """A clause with the title of its policy."""
    return GroundOut(
        policy_version=ground.policy_version,
        title=titles.get(ground.policy_version, ""),
        place=ground.place,
        value=ground.value,
    )


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
