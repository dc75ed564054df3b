"""A household (户): the volunteers among its members, and whether it is in need, and until when.

Who they are, where they live and why they are in need stands in the vault.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from services.points.details import ChangeDetails
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.love_market import (
    HouseholdDetailsChanged,
    HouseholdForgotten,
    HouseholdMembersChanged,
    HouseholdNeedEnded,
    HouseholdNeedRecognised,
    HouseholdRegistered,
)

NEED_DAYS_MAX: Final = 731
"""A household's need is looked at again every two years at the latest."""


@dataclass(frozen=True, slots=True)
class Household:
    """A household as its events tell it."""

    id: UUID | None = None
    community: str = ""
    members: tuple[UUID, ...] = ()
    need_until: date | None = None
    forgotten: bool = False

    def in_need(self, day: date) -> bool:
        """Whether it is in need on a day (Asia/Shanghai)."""
        return self.need_until is not None and day <= self.need_until


@dataclass(frozen=True, slots=True)
class RegisterHousehold:
    """Enter a household."""

    household_id: UUID
    community: str
    members: tuple[UUID, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangeMembers:
    """Say who belongs to it; the whole list."""

    members: tuple[UUID, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class LetGo:
    """Some of its members were forgotten, and belong to nobody's household any more."""

    forgotten: frozenset[UUID]
    at: datetime


@dataclass(frozen=True, slots=True)
class RecogniseNeed:
    """Recognise that it is in need, until a day; again for longer, or for another reason, which no event tells."""

    until: date
    today: date
    at: datetime


@dataclass(frozen=True, slots=True)
class EndNeed:
    """It is no longer in need."""

    at: datetime


@dataclass(frozen=True, slots=True)
class ForgetHousehold:
    """Erase who it is; nobody belongs to it any more."""

    at: datetime


Command = RegisterHousehold | ChangeDetails | ChangeMembers | LetGo | RecogniseNeed | EndNeed | ForgetHousehold


class HouseholdAlreadyRegistered(Refusal):
    """There is such a household already."""

    code: ClassVar[str] = "household_already_registered"


class HouseholdIsForgotten(Refusal):
    """Who the household was has been erased; nothing new can be tied to it."""

    code: ClassVar[str] = "household_is_forgotten"


class NeedEndsOutOfBounds(Refusal):
    """The last day lies in the past, or too far away. Params: `earliest`, `latest`."""

    code: ClassVar[str] = "need_ends_out_of_bounds"
    status: ClassVar[int] = 422


class NotInNeed(Refusal):
    """The household is not in need, or no longer."""

    code: ClassVar[str] = "household_not_in_need"


def decide(household: Household, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above."""
    if isinstance(command, RegisterHousehold):
        refuse_unless(household.id is None, HouseholdAlreadyRegistered)
        return [
            HouseholdRegistered(
                household_id=command.household_id,
                community=command.community,
                members=command.members,
                registered_at=command.at,
            )
        ]
    refuse_if(household.id is None or household.forgotten, HouseholdIsForgotten)
    assert household.id is not None
    common: dict[str, Any] = {"household_id": household.id, "community": household.community}
    match command:
        case ChangeDetails(fields=fields, at=at):
            return [HouseholdDetailsChanged(**common, fields=fields, changed_at=at)] if fields else []
        case ChangeMembers(members=members, at=at):
            if set(members) == set(household.members):
                return []
            return [HouseholdMembersChanged(**common, members=members, changed_at=at)]
        case LetGo(forgotten=forgotten, at=at):
            left = tuple(member for member in household.members if member not in forgotten)
            if left == household.members:
                return []
            return [HouseholdMembersChanged(**common, members=left, member_forgotten=True, changed_at=at)]
        case RecogniseNeed():
            return [_recognised(household, command)]
        case EndNeed(at=at):
            refuse_if(household.need_until is None, NotInNeed)
            return [HouseholdNeedEnded(**common, ended_at=at)]
        case ForgetHousehold(at=at):
            return [HouseholdForgotten(**common, forgotten_at=at)]


def _recognised(household: Household, command: RecogniseNeed) -> HouseholdNeedRecognised:
    assert household.id is not None
    days = (command.until - command.today).days
    refuse_unless(
        0 <= days <= NEED_DAYS_MAX,
        NeedEndsOutOfBounds(
            earliest=command.today.isoformat(),
            latest=date.fromordinal(command.today.toordinal() + NEED_DAYS_MAX).isoformat(),
        ),
    )
    return HouseholdNeedRecognised(
        household_id=household.id,
        community=household.community,
        until=command.until,
        recognised_at=command.at,
    )


def evolve(household: Household, event: Event) -> Household:
    """The household after an event."""
    match event:
        case HouseholdRegistered():
            return Household(event.household_id, event.community, event.members)
        case HouseholdMembersChanged(members=members):
            return replace(household, members=members)
        case HouseholdNeedRecognised(until=until):
            return replace(household, need_until=until)
        case HouseholdNeedEnded():
            return replace(household, need_until=None)
        case HouseholdForgotten():
            return replace(household, members=(), need_until=None, forgotten=True)
        case _:
            return household
