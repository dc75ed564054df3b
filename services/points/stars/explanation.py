"""Why somebody holds a grade: hours by year, the policy behind the threshold, and every step as the events tell it."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.durations import grade_zh, in_words
from services.points.earning.kinds import KINDS
from services.points.explain import facts
from services.points.grounds.explaining import grounded, in_sight, line_by_line
from services.points.grounds.record import record_of
from services.points.grounds.telling import told
from services.points.ledger.reading import Sight
from services.points.ledger.service_record import Served, service_record
from services.points.node_names import named, names_of
from services.points.policy.book import PolicyBook
from services.points.stars.bodies import GroundOut, KindOut, StarsExplanationOut, StepOut, YearOut
from services.points.stars.held import Application, Stars
from services.points.stars.standing import Member
from services.points.stars.views import STARS
from shared.contracts import Event
from shared.contracts.honours import (
    StarApplicationUndecided,
    StarApplied,
    StarBorneAgain,
    StarConfirmed,
    StarDeclined,
    StarDeclineReason,
    StarFlagged,
    StarFlagReason,
    StarGranted,
    StarQualityAssessed,
    StarReviewed,
    StarUndecided,
    StarWithdrawn,
)
from shared.eventstore import read_history
from shared.web.problems import Texts

_PERCENTS = {"assessed_percent", "assessed_percent_min", "good_percent", "good_percent_min"}

_Step = tuple[str, date, str | None]
"""The sentence for an event, its day, and the office that decided."""


async def explain(
    read: AsyncConnection,
    volunteer_id: UUID,
    who: Member,
    sight: Sight,
    page: Any,
    book: PolicyBook,
    texts: Texts,
    language: str,
) -> StarsExplanationOut:
    """The explanation in one language: what was decided until a moment, and the record as far as it is in sight."""
    history = await read_history(read, STARS.stream(volunteer_id), sight.until)
    events = [event for _, event in history]
    stars = STARS.fold(events)
    served = await service_record(read, volunteer_id, sight)
    minutes = max(0, sum(one.minutes for one in served))
    steps = [(event_id, event, step) for event_id, event in history if (step := _told(event)) is not None]
    offices = await names_of(read, (office for *_, (_, _, office) in steps if office))
    record = await record_of(read, volunteer_id)
    return StarsExplanationOut(
        **await grounded(read, record, sight, book, texts, language),
        **await line_by_line(read, record, sight, page, book, texts, language),
        volunteer_id=volunteer_id,
        community=who.community,
        grade=stars.grade,
        flagged=stars.in_force is not None and stars.in_force.flagged,
        minutes=minutes,
        summary=_summary(events, stars, minutes, sight, texts, language),
        years=[
            _year(year, list(of_year), texts, language)
            for year, of_year in groupby(served, key=lambda served: served.year)
        ],
        ground=await _ground(read, events, stars, language),
        history=[_step(*step, offices, texts, language) for step in steps],
    )


def _summary(events: Sequence[Event], stars: Stars, minutes: int, sight: Sight, texts: Texts, language: str) -> str:
    held, granted, applied = stars.in_force, _granted(events, stars), stars.application
    params = {
        **in_sight(sight, texts, language),
        "hours": in_words(language, minutes),
        "grade": stars.grade,
        "grade_zh": grade_zh(stars.grade),
        "threshold": "" if held is None else in_words(language, held.threshold_minutes),
        "needed": "" if held is None else in_words(language, held.floor_minutes),
        "granted_on": "" if granted is None else granted.granted_on,
        "applied": "" if applied is None else applied.grade,
        "applied_zh": "" if applied is None else grade_zh(applied.grade),
    }
    state = "none" if held is None else "flagged" if held.flagged else "held"
    if held is not None and held.lacks_assessments:
        state = "flagged_assessments" if minutes >= held.floor_minutes else "flagged_both"
        flags = (event for event in reversed(events) if isinstance(event, StarFlagged))
        flag = next(event for event in flags if event.reason is StarFlagReason.ASSESSMENTS_SHORT)
        params |= flag.model_dump(include=_PERCENTS)
    elif state == "flagged" and held is not None and minutes >= held.floor_minutes:
        state = "flagged_borne"
    if sight.until is None:
        code = "none_held" if held is None else f"{state}_now"
    elif not events:
        code = "nothing_yet"
    else:
        code = "applied_then" if held is None and applied is not None else f"{state}_then"
    return texts.get(language, f"stars.{code}", params)


def _granted(events: Sequence[Event], stars: Stars) -> StarGranted | None:
    """How the grade in force was granted."""
    held = stars.in_force
    grants = (event for event in events if isinstance(event, StarGranted))
    return next((e for e in grants if held is not None and e.application_id == held.application_id), None)


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


async def _ground(read: AsyncConnection, events: Sequence[Event], stars: Stars, language: str) -> GroundOut | None:
    """Of the grade in force, or of the open application."""
    basis, granted = stars.in_force or stars.application, _granted(events, stars)
    if basis is None:
        return None
    version = basis.policy_version if isinstance(basis, Application) else granted.policy_version if granted else 0
    titles = await facts.titles(read, language)
    return GroundOut(
        grade=basis.grade,
        threshold_minutes=basis.threshold_minutes,
        granted_by=basis.granted_by,
        policy_version=version,
        policy_title=titles.get(version, ""),
        place="/stars/minutes",
    )


def _step(
    event_id: UUID, event: Event, step: _Step, offices: Mapping[str, str], texts: Texts, language: str
) -> StepOut:
    code, on, office = step
    params = event.model_dump(mode="json") | {"on": on, "office": named(office, offices) if office else ""}
    for name in ("minutes", "minutes_before", "threshold_minutes", "needed_minutes"):
        if name in params:
            params[name.removesuffix("_minutes").replace("minutes", "hours")] = in_words(language, params[name])
    if "grade" in params:
        params["grade_zh"] = grade_zh(params["grade"])
    if "grade_left" in params:
        left = params["grade_left"]
        params["left_zh"] = f"为{grade_zh(left)}星" if left else "没有星级"
    reason = params.get("reason")
    params["reason"] = texts.word(language, f"star_reason.{reason}") if reason else ""
    causes = told(event.corrected_by, texts, language) if isinstance(event, StarFlagged) else []
    text = texts.get(language, f"star_step.{code}", params)
    return StepOut(event_id=event_id, event=event.NAME, on=on, office=office, text=text, corrected_by=causes)


def _told(event: Event) -> _Step | None:
    """The sentence for an event, its day, and the office that decided."""
    match event:
        case StarApplied():
            return "applied", event.applied_on, None
        case StarQualityAssessed():
            return f"quality_{event.quality.value}", event.assessed_on, event.assessed_at_node
        case StarGranted():
            return "granted", event.granted_on, event.authority
        case StarDeclined(reason=StarDeclineReason.APPLICANT_WITHDREW):
            return "retracted", event.declined_on, event.authority
        case StarDeclined():
            return "declined", event.declined_on, event.authority
        case StarReviewed():
            return "kept" if event.kept else "not_kept", event.reviewed_on, None
        case StarFlagged(reason=StarFlagReason.ASSESSMENTS_SHORT):
            return "flagged_assessments", event.flagged_on, None
        case StarFlagged():
            return "flagged", event.flagged_on, None
        case StarBorneAgain():
            return "borne_again", event.borne_on, None
        case StarApplicationUndecided():
            return "application_undecided", event.reminded_on, None
        case StarUndecided():
            return "undecided", event.reminded_on, None
        case StarConfirmed():
            return "confirmed", event.confirmed_on, event.authority
        case StarWithdrawn():
            return "withdrawn", event.withdrawn_on, event.authority
        case _:
            return None
