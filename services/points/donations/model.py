"""A donation (有捐): goods that a donor gave, in one delivery, with a receipt."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from services.points.donors.model import DonorIsForgotten
from services.points.market.dated import Dated
from services.points.market.repeated import Repeated
from services.points.reversal import Reverse, reversed_as
from shared.contracts import Event, Refusal, local_time, refuse_if, refuse_unless
from shared.contracts.love_market import GoodsDonated, GoodsLine
from shared.contracts.reversals import DonationReversed


@dataclass(frozen=True, slots=True)
class Donation:
    """A donation as its event tells it. It never changes: where it is wrong, it is taken back and entered anew."""

    id: UUID | None = None
    community: str = ""
    donor_id: UUID | None = None
    receipt_number: str = ""
    lines: tuple[GoodsLine, ...] = ()
    received_at: datetime | None = None
    reversed: bool = False


@dataclass(frozen=True, slots=True)
class Donate:
    """Take goods in and make out a receipt."""

    donation_id: UUID
    community: str
    donor_id: UUID
    donor_forgotten: bool
    receipt: int
    """The running number of the receipt within the community."""
    lines: tuple[GoodsLine, ...]
    received: Dated
    repeated: Repeated | None = None
    """The latest donation that this one looks like."""


class DonationAlreadyEntered(Refusal):
    """There is such a donation already."""

    code: ClassVar[str] = "donation_already_entered"


class DonationLooksEntered(Refusal):
    """The donor gave as many pieces of the same item within a day, and nobody said why there are both.

    Params: `number`, `at`, `first`.
    """

    code: ClassVar[str] = "donation_looks_entered"


def receipt_number(community: str, running: int) -> str:
    """How a receipt is called: the community and its running number."""
    return f"{community}-D{running:06d}"


def decide(donation: Donation, command: Donate | Reverse) -> list[Event]:
    """Which event a command leads to. Raises the refusals above, `DonorIsForgotten`, those of `Dated` and `Reverse`."""
    if isinstance(command, Reverse):
        return [_reversed(donation, command)]
    refuse_unless(donation.id is None, DonationAlreadyEntered)
    refuse_if(command.donor_forgotten, DonorIsForgotten)
    received_at = command.received.within_bounds()
    known = command.repeated
    if known is not None and known.reason is None:
        raise DonationLooksEntered(number=known.name, at=local_time(known.at), first=known.first)
    return [
        GoodsDonated(
            donation_id=command.donation_id,
            community=command.community,
            donor_id=command.donor_id,
            receipt_number=receipt_number(command.community, command.receipt),
            lines=command.lines,
            received_at=received_at,
            repeats=None if known is None else known.first,
            repeat_reason=None if known is None else known.reason,
        )
    ]


def _reversed(donation: Donation, command: Reverse) -> Event:
    assert donation.id is not None
    assert donation.donor_id is not None
    assert donation.received_at is not None
    return DonationReversed(
        donation_id=donation.id,
        community=donation.community,
        donor_id=donation.donor_id,
        receipt_number=donation.receipt_number,
        lines=donation.lines,
        received_at=donation.received_at,
        **reversed_as(command, donation.received_at, before=donation.reversed),
    )


def evolve(donation: Donation, event: Event) -> Donation:
    """The donation after an event."""
    match event:
        case GoodsDonated():
            return Donation(
                event.donation_id,
                event.community,
                event.donor_id,
                event.receipt_number,
                event.lines,
                event.received_at,
            )
        case DonationReversed():
            return replace(donation, reversed=True)
        case _:
            return donation
