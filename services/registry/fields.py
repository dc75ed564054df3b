"""Field types of the registry's request bodies, and what routes of several rooms need."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.registry.settings import RegistrySettings
from shared.auth.permissions import Role
from shared.auth.tokens import OutsideNode, Principal
from shared.clock import local_day
from shared.privacy import Vault


def _text_only(value: Any) -> Any:
    # A number would be taken as seconds since 1970.
    if not isinstance(value, (str, date)) or isinstance(value, datetime):
        raise PydanticCustomError("date_type", "must be a date like 2026-03-01")
    return value


Day = Annotated[date, BeforeValidator(_text_only), Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]
"""A calendar day in Asia/Shanghai, in a sane year."""

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


async def _settings(request: Request) -> RegistrySettings:
    settings: RegistrySettings = request.app.state.settings
    return settings


async def _vault(request: Request) -> Vault:
    vault: Vault = request.state.vault
    return vault


async def _now(request: Request) -> datetime:
    now: datetime = request.app.state.workshop.clock()
    return now


Now = Annotated[datetime, Depends(_now)]
"""The current moment, in a route that reads."""
Configured = Annotated[RegistrySettings, Depends(_settings)]
"""The service's settings, in a route."""
Vaulted = Annotated[Vault, Depends(_vault)]
"""The person vault, in a route that reads."""
