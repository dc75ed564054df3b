"""What is known of volunteers when something is done with their minutes: home, age group, and open or closed."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.ledger import holders
from services.points.tables import accounts, deaths, members
from services.points.units import Unit


class Known(NamedTuple):
    """A volunteer whose home is known."""

    community: str
    """Home."""
    book: str
    """The community in whose book their accounts stand: where they were registered, wherever they live now."""
    age_group_from: int | None
    closed: bool
    """The holder died, or their data was erased."""

    @property
    def book_elsewhere(self) -> str | None:
        """The book, where it is not that of their home."""
        return None if self.book == self.community else self.book


async def known_volunteers(connection: AsyncConnection, volunteers: Collection[UUID | None]) -> dict[UUID, Known]:
    """Those of the volunteers whom the registry has told of, or whom it had forgotten.

    Their rows are locked against change until the commit: a person who is forgotten in the same moment either is so
    before, or waits.
    """
    wanted = sorted({volunteer_id for volunteer_id in volunteers if volunteer_id is not None})
    if not wanted:
        return {}
    dead = select(deaths.c.volunteer_id).where(deaths.c.volunteer_id.in_(wanted))
    died = set((await connection.scalars(dead)).all())
    query = select(members).where(members.c.volunteer_id.in_(wanted), members.c.community.is_not(None))
    rows = await connection.execute(query.order_by(members.c.volunteer_id).with_for_update(read=True))
    return {
        row.volunteer_id: Known(
            row.community,
            row.registered_in or row.community,
            row.age_group_from,
            row.forgotten_at is not None or row.volunteer_id in died,
        )
        for row in rows
    }


async def available(connection: AsyncConnection, holder_names: Collection[str], unit: Unit) -> dict[str, int]:
    """What holders can spend of a unit; those without an account are left out."""
    left = accounts.c.credits - accounts.c.debits - accounts.c.pending_debits
    query = select(accounts.c.holder, left).where(
        accounts.c.holder.in_(list(holder_names)), accounts.c.unit == int(unit)
    )
    return {row[0]: int(row[1]) for row in await connection.execute(query)}


async def minutes_of(connection: AsyncConnection, volunteers: Collection[UUID]) -> dict[UUID, int]:
    """Minutes of the time bank that volunteers can spend; never below zero."""
    found = await available(connection, [holders.volunteer(one) for one in volunteers], Unit.MINUTE)
    return {one: max(0, found.get(holders.volunteer(one), 0)) for one in volunteers}
