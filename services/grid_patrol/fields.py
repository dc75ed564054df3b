"""Field types of the patrol grid's request bodies, and what routes of several rooms need."""

from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError
from sqlalchemy import Column, ColumnElement, and_

from services.grid_patrol.settings import GridPatrolSettings
from shared.auth.tokens import Principal
from shared.contracts import NodeCode
from shared.contracts.common import CommunityCode
from shared.privacy import Vault

CellCode = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,31}$")]
"""A cell's code, unique within its community."""

PathCommunity = Annotated[CommunityCode, Path(description="社区代码 division code of the community")]
PathCell = Annotated[CellCode, Path(description="网格编码 code of the cell")]

COMMUNITY_DIGITS: Final = 12

Within = Annotated[
    NodeCode | None,
    Query(description="该节点及下级，默认本人所在节点 this node and below; by default the caller's own"),
]


def _distinct(values: list[UUID]) -> list[UUID]:
    if len(set(values)) != len(values):
        raise PydanticCustomError("repeated", "must not name anybody twice")
    return values


Volunteers = Annotated[list[UUID], Field(max_length=500), AfterValidator(_distinct)]
"""Volunteers, each named once."""


def below(column: Column[str], within: str | None, caller: Principal) -> ColumnElement[bool]:
    """That a row lies on the node asked for or below it. Raises `OutsideNode`."""
    node = within or caller.node
    caller.require(node)
    if len(node) == COMMUNITY_DIGITS:
        return column == node  # so that an index on community and time gives a community's page in its order
    # One range of the index; ":" is the character after "9".
    return and_(column >= node, column < node + ":")


def earliest(now: datetime, settings: GridPatrolSettings) -> datetime:
    """How far back something may be dated that is entered now."""
    return now - timedelta(days=settings.backdating_max_days)


def _settings(request: Request) -> GridPatrolSettings:
    settings: GridPatrolSettings = request.app.state.settings
    return settings


def _vault(request: Request) -> Vault:
    vault: Vault = request.state.vault
    return vault


Configured = Annotated[GridPatrolSettings, Depends(_settings)]
"""The service's settings, in a route."""
Vaulted = Annotated[Vault, Depends(_vault)]
"""The vault, in a route that reads."""
