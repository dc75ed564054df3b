"""Beneficiaries as a table; a volunteer is one beneficiary at most, which an index holds."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.beneficiaries.model import Beneficiary, BeneficiaryAlreadyRegistered, decide, evolve
from services.points.tables import beneficiaries, beneficiary_identities, members
from shared.aggregate import Aggregate
from shared.contracts.time_bank import BeneficiaryDetailsChanged, BeneficiaryForgotten, BeneficiaryRegistered
from shared.eventstore import Recorded
from shared.views import Views
from shared.web import NotFound

BENEFICIARIES = Aggregate("beneficiary", initial=Beneficiary(), decide=decide, evolve=evolve)

views = Views(tables=[beneficiaries])


@views.on(BeneficiaryRegistered)
async def register(connection: AsyncConnection, event: BeneficiaryRegistered, recorded: Recorded) -> None:
    """A new row. Raises `BeneficiaryAlreadyRegistered`; the transaction is then lost."""
    row = insert(beneficiaries).values(
        id=event.beneficiary_id,
        community=event.community,
        volunteer_id=event.volunteer_id,
        age_group_from=event.age_group_from,
        registered_at=event.registered_at,
        version=recorded.version,
    )
    try:
        await connection.execute(row)
    except IntegrityError as error:
        if "beneficiaries_volunteer" not in str(error.orig):
            raise
        raise BeneficiaryAlreadyRegistered from error


@views.on(BeneficiaryDetailsChanged)
async def put_right(connection: AsyncConnection, event: BeneficiaryDetailsChanged, recorded: Recorded) -> None:
    """Who it is reads otherwise now; of another document the age group follows."""
    changed = {"version": recorded.version}
    if event.age_group_from is not None:
        changed["age_group_from"] = event.age_group_from
    await connection.execute(update(beneficiaries).where(beneficiaries.c.id == event.beneficiary_id).values(changed))


@views.on(BeneficiaryForgotten)
async def forget(connection: AsyncConnection, event: BeneficiaryForgotten, recorded: Recorded) -> None:
    """The row stays, and means nobody."""
    changed = {
        "volunteer_id": None,
        "age_group_from": None,
        "forgotten_at": event.forgotten_at,
        "version": recorded.version,
    }
    await connection.execute(update(beneficiaries).where(beneficiaries.c.id == event.beneficiary_id).values(changed))


home_now = func.coalesce(members.c.community, beneficiaries.c.community)
"""Of a volunteer it follows them when they move; anybody else is at home where they were registered."""


def rows_at_home() -> Select[Any]:
    """Beneficiaries with their home as `community`, and the age group that a volunteer is in today."""
    own = [column for column in beneficiaries.c if column is not beneficiaries.c.community]
    today = members.c.age_group_from.label("age_group_today")
    return select(*own, home_now.label("community"), today).outerjoin(
        members, members.c.volunteer_id == beneficiaries.c.volunteer_id
    )


async def home_of(connection: AsyncConnection, beneficiary_id: UUID) -> str:
    """Where a beneficiary is at home. Nothing is locked, so whoever waits for a gate may ask before. `NotFound`."""
    at_home = rows_at_home().where(beneficiaries.c.id == beneficiary_id)
    home: str | None = await connection.scalar(at_home.with_only_columns(home_now))
    if home is None:
        raise NotFound("beneficiary")
    return home


async def claim_identity(connection: AsyncConnection, digest: bytes, beneficiary_id: UUID) -> None:
    """One person, one beneficiary. Raises `BeneficiaryAlreadyRegistered`."""
    row = upsert(beneficiary_identities).values(digest=digest, beneficiary_id=beneficiary_id)
    claimed = row.on_conflict_do_nothing().returning(beneficiary_identities.c.digest)
    if (await connection.execute(claimed)).first() is None:
        raise BeneficiaryAlreadyRegistered


async def free_identity(connection: AsyncConnection, beneficiary_id: UUID) -> Sequence[bytes]:
    """The number can be registered again. Returns the digest that was claimed."""
    freed = delete(beneficiary_identities).where(beneficiary_identities.c.beneficiary_id == beneficiary_id)
    return (await connection.scalars(freed.returning(beneficiary_identities.c.digest))).all()


async def beneficiary_row(connection: AsyncConnection, beneficiary_id: UUID) -> Any:
    """The row of a beneficiary, locked against being erased until the commit. Raises `NotFound`."""
    query = rows_at_home().where(beneficiaries.c.id == beneficiary_id).with_for_update(read=True, of=beneficiaries)
    row = (await connection.execute(query)).first()
    if row is None:
        raise NotFound("beneficiary")
    return row
