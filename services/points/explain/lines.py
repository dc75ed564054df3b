"""A page of lines, explained: what the explanation of an account shows, and those of stars and certificates, too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.earning.kinds import EVIDENCE, KINDS
from services.points.expiry.lots import Course
from services.points.explain import facts
from services.points.explain.known import NOTHING, Line
from services.points.explain.policy_clauses import Ground
from services.points.explain.telling import Told, tell
from services.points.explain.words import Sentence
from services.points.ledger.clauses import Clause
from services.points.ledger.reading import Sight
from services.points.policy.book import PolicyBook
from shared.web.problems import Texts

_OWN = {Clause.POLICY_RESTATED, Clause.LONG_DAY, Clause.EXPIRY, Clause.EXPIRY_RESTATED}
"""Clauses of what this service's own events caused, though it is about service."""
_CONTEXTS = {"activity": "registry", "patrol": "grid_patrol", "mediation": "mediation"}


# A line and its source are no models: these would look over each of the thousands of lines that were made here.
@dataclass(slots=True)
class SourceOut:
    """Where a line comes from."""

    context: Annotated[str, Field(examples=["registry"], description="Which service told it.")]
    event_id: Annotated[UUID, Field(description="它引起的全部 what it caused: `/v1/events/{event_id}/effects`")]
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


async def explained(
    read: AsyncConnection,
    account: facts.Account,
    unit: str,
    shown: Sequence[Line],
    balance: int,
    sight: Sight,
    book: PolicyBook,
    texts: Texts,
    language: str,
    course: Course | None = None,
) -> list[ExplainedOut]:
    """Lines of one account, newest first, in words; `balance` is what there was after the first of them."""
    told = await tell(read, account, unit, shown, sight, book, texts, language, course)
    items = []
    grounds: dict[int, list[GroundOut]] = {}
    for line, sentence in zip(shown, told.sentences, strict=True):
        items.append(_explained(line, sentence, balance, told, grounds))
        balance -= line.amount
    return items


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
