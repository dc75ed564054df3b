"""A beneficiary (服务对象): somebody who can be served, a volunteer or a person who is none.

Who a person is stands in the vault, and of a volunteer in the registry's.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.time_bank import BeneficiaryDetailsChanged, BeneficiaryForgotten, BeneficiaryRegistered


@dataclass(frozen=True, slots=True)
class Beneficiary:
    """A beneficiary as their events tell it."""

    id: UUID | None = None
    community: str = ""
    volunteer_id: UUID | None = None
    age_group_from: int | None = None
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class RegisterBeneficiary:
    """Enter somebody who can be served."""

    beneficiary_id: UUID
    community: str
    volunteer_id: UUID | None
    volunteer_community: str | None
    """Home of the volunteer; None where nobody has been heard of, or their data was erased."""
    age_group_from: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangePerson:
    """Tell that details of a person in the vault were put right, and the age group that follows from the document."""

    fields: tuple[str, ...]
    age_group_from: int | None
    """None where the document was not put right."""
    at: datetime


@dataclass(frozen=True, slots=True)
class ForgetBeneficiary:
    """Erase who it is."""

    open_orders: int
    at: datetime


Command = RegisterBeneficiary | ChangePerson | ForgetBeneficiary


class BeneficiaryAlreadyRegistered(Refusal):
    """The person is registered already."""

    code: ClassVar[str] = "beneficiary_already_registered"


class BeneficiaryIsForgotten(Refusal):
    """Who the beneficiary was has been erased; nothing new can be tied to them."""

    code: ClassVar[str] = "beneficiary_is_forgotten"


class BeneficiaryIsVolunteer(Refusal):
    """The beneficiary is a volunteer, and the registry knows who that is."""

    code: ClassVar[str] = "beneficiary_is_volunteer"


class BeneficiaryHasOpenOrders(Refusal):
    """Orders for them are open. Params: `orders`."""

    code: ClassVar[str] = "beneficiary_has_open_orders"


class NoSuchVolunteer(Refusal):
    """No volunteer of this id is known, or their data was erased."""

    code: ClassVar[str] = "time_bank_volunteer_unknown"
    status: ClassVar[int] = 422


class VolunteerOfAnotherCommunity(Refusal):
    """The volunteer is at home in another community, which registers them."""

    code: ClassVar[str] = "beneficiary_of_another_community"


def decide(beneficiary: Beneficiary, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above."""
    if isinstance(command, RegisterBeneficiary):
        refuse_unless(beneficiary.id is None, BeneficiaryAlreadyRegistered)
        if command.volunteer_id is not None:
            refuse_if(command.volunteer_community is None, NoSuchVolunteer)
            refuse_unless(command.volunteer_community == command.community, VolunteerOfAnotherCommunity)
        return [
            BeneficiaryRegistered(
                beneficiary_id=command.beneficiary_id,
                community=command.community,
                volunteer_id=command.volunteer_id,
                age_group_from=command.age_group_from,
                registered_at=command.at,
            )
        ]
    if isinstance(command, ChangePerson):
        check_person(beneficiary)
        changed = BeneficiaryDetailsChanged(
            beneficiary_id=_id(beneficiary),
            community=beneficiary.community,
            fields=command.fields,
            age_group_from=command.age_group_from,
            changed_at=command.at,
        )
        return [changed] if command.fields else []
    refuse_if(beneficiary.id is None or beneficiary.forgotten, BeneficiaryIsForgotten)
    refuse_if(command.open_orders > 0, BeneficiaryHasOpenOrders(orders=command.open_orders))
    return [
        BeneficiaryForgotten(beneficiary_id=_id(beneficiary), community=beneficiary.community, forgotten_at=command.at)
    ]


def check_person(beneficiary: Beneficiary) -> None:
    """Refuse whatever needs a person whom the vault knows: not a volunteer, and not erased."""
    refuse_if(beneficiary.id is None or beneficiary.forgotten, BeneficiaryIsForgotten)
    refuse_if(beneficiary.volunteer_id is not None, BeneficiaryIsVolunteer)


def _id(beneficiary: Beneficiary) -> UUID:
    assert beneficiary.id is not None
    return beneficiary.id


def evolve(beneficiary: Beneficiary, event: Event) -> Beneficiary:
    """The beneficiary after an event."""
    match event:
        case BeneficiaryRegistered():
            return Beneficiary(event.beneficiary_id, event.community, event.volunteer_id, event.age_group_from)
        case BeneficiaryDetailsChanged(age_group_from=int() as group):
            return replace(beneficiary, age_group_from=group)
        case BeneficiaryForgotten():
            return replace(beneficiary, volunteer_id=None, age_group_from=None, forgotten=True)
        case _:
            return beneficiary
