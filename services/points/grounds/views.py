"""Which events flagged which stars and certificates, and what became of the flags: found from either end."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.tables import honour_flags, star_applications
from shared.contracts.honours import (
    CertificateFlagged,
    CertificateFlagLifted,
    CertificateRefused,
    CertificateVoided,
    StarBorneAgain,
    StarConfirmed,
    StarFlagged,
    StarFlagReason,
    StarGranted,
    StarWithdrawn,
)
from shared.eventstore import Recorded
from shared.views import Views

views = Views(tables=[honour_flags])

_f = honour_flags.c


class Outcome(StrEnum):
    """What became of a flag, as far as one event is its cause."""

    STANDS = "stands"
    """待复核."""
    GIVEN_BACK = "given_back"
    """What the event took came back; others took what is still missing."""
    BORNE_AGAIN = "borne_again"
    """The record has the hours of the star again; people are still to decide."""
    LIFTED = "lifted"
    CONFIRMED = "confirmed"
    SUPERSEDED = "superseded"
    """A higher grade was reached all the same."""
    WITHDRAWN = "withdrawn"
    VOIDED = "voided"
    REFUSED = "refused"


@views.on(StarFlagged)
async def flag_star(connection: AsyncConnection, event: StarFlagged, recorded: Recorded) -> None:
    """A row for each event that took hours from under it; where it is flagged for assessments, no hours are missing."""
    if event.reason is StarFlagReason.ASSESSMENTS_SHORT:
        await _end(connection, _f.subject == event.application_id, Outcome.BORNE_AGAIN, recorded)
    await _flag(connection, event.application_id, event, recorded)


@views.on(CertificateFlagged)
async def flag_certificate(connection: AsyncConnection, event: CertificateFlagged, recorded: Recorded) -> None:
    """A row for each event that took minutes from the certified period."""
    await _flag(connection, event.certificate_id, event, recorded)


@views.on(StarBorneAgain)
async def bear_again(connection: AsyncConnection, event: StarBorneAgain, recorded: Recorded) -> None:
    """Nothing is missing any more, by whichever event."""
    await _end(connection, _f.subject == event.application_id, Outcome.BORNE_AGAIN, recorded)


@views.on(StarConfirmed)
async def confirm(connection: AsyncConnection, event: StarConfirmed, recorded: Recorded) -> None:
    """It stands all the same."""
    await _end(connection, _f.subject == event.application_id, Outcome.CONFIRMED, recorded)


@views.on(StarGranted)
async def supersede(connection: AsyncConnection, event: StarGranted, recorded: Recorded) -> None:
    """Flags on earlier grades are settled by hours that reach still higher."""
    a = star_applications.c
    theirs = select(a.id).where(a.volunteer_id == event.volunteer_id)
    await _end(connection, _f.subject.in_(theirs), Outcome.SUPERSEDED, recorded)


@views.on(StarWithdrawn)
async def withdraw(connection: AsyncConnection, event: StarWithdrawn, recorded: Recorded) -> None:
    """The grade is gone."""
    await _end(connection, _f.subject == event.application_id, Outcome.WITHDRAWN, recorded)


@views.on(CertificateFlagLifted)
async def lift(connection: AsyncConnection, event: CertificateFlagLifted, recorded: Recorded) -> None:
    """The record bears it again."""
    await _end(connection, _f.subject == event.certificate_id, Outcome.LIFTED, recorded)


@views.on(CertificateVoided)
async def void(connection: AsyncConnection, event: CertificateVoided, recorded: Recorded) -> None:
    """The certificate is void."""
    await _end(connection, _f.subject == event.certificate_id, Outcome.VOIDED, recorded)


@views.on(CertificateRefused)
async def refuse(connection: AsyncConnection, event: CertificateRefused, recorded: Recorded) -> None:
    """The certificate never takes effect."""
    await _end(connection, _f.subject == event.certificate_id, Outcome.REFUSED, recorded)


async def _flag(
    connection: AsyncConnection, subject: UUID, event: StarFlagged | CertificateFlagged, recorded: Recorded
) -> None:
    """A flag that is told anew names all that stands: causes that it does not name are none any more."""
    here = _f.subject == subject
    await _end(
        connection, here & _f.caused_by.not_in([c.event_id for c in event.corrected_by]), Outcome.GIVEN_BACK, recorded
    )
    known = set((await connection.scalars(select(_f.caused_by).where(here, _f.ended_at.is_(None)))).all())
    rows = [
        {
            "flag_id": recorded.event_id,
            "caused_by": cause.event_id,
            "type": cause.type,
            "told_at": cause.told_at,
            "taken_minutes": cause.taken_minutes,
            "subject": subject,
            "minutes_before": event.minutes_before,
            "minutes": event.minutes,
            "flagged_at": recorded.occurred_at,
        }
        for cause in event.corrected_by
        if cause.event_id not in known
    ]
    if rows:
        await connection.execute(insert(honour_flags), rows)


async def _end(connection: AsyncConnection, which: ColumnElement[Any], outcome: Outcome, recorded: Recorded) -> None:
    ended = {"ended_at": recorded.occurred_at, "outcome": outcome.value}
    await connection.execute(update(honour_flags).where(which, _f.ended_at.is_(None)).values(ended))
