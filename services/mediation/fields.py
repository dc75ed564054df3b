"""Field types of mediation's request bodies, and what several routes need."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends
from pydantic import StringConstraints

from services.mediation.cases.dating import Dated
from services.mediation.settings import MediationSettings
from shared.unit_of_work import UnitOfWork
from shared.web import configured
from shared.web.fields import Moment

_SHANGHAI = ZoneInfo("Asia/Shanghai")

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 -]{4,19}$")]
"""A telephone number as people write it."""

Month = Annotated[str, StringConstraints(pattern=r"^(19|20|21)\d{2}-(0[1-9]|1[0-2])$")]
"""A calendar month in Asia/Shanghai, like 2026-03."""


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """First moment of a month in Asia/Shanghai, and of the next."""
    year, number = int(month[:4]), int(month[5:])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    first = datetime(year, number, 1, tzinfo=_SHANGHAI)
    return first.astimezone(UTC), datetime(*following, 1, tzinfo=_SHANGHAI).astimezone(UTC)


def dated(work: UnitOfWork, settings: MediationSettings, at: Moment | None) -> Dated:
    """A moment that was entered, or now, with the bounds it must keep."""
    earliest = work.now - timedelta(days=settings.backdating_max_days)
    return Dated(at=at or work.now, now=work.now, earliest=earliest)


Configured = Annotated[MediationSettings, Depends(configured)]
"""The service's settings, in a route."""
