"""Relations as a table: one that has not ended for a volunteer and a beneficiary, which an index holds."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from sqlalchemy import Select, insert, select, union_all, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.kin.model import Stage, Tie, decide, evolve
from services.points.tables import beneficiaries, kin
from shared.aggregate import Aggregate
from shared.contracts import Refusal
from shared.contracts.time_bank import BeneficiaryForgotten, KinEnded, KinProposed, KinVerified
from shared.eventstore import Recorded
from shared.views import Views

TIES = Aggregate("kin", initial=Tie(), decide=decide, evolve=evolve)

views = Views(tables=[kin])


class KinAlreadyEntered(Refusal):
    """There is a relation of these two already."""

    code: ClassVar[str] = "kin_already_entered"


@views.on(KinProposed)
async def propose(connection: AsyncConnection, event: KinProposed, recorded: Recorded) -> None:
    """A new row. Raises `KinAlreadyEntered`; the transaction is then lost."""
    row = insert(kin).values(
        id=event.kin_id,
        community=event.community,
        volunteer_id=event.volunteer_id,
        beneficiary_id=event.beneficiary_id,
        relation=event.relation.value,
        stage=Stage.PROPOSED.value,
        proposed_at=event.proposed_at,
        version=recorded.version,
    )
    try:
        await connection.execute(row)
    except IntegrityError as error:
        if "kin_pair" not in str(error.orig):
            raise
        raise KinAlreadyEntered from error


@views.on(KinVerified)
async def verify(connection: AsyncConnection, event: KinVerified, recorded: Recorded) -> None:
    """It counts."""
    await _set(connection, event.kin_id, recorded, stage=Stage.VERIFIED.value, verified_at=event.verified_at)


@views.on(KinEnded)
async def end(connection: AsyncConnection, event: KinEnded, recorded: Recorded) -> None:
    """It no longer counts."""
    await _set(connection, event.kin_id, recorded, stage=Stage.ENDED.value, ended_at=event.ended_at)


@views.on(BeneficiaryForgotten)
async def forget(connection: AsyncConnection, event: BeneficiaryForgotten, _: Recorded) -> None:
    """Whoever means nobody has no relatives."""
    of_them = (kin.c.beneficiary_id == event.beneficiary_id) & kin.c.ended_at.is_(None)
    ended = {"stage": Stage.ENDED.value, "ended_at": event.forgotten_at}
    await connection.execute(update(kin).where(of_them).values(ended))


async def _set(connection: AsyncConnection, kin_id: UUID, recorded: Recorded, **values: Any) -> None:
    await connection.execute(update(kin).where(kin.c.id == kin_id).values({**values, "version": recorded.version}))


class Relative(NamedTuple):
    """The other end of a verified relation."""

    kin_id: UUID
    volunteer_id: UUID


async def verified_tie(connection: AsyncConnection, volunteer_id: UUID, beneficiary_id: UUID) -> UUID | None:
    """The verified relation of a volunteer and a beneficiary, locked against ending until the commit."""
    query = select(kin.c.id).where(
        kin.c.volunteer_id == volunteer_id,
        kin.c.beneficiary_id == beneficiary_id,
        kin.c.stage == Stage.VERIFIED.value,
    )
    found: UUID | None = await connection.scalar(query.with_for_update(read=True))
    return found


async def open_ties(connection: AsyncConnection, beneficiary_id: UUID) -> Sequence[UUID]:
    """The relations of a beneficiary that have not ended, verified or not."""
    query = select(kin.c.id).where(kin.c.beneficiary_id == beneficiary_id, kin.c.ended_at.is_(None))
    return (await connection.scalars(query.order_by(kin.c.id))).all()


async def volunteers_tied_to(connection: AsyncConnection, beneficiary_id: UUID) -> list[Relative]:
    """The volunteers who are verified relatives of a beneficiary."""
    query = select(kin.c.id, kin.c.volunteer_id).where(
        kin.c.beneficiary_id == beneficiary_id, kin.c.stage == Stage.VERIFIED.value
    )
    return [Relative(*row) for row in await connection.execute(query.order_by(kin.c.id))]


async def relatives(connection: AsyncConnection, volunteer_id: UUID) -> list[Relative]:
    """The volunteers to whom a volunteer has a verified relation, whoever of the two gives to the other."""
    other = beneficiaries.c.volunteer_id
    verified = kin.c.stage == Stage.VERIFIED.value
    tied = kin.join(beneficiaries, beneficiaries.c.id == kin.c.beneficiary_id)
    # Two questions rather than an OR over both tables: each has its index.
    giving = select(kin.c.id, other).select_from(tied).where(kin.c.volunteer_id == volunteer_id, other.is_not(None))
    given_to = select(kin.c.id, kin.c.volunteer_id).where(kin.c.beneficiary_id.in_(beneficiaries_of(volunteer_id)))
    rows = await connection.execute(union_all(giving.where(verified), given_to.where(verified)))
    return sorted(Relative(*row) for row in rows)


def beneficiaries_of(volunteer_id: UUID) -> Select[tuple[UUID]]:
    """The beneficiary that a volunteer is, where they are one."""
    # As the partial index says of itself; a beneficiary who was forgotten is no volunteer any more.
    mine = (beneficiaries.c.volunteer_id == volunteer_id) & beneficiaries.c.forgotten_at.is_(None)
    return select(beneficiaries.c.id).where(mine)
