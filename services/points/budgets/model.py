"""A grant (拨款): fen set aside for a love market to buy goods with. How much is left is the ledger's to know."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from services.points.market.dated import Dated
from services.points.reversal import Reverse, reversed_as
from shared.contracts import Event, Refusal, refuse_unless
from shared.contracts.love_market import BudgetGranted
from shared.contracts.reversals import BudgetGrantReversed


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as its event tells it."""

    id: UUID | None = None
    community: str = ""
    amount_fen: int = 0
    granted_at: datetime | None = None
    reversed: bool = False


@dataclass(frozen=True, slots=True)
class GrantBudget:
    """Set fen aside."""

    grant_id: UUID
    community: str
    amount_fen: int
    reference: str | None
    granted: Dated


class BudgetAlreadyGranted(Refusal):
    """There is such a grant already."""

    code: ClassVar[str] = "budget_already_granted"


def decide(grant: Grant, command: GrantBudget | Reverse) -> list[Event]:
    """Which event a command leads to. Raises `BudgetAlreadyGranted` and the refusals of `Dated` and `Reverse`."""
    if isinstance(command, Reverse):
        return [_reversed(grant, command)]
    refuse_unless(grant.id is None, BudgetAlreadyGranted)
    return [
        BudgetGranted(
            grant_id=command.grant_id,
            community=command.community,
            amount_fen=command.amount_fen,
            reference=command.reference,
            granted_at=command.granted.within_bounds(),
        )
    ]


def _reversed(grant: Grant, command: Reverse) -> Event:
    assert grant.id is not None
    assert grant.granted_at is not None
    return BudgetGrantReversed(
        grant_id=grant.id,
        community=grant.community,
        amount_fen=grant.amount_fen,
        granted_at=grant.granted_at,
        **reversed_as(command, grant.granted_at, before=grant.reversed),
    )


def evolve(grant: Grant, event: Event) -> Grant:
    """The grant after an event."""
    match event:
        case BudgetGranted():
            return Grant(event.grant_id, event.community, event.amount_fen, event.granted_at)
        case BudgetGrantReversed():
            return replace(grant, reversed=True)
        case _:
            return grant
