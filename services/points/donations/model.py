"""A donation (有捐): goods that a donor gave, in one delivery, with a receipt."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.points.donors.model import DonorIsForgotten
from services.points.market.dated import Dated
from services.points.market.repeated import Repeated
from shared.contracts import Event, Refusal, local_time, refuse_if, refuse_unless
from shared.contracts.love_market import GoodsDonated, GoodsLine


@dataclass(frozen=True, slots=True)
class Donation:
    """A donation as its event tells it. It never changes: what is found to be wrong with it is a stock-taking's."""

    id: UUID | None = None
    community: str = ""
    receipt_number: str = ""


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


def decide(donation: Donation, command: Donate) -> list[Event]:
    """Which event a delivery leads to. Raises the refusals above, `DonorIsForgotten`, and those of `Dated`."""
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


def evolve(donation: Donation, event: Event) -> Donation:
    """The donation after an event."""
    match event:
        case GoodsDonated():
            return Donation(event.donation_id, event.community, event.receipt_number)
        case _:
            return donation
