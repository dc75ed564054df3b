"""Giving minutes: to a verified relative who may use them (转赠), or to the community's public pool (捐出).

Each gift is a stream of one event, or of two: what was entered by mistake is taken back by the office. Whether the
minutes are there is the ledger's to say.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from services.points.beneficiaries.model import NoSuchVolunteer
from services.points.time_orders.model import require_age
from services.points.time_orders.refusals import CorrectionTooFarBack, NotAgreed, NotVerifiedKin
from services.points.time_orders.standing import AccountIsClosed
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.time_bank import (
    MinutesDonated,
    MinutesDonationReversed,
    MinutesGiftReversed,
    MinutesGiven,
    TimeBankCorrectionReason,
)


@dataclass(frozen=True, slots=True)
class Given:
    """What was given, as its events tell it."""

    id: UUID | None = None
    community: str = ""
    told: MinutesGiven | MinutesDonated | None = None
    """With both sides and the amounts."""
    reversed: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """A volunteer who gives or is given to."""

    volunteer_id: UUID
    community: str | None
    """Home; None where nobody of that id is known."""
    closed: bool
    book: str | None = None
    """The community in whose book the account stands, where that is not home."""


@dataclass(frozen=True, slots=True)
class Give:
    """Give minutes to a relative."""

    gift_id: UUID
    giver: Side
    recipient: Side
    kin_id: UUID | None
    """The verified relation; None where there is none."""
    recipient_years_min: int | None
    spend_from_age: int
    """By the policy of the giver's community on the day."""
    minutes: int
    agreed: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Donate:
    """Give minutes to the pool."""

    donation_id: UUID
    donor: Side
    minutes: int
    donation_minutes: int
    agreed: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Reverse:
    """It was entered by mistake: take it back, as a whole."""

    reason: TimeBankCorrectionReason
    within: timedelta
    """So long after it was given it can be taken back."""
    by: UUID
    at: datetime


class ReversedAlready(Refusal):
    """It was taken back already."""

    code: ClassVar[str] = "minutes_reversed_already"


class OwnGift(Refusal):
    """Whoever gave minutes cannot take them back themselves."""

    code: ClassVar[str] = "minutes_own_gift"


class GivenAlready(Refusal):
    """This was given already."""

    code: ClassVar[str] = "minutes_given_already"


class NothingGiven(Refusal):
    """No minutes at all."""

    code: ClassVar[str] = "no_minutes_given"
    status: ClassVar[int] = 422


def decide(given: Given, command: Give | Donate | Reverse) -> list[Event]:
    """Which event a command leads to. Raises the refusals above, and those of orders that fit."""
    if isinstance(command, Reverse):
        return [_reversed(given, command)]
    refuse_unless(given.id is None, GivenAlready)
    match command:
        case Give(giver=giver, recipient=recipient):
            refuse_unless(command.agreed, NotAgreed)
            refuse_if(giver.community is None or recipient.community is None, NoSuchVolunteer)
            refuse_if(giver.closed or recipient.closed, AccountIsClosed)
            refuse_if(command.kin_id is None, NotVerifiedKin)
            require_age(command.recipient_years_min, command.spend_from_age)
            assert giver.community is not None
            assert recipient.community is not None
            assert command.kin_id is not None
            return [
                MinutesGiven(
                    time_gift_id=command.gift_id,
                    community=giver.book or giver.community,
                    giver_id=giver.volunteer_id,
                    recipient_id=recipient.volunteer_id,
                    recipient_community=recipient.book or recipient.community,
                    kin_id=command.kin_id,
                    minutes=command.minutes,
                    given_at=command.at,
                )
            ]
        case Donate(donor=donor, minutes=minutes, donation_minutes=donation_minutes):
            refuse_unless(command.agreed, NotAgreed)
            refuse_if(donor.community is None, NoSuchVolunteer)
            refuse_if(donor.closed, AccountIsClosed)
            refuse_if(minutes + donation_minutes == 0, NothingGiven)
            assert donor.community is not None
            return [
                MinutesDonated(
                    time_donation_id=command.donation_id,
                    community=donor.community,
                    book=donor.book,
                    volunteer_id=donor.volunteer_id,
                    minutes=minutes,
                    donation_minutes=donation_minutes,
                    donated_at=command.at,
                )
            ]


def _reversed(given: Given, command: Reverse) -> Event:
    told = given.told
    assert told is not None, "what is taken back was given"
    gave, given_at = (
        (told.giver_id, told.given_at) if isinstance(told, MinutesGiven) else (told.volunteer_id, told.donated_at)
    )
    refuse_if(given.reversed, ReversedAlready)
    refuse_if(command.by == gave, OwnGift)
    refuse_if(command.at - given_at > command.within, CorrectionTooFarBack(days=command.within.days))
    said = {"reason": command.reason, "reversed_by": command.by, "reversed_at": command.at}
    if isinstance(told, MinutesGiven):
        return MinutesGiftReversed(**told.model_dump(exclude={"kin_id", "given_at"}), **said)
    return MinutesDonationReversed(**told.model_dump(exclude={"donated_at"}), **said)


def evolve(given: Given, event: Event) -> Given:
    """What was given, after an event."""
    match event:
        case MinutesGiven():
            return Given(event.time_gift_id, event.community, event)
        case MinutesDonated():
            return Given(event.time_donation_id, event.community, event)
        case MinutesGiftReversed() | MinutesDonationReversed():
            return replace(given, reversed=True)
        case _:
            return given
