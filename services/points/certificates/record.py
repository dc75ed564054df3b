"""The service that a certificate is about, as the ledger knows it now, and what else is certified of those days."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.certificates.model import ENDED
from services.points.earning.kinds import KINDS
from services.points.ledger.reading import EVERYTHING, Sight
from services.points.ledger.service_record import service_record
from services.points.tables import certificates
from shared.contracts.honours import CertifiedService


@dataclass(frozen=True, slots=True)
class Record:
    """The service of a period, by year and by kind; negative where more was taken back than is there."""

    years: Mapping[int, int]
    """Minutes that count."""
    counted: Mapping[str | None, int]
    """Minutes that count."""
    told: Mapping[str | None, int]
    """Minutes as told and corrected, before the cap of a day."""

    @property
    def minutes(self) -> int:
        """What counts, of all kinds together."""
        return sum(max(0, minutes) for minutes in self.counted.values())


async def record_between(connection: AsyncConnection, volunteer_id: UUID, period: Sight) -> Record:
    """The service that began in a period, as far as it is in sight."""
    years, counted, told = Counter[int](), Counter[str | None](), Counter[str | None]()
    for served in await service_record(connection, volunteer_id, period):
        kind = None if served.kind is None else KINDS[served.kind]
        years[served.year] += served.minutes
        counted[kind] += served.minutes
        told[kind] += served.told_minutes
    return Record(years, counted, told)


async def services_between(
    connection: AsyncConnection, volunteer_id: UUID, since: date, until: date
) -> tuple[CertifiedService, ...]:
    """Minutes by kind of the service that began in the period, both days included; the most first."""
    record = await record_between(connection, volunteer_id, EVERYTHING.within(since, until))
    most_first = sorted(record.counted.items(), key=lambda item: (-item[1], item[0] or ""))
    return tuple(CertifiedService(kind=kind, minutes=served) for kind, served in most_first if served > 0)


async def overlapping(connection: AsyncConnection, volunteer_id: UUID, since: date, until: date) -> str | None:
    """Number of the latest certificate that stands about some of these days of somebody's; None where none does."""
    c = certificates.c
    query = select(c.number).where(c.volunteer_id == volunteer_id, c.since <= until, c.until >= since)
    ended = [stage.value for stage in ENDED]
    number: str | None = await connection.scalar(query.where(c.stage.not_in(ended)).order_by(c.id.desc()).limit(1))
    return number
