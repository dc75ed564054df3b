"""A donor (捐赠人) of a love market: registered, and forgotten when they ask for it (个人信息保护法 47)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from services.points.details import ChangeDetails
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.love_market import DonorDetailsChanged, DonorForgotten, DonorKind, DonorRegistered


@dataclass(frozen=True, slots=True)
class Donor:
    """A donor as its events tell it. Who it is stands in the vault."""

    id: UUID | None = None
    community: str = ""
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class RegisterDonor:
    """Enter a donor."""

    donor_id: UUID
    community: str
    kind: DonorKind
    at: datetime


@dataclass(frozen=True, slots=True)
class ForgetDonor:
    """Erase who the donor is."""

    at: datetime


Command = RegisterDonor | ChangeDetails | ForgetDonor


class DonorAlreadyRegistered(Refusal):
    """There is such a donor already."""

    code: ClassVar[str] = "donor_already_registered"


class DonorIsForgotten(Refusal):
    """Who the donor was has been erased; nothing new can be tied to them."""

    code: ClassVar[str] = "donor_is_forgotten"


def decide(donor: Donor, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above."""
    match command:
        case RegisterDonor():
            refuse_unless(donor.id is None, DonorAlreadyRegistered)
            return [
                DonorRegistered(
                    donor_id=command.donor_id,
                    community=command.community,
                    kind=command.kind,
                    registered_at=command.at,
                )
            ]
        case ChangeDetails(fields=fields, at=at):
            common = _known(donor)
            return [DonorDetailsChanged(**common, fields=fields, changed_at=at)] if fields else []
        case ForgetDonor(at=at):
            return [DonorForgotten(**_known(donor), forgotten_at=at)]


def _known(donor: Donor) -> dict[str, Any]:
    refuse_if(donor.id is None or donor.forgotten, DonorIsForgotten)
    return {"donor_id": donor.id, "community": donor.community}


def evolve(donor: Donor, event: Event) -> Donor:
    """The donor after an event."""
    match event:
        case DonorRegistered():
            return Donor(event.donor_id, event.community)
        case DonorForgotten():
            return replace(donor, forgotten=True)
        case _:
            return donor
