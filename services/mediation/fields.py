"""Field types of mediation's request bodies, and what several routes need."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request
from pydantic import StringConstraints
from sqlalchemy import Column, ColumnElement, and_

from services.mediation.cases.model import Dated
from services.mediation.settings import MediationSettings
from shared.auth.tokens import Principal
from shared.contracts import NodeCode
from shared.privacy import Vault
from shared.unit_of_work import UnitOfWork
from shared.web.fields import Moment

_SHANGHAI = ZoneInfo("Asia/Shanghai")

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 -]{4,19}$")]
"""A telephone number as people write it."""

Month = Annotated[str, StringConstraints(pattern=r"^(19|20|21)\d{2}-(0[1-9]|1[0-2])$")]
"""A calendar month in Asia/Shanghai, like 2026-03."""

COMMUNITY_DIGITS: Final = 12

Within = Annotated[
    NodeCode | None,
    Query(description="该节点及下级，默认本人所在节点 this node and below; by default the caller's own"),
]


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """First moment of a month in Asia/Shanghai, and of the next."""
    year, number = int(month[:4]), int(month[5:])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    first = datetime(year, number, 1, tzinfo=_SHANGHAI)
    return first.astimezone(UTC), datetime(*following, 1, tzinfo=_SHANGHAI).astimezone(UTC)


def below(column: Column[str], within: str | None, caller: Principal) -> ColumnElement[bool]:
    """That a row lies on the node asked for or below it. Raises `OutsideNode`."""
    node = within or caller.node
    caller.require(node)
    if len(node) == COMMUNITY_DIGITS:
        return column == node  # so that an index on community and time gives a community's page in its order
    # One range of the index; ":" is the character after "9".
    return and_(column >= node, column < node + ":")


def dated(work: UnitOfWork, settings: MediationSettings, at: Moment | None) -> Dated:
    """A moment that was entered, or now, with the bounds it must keep."""
    earliest = work.now - timedelta(days=settings.backdating_max_days)
    return Dated(at=at or work.now, now=work.now, earliest=earliest)


def _settings(request: Request) -> MediationSettings:
    settings: MediationSettings = request.app.state.settings
    return settings


def _vault(request: Request) -> Vault:
    vault: Vault = request.state.vault
    return vault


Configured = Annotated[MediationSettings, Depends(_settings)]
"""The service's settings, in a route."""
Vaulted = Annotated[Vault, Depends(_vault)]
"""The vault, in a route that reads."""
