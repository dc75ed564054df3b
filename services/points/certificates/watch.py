"""Finds certificates whose certified period has fewer minutes than they say, in all or of a kind, and flags them; or
bears them again.

Summing up a period is not dear, but there are many certificates. So only those are looked at whose account has moved
since the last look: its credits and debits are remembered beside the certificate.
"""

from sqlalchemy import Text, cast, or_, select
from sqlalchemy.dialects.postgresql import insert

from services.points.certificates.api import await_end_of_publicity
from services.points.certificates.model import LookAtGround, Stage
from services.points.certificates.record import record_between
from services.points.certificates.views import CERTIFICATES
from services.points.tables import accounts, certificate_grounds, certificates
from services.points.units import Unit
from shared.clock import local_day
from shared.unit_of_work import Workshop

_AT_ONCE_MAX = 500
_STANDING = (Stage.PUBLIC.value, Stage.OBJECTED.value, Stage.EFFECTIVE.value)


async def look_at_grounds(workshop: Workshop) -> int:
    """Look at up to `_AT_ONCE_MAX` certificates; returns how many changed. Each in a transaction of its own."""
    c, g = certificates.c, certificate_grounds.c
    query = (
        select(c.id, c.volunteer_id, c.since, c.until, accounts.c.credits, accounts.c.debits)
        .join(
            accounts,
            (accounts.c.holder == cast(c.volunteer_id, Text)) & (accounts.c.unit == int(Unit.SERVICE_MINUTE)),
        )
        .join(certificate_grounds, g.certificate_id == c.id, isouter=True)
        .where(
            c.stage.in_(_STANDING),
            or_(g.certificate_id.is_(None), g.debits != accounts.c.debits, g.credits != accounts.c.credits),
        )
        .limit(_AT_ONCE_MAX)
    )
    async with workshop.database.reading() as connection:
        rows = (await connection.execute(query)).all()
    changed = 0
    for row in rows:
        async with workshop.transaction(actor="watch") as work:
            # What was seen is what the query read: the account may have moved since, and is then looked at again.
            seen = {"certificate_id": row.id, "credits": row.credits, "debits": row.debits}
            remembered = insert(certificate_grounds).values(**seen)
            await work.connection.execute(
                remembered.on_conflict_do_update(index_elements=["certificate_id"], set_=seen)
            )
            record = await record_between(work.connection, row.volunteer_id, row.since, row.until)
            look = LookAtGround(record.minutes, record.told, local_day(work.now))
            before = (await work.load(CERTIFICATES, row.id)).state
            after = await work.execute(CERTIFICATES, row.id, look)
            changed += after.flagged is not before.flagged
            if before.flagged and not after.flagged and after.stage is Stage.PUBLIC:
                await_end_of_publicity(work, row.id, after)  # it may have come while it was flagged
            await work.finish()
    return changed
