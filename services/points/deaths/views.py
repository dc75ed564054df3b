"""Deaths as a table; while a row is there, the account is closed."""

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.deaths.model import Death, Stage, decide, evolve
from services.points.tables import deaths
from shared.aggregate import Aggregate
from shared.contracts.deaths import (
    DeathConfirmed,
    DeathRecorded,
    DeathWithdrawn,
    EstateMadeGood,
    EstateSettled,
)
from shared.eventstore import Recorded
from shared.views import Views

DEATHS = Aggregate("death", initial=Death(), decide=decide, evolve=evolve)

views = Views(tables=[deaths])


@views.on(DeathRecorded)
async def record(connection: AsyncConnection, event: DeathRecorded, recorded: Recorded) -> None:
    """A new row."""
    await connection.execute(
        insert(deaths).values(
            id=event.death_id,
            volunteer_id=event.volunteer_id,
            community=event.community,
            died_on=event.died_on,
            heirs=[str(heir) for heir in event.heirs],
            stage=Stage.RECORDED.value,
            minutes=0,
            donation_minutes=0,
            recorded_at=event.recorded_at,
            version=recorded.version,
        )
    )


@views.on(DeathWithdrawn)
async def withdraw(connection: AsyncConnection, event: DeathWithdrawn, _: Recorded) -> None:
    """Nobody died."""
    await connection.execute(delete(deaths).where(deaths.c.id == event.death_id))


@views.on(DeathConfirmed)
async def confirm(connection: AsyncConnection, event: DeathConfirmed, recorded: Recorded) -> None:
    """For good."""
    changed = {
        "stage": Stage.CONFIRMED.value,
        "outcome": event.outcome.value,
        "policy_version": event.policy_version,
        "confirmed_at": event.confirmed_at,
        "version": recorded.version,
    }
    await connection.execute(update(deaths).where(deaths.c.id == event.death_id).values(changed))


@views.on(EstateSettled)
async def settle(connection: AsyncConnection, event: EstateSettled, recorded: Recorded) -> None:
    """More of it went its way."""
    changed = {
        "minutes": deaths.c.minutes + event.minutes,
        "donation_minutes": deaths.c.donation_minutes + event.donation_minutes,
        "version": recorded.version,
    }
    await connection.execute(update(deaths).where(deaths.c.id == event.death_id).values(changed))


@views.on(EstateMadeGood)
async def make_good(connection: AsyncConnection, event: EstateMadeGood, recorded: Recorded) -> None:
    """The community made up for more of it, or got some back."""
    changed = {
        "made_good_minutes": deaths.c.made_good_minutes + event.minutes,
        "made_good_donation_minutes": deaths.c.made_good_donation_minutes + event.donation_minutes,
        "version": recorded.version,
    }
    await connection.execute(update(deaths).where(deaths.c.id == event.death_id).values(changed))
