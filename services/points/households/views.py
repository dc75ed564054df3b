"""Households as a table, and which volunteer belongs to which: to one at most, which the table's key holds."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.households.model import Household, decide, evolve
from services.points.tables import household_members, households
from shared.aggregate import Aggregate
from shared.contracts import Refusal
from shared.contracts.love_market import (
    HouseholdDetailsChanged,
    HouseholdForgotten,
    HouseholdMembersChanged,
    HouseholdNeedEnded,
    HouseholdNeedRecognised,
    HouseholdRegistered,
)
from shared.eventstore import Recorded
from shared.views import Views

HOUSEHOLDS = Aggregate("household", initial=Household(), decide=decide, evolve=evolve)

views = Views(tables=[households, household_members])


class InAnotherHousehold(Refusal):
    """One of these volunteers belongs to another household already."""

    code: ClassVar[str] = "in_another_household"


@views.on(HouseholdRegistered)
async def register(connection: AsyncConnection, event: HouseholdRegistered, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(households).values(
            id=event.household_id,
            community=event.community,
            registered_at=event.registered_at,
            version=recorded.version,
        )
    )
    await _belong(connection, event.household_id, event.members)


@views.on(HouseholdDetailsChanged)
async def put_right(connection: AsyncConnection, event: HouseholdDetailsChanged, recorded: Recorded) -> None:
    """Name or address read otherwise now. Whoever was asked for the name knows whether it is the forgotten person's."""
    marked = {"member_forgotten_at": None} if "name" in event.fields else {}
    await _set(connection, event.household_id, recorded, **marked)


@views.on(HouseholdMembersChanged)
async def change_members(connection: AsyncConnection, event: HouseholdMembersChanged, recorded: Recorded) -> None:
    """Others belong to it. Where one of them was forgotten it is marked, until somebody new belongs to it."""
    before = await _nobody_belongs(connection, event.household_id)
    await _belong(connection, event.household_id, event.members)
    marked: dict[str, Any] = {}
    # Before events said so, nobody but the watch over those who are forgotten acted under this name.
    if event.member_forgotten or recorded.metadata.get("actor") == "forgetting":
        marked = {"member_forgotten_at": event.changed_at}
    elif set(event.members) - before:
        marked = {"member_forgotten_at": None}
    await _set(connection, event.household_id, recorded, **marked)


@views.on(HouseholdNeedRecognised)
async def recognise(connection: AsyncConnection, event: HouseholdNeedRecognised, recorded: Recorded) -> None:
    """In need until a day."""
    await _set(connection, event.household_id, recorded, need_until=event.until)


@views.on(HouseholdNeedEnded)
async def end_need(connection: AsyncConnection, event: HouseholdNeedEnded, recorded: Recorded) -> None:
    """Not in need any more."""
    await _set(connection, event.household_id, recorded, need_until=None)


@views.on(HouseholdForgotten)
async def forget(connection: AsyncConnection, event: HouseholdForgotten, recorded: Recorded) -> None:
    """The row stays, and means nobody."""
    await _nobody_belongs(connection, event.household_id)
    gone = {"need_until": None, "member_forgotten_at": None, "forgotten_at": event.forgotten_at}
    await _set(connection, event.household_id, recorded, **gone)


async def _belong(connection: AsyncConnection, household_id: UUID, members: Sequence[UUID]) -> None:
    """Raises `InAnotherHousehold`; the transaction is then lost."""
    if not members:
        return
    # In one order, so that two lists with the same people cannot wait for each other in a circle.
    rows = [{"volunteer_id": volunteer_id, "household_id": household_id} for volunteer_id in sorted(members)]
    try:
        await connection.execute(insert(household_members).values(rows))
    except IntegrityError as error:
        if "household_members_pkey" not in str(error.orig):
            raise
        raise InAnotherHousehold from error


async def _nobody_belongs(connection: AsyncConnection, household_id: UUID) -> set[UUID]:
    """Returns who did."""
    gone = delete(household_members).where(household_members.c.household_id == household_id)
    return set(await connection.scalars(gone.returning(household_members.c.volunteer_id)))


async def marked(connection: AsyncConnection, household_id: UUID) -> bool:
    """Whether one of its members was forgotten, and nobody has looked since whose name it bears."""
    query = select(households.c.member_forgotten_at).where(households.c.id == household_id)
    return await connection.scalar(query) is not None


async def _set(connection: AsyncConnection, household_id: UUID, recorded: Recorded, **values: Any) -> None:
    changed = {**values, "version": recorded.version}
    await connection.execute(update(households).where(households.c.id == household_id).values(changed))
