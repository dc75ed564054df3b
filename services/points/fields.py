"""Field types of the request bodies and queries, and what routes of several rooms need."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.points.settings import PointsSettings
from shared.auth.tokens import OutsideNode, Principal


def _text_only(value: Any) -> Any:
    # A number would be taken as seconds since 1970.
    if not isinstance(value, (str, date)) or isinstance(value, datetime):
        raise PydanticCustomError("date_type", "must be a date like 2026-03-01")
    return value


Day = Annotated[date, BeforeValidator(_text_only), Field(ge=date(1900, 1, 1), le=date(2200, 1, 1))]
"""A calendar day in Asia/Shanghai, in a sane year."""

Holder = Annotated[str, StringConstraints(pattern=r"^[a-z0-9:-]{1,64}$")]
"""The name of a holder of accounts: a volunteer's id, or a kind and a code."""

UnitCode = Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,20}(:[0-9a-f-]{36})?$")]
"""The code of a unit: POINT, MINUTE, SERVICE_MINUTE, FEN, or an item's."""

Points = Annotated[int, Field(ge=1, le=1_000_000)]
Quantity = Annotated[int, Field(ge=1, le=100_000)]


def _settings(request: Request) -> PointsSettings:
    settings: PointsSettings = request.app.state.settings
    return settings


Configured = Annotated[PointsSettings, Depends(_settings)]


def own_id(caller: Principal) -> UUID:
    """The volunteer that a volunteer's token speaks for."""
    try:
        return UUID(caller.subject)
    except ValueError:
        raise OutsideNode from None
