"""What a service that puts volunteers to work knows of the registry's: that they exist, and whether they may serve.

The copy comes over the bus, so it is a moment behind: docs/decisions/0011. A service has its table in its metadata
(`known_volunteers`) and these reactions before its own, so that a person who is forgotten is nobody any more before
the service drops what it tied to them: whoever is just tying something more holds the row, and is waited for.
"""

import asyncio
import time
from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import Column, MetaData, Table, Text, Uuid, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import Refusal
from shared.contracts.registry import ConsentRenewed, ConsentWithdrawn, PersonForgotten, VolunteerRegistered
from shared.deliveries import Delivery
from shared.reactions import Reactions
from shared.unit_of_work import UnitOfWork

REGISTERED: Final = "registered"
CONSENT_WITHDRAWN: Final = "consent_withdrawn"
FORGOTTEN: Final = "forgotten"

WAITING_MAX: Final = 3
_LOOK_AGAIN_S: Final = 0.05
_waiting = asyncio.Semaphore(WAITING_MAX)

reactions = Reactions()


class VolunteerUnknown(Refusal):
    """No volunteer has this id, or none that has been heard of yet."""

    code = "volunteer_unknown"
    status = 422


class VolunteerMayNotServe(Refusal):
    """The person withdrew consent or was forgotten; no service is planned or recorded for them."""

    code = "volunteer_may_not_serve"


def known_volunteers(metadata: MetaData) -> Table:
    """The copy, among a service's tables: a volunteer's id and standing, and no more.

    It is no read table: rebuilding leaves it alone, republishing the registry fills it.
    """
    return Table(
        "known_volunteers",
        metadata,
        Column("volunteer_id", Uuid, primary_key=True),
        Column("standing", Text, nullable=False),
    )


async def require_known(connection: AsyncConnection, volunteers: Collection[UUID], wait_ms: int = 0) -> None:
    """Refuse ids that belong to no volunteer, or to one who was forgotten: nothing is tied to them any more.

    Somebody registered a moment ago is waited for, as in `require_good`.
    """
    known = await _heard_of(connection, volunteers, wait_ms)
    for volunteer_id in volunteers:
        if known.get(volunteer_id, FORGOTTEN) == FORGOTTEN:
            raise VolunteerUnknown(volunteer_id=str(volunteer_id))


async def require_good(connection: AsyncConnection, volunteers: Collection[UUID], wait_ms: int = 0) -> None:
    """Refuse volunteers who are not known or may not serve.

    Somebody registered a moment ago is waited for: `wait_ms` at most, and by few requests at a time, since a waiting
    one keeps its database connection. The rows found are locked against change until the transaction ends, so that a
    consent withdrawn in the same moment either comes first and is seen, or waits.
    """
    known = await _heard_of(connection, volunteers, wait_ms)
    for volunteer_id in volunteers:
        if volunteer_id not in known:
            raise VolunteerUnknown(volunteer_id=str(volunteer_id))
        if known[volunteer_id] != REGISTERED:
            raise VolunteerMayNotServe(volunteer_id=str(volunteer_id))


async def unavailable(connection: AsyncConnection, volunteers: Collection[UUID]) -> frozenset[UUID]:
    """Those of the volunteers for whom no service may be recorded any more."""
    known = await _standings(connection, volunteers)
    return frozenset(volunteer_id for volunteer_id, standing in known.items() if standing != REGISTERED)


async def _heard_of(connection: AsyncConnection, volunteers: Collection[UUID], wait_ms: int) -> dict[UUID, str]:
    known = await _standings(connection, volunteers)
    if len(known) == len(set(volunteers)) or wait_ms == 0 or _waiting.locked():
        return known
    deadline = time.monotonic() + wait_ms / 1000
    async with _waiting:
        while len(known) < len(set(volunteers)) and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_AGAIN_S)
            known = await _standings(connection, volunteers)
    return known


async def _standings(connection: AsyncConnection, volunteers: Collection[UUID]) -> dict[UUID, str]:
    if not volunteers:
        return {}
    rows = await connection.execute(
        text(
            "SELECT volunteer_id, standing FROM known_volunteers WHERE volunteer_id = ANY(:ids)"
            " ORDER BY volunteer_id FOR SHARE"
        ),
        {"ids": list(volunteers)},
    )
    return {row.volunteer_id: row.standing for row in rows}


@reactions.on(VolunteerRegistered)
async def know(work: UnitOfWork, event: VolunteerRegistered, _: Delivery) -> None:
    """Somebody new may serve, or be tied to something. Whoever is known already keeps their standing."""
    await work.connection.execute(
        text("INSERT INTO known_volunteers (volunteer_id, standing) VALUES (:id, :standing) ON CONFLICT DO NOTHING"),
        {"id": event.volunteer_id, "standing": REGISTERED},
    )


@reactions.on(ConsentWithdrawn)
async def suspend(work: UnitOfWork, event: ConsentWithdrawn, _: Delivery) -> None:
    """No further service is recorded."""
    await _stand(work.connection, event.volunteer_id, CONSENT_WITHDRAWN)


@reactions.on(ConsentRenewed)
async def resume(work: UnitOfWork, event: ConsentRenewed, _: Delivery) -> None:
    """Service may be recorded again."""
    await _stand(work.connection, event.volunteer_id, REGISTERED)


@reactions.on(PersonForgotten)
async def lose(work: UnitOfWork, event: PersonForgotten, _: Delivery) -> None:
    """The id belongs to nobody any more."""
    await _stand(work.connection, event.volunteer_id, FORGOTTEN)


async def _stand(connection: AsyncConnection, volunteer_id: UUID, standing: str) -> None:
    # Forgotten is for good, in whatever order an old topic is read again.
    await connection.execute(
        text(
            "INSERT INTO known_volunteers (volunteer_id, standing) VALUES (:id, :standing)"
            " ON CONFLICT (volunteer_id) DO UPDATE SET standing = excluded.standing"
            " WHERE known_volunteers.standing <> :forgotten"
        ),
        {"id": volunteer_id, "standing": standing, "forgotten": FORGOTTEN},
    )
