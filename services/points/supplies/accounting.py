"""What a team does with its supplies: brings them back (退回), or accounts for their use (使用登记). Pure.

Whether the team has them is the ledger's to say. What was entered of either by mistake is withdrawn, and entered anew.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from services.points.market.dated import Dated
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.love_market import GoodsLine
from shared.contracts.supplies import (
    SuppliesReturned,
    SuppliesReturnWithdrawn,
    SuppliesUsed,
    SuppliesUseWithdrawn,
    SupplyFate,
    UsedLine,
)


@dataclass(frozen=True, slots=True)
class Return:
    """A return as its event tells it."""

    id: UUID | None = None
    community: str = ""
    team_id: UUID | None = None
    lines: tuple[GoodsLine, ...] = ()
    returned_at: datetime | None = None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class BringBack:
    """Bring pieces back."""

    return_id: UUID
    community: str
    team_id: UUID
    lines: tuple[GoodsLine, ...]
    returned: Dated
    replaces: UUID | None = None
    """What was entered wrongly, and is withdrawn in the same step."""


@dataclass(frozen=True, slots=True)
class Use:
    """A use as its events tell it."""

    id: UUID | None = None
    community: str = ""
    team_id: UUID | None = None
    lines: tuple[UsedLine, ...] = ()
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Say what became of pieces."""

    use_id: UUID
    community: str
    team_id: UUID
    activity_id: UUID | None
    people_reached: int
    lines: tuple[UsedLine, ...]
    used: Dated


@dataclass(frozen=True, slots=True)
class Withdraw:
    """It was entered by mistake."""

    by: UUID
    at: datetime
    replaced_by: UUID | None = None
    """The right return, where it is entered in the same step. A use is entered anew after: nobody is short of it."""


class ReturnAlreadyEntered(Refusal):
    """There is such a return already."""

    code: ClassVar[str] = "supply_return_already_entered"


class ReturnWithdrawn(Refusal):
    """It was withdrawn already."""

    code: ClassVar[str] = "supply_return_withdrawn"


class UseAlreadyEntered(Refusal):
    """There is such a use already."""

    code: ClassVar[str] = "supply_use_already_entered"


class UseWithdrawn(Refusal):
    """It was withdrawn already."""

    code: ClassVar[str] = "supply_use_withdrawn"


class NobodyReached(Refusal):
    """Something was handed out, and nobody is said to have been there."""

    code: ClassVar[str] = "supplies_reached_nobody"
    status: ClassVar[int] = 422


def decide_return(state: Return, command: BringBack | Withdraw) -> list[Event]:
    """Which event follows. Raises `ReturnAlreadyEntered`, `ReturnWithdrawn` and the refusals of `Dated`."""
    if isinstance(command, Withdraw):
        refuse_if(state.withdrawn, ReturnWithdrawn)
        assert state.id is not None
        assert state.team_id is not None
        of_return = {"supply_return_id": state.id, "community": state.community, "team_id": state.team_id}
        by = {"withdrawn_by": command.by, "withdrawn_at": command.at, "replaced_by": command.replaced_by}
        return [SuppliesReturnWithdrawn(**of_return, lines=state.lines, **by)]
    refuse_unless(state.id is None, ReturnAlreadyEntered)
    return [
        SuppliesReturned(
            supply_return_id=command.return_id,
            community=command.community,
            team_id=command.team_id,
            lines=command.lines,
            returned_at=command.returned.within_bounds(),
            replaces=command.replaces,
        )
    ]


def evolve_return(state: Return, event: Event) -> Return:
    """The return after an event."""
    match event:
        case SuppliesReturned():
            return Return(event.supply_return_id, event.community, event.team_id, event.lines, event.returned_at)
        case SuppliesReturnWithdrawn():
            return replace(state, withdrawn=True)
        case _:
            return state


def decide_use(use: Use, command: Account | Withdraw) -> list[Event]:
    """Which event follows. Raises the refusals above and those of `Dated`."""
    if isinstance(command, Withdraw):
        refuse_if(use.withdrawn, UseWithdrawn)
        assert use.id is not None
        assert use.team_id is not None
        of_use = {"supply_use_id": use.id, "community": use.community, "team_id": use.team_id, "lines": use.lines}
        return [SuppliesUseWithdrawn(**of_use, withdrawn_by=command.by, withdrawn_at=command.at)]
    refuse_unless(use.id is None, UseAlreadyEntered)
    handed_out = any(line.fate is SupplyFate.HANDED_OUT for line in command.lines)
    refuse_if(handed_out and not command.people_reached, NobodyReached)
    return [
        SuppliesUsed(
            supply_use_id=command.use_id,
            community=command.community,
            team_id=command.team_id,
            activity_id=command.activity_id,
            people_reached=command.people_reached,
            lines=command.lines,
            used_at=command.used.within_bounds(),
        )
    ]


def evolve_use(use: Use, event: Event) -> Use:
    """The use after an event."""
    match event:
        case SuppliesUsed():
            return Use(event.supply_use_id, event.community, event.team_id, event.lines)
        case SuppliesUseWithdrawn():
            return replace(use, withdrawn=True)
        case _:
            return use
