"""The numbers by which people know volunteers, where the ledger has ids. Of forgotten people there are none."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.tables import members


async def numbers_of(read: AsyncConnection, volunteers: Iterable[UUID]) -> dict[UUID, str]:
    """Number by volunteer, as far as they are known."""
    query = select(members.c.volunteer_id, members.c.number).where(
        members.c.volunteer_id.in_({*volunteers}), members.c.number.is_not(None)
    )
    return {row.volunteer_id: row.number for row in await read.execute(query)}
