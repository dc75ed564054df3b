"""Finds certificates whose certified period has fewer minutes than they say, in all or of a kind, and flags them; or
bears them again.

Summing up a period is not dear, but there are many certificates. So only those are looked at whose account has moved
since the last look.
"""

from typing import Any

from sqlalchemy import select

from services.points.certificates.api import await_end_of_publicity
from services.points.certificates.model import Certificate, LookAtGround, Stage, short_of
from services.points.certificates.record import record_between
from services.points.certificates.views import CERTIFICATES
from services.points.grounds.looking import AT_ONCE_MAX, is_to_be_told, keep_look, moved, with_record
from services.points.grounds.record import taken
from services.points.grounds.reminding import Remind
from services.points.ledger.reading import EVERYTHING
from services.points.tables import certificates
from shared.clock import local_day
from shared.contracts.honours import CorrectingEvent
from shared.unit_of_work import UnitOfWork, Workshop

_STANDING = (Stage.PUBLIC.value, Stage.OBJECTED.value, Stage.EFFECTIVE.value)


async def look_at_grounds(workshop: Workshop) -> int:
    """Look at certificates whose account has moved; returns how many changed. Each in a transaction of its own."""
    c = certificates.c
    query = with_record(select(c.id, c.volunteer_id, c.since, c.until, c.minutes), c.id, c.volunteer_id)
    async with workshop.database.reading() as connection:
        rows = (await connection.execute(query.where(c.stage.in_(_STANDING), moved))).all()
    changed = 0
    for row in rows:
        async with workshop.transaction(actor="watch") as work:
            await keep_look(work.connection, row.id, row.credits, row.debits)
            before = (await work.load(CERTIFICATES, row.id)).state
            after = await work.execute(CERTIFICATES, row.id, await _look(work, row, before))
            changed += after != before
            if before.flagged and not after.flagged and after.stage is Stage.PUBLIC:
                await_end_of_publicity(work, row.id, after)  # it may have come while it was flagged
            await work.finish()
    return changed


async def remind_of_flags(workshop: Workshop, within_days: int) -> int:
    """Remind of certificates that were flagged so many days ago, and nobody has decided on; returns of how many."""
    c, today = certificates.c, local_day(workshop.clock())
    query = select(c.id).where(c.flagged, c.stage.in_(_STANDING), is_to_be_told(c, within_days, today))
    async with workshop.database.reading() as connection:
        waiting = (await connection.scalars(query.limit(AT_ONCE_MAX))).all()
    reminded = 0
    for certificate_id in waiting:
        async with workshop.transaction(actor="watch") as work:
            await work.execute(CERTIFICATES, certificate_id, Remind(within_days, local_day(work.now)))
            reminded += len(await work.finish())
    return reminded


async def _look(work: UnitOfWork, row: Any, certificate: Certificate) -> LookAtGround:
    period = EVERYTHING.within(row.since, row.until)
    served = await record_between(work.connection, row.volunteer_id, period)
    lacking = {service.kind for service in short_of(certificate.services, served.told)}
    of_kinds = {service.kind: service.minutes for service in certificate.services if service.kind in lacking}
    cause: tuple[CorrectingEvent, ...] = ()
    if of_kinds or served.minutes < certificate.minutes:
        cause = await taken(work.connection, row.volunteer_id, certificate.minutes, period, of_kinds)
    return LookAtGround(served.minutes, served.told, local_day(work.now), cause)
