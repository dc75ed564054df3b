"""An order as its events tell it: where it stands, and how each event changes it. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from shared.contracts import Event
from shared.contracts.time_bank import (
    TimeBankCorrectionReason,
    TimeOrderAccepted,
    TimeOrderApproved,
    TimeOrderCancelled,
    TimeOrderCancelReason,
    TimeOrderConfirmed,
    TimeOrderCorrected,
    TimeOrderCorrectionProposed,
    TimeOrderCorrectionWithdrawn,
    TimeOrderReopened,
    TimeOrderRequested,
    TimeOrderServed,
    TimeOrderTimedOut,
    TimeOrderUnconfirmed,
    TimePayer,
    TimeService,
)


class Stage(StrEnum):
    """Where an order stands."""

    NONE = "none"
    PROPOSED = "proposed"
    """The pool is to pay, and nobody has approved that yet."""
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    SERVED = "served"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    VOIDED = "voided"
    """Confirmed, and corrected to nothing: it was not served."""


ListedStage = Literal[
    Stage.PROPOSED,
    Stage.REQUESTED,
    Stage.ACCEPTED,
    Stage.SERVED,
    Stage.CONFIRMED,
    Stage.CANCELLED,
    Stage.TIMED_OUT,
    Stage.VOIDED,
]
"""Where one can stand that is there: what a list can be asked for."""


NOT_YET_SERVED = frozenset({Stage.PROPOSED, Stage.REQUESTED, Stage.ACCEPTED})
OPEN = NOT_YET_SERVED | {Stage.SERVED}


@dataclass(frozen=True, slots=True)
class Correction:
    """What somebody says is right of a confirmed order, and nobody has confirmed yet."""

    minutes: int
    service: TimeService | None
    reason: TimeBankCorrectionReason
    proposed_by: UUID


@dataclass(frozen=True, slots=True)
class Provider:
    """Who serves. Until when, where the order was off since: what they gave before can still be entered."""

    id: UUID
    community: str
    until: datetime | None = None
    after_death: bool = False
    """A death was why: theirs, or that of whoever was served or pays. How the order ended later does not count."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as its events tell it."""

    id: UUID | None = None
    community: str = ""
    place: str = ""
    service: TimeService = TimeService.OTHER
    beneficiary_id: UUID | None = None
    planned_minutes: int = 0
    payer: TimePayer = TimePayer.OWN
    payer_volunteer_id: UUID | None = None
    payer_community: str = ""
    kin_asked: bool = False
    provider_id: UUID | None = None
    provider_community: str = ""
    before: Provider | None = None
    """Who had accepted when time or a death called it off, and whose service nobody has entered."""
    stage: Stage = Stage.NONE
    requested_by: UUID | None = None
    recorded_by: UUID | None = None
    started_at: datetime | None = None
    minutes: int = 0
    requested_at: datetime | None = None
    serve_by: datetime | None = None
    confirm_by: datetime | None = None
    """Of what was served: when somebody is reminded. None where it was served before anybody was."""
    reminders: int = 0
    confirmed_at: datetime | None = None
    correction: Correction | None = None
    """Proposed, and open."""

    @property
    def provider(self) -> Provider | None:
        """Who can be entered as having served: whoever has accepted, or had before it was off."""
        if self.stage is not Stage.ACCEPTED or self.provider_id is None:
            return self.before
        if self.before is not None and self.before.id == self.provider_id:
            return self.before
        return Provider(self.provider_id, self.provider_community)

    @property
    def named(self) -> dict[str, Any]:
        """What every event of it says first."""
        return {"time_order_id": self.id, "community": self.community}


def evolve(order: Order, event: Event) -> Order:
    """The order after an event."""
    match event:
        case TimeOrderRequested():
            return Order(
                id=event.time_order_id,
                community=event.community,
                place=event.place,
                service=event.service,
                beneficiary_id=event.beneficiary_id,
                planned_minutes=event.planned_minutes,
                payer=event.payer,
                payer_volunteer_id=event.payer_volunteer_id,
                payer_community=event.payer_community,
                kin_asked=event.kin_asked,
                stage=Stage.PROPOSED if event.payer is TimePayer.POOL else Stage.REQUESTED,
                requested_by=event.requested_by,
                requested_at=event.requested_at,
                serve_by=event.serve_by,
            )
        case TimeOrderApproved():
            return replace(order, stage=Stage.REQUESTED)
        case TimeOrderAccepted(provider_id=provider_id, provider_community=home):
            return replace(order, stage=Stage.ACCEPTED, provider_id=provider_id, provider_community=home)
        case TimeOrderServed(recorded_by=by, started_at=started_at, minutes=minutes, confirm_by=until):
            told = replace(order, recorded_by=by, started_at=started_at, minutes=minutes, before=None)
            told = replace(told, provider_id=event.provider_id, provider_community=event.provider_community)
            return replace(told, stage=Stage.SERVED, confirm_by=until)
        case TimeOrderUnconfirmed(reminder=reminder, confirm_by=until):
            return replace(order, reminders=reminder, confirm_by=until)
        case TimeOrderConfirmed(confirmed_at=at):
            return replace(order, stage=Stage.CONFIRMED, confirmed_at=at)
        case TimeOrderCorrectionProposed():
            proposed = Correction(event.minutes, event.service, event.reason, event.proposed_by)
            return replace(order, correction=proposed)
        case TimeOrderCorrectionWithdrawn():
            return replace(order, correction=None)
        case TimeOrderCorrected(minutes=minutes, service=service):
            stage = Stage.CONFIRMED if minutes else Stage.VOIDED
            return replace(order, stage=stage, minutes=minutes, service=service or order.service, correction=None)
        case TimeOrderReopened(reopened_at=at):
            reopened = replace(order, stage=Stage.REQUESTED, provider_id=None, provider_community="")
            return replace(reopened, before=_left(order, at, after_death=True))
        case TimeOrderCancelled(reason=reason, cancelled_at=at):
            of_death = reason is TimeOrderCancelReason.DEATH
            before = _left(order, at, after_death=True) if of_death else order.before
            return replace(order, stage=Stage.CANCELLED, before=before)
        case TimeOrderTimedOut():
            assert order.serve_by is not None
            return replace(order, stage=Stage.TIMED_OUT, before=_left(order, order.serve_by, after_death=False))
        case _:
            return order


def _left(order: Order, until: datetime, *, after_death: bool) -> Provider | None:
    """Whose service can be entered once the order is off. Who died before that is not forgotten over it."""
    provider = order.provider
    if provider is None or provider.until is not None:
        return provider
    return replace(provider, until=until, after_death=after_death)
