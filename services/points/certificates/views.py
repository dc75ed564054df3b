"""Certificates as a table, and the running numbers. Whom they are about is not in them."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.certificates.model import Certificate, Stage, decide, evolve
from services.points.certificates.numbers import year_and_running_number
from services.points.tables import certificate_numbers, certificates
from shared.aggregate import Aggregate
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
)
from shared.eventstore import Recorded
from shared.views import Views

CERTIFICATES = Aggregate("certificate", initial=Certificate(), decide=decide, evolve=evolve)

_DECIDED = {"waits_since": None, "remind_on": None, "reminders": 0}

views = Views(tables=[certificates, certificate_numbers])


@views.on(CertificateIssued)
async def issue(connection: AsyncConnection, event: CertificateIssued, recorded: Recorded) -> None:
    """A new certificate; its number is the latest of the community and year."""
    await connection.execute(
        insert(certificates).values(
            id=event.certificate_id,
            community=event.community,
            volunteer_id=event.volunteer_id,
            number=event.certificate_number,
            since=event.since,
            until=event.until,
            minutes=event.minutes,
            services=[service.model_dump(mode="json") for service in event.services],
            publicity_days=event.publicity_days,
            policy_version=event.policy_version,
            issued_on=event.issued_on,
            public_until=event.public_until,
            stage=Stage.PUBLIC.value,
            flagged=False,
            reminders=0,
            version=recorded.version,
        )
    )
    year, number = year_and_running_number(event.certificate_number)
    given = upsert(certificate_numbers).values(community=event.community, year=year, latest=number)
    await connection.execute(
        given.on_conflict_do_update(
            index_elements=["community", "year"],
            set_={"latest": func.greatest(certificate_numbers.c.latest, given.excluded.latest)},
        )
    )


@views.on(CertificateObjected)
async def object_(connection: AsyncConnection, event: CertificateObjected, recorded: Recorded) -> None:
    """Somebody objected."""
    await _set(connection, event.certificate_id, recorded, stage=Stage.OBJECTED.value, reason=event.reason.value)


@views.on(CertificateObjectionDismissed)
async def go_on(connection: AsyncConnection, event: CertificateObjectionDismissed, recorded: Recorded) -> None:
    """It is in publicity again."""
    await _set(connection, event.certificate_id, recorded, stage=Stage.PUBLIC.value, reason=None)


@views.on(CertificateTookEffect)
async def take_effect(connection: AsyncConnection, event: CertificateTookEffect, recorded: Recorded) -> None:
    """It holds."""
    await _set(connection, event.certificate_id, recorded, stage=Stage.EFFECTIVE.value, reason=None)


@views.on(CertificateRefused)
async def refuse(connection: AsyncConnection, event: CertificateRefused, recorded: Recorded) -> None:
    """It never holds."""
    ended = {"stage": Stage.REFUSED.value, "ended_on": event.refused_on, "reason": event.reason.value}
    await _set(connection, event.certificate_id, recorded, **ended, **_DECIDED)


@views.on(CertificateVoided)
async def void(connection: AsyncConnection, event: CertificateVoided, recorded: Recorded) -> None:
    """It holds no longer."""
    ended = {"stage": Stage.VOIDED.value, "ended_on": event.voided_on, "reason": event.reason.value}
    await _set(connection, event.certificate_id, recorded, **ended, **_DECIDED)


@views.on(CertificateFlagged)
async def flag(connection: AsyncConnection, event: CertificateFlagged, recorded: Recorded) -> None:
    """The record says less now."""
    since = func.coalesce(certificates.c.waits_since, event.flagged_on)
    await _set(connection, event.certificate_id, recorded, flagged=True, waits_since=since)


@views.on(CertificateUndecided)
async def remind(connection: AsyncConnection, event: CertificateUndecided, recorded: Recorded) -> None:
    """Nobody has decided on it."""
    told = {"reminders": event.reminder, "remind_on": event.remind_on}
    await _set(connection, event.certificate_id, recorded, **told)


@views.on(CertificateFlagLifted)
async def lift(connection: AsyncConnection, event: CertificateFlagLifted, recorded: Recorded) -> None:
    """The record bears it again."""
    await _set(connection, event.certificate_id, recorded, flagged=False, **_DECIDED)


async def _set(connection: AsyncConnection, certificate_id: UUID, recorded: Recorded, **values: Any) -> None:
    await connection.execute(
        update(certificates).where(certificates.c.id == certificate_id).values(version=recorded.version, **values)
    )
