"""Volunteers as a table: numbers and standing, nothing that says who they are."""

from collections.abc import Sequence

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.tables import volunteer_moves, volunteers
from services.registry.volunteers.model import Standing
from shared.contracts.registry import (
    ConsentRenewed,
    ConsentWithdrawn,
    PersonForgotten,
    VolunteerDetailsChanged,
    VolunteerMoved,
    VolunteerRegistered,
)
from shared.eventstore import Recorded
from shared.views import Views

views = Views([volunteers, volunteer_moves])


@views.on_run(VolunteerRegistered)
async def register(connection: AsyncConnection, run: Sequence[Recorded]) -> None:
    """New volunteers, many at once where a roster is imported."""
    rows = []
    for recorded in run:
        event = recorded.event
        assert isinstance(event, VolunteerRegistered)
        rows.append(
            {
                "id": event.volunteer_id,
                "number": event.volunteer_number,
                "community": event.community,
                "party_member": event.party_member,
                "standing": Standing.REGISTERED.value,
                "registered_on": event.registered_on,
                "version": recorded.version,
            }
        )
    await connection.execute(insert(volunteers), rows)


@views.on(VolunteerDetailsChanged)
async def change(connection: AsyncConnection, event: VolunteerDetailsChanged, recorded: Recorded) -> None:
    """Of the details, only party membership is known here."""
    await connection.execute(
        update(volunteers)
        .where(volunteers.c.id == event.volunteer_id)
        .values(party_member=event.party_member, version=recorded.version)
    )


@views.on(VolunteerMoved)
async def move(connection: AsyncConnection, event: VolunteerMoved, recorded: Recorded) -> None:
    """The volunteer is found in the other community from now on; the number stays."""
    await connection.execute(
        update(volunteers)
        .where(volunteers.c.id == event.volunteer_id)
        .values(community=event.community, version=recorded.version)
    )
    await connection.execute(
        insert(volunteer_moves).values(
            volunteer_id=event.volunteer_id,
            moved_version=recorded.version,
            moved_on=event.moved_on,
            from_community=event.from_community,
            community=event.community,
        )
    )


@views.on(ConsentWithdrawn)
async def withdraw(connection: AsyncConnection, event: ConsentWithdrawn, recorded: Recorded) -> None:
    """No further service is recorded."""
    await _stand(connection, event, recorded, Standing.CONSENT_WITHDRAWN)


@views.on(ConsentRenewed)
async def renew(connection: AsyncConnection, event: ConsentRenewed, recorded: Recorded) -> None:
    """Service may be recorded again."""
    await _stand(connection, event, recorded, Standing.REGISTERED)


@views.on(PersonForgotten)
async def forget(connection: AsyncConnection, event: PersonForgotten, recorded: Recorded) -> None:
    """The number stays, so that records and ledger keep adding up; what described the person goes."""
    await connection.execute(
        update(volunteers)
        .where(volunteers.c.id == event.volunteer_id)
        .values(standing=Standing.FORGOTTEN.value, party_member=False, version=recorded.version)
    )


async def _stand(
    connection: AsyncConnection, event: ConsentWithdrawn | ConsentRenewed, recorded: Recorded, standing: Standing
) -> None:
    await connection.execute(
        update(volunteers)
        .where(volunteers.c.id == event.volunteer_id)
        .values(standing=standing.value, version=recorded.version)
    )
