"""Field types of the request bodies and queries, and what routes of several rooms need."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from services.points.details import ChangeDetails
from services.points.ledger.reading import Sight
from services.points.market.dated import Dated
from services.points.reversal import Reverse
from services.points.settings import PointsSettings
from shared.aggregate import Aggregate, State
from shared.auth.tokens import OutsideNode, Principal
from shared.clock import Clock
from shared.contracts.reversals import ReversalReason
from shared.unit_of_work import UnitOfWork
from shared.web import configured
from shared.web.fields import Body, Moment

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


class ReversalBody(Body):
    """撤回原因 Why it is taken back; always as a whole."""

    reason: ReversalReason


class ReversalOut(BaseModel):
    """What was taken back."""

    id: UUID
    reason: ReversalReason
    reversed_at: datetime


class Reversible(BaseModel):
    """Whether it was taken back, of something that can be."""

    reversed_at: datetime | None = Field(default=None, description="何时撤回，有效的为空 null while it holds")
    reversal_reason: ReversalReason | None = Field(default=None, description="撤回原因 why it was taken back")


WhetherReversed = Annotated[
    bool | None, Query(alias="reversed", description="只看已撤回的，或只看有效的 what was taken back, or what holds")
]
"""In a query: of a list of what can be taken back."""


def reversing(work: UnitOfWork, settings: PointsSettings, body: ReversalBody) -> Reverse:
    """The command to take something back, as far as books stay open."""
    return Reverse(body.reason, work.now, work.now - timedelta(days=settings.backdating_max_days))


class DetailsBody(Body):
    """Details to put right: only what changes; null takes a detail away, where it is not needed."""

    NEEDED: ClassVar[frozenset[str]] = frozenset({"name"})

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing_to_change", "name at least one field")
        emptied = sorted(name for name in self.model_fields_set & self.NEEDED if getattr(self, name) is None)
        if emptied:
            raise PydanticCustomError("cannot_be_emptied", "{fields} cannot be empty", {"fields": ", ".join(emptied)})
        return self


S = TypeVar("S", bound=State)


async def put_right(
    work: UnitOfWork,
    aggregate: Aggregate[S],
    subject: UUID,
    details: Mapping[str, str | None],
    command: Callable[[tuple[str, ...], datetime], Any] = ChangeDetails,
    doubted: Collection[str] = (),
) -> S:
    """Replace these details in the vault; None takes one away. The event says which of them were not the same before.

    Of those that are `doubted` it says so, too, where they are the same: somebody looked, and they are right. The
    aggregate was loaded before, so whoever puts the same person right meanwhile is noticed.
    """
    before = await work.vault.get(work.connection, subject)
    changed = {name: value for name, value in details.items() if name in doubted or before.get(name) != value}
    state = await work.execute(aggregate, subject, command(tuple(sorted(changed)), work.now))
    if kept := {name: value for name, value in changed.items() if value is not None}:
        await work.vault.put(work.connection, subject, kept)
    await work.vault.clear(work.connection, subject, [name for name in changed if name not in kept])
    return state


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
