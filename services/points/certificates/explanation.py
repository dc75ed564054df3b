"""Why a certificate says what it says: the record behind it then and now, the policy, and every step."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.certificates.bodies import CertificateExplanationOut, StepOut, YearOut
from services.points.certificates.model import ENDED, Certificate, Stage, short_of
from services.points.certificates.record import Record, record_between
from services.points.certificates.views import CERTIFICATES
from services.points.durations import in_words
from services.points.explain import facts
from services.points.grounds.explaining import grounded, in_sight, line_by_line
from services.points.grounds.record import record_of
from services.points.grounds.telling import told
from services.points.ledger.reading import EVERYTHING, Sight
from services.points.policy.book import PolicyBook
from shared.contracts import Event
from shared.contracts.honours import (
    CertificateFlagged,
    CertificateFlagLifted,
    CertificateIssued,
    CertificateObjected,
    CertificateObjectionDismissed,
    CertificateRefused,
    CertificateTookEffect,
    CertificateUndecided,
    CertificateVoided,
    CertifiedService,
)
from shared.eventstore import read_history
from shared.web.problems import Texts


async def explain(
    read: AsyncConnection, row: Any, sight: Sight, page: Any, book: PolicyBook, texts: Texts, language: str
) -> CertificateExplanationOut:
    """The explanation of a certificate's row in one language: what had happened until a moment, and the record of the
    period as far as it is in sight.
    """
    history = await read_history(read, CERTIFICATES.stream(row.id), sight.until)
    events = [event for _, event in history]
    certificate = CERTIFICATES.fold(events)
    issued = certificate.stage is not Stage.NOT_ISSUED
    seen = sight.within(row.since, row.until)
    served = await record_between(read, row.volunteer_id, seen)
    record = await record_of(read, row.volunteer_id, EVERYTHING.within(row.since, row.until))
    # A kind of which more was taken back than is there counts as none, and not as less than that.
    below = record.of_kinds([kind for kind, minutes in served.counted.items() if minutes < 0])
    titles = await facts.titles(read, language)
    return CertificateExplanationOut(
        **await grounded(read, record, sight, book, texts, language),
        **await line_by_line(read, record, seen, page, book, texts, language, without=below),
        certificate_id=row.id,
        certificate_number=row.number,
        stage=certificate.stage,
        flagged=certificate.flagged,
        minutes=certificate.minutes,
        minutes_now=served.minutes,
        summary=_summary(row, events, certificate, served, sight, texts, language),
        policy_version=row.policy_version if issued else None,
        policy_title=titles.get(row.policy_version, "") if issued else "",
        policy_place="/certificates/publicity_days",
        services=[_service(service, texts, language) for service in row.services if issued],
        years=[
            YearOut(
                year=year,
                minutes=minutes,
                text=texts.get(language, "stars.year", {"year": year, "hours": in_words(language, minutes)}),
            )
            for year, minutes in served.years.items()
        ],
        history=[_step(*step, texts, language) for step in history],
    )


def _summary(
    row: Any,
    events: Sequence[Event],
    certificate: Certificate,
    served: Record,
    sight: Sight,
    texts: Texts,
    language: str,
) -> str:
    params = {
        **in_sight(sight, texts, language),
        "since": row.since,
        "until": row.until,
        "hours": in_words(language, certificate.minutes),
        "hours_now": in_words(language, served.minutes),
    }
    code = "bears" if served.minutes >= certificate.minutes else "bears_less"
    if short := short_of(certificate.services, served.told):
        code, params["kinds"] = "bears_less_of", _listed(short, texts, language)
    if certificate.stage in ENDED:
        # Whatever the record has now: nobody is to rely on it, or to void it once more.
        code, ended = certificate.stage.value, events[-1]
        assert isinstance(ended, CertificateRefused | CertificateVoided), "nothing comes after"
        params["reason"] = texts.word(language, f"certificate_reason.{ended.reason.value}")
        params["ended_on"] = _told(ended)[1]
    if sight.until is not None:
        code = "nothing_yet" if certificate.stage is Stage.NOT_ISSUED else f"{code}_then"
    return texts.get(language, f"certificate.{code}", params)


def _listed(services: Iterable[CertifiedService], texts: Texts, language: str) -> str:
    return texts.word(language, "explain.and").join(_service(s.model_dump(), texts, language) for s in services)


def _service(service: Any, texts: Texts, language: str) -> str:
    kind = service.get("kind")
    word = texts.word(language, f"kind.{kind}" if kind else "stars.kind_unknown")
    return f"{word} {in_words(language, service['minutes'])}"


def _step(event_id: UUID, event: Event, texts: Texts, language: str) -> StepOut:
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
    causes = told(event.corrected_by, texts, language) if isinstance(event, CertificateFlagged) else []
    text = texts.get(language, f"certificate_step.{code}", params)
    return StepOut(event_id=event_id, event=event.NAME, on=on, text=text, corrected_by=causes)


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
        case CertificateUndecided():
            return "undecided", event.reminded_on
        case CertificateFlagLifted():
            return "lifted", event.lifted_on
        case CertificateVoided():
            return "voided", event.voided_on
        case _:
            raise AssertionError(f"{event.NAME} is no event of a certificate")
