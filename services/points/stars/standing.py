"""What a decision on stars needs to know: confirmed minutes, membership, and what the policy asks."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.grounds.record import taken
from services.points.ledger import holders
from services.points.policy.in_force import PoliciesInForce
from services.points.policy.terms import Terms
from services.points.stars.commands import Requirement
from services.points.stars.held import Stars
from services.points.stars.refusals import StarNotHeld
from services.points.stars.views import STARS
from services.points.tables import accounts, members, star_applications
from services.points.units import Unit
from shared.contracts import wire_type
from shared.contracts.honours import CorrectingEvent, StarQualityAssessed
from shared.recovery import READ_BACK
from shared.web import NotFound

GRADES = 5


class Member(NamedTuple):
    """What points knows of a volunteer."""

    community: str
    number: str | None
    registered_on: date | None
    forgotten: bool


async def member(connection: AsyncConnection, volunteer_id: UUID) -> Member:
    """A registered volunteer. Raises `NotFound`."""
    row = (await connection.execute(select(members).where(members.c.volunteer_id == volunteer_id))).first()
    if row is None or row.community is None:
        raise NotFound("volunteer")
    return Member(row.community, row.number, row.registered_on, row.forgotten_at is not None)


async def confirmed_minutes(connection: AsyncConnection, volunteer_id: UUID) -> int:
    """The service record now, in minutes. Not below zero, even where corrections arrived before what they correct."""
    posted = select(func.greatest(0, accounts.c.credits - accounts.c.debits)).where(
        accounts.c.holder == holders.volunteer(volunteer_id), accounts.c.unit == int(Unit.SERVICE_MINUTE)
    )
    return int(await connection.scalar(posted) or 0)


async def taken_from(connection: AsyncConnection, stars: Stars, minutes: int) -> tuple[CorrectingEvent, ...]:
    """What took from the record since it last bore the grade in force; nothing where these minutes are enough."""
    held = stars.in_force
    if held is None or stars.volunteer_id is None or minutes >= held.floor_minutes:
        return ()
    return await taken(connection, stars.volunteer_id, held.known_minutes)


def requirement(terms: Terms, grade: int) -> Requirement:
    """What the policy asks for a grade."""
    stars = terms.stars
    return Requirement(
        minutes=stars.minutes.value[grade - 1],
        granted_by=stars.granted_by.value[grade - 1],
        months_min=stars.membership_months_min.value,
        policy_version=stars.minutes.version,
        assessed_percent_min=terms.assessments.assessed_percent_min.value,
        good_percent_min=terms.assessments.good_percent_min.value,
    )


async def asked_of_held(connection: AsyncConnection, stars: Stars) -> Requirement:
    """What the policy of the day of its application asks for the grade in force. Raises `StarNotHeld`."""
    held = stars.in_force
    if held is None:
        raise StarNotHeld
    query = select(star_applications.c.applied_on).where(star_applications.c.id == held.application_id)
    applied_on = (await connection.execute(query)).scalar_one()
    return requirement(await PoliciesInForce().terms(connection, stars.community, applied_on), held.grade)


async def assessors(connection: AsyncConnection, volunteer_id: UUID, application_id: UUID) -> frozenset[str]:
    """Who judged the quality for an application. The store knows who did what; events do not tell it to the world.

    `READ_BACK` is among them where the judgement in force was read back after a restore: it may be anybody's. One that
    was judged anew since has lost its weight.
    """
    rows = await connection.scalars(
        text(
            "SELECT metadata->>'actor' FROM events WHERE stream = :stream AND type = :type"
            " AND data->>'application_id' = :application AND metadata ? 'actor'"
            " ORDER BY version"
        ),
        {
            "stream": STARS.stream(volunteer_id),
            "type": wire_type(StarQualityAssessed),
            "application": str(application_id),
        },
    )
    judges = rows.all()
    return frozenset(judges[-1:]) | (frozenset(judges) - {READ_BACK})
