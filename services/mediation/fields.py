"""Field types of mediation's request bodies, and what several routes need."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends
from pydantic import StringConstraints

from services.mediation.cases.dating import Dated
from services.mediation.settings import MediationSettings
from shared.unit_of_work import UnitOfWork
from shared.web import configured
from shared.web.fields import Moment

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 -]{4,19}$")]
"""A telephone number as people write it."""


def dated(work: UnitOfWork, settings: MediationSettings, at: Moment | None) -> Dated:
    """A moment that was entered, or now, with the bounds it must keep."""
    earliest = work.now - timedelta(days=settings.backdating_max_days)
    return Dated(at=at or work.now, now=work.now, earliest=earliest)


Configured = Annotated[MediationSettings, Depends(configured)]
"""The service's settings, in a route."""
