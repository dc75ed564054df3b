"""A gift of aid (有助): goods for a household in need, proposed by one person and approved by two others.

With the second approval the pieces are held; then they are handed over, or set free again. Whether they are there is
the ledger's to say.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal
from uuid import UUID

from services.points.households.model import HouseholdIsForgotten, NotInNeed
from services.points.reversal import Reverse, reversed_as
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.love_market import (
    AidApproved,
    AidCancelled,
    AidExpired,
    AidGranted,
    AidHandedOver,
    AidProposed,
    AidRefused,
    GoodsLine,
)
from shared.contracts.reversals import AidReversed


class Stage(StrEnum):
    """Where a gift stands."""

    NONE = "none"
    PROPOSED = "proposed"
    GRANTED = "granted"
    HANDED_OVER = "handed_over"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVERSED = "reversed"
    """Handed over, and taken back since."""


ListedStage = Literal[
    Stage.PROPOSED,
    Stage.GRANTED,
    Stage.HANDED_OVER,
    Stage.REFUSED,
    Stage.CANCELLED,
    Stage.EXPIRED,
    Stage.REVERSED,
]
"""Where one can stand that is there: what a list can be asked for."""


OPEN = frozenset({Stage.PROPOSED, Stage.GRANTED})


@dataclass(frozen=True, slots=True)
class Gift:
    """A gift as its events tell it."""

    id: UUID | None = None
    community: str = ""
    household_id: UUID | None = None
    lines: tuple[GoodsLine, ...] = ()
    """What is proposed or granted; what was taken, once it was."""
    proposed_by: UUID | None = None
    approved_by: tuple[UUID, ...] = ()
    stage: Stage = Stage.NONE
    collect_by: datetime | None = None
    handed_over_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Propose:
    """Propose goods for a household."""

    gift_id: UUID
    community: str
    household_id: UUID
    household_in_need: bool
    household_forgotten: bool
    lines: tuple[GoodsLine, ...]
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Approve:
    """Say yes; the second who does lets the pieces be held."""

    by: UUID
    household_in_need: bool
    at: datetime
    collect_by: datetime
    household_members: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Say no, which ends it."""

    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class HandOver:
    """The household takes the goods, or fewer of them: one is broken, or of no use to them."""

    at: datetime
    taken: tuple[GoodsLine, ...] | None = None
    """None for all; of an item that is not named, nothing."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Call it off."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Expire:
    """Time passed. Too early, too late or twice is no mistake: timers may be."""

    at: datetime


Command = Propose | Approve | Refuse | HandOver | Cancel | Expire | Reverse


class GiftEnded(Refusal):
    """It was proposed, handed over, refused, called off or expired before. Params: `stage`."""

    code: ClassVar[str] = "aid_ended"


class GiftNotGranted(Refusal):
    """Two people have not approved it yet. Params: `approvals`."""

    code: ClassVar[str] = "aid_not_granted"


class MoreThanGranted(Refusal):
    """Fewer pieces of the item were granted than are to be handed over. Params: `item`, `quantity`, `granted`."""

    code: ClassVar[str] = "more_than_granted"


class NothingHandedOver(Refusal):
    """It was not handed over; what is held is called off. Params: `stage`."""

    code: ClassVar[str] = "aid_not_handed_over"


class GiftAlreadyGranted(Refusal):
    """Two people have approved it already; it can be handed over or called off."""

    code: ClassVar[str] = "aid_already_granted"


class OwnProposal(Refusal):
    """Whoever proposed a gift decides nothing about it; two others do."""

    code: ClassVar[str] = "aid_own_proposal"


class OwnHousehold(Refusal):
    """Whoever belongs to the household does not approve what it is given."""

    code: ClassVar[str] = "aid_own_household"


class ApprovedAlready(Refusal):
    """The same person cannot approve twice; a second one must."""

    code: ClassVar[str] = "aid_approved_already"


def decide(gift: Gift, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above, `NotInNeed`, `HouseholdIsForgotten`, of `Reverse`."""
    if isinstance(command, Propose):
        return [_proposed(gift, command)]
    if isinstance(command, Expire):
        due = gift.collect_by is not None and command.at >= gift.collect_by
        if gift.stage is not Stage.GRANTED or not due:
            return []
        return [AidExpired(**_named(gift), expired_at=command.at)]
    if isinstance(command, Reverse):
        return [_reversed(gift, command)]
    refuse_unless(gift.stage in OPEN, GiftEnded(stage=gift.stage.value))
    match command:
        case Approve():
            return [_approved(gift, command)]
        case Refuse(by=by, at=at):
            refuse_if(by == gift.proposed_by, OwnProposal)
            refuse_if(gift.stage is Stage.GRANTED, GiftAlreadyGranted)
            return [AidRefused(**_named(gift), refused_by=by, refused_at=at)]
        case HandOver():
            refuse_unless(gift.stage is Stage.GRANTED, GiftNotGranted(approvals=len(gift.approved_by)))
            return [_handed_over(gift, command)]
        case Cancel(at=at):
            return [AidCancelled(**_named(gift), cancelled_at=at)]


def _handed_over(gift: Gift, command: HandOver) -> Event:
    granted = {line.item_id: line.quantity for line in gift.lines}
    for line in command.taken or ():
        most = granted.get(line.item_id, 0)
        refuse_if(line.quantity > most, MoreThanGranted(item=line.item_id, quantity=line.quantity, granted=most))
    taken = command.taken
    if taken is not None and {line.item_id: line.quantity for line in taken} == granted:
        taken = None
    return AidHandedOver(**_named(gift), handed_over_at=command.at, lines=taken)


def _reversed(gift: Gift, command: Reverse) -> Event:
    before = gift.stage is Stage.REVERSED
    refuse_unless(before or gift.stage is Stage.HANDED_OVER, NothingHandedOver(stage=gift.stage.value))
    assert gift.household_id is not None
    assert gift.handed_over_at is not None
    return AidReversed(
        **_named(gift),
        household_id=gift.household_id,
        lines=gift.lines,
        handed_over_at=gift.handed_over_at,
        **reversed_as(command, gift.handed_over_at, before=before),
    )


def _proposed(gift: Gift, command: Propose) -> Event:
    refuse_unless(gift.stage is Stage.NONE, GiftEnded(stage=gift.stage.value))
    refuse_if(command.household_forgotten, HouseholdIsForgotten)
    refuse_unless(command.household_in_need, NotInNeed)
    return AidProposed(
        gift_id=command.gift_id,
        community=command.community,
        household_id=command.household_id,
        lines=command.lines,
        proposed_by=command.by,
        proposed_at=command.at,
    )


def _approved(gift: Gift, command: Approve) -> Event:
    refuse_if(gift.stage is Stage.GRANTED, GiftAlreadyGranted)
    refuse_if(command.by == gift.proposed_by, OwnProposal)
    refuse_if(command.by in command.household_members, OwnHousehold)
    refuse_if(command.by in gift.approved_by, ApprovedAlready)
    refuse_unless(command.household_in_need, NotInNeed)
    if not gift.approved_by:
        return AidApproved(**_named(gift), approved_by=command.by, approved_at=command.at)
    assert gift.household_id is not None
    return AidGranted(
        **_named(gift),
        household_id=gift.household_id,
        lines=gift.lines,
        approved_by=command.by,
        granted_at=command.at,
        collect_by=command.collect_by,
    )


def _named(gift: Gift) -> dict[str, Any]:
    return {"gift_id": gift.id, "community": gift.community}


def evolve(gift: Gift, event: Event) -> Gift:
    """The gift after an event."""
    match event:
        case AidProposed():
            return Gift(
                id=event.gift_id,
                community=event.community,
                household_id=event.household_id,
                lines=event.lines,
                proposed_by=event.proposed_by,
                stage=Stage.PROPOSED,
            )
        case AidApproved(approved_by=by):
            return replace(gift, approved_by=(*gift.approved_by, by))
        case AidGranted(approved_by=by, collect_by=collect_by):
            return replace(gift, approved_by=(*gift.approved_by, by), stage=Stage.GRANTED, collect_by=collect_by)
        case AidHandedOver():
            lines = gift.lines if event.lines is None else event.lines
            return replace(gift, stage=Stage.HANDED_OVER, handed_over_at=event.handed_over_at, lines=lines)
        case AidReversed():
            return replace(gift, stage=Stage.REVERSED)
        case AidRefused():
            return replace(gift, stage=Stage.REFUSED)
        case AidCancelled():
            return replace(gift, stage=Stage.CANCELLED)
        case AidExpired():
            return replace(gift, stage=Stage.EXPIRED)
        case _:
            return gift
