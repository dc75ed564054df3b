"""Field types of the request bodies and queries, and what routes of several rooms need."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import Field, StringConstraints

from services.points.ledger.reading import Sight
from services.points.market.dated import Dated
from services.points.settings import PointsSettings
from shared.auth.tokens import OutsideNode, Principal
from shared.clock import Clock
from shared.unit_of_work import UnitOfWork
from shared.web import configured
from shared.web.fields import Moment

Holder = Annotated[str, StringConstraints(pattern=r"^[a-z0-9:-]{1,64}$")]
"""The name of a holder of accounts: a volunteer's id, or a kind and a code."""

UnitCode = Annotated[str, StringConstraints(pattern=r"^[A-Z_]{1,20}(:[0-9a-f-]{36})?$")]
"""The code of a unit: POINT, MINUTE, SERVICE_MINUTE, FEN, or an item's."""

Points = Annotated[int, Field(ge=1, le=1_000_000)]
Quantity = Annotated[int, Field(ge=1, le=100_000)]


async def _seen(
    at: Annotated[Moment | None, Query(description="截至时刻，默认现在 until when; now if not given")] = None,
    as_known: Annotated[
        Literal["now", "then"],
        Query(description="按现在所知，或按当时所知 as it is known now, or as it was known then"),
    ] = "now",
) -> Sight:
    return Sight(until=at, known_at=at if as_known == "then" else None)


Seen = Annotated[Sight, Depends(_seen)]
"""In a query: until when, and as known when."""

Fen = Annotated[int, Field(ge=1, le=100_000_000_00)]
"""Money, in fen."""


def dated(work: UnitOfWork, settings: PointsSettings, at: Moment | None) -> Dated:
    """A moment that was entered, or now, with the bounds it must keep."""
    return Dated(at=at or work.now, now=work.now, earliest=work.now - timedelta(days=settings.backdating_max_days))


Configured = Annotated[PointsSettings, Depends(configured)]


async def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.service.clock
    return clock


Clocked = Annotated[Clock, Depends(_clock)]
"""In a query: the service's clock."""


def own_id(caller: Principal) -> UUID:
    """The volunteer that a volunteer's token speaks for."""
    try:
        return UUID(caller.subject)
    except ValueError:
        raise OutsideNode from None
