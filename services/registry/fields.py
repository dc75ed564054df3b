"""Field types of the registry's request bodies, and what routes of several rooms need."""

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from pydantic import StringConstraints

from services.registry.settings import RegistrySettings
from shared.auth.permissions import Role
from shared.auth.tokens import OutsideNode, Principal
from shared.clock import local_day
from shared.web import configured

VolunteerNumber = Annotated[str, StringConstraints(pattern=r"^\d{12}-\d{6,9}$")]
"""A volunteer's public number: community code and running number."""

VolunteerReference = UUID | VolunteerNumber
"""A volunteer by id or by number."""


def earliest_day(now: datetime, backdating_max_days: int) -> date:
    """The first day to which something entered now may be dated."""
    return local_day(now) - timedelta(days=backdating_max_days)


def own_id(caller: Principal) -> UUID | None:
    """The volunteer whose records alone the caller may see; None for staff."""
    if caller.role is not Role.VOLUNTEER:
        return None
    try:
        return UUID(caller.subject)
    except ValueError:
        raise OutsideNode from None


async def _now(request: Request) -> datetime:
    now: datetime = request.app.state.workshop.clock()
    return now


Now = Annotated[datetime, Depends(_now)]
"""The current moment, in a route that reads."""
Configured = Annotated[RegistrySettings, Depends(configured)]
"""The service's settings, in a route."""
