"""Gathers from the tables what an order must know of the people it concerns."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.accounts.known import Known, known_volunteers, minutes_of
from services.points.beneficiaries.age import age_years_min
from services.points.kin.views import relatives, verified_tie, volunteers_tied_to
from services.points.policy.in_force import PoliciesInForce
from services.points.tables import members
from services.points.time_orders.model import old_enough
from services.points.time_orders.order import Stage
from services.points.time_orders.standing import Means, Standing
from shared.clock import local_day
from shared.contracts.time_bank import TimePayer
from shared.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for."""

    planned_minutes: int
    payer: TimePayer
    payer_volunteer_id: UUID | None
    kin_asked: bool


async def standing_of(work: UnitOfWork, policies: PoliciesInForce, beneficiary: Any, asked: Asked) -> Standing:
    """What decides on an order that is asked for."""
    connection, today = work.connection, local_day(work.now)
    own = beneficiary.volunteer_id
    payer = {TimePayer.OWN: own, TimePayer.GIFT: asked.payer_volunteer_id, TimePayer.POOL: None}[asked.payer]
    known = await known_volunteers(connection, [own, payer])
    of_payer = known.get(payer) if payer is not None else None
    terms = await policies.terms(connection, of_payer.community if of_payer else beneficiary.community, today)
    kin_id = None
    if asked.payer is TimePayer.GIFT and payer is not None:
        kin_id = await verified_tie(connection, payer, beneficiary.id)
    means = Means()
    if asked.payer is TimePayer.POOL:
        means = await means_of(work, policies, beneficiary, asked.planned_minutes, kin_asked=asked.kin_asked)
    return Standing(
        beneficiary_id=beneficiary.id,
        community=beneficiary.community,
        beneficiary_forgotten=beneficiary.forgotten_at is not None,
        someone_died=_closed(known, own),
        payer_volunteer_id=payer,
        payer_community=of_payer.book if of_payer else beneficiary.community,
        payer_closed=payer is not None and (of_payer is None or of_payer.closed),
        kin_id=kin_id,
        age_years_min=await age_years_min(work, beneficiary, known),
        spend_from_age=terms.time_bank.spend_from_age.value,
        means=means,
    )


async def means_of(
    work: UnitOfWork, policies: PoliciesInForce, beneficiary: Any, planned_minutes: int, *, kin_asked: bool
) -> Means:
    """What a beneficiary has without the pool: minutes that they may use, and relatives who have enough."""
    connection, own, own_minutes = work.connection, beneficiary.volunteer_id, 0
    tied = [relative.volunteer_id for relative in await volunteers_tied_to(connection, beneficiary.id)]
    known = await known_volunteers(connection, [own, *tied])
    open_ones = [one for one in {own, *tied} if one in known and not known[one].closed]
    minutes = await minutes_of(connection, open_ones)
    if own in minutes:
        terms = await policies.terms(connection, known[own].community, local_day(work.now))
        from_age, years = terms.time_bank.spend_from_age.value, await age_years_min(work, beneficiary, known)
        own_minutes = minutes[own] if old_enough(years, from_age) else 0
    could_give = any(minutes[one] >= planned_minutes for one in tied if one in minutes)
    closed = beneficiary.forgotten_at is not None or _closed(known, own)
    return Means(own_minutes, could_give, kin_asked, closed)


async def related(connection: AsyncConnection, provider_id: UUID, beneficiary: Any) -> bool:
    """Whether a provider is a verified relative of a beneficiary, whoever of the two gives to the other."""
    if await verified_tie(connection, provider_id, beneficiary.id) is not None:
        return True
    own = beneficiary.volunteer_id
    return own is not None and own in {relative.volunteer_id for relative in await relatives(connection, provider_id)}


def _closed(known: dict[UUID, Known], volunteer_id: UUID | None) -> bool:
    return volunteer_id is not None and volunteer_id in known and known[volunteer_id].closed


_ELSEWHERE = text(
    """
    SELECT EXISTS (
        SELECT FROM time_orders
         WHERE provider_id = :provider_id AND id <> :order_id AND stage = ANY(:stages)
           AND started_at < :until AND started_at + minutes * interval '1 minute' > :since)
    """
)


async def served_elsewhere(
    connection: AsyncConnection, provider_id: UUID, order_id: UUID, started_at: datetime, minutes: int
) -> bool:
    """Whether a provider served another order at that time. Two that are recorded at once wait for each other."""
    await connection.execute(select(members).where(members.c.volunteer_id == provider_id).with_for_update())
    params = {
        "provider_id": provider_id,
        "order_id": order_id,
        "stages": [Stage.SERVED.value, Stage.CONFIRMED.value],
        "since": started_at,
        "until": started_at + timedelta(minutes=minutes),
    }
    return bool(await connection.scalar(_ELSEWHERE, params))
