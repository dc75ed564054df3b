"""Causes and flags in words, for whoever asks from the one end or the other."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Select, Text, Uuid, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.durations import grade_zh, in_words
from services.points.grounds.corrections import Correction
from services.points.grounds.views import Outcome
from services.points.tables import certificates, honour_flags, star_applications
from shared.clock import local_day
from shared.contracts.honours import CorrectingEvent
from shared.web.problems import Texts

_f, _star, _certificate = honour_flags.c, star_applications.c, certificates.c


class CorrectionOut(BaseModel):
    """An event that corrected a record of service."""

    event_id: UUID = Field(description="它引起的全部 what it caused: `/v1/events/{event_id}/effects`")
    type: str = Field(examples=["liuling.registry.AttendanceCorrected.v1"])
    told_at: datetime = Field(description="何时得知 since when it was known")
    minutes: int = Field(description="时长增减 what the record gained by it")
    text: str = Field(description="说明 in words")


class Caused(BaseModel):
    """A star or a certificate, and why it is flagged."""

    corrected_by: list[CorrectionOut] = Field(
        default=[], description="存疑的原因：使时长不足的更正 why it is flagged: the events that took the minutes"
    )


class FlagOut(BaseModel):
    """A star or a certificate that was flagged because of an event."""

    application_id: UUID | None = Field(description="星级 of a star")
    certificate_id: UUID | None = Field(description="证明 of a certificate")
    volunteer_id: UUID
    flag_event_id: UUID = Field(description="标记存疑的事件 the event that flagged it")
    flagged_at: datetime
    taken_minutes: int = Field(description="本事件减少的分钟 what the record lost by this event")
    minutes_before: int
    minutes: int
    outcome: Outcome = Field(description="结果 what became of it")
    ended_at: datetime | None
    text: str = Field(description="说明 in words")


def told(corrections: Iterable[Correction | CorrectingEvent], texts: Texts, language: str) -> list[CorrectionOut]:
    """Corrections, and causes of flags, in words."""
    return [_correction(one, texts, language) for one in corrections]


def _correction(one: Correction | CorrectingEvent, texts: Texts, language: str) -> CorrectionOut:
    minutes = one.minutes if isinstance(one, Correction) else -one.taken_minutes
    how = "more" if minutes > 0 else "less" if minutes < 0 else "same"
    change = texts.get(language, f"ground.{how}", {"hours": in_words(language, abs(minutes))})
    params = {"on": local_day(one.told_at), "change": change}
    text = texts.get(language, f"ground.{one.type.split('.')[2]}", params)
    return CorrectionOut(event_id=one.event_id, type=one.type, told_at=one.told_at, minutes=minutes, text=text)


Row = TypeVar("Row", bound=Caused)


async def with_causes(
    read: AsyncConnection, subjects: Sequence[UUID], rows: Sequence[Row], texts: Texts, language: str
) -> list[Row]:
    """The rows with the causes of the flags that stand on them; `subjects` are their ids, in the same order."""
    causes = await _causes(read, subjects)
    return [
        row.model_copy(update={"corrected_by": told(causes[subject], texts, language)}) if subject in causes else row
        for subject, row in zip(subjects, rows, strict=True)
    ]


async def _causes(read: AsyncConnection, subjects: Collection[UUID]) -> dict[UUID, list[Correction]]:
    query = select(_f.subject, _f.caused_by, _f.type, _f.told_at, -_f.taken_minutes).where(
        _f.subject.in_(subjects), _f.ended_at.is_(None)
    )
    found: dict[UUID, list[Correction]] = {}
    for subject, *correction in await read.execute(query.order_by(_f.told_at, _f.caused_by)):
        found.setdefault(subject, []).append(Correction(*correction))
    return found


def flags_of(own: bool) -> Select[Any]:
    """A query for the flags that an event caused: a volunteer's `own`, or those below an office's node.

    It is run with `event`, and `caller_id` or `node`.
    """
    owner = func.coalesce(_star.volunteer_id, _certificate.volunteer_id)
    query = (
        select(honour_flags, owner.label("volunteer_id"), _star.grade, _certificate.number)
        .select_from(honour_flags)
        .join(star_applications, _star.id == _f.subject, isouter=True)
        .join(certificates, _certificate.id == _f.subject, isouter=True)
        .where(_f.caused_by == bindparam("event", type_=Uuid))
    )
    if own:
        return query.where(owner == bindparam("caller_id", type_=Uuid))
    home = func.coalesce(_star.community, _certificate.community)
    return query.where(func.starts_with(home, bindparam("node", type_=Text)))


async def flags_told(
    read: AsyncConnection, query: Select[Any], params: Mapping[str, object], texts: Texts, language: str
) -> list[FlagOut]:
    """The flags of such a query in words, in the order of their ids."""
    rows = await read.execute(query.order_by(_f.flag_id), params)
    return [_flag(row, texts, language) for row in rows]


def _flag(row: Any, texts: Texts, language: str) -> FlagOut:
    outcome = Outcome(row.outcome or Outcome.STANDS)
    params = {
        "on": local_day(row.flagged_at),
        "hours_before": in_words(language, row.minutes_before),
        "hours": in_words(language, row.minutes),
        "taken": in_words(language, row.taken_minutes),
        "outcome": texts.word(language, f"flag_outcome.{outcome.value}"),
        "grade": row.grade,
        "grade_zh": "" if row.grade is None else grade_zh(row.grade),
        "number": row.number,
    }
    star = row.number is None
    return FlagOut(
        application_id=row.subject if star else None,
        certificate_id=None if star else row.subject,
        volunteer_id=row.volunteer_id,
        flag_event_id=row.flag_id,
        flagged_at=row.flagged_at,
        taken_minutes=row.taken_minutes,
        minutes_before=row.minutes_before,
        minutes=row.minutes,
        outcome=outcome,
        ended_at=row.ended_at,
        text=texts.get(language, "flag.star" if star else "flag.certificate", params),
    )
