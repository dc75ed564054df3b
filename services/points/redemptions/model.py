"""A redemption: points and pieces are reserved for a volunteer, then collected, called off, or left to expire.

Of what was reserved fewer pieces may be taken: one is broken, or they want only two. The rest is free again at once.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Literal
from uuid import UUID

from services.points.reversal import Reverse, reversed_as
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.points import (
    Identification,
    RedemptionCancelled,
    RedemptionCollected,
    RedemptionExpired,
    RedemptionReserved,
)
from shared.contracts.reversals import RedemptionReversed


class Stage(StrEnum):
    """Where a redemption stands."""

    NONE = "none"
    RESERVED = "reserved"
    COLLECTED = "collected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVERSED = "reversed"
    """Collected, and taken back since."""


ListedStage = Literal[
    Stage.RESERVED,
    Stage.COLLECTED,
    Stage.CANCELLED,
    Stage.EXPIRED,
    Stage.REVERSED,
]
"""Where one can stand that is there: what a list can be asked for."""


@dataclass(frozen=True, slots=True)
class Redemption:
    """A redemption as its events tell it."""

    id: UUID | None = None
    community: str = ""
    volunteer_id: UUID | None = None
    stage: Stage = Stage.NONE
    collect_by: datetime | None = None
    quantity: int = 0
    points: int = 0
    """Both what was taken, once it was; until then what is reserved."""
    collected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reserve:
    """Hold pieces of an item, and their price, for a volunteer. Whether both are there is the ledger's to say."""

    redemption_id: UUID
    community: str
    volunteer_id: UUID
    item_id: UUID
    quantity: int
    price_points: int
    account_closed: bool
    """The volunteer died, or their data was erased; whoever asks cannot be told to be them."""
    reserved_at: datetime
    collect_by: datetime
    household_id: UUID | None = None
    """Whose month it counts in; the volunteer's own where None."""
    pieces_this_month: int = 0
    """What the household, or the volunteer alone, has reserved or taken this month before."""
    pieces_per_month_max: int = 0
    """0 for no limit."""


@dataclass(frozen=True, slots=True)
class Collect:
    """Hand the goods over to somebody who showed that they come for them."""

    at: datetime
    identified_by: Identification | None = None
    owed: int = 0
    """Points that a correction took and that were spent, or reserved, before."""
    quantity: int | None = None
    """Pieces that are taken; None for all."""
    account_closed: bool = False
    """As for `Reserve`, since: whoever comes now, with the code or the card, does not come for them."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Call the reservation off."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Expire:
    """Time passed. Too early, too late or twice is no mistake: timers may be."""

    at: datetime


Command = Reserve | Collect | Cancel | Expire | Reverse


class AccountClosed(Refusal):
    """The volunteer's account is closed: they died, or were erased."""

    code: ClassVar[str] = "account_closed"


class RedemptionEnded(Refusal):
    """It was collected, cancelled or expired before. Params: `stage`."""

    code: ClassVar[str] = "redemption_ended"


class NothingCollected(Refusal):
    """It was not collected; what is reserved is called off. Params: `stage`."""

    code: ClassVar[str] = "redemption_not_collected"


class AccountOwes(Refusal):
    """A correction took points that were spent or reserved; nothing is handed out until it is even. Params: `owed`."""

    code: ClassVar[str] = "account_owes"


class MoreThanReserved(Refusal):
    """Fewer pieces were reserved than are to be handed over. Params: `quantity`, `reserved`."""

    code: ClassVar[str] = "more_than_reserved"


class MonthlyLimitReached(Refusal):
    """The household has had as many pieces this month as there are for one. Params: `limit`, `had`, `quantity`."""

    code: ClassVar[str] = "monthly_limit_reached"


def decide(redemption: Redemption, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above, and those of `Reverse`."""
    match command:
        case Reserve():
            refuse_unless(redemption.stage is Stage.NONE, RedemptionEnded(stage=redemption.stage.value))
            refuse_if(command.account_closed, AccountClosed)
            limit, had = command.pieces_per_month_max, command.pieces_this_month
            refuse_if(
                limit > 0 and had + command.quantity > limit,
                MonthlyLimitReached(limit=limit, had=had, quantity=command.quantity),
            )
            return [
                RedemptionReserved(
                    redemption_id=command.redemption_id,
                    community=command.community,
                    volunteer_id=command.volunteer_id,
                    item_id=command.item_id,
                    quantity=command.quantity,
                    points=command.quantity * command.price_points,
                    reserved_at=command.reserved_at,
                    collect_by=command.collect_by,
                    household_id=command.household_id,
                )
            ]
        case Expire(at=at):
            due = redemption.collect_by is not None and at >= redemption.collect_by
            if redemption.stage is not Stage.RESERVED or not due:
                return []
            return [RedemptionExpired(redemption_id=_id(redemption), community=redemption.community, expired_at=at)]
        case Collect():
            _require_reserved(redemption)
            return [_collected(redemption, command)]
        case Cancel(at=at):
            _require_reserved(redemption)
            return [RedemptionCancelled(redemption_id=_id(redemption), community=redemption.community, cancelled_at=at)]
        case Reverse():
            return [_reversed(redemption, command)]


def _reversed(redemption: Redemption, command: Reverse) -> RedemptionReversed:
    before = redemption.stage is Stage.REVERSED
    refuse_unless(before or redemption.stage is Stage.COLLECTED, NothingCollected(stage=redemption.stage.value))
    assert redemption.volunteer_id is not None
    assert redemption.collected_at is not None
    return RedemptionReversed(
        redemption_id=_id(redemption),
        community=redemption.community,
        volunteer_id=redemption.volunteer_id,
        quantity=redemption.quantity,
        points=redemption.points,
        collected_at=redemption.collected_at,
        **reversed_as(command, redemption.collected_at, before=before),
    )


def _collected(redemption: Redemption, command: Collect) -> RedemptionCollected:
    reserved = redemption.quantity
    taken = reserved if command.quantity is None else command.quantity
    refuse_if(taken > reserved, MoreThanReserved(quantity=taken, reserved=reserved))
    refuse_if(command.account_closed, AccountClosed)
    refuse_if(command.owed > 0, AccountOwes(owed=command.owed))
    in_part = taken < reserved
    return RedemptionCollected(
        redemption_id=_id(redemption),
        community=redemption.community,
        collected_at=command.at,
        identified_by=command.identified_by,
        quantity=taken if in_part else None,
        # Every piece was reserved at the same price.
        points=redemption.points // reserved * taken if in_part else None,
    )


def _require_reserved(redemption: Redemption) -> None:
    refuse_unless(redemption.stage is Stage.RESERVED, RedemptionEnded(stage=redemption.stage.value))


def _id(redemption: Redemption) -> UUID:
    assert redemption.id is not None
    return redemption.id


def evolve(redemption: Redemption, event: Event) -> Redemption:
    """The redemption after an event."""
    match event:
        case RedemptionReserved():
            return Redemption(
                event.redemption_id,
                event.community,
                event.volunteer_id,
                Stage.RESERVED,
                event.collect_by,
                event.quantity,
                event.points,
            )
        case RedemptionCollected():
            return replace(
                redemption,
                stage=Stage.COLLECTED,
                quantity=event.quantity or redemption.quantity,
                points=event.points or redemption.points,
                collected_at=event.collected_at,
            )
        case RedemptionReversed():
            return replace(redemption, stage=Stage.REVERSED)
        case RedemptionCancelled():
            return replace(redemption, stage=Stage.CANCELLED)
        case RedemptionExpired():
            return replace(redemption, stage=Stage.EXPIRED)
        case _:
            return redemption
