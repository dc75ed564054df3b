"""Field types of the patrol grid's request bodies, and what routes of several rooms need."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path
from pydantic import Field, StringConstraints

from services.grid_patrol.settings import GridPatrolSettings
from shared.contracts.common import CommunityCode
from shared.web import configured
from shared.web.fields import EachOnce

CellCode = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,31}$")]
"""A cell's code, unique within its community."""

PathCommunity = Annotated[CommunityCode, Path(description="社区代码 division code of the community")]
PathCell = Annotated[CellCode, Path(description="网格编码 code of the cell")]

Volunteers = Annotated[list[UUID], Field(max_length=500), EachOnce]
"""Volunteers, each named once."""


def earliest(now: datetime, settings: GridPatrolSettings) -> datetime:
    """How far back something may be dated that is entered now."""
    return now - timedelta(days=settings.backdating_max_days)


Configured = Annotated[GridPatrolSettings, Depends(configured)]
"""The service's settings, in a route."""
