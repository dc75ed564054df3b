"""Why somebody holds a grade: hours by year, the policy behind the threshold, and every step as the events tell it."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.durations import grade_zh, in_words
from services.points.earning.kinds import KINDS
from services.points.ledger.service_record import Served, service_record
from services.points.node_names import named, names_of
from services.points.stars.bodies import GroundOut, KindOut, StarsExplanationOut, StepOut, YearOut
from services.points.stars.standing import Member, confirmed_minutes
from services.points.stars.views import STARS, Stage
from services.points.tables import policies
from shared.contracts import Event
from shared.contracts.honours import (
    StarApplied,
    StarConfirmed,
    StarDeclined,
    StarFlagged,
    StarGranted,
    StarQualityAssessed,
    StarReviewed,
    StarWithdrawn,
)
from shared.eventstore import read_stream
from shared.web.problems import Texts

_Step = tuple[str, date, str | None]
"""The sentence for an event, its day, and the office that decided."""


async def explain(
    read: AsyncConnection, volunteer_id: UUID, who: Member, held: Any, ground: Any, texts: Texts, language: str
) -> StarsExplanationOut:
    """The explanation in one language. `held` is the row in force, `ground` that one or the open application's."""
    minutes = await confirmed_minutes(read, volunteer_id)
    params = {
        "grade": 0 if held is None else held.grade,
        "grade_zh": "" if held is None else grade_zh(held.grade),
        "hours": in_words(language, minutes),
        "threshold": "" if held is None else in_words(language, held.threshold_minutes),
        "granted_on": "" if held is None else held.granted_on,
    }
    code = "stars.none_held"
    if held is not None:
        code = "stars.flagged_now" if held.stage == Stage.FLAGGED.value else "stars.held_now"
    told = [(event, _told(event)) for event in await read_stream(read, STARS.stream(volunteer_id))]
    offices = await names_of(read, (step[2] for _, step in told if step is not None and step[2]))
    return StarsExplanationOut(
        volunteer_id=volunteer_id,
        community=who.community,
        grade=params["grade"],
        minutes=minutes,
        summary=texts.get(language, code, params),
        years=[
            _year(year, list(served), texts, language)
            for year, served in groupby(await service_record(read, volunteer_id), key=lambda served: served.year)
        ],
        ground=None if ground is None else await _ground(read, ground, language),
        history=[_step(event, step, offices, texts, language) for event, step in told if step is not None],
    )


def _year(year: int, served: Sequence[Served], texts: Texts, language: str) -> YearOut:
    minutes, told = sum(kind.minutes for kind in served), sum(kind.told_minutes for kind in served)
    params = {
        "year": year,
        "hours": in_words(language, minutes),
        "served": in_words(language, told),
        "over_cap": in_words(language, told - minutes),
    }
    return YearOut(
        year=year,
        minutes=minutes,
        served_minutes=told,
        over_cap_minutes=told - minutes,
        kinds=[_kind(kind, texts, language) for kind in served],
        text=texts.get(language, "stars.year_capped" if told > minutes else "stars.year", params),
    )


def _kind(served: Served, texts: Texts, language: str) -> KindOut:
    kind = None if served.kind is None else KINDS[served.kind]
    said = texts.word(language, f"kind.{kind}" if kind else "stars.kind_unknown")
    return KindOut(kind=kind, minutes=served.minutes, text=f"{said} {in_words(language, served.minutes)}")


async def _ground(read: AsyncConnection, row: Any, language: str) -> GroundOut:
    query = select(policies.c.document).where(policies.c.policy_version == row.policy_version)
    document = await read.scalar(query) or {}
    return GroundOut(
        grade=row.grade,
        threshold_minutes=row.threshold_minutes,
        granted_by=row.granted_by,
        policy_version=row.policy_version,
        policy_title=document.get("title", {}).get(language, ""),
    )


def _step(event: Event, told: _Step, offices: Mapping[str, str], texts: Texts, language: str) -> StepOut:
    code, on, office = told
    params = event.model_dump(mode="json") | {"on": on, "office": named(office, offices) if office else ""}
    for name in ("minutes", "minutes_before", "threshold_minutes"):
        if name in params:
            params[name.removesuffix("_minutes").replace("minutes", "hours")] = in_words(language, params[name])
    if "grade" in params:
        params["grade_zh"] = grade_zh(params["grade"])
    if "grade_left" in params:
        left = params["grade_left"]
        params["left_zh"] = f"为{grade_zh(left)}星" if left else "没有星级"
    reason = params.get("reason")
    params["reason"] = texts.word(language, f"star_reason.{reason}") if reason else ""
    return StepOut(event=event.NAME, on=on, office=office, text=texts.get(language, f"star_step.{code}", params))


def _told(event: Event) -> _Step | None:
    """The sentence for an event, its day, and the office that decided."""
    match event:
        case StarApplied():
            return "applied", event.applied_on, None
        case StarQualityAssessed():
            return f"quality_{event.quality.value}", event.assessed_on, event.assessed_at_node
        case StarGranted():
            return "granted", event.granted_on, event.authority
        case StarDeclined():
            return "declined", event.declined_on, event.authority
        case StarReviewed():
            return "kept" if event.kept else "not_kept", event.reviewed_on, None
        case StarFlagged():
            return "flagged", event.flagged_on, None
        case StarConfirmed():
            return "confirmed", event.confirmed_on, event.authority
        case StarWithdrawn():
            return "withdrawn", event.withdrawn_on, event.authority
        case _:
            return None
