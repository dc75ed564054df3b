"""Why a certificate says what it says: the record behind it then and now, the policy, and every step."""

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.certificates.bodies import CertificateExplanationOut, StepOut, YearOut
from services.points.certificates.model import Stage
from services.points.certificates.views import CERTIFICATES
from services.points.durations import in_words
from services.points.ledger.service_record import service_record
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
)
from shared.eventstore import read_stream
from shared.web.problems import Texts


async def explain(read: AsyncConnection, row: Any, texts: Texts, language: str) -> CertificateExplanationOut:
    """The explanation of a certificate's row in one language."""
    by_year: dict[int, int] = {}
    for served in await service_record(read, row.volunteer_id, row.since, row.until):
        by_year[served.year] = by_year.get(served.year, 0) + served.minutes
    now = max(0, sum(by_year.values()))
    said, left = in_words(language, row.minutes), in_words(language, now)
    params = {"since": row.since, "until": row.until, "hours": said, "hours_now": left}
    code = "certificate.bears" if now >= row.minutes else "certificate.bears_less"
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
            for year, minutes in by_year.items()
        ],
        history=[_step(event, texts, language) for event in events],
    )


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
