"""People with hours of service, as if the registry had told of them."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from shared.clock import system_clock
from shared.contracts.registry import (
    ActivityCategory,
    ActivityCompleted,
    VolunteerRegistered,
)
from tests.conftest import COMMUNITY
from tests.integration.points.producing import attendance, corrected
from tests.integration.telling import tell

_DAY_MINUTES = 480


def registration(person: uuid.UUID, on: datetime, community: str = COMMUNITY) -> VolunteerRegistered:
    return VolunteerRegistered(
        volunteer_id=person,
        volunteer_number=f"{community}-{person.int % 1_000_000:06d}",
        community=community,
        party_member=False,
        registered_on=on.date(),
    )


async def serve(service: Any, person: uuid.UUID, hours: int, until: datetime, community: str = COMMUNITY) -> Any:
    """So many hours, eight a day on the days before `until`. Returns the attendances."""
    days = range(-(-hours * 60 // _DAY_MINUTES))
    began = until.replace(hour=1, minute=0, second=0, microsecond=0)
    attendances = tuple(
        attendance(person, min(_DAY_MINUTES, hours * 60 - n * _DAY_MINUTES), began - timedelta(days=n + 1))
        for n in days
    )
    await tell(
        service,
        ActivityCompleted(
            activity_id=uuid.uuid4(),
            community=community,
            category=ActivityCategory.GENERAL,
            completed_at=until,
            attendances=attendances,
        ),
    )
    return attendances


async def correct(service: Any, attended: Any, minutes: int, community: str = COMMUNITY) -> None:
    """One attendance was shorter than told."""
    await tell(
        service,
        corrected(attended, minutes, community=community, corrected_at=system_clock()),
    )
