"""A death (身故): recorded by one person, confirmed by another; then the minutes go where the policy of that day says.

Nothing can be spent from the record on. What becomes known after the confirmation (service that was told late, an
order confirmed later) goes the same way, by the same command, as often as there is something. What a correction takes
when it has gone already, the community makes up for; what comes in afterwards goes back to it first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal
from uuid import UUID

from services.points.beneficiaries.model import NoSuchVolunteer
from services.points.time_orders.refusals import NotVerifiedKin
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.deaths import (
    DeathConfirmed,
    DeathRecorded,
    DeathWithdrawn,
    EstateMadeGood,
    EstateSettled,
    InheritedMinutes,
    OnDeathOutcome,
)


class Stage(StrEnum):
    """Where it stands."""

    NONE = "none"
    RECORDED = "recorded"
    CONFIRMED = "confirmed"


ListedStage = Literal[
    Stage.RECORDED,
    Stage.CONFIRMED,
]
"""Where one can stand that is there: what a list can be asked for."""


@dataclass(frozen=True, slots=True)
class Death:
    """A death as its events tell it."""

    id: UUID | None = None
    community: str = ""
    volunteer_id: UUID | None = None
    died_on: date | None = None
    heirs: tuple[UUID, ...] = ()
    stage: Stage = Stage.NONE
    recorded_by: UUID | None = None
    outcome: OnDeathOutcome = OnDeathOutcome.LAPSE
    policy_version: int = 0
    made_good: int = 0
    """Minutes that the community made up for, less what it got back."""
    donation_made_good: int = 0
    book: str | None = None
    """The community in whose book the account stands, where that is not home."""


@dataclass(frozen=True, slots=True)
class Heir:
    """A relative who has an account, and in whose book it stands."""

    volunteer_id: UUID
    community: str


@dataclass(frozen=True, slots=True)
class Record:
    """Enter that an account holder died."""

    death_id: UUID
    volunteer_id: UUID
    community: str | None
    """Home; None where nobody of that id is known."""
    died_on: date
    today: date
    heirs: tuple[UUID, ...]
    relatives: frozenset[UUID]
    """Volunteers to whom there is a verified relation."""
    by: UUID
    at: datetime
    book: str | None = None
    """The community in whose book the account stands, where that is not home."""


@dataclass(frozen=True, slots=True)
class Withdraw:
    """It was a mistake."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Confirm:
    """Say that it is so, which closes the account for good."""

    on_death: OnDeathOutcome
    policy_version: int
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Settle:
    """Let what is there go where it is to go, or make up for what is missing. With nothing there it is no mistake."""

    minutes: int
    """Below zero where a correction took what had gone already."""
    donation_minutes: int
    heirs: Sequence[Heir]
    """Those of the heirs whose accounts are open."""
    at: datetime


Command = Record | Withdraw | Confirm | Settle


class DeathAlreadyRecorded(Refusal):
    """It was recorded already. Params: `stage`."""

    code: ClassVar[str] = "death_already_recorded"


class DeathNotRecorded(Refusal):
    """It was not recorded, or was withdrawn."""

    code: ClassVar[str] = "death_not_recorded"


class DeathAlreadyConfirmed(Refusal):
    """It was confirmed; that cannot be taken back."""

    code: ClassVar[str] = "death_already_confirmed"


class DeathNotConfirmed(Refusal):
    """A second person must confirm it first."""

    code: ClassVar[str] = "death_not_confirmed"


class OwnDeathRecord(Refusal):
    """Whoever recorded a death, or is to have what the dead left, cannot confirm it."""

    code: ClassVar[str] = "death_own_record"


class DiedInFuture(Refusal):
    """The day lies in the future."""

    code: ClassVar[str] = "died_in_future"
    status: ClassVar[int] = 422


def decide(death: Death, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above, `NoSuchVolunteer` and `NotVerifiedKin`."""
    if isinstance(command, Record):
        return [_recorded(death, command)]
    refuse_if(death.stage is Stage.NONE, DeathNotRecorded)
    match command:
        case Withdraw(at=at):
            refuse_if(death.stage is Stage.CONFIRMED, DeathAlreadyConfirmed)
            return [DeathWithdrawn(**_named(death), withdrawn_at=at)]
        case Confirm(on_death=on_death, policy_version=version, by=by, at=at):
            refuse_if(death.stage is Stage.CONFIRMED, DeathAlreadyConfirmed)
            refuse_if(by == death.recorded_by or by in death.heirs, OwnDeathRecord)
            return [
                DeathConfirmed(
                    **_named(death), outcome=on_death, policy_version=version, confirmed_by=by, confirmed_at=at
                )
            ]
        case Settle():
            refuse_unless(death.stage is Stage.CONFIRMED, DeathNotConfirmed)
            return _settled(death, command)


def _recorded(death: Death, command: Record) -> DeathRecorded:
    refuse_unless(death.stage is Stage.NONE, DeathAlreadyRecorded(stage=death.stage.value))
    refuse_if(command.community is None, NoSuchVolunteer)
    refuse_if(command.died_on > command.today, DiedInFuture)
    refuse_unless(set(command.heirs) <= command.relatives, NotVerifiedKin)
    assert command.community is not None
    return DeathRecorded(
        death_id=command.death_id,
        community=command.community,
        book=command.book,
        volunteer_id=command.volunteer_id,
        died_on=command.died_on,
        heirs=command.heirs,
        recorded_by=command.by,
        recorded_at=command.at,
    )


def _settled(death: Death, command: Settle) -> list[Event]:
    good, minutes = _evened(command.minutes, death.made_good)
    donation_good, donation_minutes = _evened(command.donation_minutes, death.donation_made_good)
    events: list[Event] = []
    if good or donation_good:
        events.append(_made_good(death, good, donation_good, command.at))
    if minutes or donation_minutes:
        events.append(_passed_on(death, minutes, donation_minutes, command))
    return events


def _evened(there: int, made_good: int) -> tuple[int, int]:
    """What the community makes good now (below zero: gets back), and what is left then to go its way."""
    good = max(0, -there) - min(max(0, there), made_good)
    return good, max(0, there + good)


def _made_good(death: Death, minutes: int, donation_minutes: int, at: datetime) -> EstateMadeGood:
    return EstateMadeGood(
        **_named(death),
        book=death.book,
        volunteer_id=death.volunteer_id,
        minutes=minutes,
        donation_minutes=donation_minutes,
        made_good_at=at,
    )


def _passed_on(death: Death, minutes: int, donation_minutes: int, command: Settle) -> EstateSettled:
    outcome = death.outcome
    if outcome is OnDeathOutcome.KIN and not command.heirs:
        outcome = OnDeathOutcome.POOL
    return EstateSettled(
        **_named(death),
        book=death.book,
        volunteer_id=death.volunteer_id,
        outcome=outcome,
        policy_version=death.policy_version,
        inherited=shares(minutes, command.heirs) if outcome is OnDeathOutcome.KIN else (),
        minutes=minutes,
        donation_minutes=donation_minutes,
        settled_at=command.at,
    )


def shares(minutes: int, heirs: Sequence[Heir]) -> tuple[InheritedMinutes, ...]:
    """Equal shares in whole minutes; what is left over goes to those named first, one each. Nobody gets nothing."""
    each, over = divmod(minutes, len(heirs))
    amounts = [each + (1 if place < over else 0) for place in range(len(heirs))]
    return tuple(
        InheritedMinutes(volunteer_id=heir.volunteer_id, community=heir.community, minutes=amount)
        for heir, amount in zip(heirs, amounts, strict=True)
        if amount > 0
    )


def _named(death: Death) -> dict[str, Any]:
    return {"death_id": death.id, "community": death.community}


def evolve(death: Death, event: Event) -> Death:
    """The death after an event."""
    match event:
        case DeathRecorded():
            return Death(
                event.death_id,
                event.community,
                event.volunteer_id,
                event.died_on,
                event.heirs,
                Stage.RECORDED,
                event.recorded_by,
                book=event.book,
            )
        case DeathWithdrawn():
            return replace(death, stage=Stage.NONE, heirs=(), recorded_by=None)
        case DeathConfirmed(outcome=outcome, policy_version=version):
            return replace(death, stage=Stage.CONFIRMED, outcome=outcome, policy_version=version)
        case EstateMadeGood():
            return replace(
                death,
                made_good=death.made_good + event.minutes,
                donation_made_good=death.donation_made_good + event.donation_minutes,
            )
        case _:
            return death
