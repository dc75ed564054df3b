"""Why a certificate says what it says: the record behind it then and now, the policy, and every step."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.certificates.bodies import CertificateExplanationOut, StepOut, YearOut
from services.points.certificates.model import Stage, short_of
from services.points.certificates.record import record_between
from services.points.certificates.views import CERTIFICATES
from services.points.durations import in_words
from services.points.tables import policies
from shared.contracts import Event
from shared.contracts.honours import (
    CertificateFlagged,
    CertificateFlagLifted,
    CertificateIssued,
    CertificateObjected,
    CertificateObjectionDismissed,
    CertificateRefused,
    CertificateTookEffect,
    CertificateVoided,
    CertifiedService,
)
from shared.eventstore import read_stream
from shared.web.problems import Texts


async def explain(read: AsyncConnection, row: Any, texts: Texts, language: str) -> CertificateExplanationOut:
    """The explanation of a certificate's row in one language."""
    record = await record_between(read, row.volunteer_id, row.since, row.until)
    now = record.minutes
    said, left = in_words(language, row.minutes), in_words(language, now)
    params = {"since": row.since, "until": row.until, "hours": said, "hours_now": left}
    short = short_of([CertifiedService.model_validate(service) for service in row.services], record.told)
    code = "certificate.bears" if now >= row.minutes else "certificate.bears_less"
    if short:
        code, params["kinds"] = "certificate.bears_less_of", _listed(short, texts, language)
    document = await read.scalar(select(policies.c.document).where(policies.c.policy_version == row.policy_version))
    events = await read_stream(read, CERTIFICATES.stream(row.id))
    return CertificateExplanationOut(
        certificate_id=row.id,
        certificate_number=row.number,
        stage=Stage(row.stage),
        minutes=row.minutes,
        minutes_now=now,
        summary=texts.get(language, code, params),
        policy_version=row.policy_version,
        policy_title=(document or {}).get("title", {}).get(language, ""),
        services=[_service(service, texts, language) for service in row.services],
        years=[
            YearOut(
                year=year,
                minutes=minutes,
                text=texts.get(language, "stars.year", {"year": year, "hours": in_words(language, minutes)}),
            )
            for year, minutes in record.years.items()
        ],
        history=[_step(event, texts, language) for event in events],
    )


def _listed(services: Iterable[CertifiedService], texts: Texts, language: str) -> str:
    return texts.word(language, "explain.and").join(_service(s.model_dump(), texts, language) for s in services)


def _service(service: Any, texts: Texts, language: str) -> str:
    kind = service.get("kind")
    word = texts.word(language, f"kind.{kind}" if kind else "stars.kind_unknown")
    return f"{word} {in_words(language, service['minutes'])}"


def _step(event: Event, texts: Texts, language: str) -> StepOut:
    code, on = _told(event)
    params = event.model_dump(mode="json") | {"on": on}
    for name in ("minutes", "minutes_before"):
        if name in params:
            params[name.replace("minutes", "hours")] = in_words(language, params[name])
    if isinstance(event, CertificateFlagged) and event.short_of:
        code, params["kinds"] = "flagged_of", _listed(event.short_of, texts, language)
    if params.get("overlaps"):
        code = "issued_beside"
        params["why"] = texts.word(language, f"certificate_overlap.{params['overlap_reason']}")
    if params.get("reason"):
        params["reason"] = texts.word(language, f"certificate_reason.{params['reason']}")
    return StepOut(event=event.NAME, on=on, text=texts.get(language, f"certificate_step.{code}", params))


def _told(event: Event) -> tuple[str, date]:
    match event:
        case CertificateIssued():
            return "issued", event.issued_on
        case CertificateObjected():
            return "objected", event.objected_on
        case CertificateObjectionDismissed():
            return "objection_dismissed", event.dismissed_on
        case CertificateTookEffect():
            return "effective", event.effective_on
        case CertificateRefused():
            return "refused", event.refused_on
        case CertificateFlagged():
            return "flagged", event.flagged_on
        case CertificateFlagLifted():
            return "lifted", event.lifted_on
        case CertificateVoided():
            return "voided", event.voided_on
        case _:
            raise AssertionError(f"{event.NAME} is no event of a certificate")
