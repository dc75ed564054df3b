"""Field types of the request bodies and queries, and what routes of several rooms need."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import Field, StringConstraints

from services.points.settings import PointsSettings
from shared.auth.tokens import OutsideNode, Principal
from shared.web import configured

Holder = Annotated[str, StringConstraints(pattern=r"^[a-z0-9:-]{1,64}$")]
"""The name of a holder of accounts: a volunteer's id, or a kind and a code."""

UnitCode = Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,20}(:[0-9a-f-]{36})?$")]
"""The code of a unit: POINT, MINUTE, SERVICE_MINUTE, FEN, or an item's."""

Points = Annotated[int, Field(ge=1, le=1_000_000)]
Quantity = Annotated[int, Field(ge=1, le=100_000)]


Configured = Annotated[PointsSettings, Depends(configured)]


def own_id(caller: Principal) -> UUID:
    """The volunteer that a volunteer's token speaks for."""
    try:
        return UUID(caller.subject)
    except ValueError:
        raise OutsideNode from None
