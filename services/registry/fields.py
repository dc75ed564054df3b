"""Field types of the registry's request bodies, and what routes of several rooms need."""

import re
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from pydantic import PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.settings import RegistrySettings
from services.registry.tables import volunteers
from shared.auth.permissions import Role
from shared.auth.tokens import OutsideNode, Principal
from shared.clock import local_day
from shared.web import configured
from shared.web.nodes import row_of_caller

_NUMBER = re.compile(r"^[0-9]{12}-[0-9]{6,9}$")
VolunteerNumber = Annotated[str, StringConstraints(pattern=_NUMBER.pattern)]
"""A volunteer's public number: community code and running number."""


def _reference(value: Any) -> UUID | str:
    # A union would answer a slip of the pen with one error for each of its branches.
    if isinstance(value, UUID) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return value
    if isinstance(value, str):
        with suppress(ValueError):
            return UUID(value)
    raise PydanticCustomError("volunteer_reference", "must be a volunteer's id, or a number like 620201001004-000123")


VolunteerReference = Annotated[
    UUID | VolunteerNumber, PlainValidator(_reference, json_schema_input_type=UUID | VolunteerNumber)
]
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


async def volunteer_of_caller(read: AsyncConnection, caller: Principal, volunteer_id: UUID) -> Row[Any]:
    """A volunteer's row, if the caller may read it. Raises `NotFound` or `OutsideNode`."""
    return await row_of_caller(read, caller, volunteers.c.id, volunteer_id, "volunteer", person=volunteer_id)


async def _now(request: Request) -> datetime:
    now: datetime = request.app.state.workshop.clock()
    return now


Now = Annotated[datetime, Depends(_now)]
"""The current moment, in a route that reads."""
Configured = Annotated[RegistrySettings, Depends(configured)]
"""The service's settings, in a route."""
