"""A grant (拨款): fen set aside for a love market to buy goods with. How much is left is the ledger's to know."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.points.market.dated import Dated
from shared.contracts import Event, Refusal, refuse_unless
from shared.contracts.love_market import BudgetGranted


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as its event tells it."""

    id: UUID | None = None
    community: str = ""


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


def decide(grant: Grant, command: GrantBudget) -> list[Event]:
    """Which event a grant leads to. Raises `BudgetAlreadyGranted` and the refusals of `Dated`."""
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


def evolve(grant: Grant, event: Event) -> Grant:
    """The grant after an event."""
    return Grant(event.grant_id, event.community) if isinstance(event, BudgetGranted) else grant
