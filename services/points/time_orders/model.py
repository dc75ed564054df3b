"""An order for a service (时间订单): requested, accepted, served, confirmed; or called off, or timed out.
What was confirmed wrongly is corrected (`correcting`).

The planned minutes are held of whoever pays from the request on; of the pool, once a second person approved. When the
service was given, what was not served is free again, and on confirmation the provider has the rest. Whether there are
enough minutes is the ledger's to say.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.points.beneficiaries.model import BeneficiaryIsForgotten, NoSuchVolunteer
from services.points.time_orders.correcting import CorrectionCommand, corrected
from services.points.time_orders.order import NOT_YET_SERVED, OPEN, Order, Stage
from services.points.time_orders.refusals import (
    AgeUnknown,
    HasNoAccount,
    KinCouldGive,
    MoreThanPlanned,
    NotAgreed,
    NotAwaitingApproval,
    NotVerifiedKin,
    OrderAcceptedAlready,
    OrderEnded,
    OrderNotAccepted,
    OrderNotApproved,
    OrderNotServed,
    OrderServedAlready,
    OwnRecord,
    OwnRequest,
    PoolOnlyForThoseWithout,
    ProviderElsewhere,
    ProviderIsBeneficiary,
    ProviderIsKin,
    ServedOutOfBounds,
    ServiceAlreadyCredited,
    TooYoung,
)
from services.points.time_orders.standing import AccountIsClosed, Means, Standing
from shared.contracts import Event, refuse_if, refuse_unless
from shared.contracts.time_bank import (
    TimeOrderAccepted,
    TimeOrderApproved,
    TimeOrderCancelled,
    TimeOrderCancelReason,
    TimeOrderConfirmed,
    TimeOrderReopened,
    TimeOrderRequested,
    TimeOrderServed,
    TimeOrderTimedOut,
    TimeOrderUnconfirmed,
    TimePayer,
    TimeService,
)

REMINDED_AGAIN = timedelta(days=7)
"""After how long a service that nobody confirmed is told again."""


@dataclass(frozen=True, slots=True)
class Request:
    """Order a service."""

    order_id: UUID
    place: str
    service: TimeService
    planned_minutes: int
    payer: TimePayer
    standing: Standing
    agreed: bool
    """Whoever's account pays asked for it, or told the office that they agree."""
    by: UUID
    at: datetime
    serve_by: datetime


@dataclass(frozen=True, slots=True)
class Approve:
    """Let the pool pay."""

    means: Means
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Accept:
    """A volunteer will serve."""

    provider_id: UUID
    provider_community: str | None
    """Home; None where nobody of that id is known, or their data was erased."""
    provider_is_beneficiary: bool
    provider_is_kin: bool
    provider_closed: bool
    instead: bool
    """In the place of whoever accepted before."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Reopen:
    """Whoever had accepted died; look for somebody else."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Serve:
    """The service was given."""

    started_at: datetime
    minutes: int
    provider_elsewhere: bool
    """The provider served another order at that time."""
    by: UUID
    at: datetime
    confirm_by: datetime
    by_office: bool = False


@dataclass(frozen=True, slots=True)
class Confirm:
    """Somebody else than who recorded it, or gave it, says that it was as told."""

    credited_elsewhere: bool
    """The provider has minutes already for service that they gave at that time."""
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Cancel:
    """Call the order off. Once the service was given, the office alone can: somebody gave their time."""

    reason: TimeOrderCancelReason
    by_office: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class TimeOut:
    """Time passed. Too early, too late or twice is no mistake: timers may be."""

    at: datetime


Command = Request | Approve | Accept | Reopen | Serve | Confirm | Cancel | TimeOut | CorrectionCommand


def decide(order: Order, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals of `refusals` and of the other rooms."""
    if isinstance(command, Request):
        return [_requested(order, command)]
    if isinstance(command, TimeOut):
        return _timed_out(order, command.at)
    if isinstance(command, CorrectionCommand):
        return [corrected(order, command)]
    if isinstance(command, Serve) and _served_before(order, command):
        return [_served(order, command)]
    refuse_unless(order.stage in OPEN, OrderEnded(stage=order.stage.value))
    match command:
        case Approve(means=means, by=by, at=at):
            refuse_unless(order.stage is Stage.PROPOSED, NotAwaitingApproval)
            refuse_if(by == order.requested_by, OwnRequest)
            refuse_if(means.beneficiary_closed, AccountIsClosed)
            _require_without(means)
            return [
                TimeOrderApproved(**order.named, planned_minutes=order.planned_minutes, approved_by=by, approved_at=at)
            ]
        case Accept():
            return [_accepted(order, command)]
        case Reopen(at=at):
            refuse_unless(order.stage is Stage.ACCEPTED, OrderNotAccepted)
            return [TimeOrderReopened(**order.named, provider_id=order.provider_id, reopened_at=at)]
        case Serve():
            refuse_if(order.stage is Stage.SERVED, OrderServedAlready)
            refuse_unless(order.stage is Stage.ACCEPTED, OrderNotAccepted)
            return [_served(order, command)]
        case Confirm(credited_elsewhere=credited_elsewhere, by=by, at=at):
            refuse_unless(order.stage is Stage.SERVED, OrderNotServed)
            refuse_if(by in (order.recorded_by, order.provider_id), OwnRecord)
            refuse_if(credited_elsewhere, ServiceAlreadyCredited)
            return [TimeOrderConfirmed(**order.named, confirmed_by=by, confirmed_at=at)]
        case Cancel(reason=reason, by_office=by_office, at=at):
            refuse_if(order.stage is Stage.SERVED and not by_office, OrderServedAlready)
            return [TimeOrderCancelled(**order.named, reason=reason, cancelled_at=at)]


def _timed_out(order: Order, at: datetime) -> list[Event]:
    """What nobody served is off. What nobody confirmed is not: it is for somebody to look at, who is reminded."""
    if order.stage in NOT_YET_SERVED and order.serve_by is not None and at >= order.serve_by:
        return [TimeOrderTimedOut(**order.named, timed_out_at=at)]
    if order.stage is Stage.SERVED and (order.confirm_by is None or at >= order.confirm_by):
        reminded = TimeOrderUnconfirmed(
            **order.named,
            beneficiary_id=order.beneficiary_id,
            payer_volunteer_id=order.payer_volunteer_id,
            provider_id=order.provider_id,
            minutes=order.minutes,
            reminder=order.reminders + 1,
            confirm_by=at + REMINDED_AGAIN,
            reminded_at=at,
        )
        return [reminded]
    return []


def _requested(order: Order, command: Request) -> TimeOrderRequested:
    refuse_unless(order.stage is Stage.NONE, OrderEnded(stage=order.stage.value))
    standing = command.standing
    refuse_if(standing.beneficiary_forgotten, BeneficiaryIsForgotten)
    refuse_if(standing.someone_died, AccountIsClosed)
    if command.payer is TimePayer.POOL:
        _require_without(standing.means)
    else:
        if command.payer is TimePayer.OWN:
            refuse_if(standing.payer_volunteer_id is None, HasNoAccount)
        else:
            refuse_if(standing.kin_id is None, NotVerifiedKin)
        refuse_if(standing.payer_closed, AccountIsClosed)
        refuse_unless(command.agreed, NotAgreed)
        require_age(standing.age_years_min, standing.spend_from_age)
    return TimeOrderRequested(
        time_order_id=command.order_id,
        community=standing.community,
        place=command.place,
        beneficiary_id=standing.beneficiary_id,
        service=command.service,
        planned_minutes=command.planned_minutes,
        payer=command.payer,
        payer_volunteer_id=standing.payer_volunteer_id,
        payer_community=standing.payer_community,
        kin_id=standing.kin_id,
        kin_asked=standing.means.kin_asked,
        requested_by=command.by,
        requested_at=command.at,
        serve_by=command.serve_by,
    )


def require_age(years_min: int | None, from_age: int) -> None:
    """Refuse whoever is too young for the time bank, or may be. Raises `AgeUnknown`, `TooYoung`."""
    refuse_if(from_age > 0 and years_min is None, AgeUnknown(from_age=from_age))
    refuse_unless(old_enough(years_min, from_age), TooYoung(from_age=from_age))


def old_enough(years_min: int | None, from_age: int) -> bool:
    """Whether somebody is certainly of the age that the time bank asks for."""
    return from_age == 0 or (years_min is not None and years_min >= from_age)


def _require_without(means: Means) -> None:
    refuse_if(means.own_minutes > 0, PoolOnlyForThoseWithout(minutes=means.own_minutes))
    refuse_if(means.kin_could_give and not means.kin_asked, KinCouldGive)


def _accepted(order: Order, command: Accept) -> TimeOrderAccepted:
    refuse_if(order.stage is Stage.PROPOSED, OrderNotApproved)
    refuse_if(order.stage is Stage.SERVED, OrderServedAlready)
    refuse_if(order.stage is Stage.ACCEPTED and not command.instead, OrderAcceptedAlready)
    refuse_if(command.provider_community is None, NoSuchVolunteer)
    # The office sends whoever died once more, where somebody else had accepted before it heard that they had served.
    died_since = command.instead and order.before is not None and command.provider_id == order.before.id
    refuse_if(command.provider_closed and not died_since, AccountIsClosed)
    refuse_if(command.provider_is_beneficiary, ProviderIsBeneficiary)
    refuse_if(command.provider_is_kin or command.provider_id == order.payer_volunteer_id, ProviderIsKin)
    assert command.provider_community is not None
    return TimeOrderAccepted(
        **order.named,
        provider_id=command.provider_id,
        provider_community=command.provider_community,
        accepted_at=command.at,
    )


def _served_before(order: Order, command: Serve) -> bool:
    """Whether an order had been served when it timed out, or a death came between: the office enters it late.

    Its minutes may be free since, and are held anew.
    """
    if order.stage is Stage.ACCEPTED or order.before is None or not command.by_office:
        return False
    assert order.before.until is not None
    return _ended(command) <= order.before.until


def _ended(command: Serve) -> datetime:
    return command.started_at + timedelta(minutes=command.minutes)


def _served(order: Order, command: Serve) -> TimeOrderServed:
    refuse_if(command.minutes > order.planned_minutes, MoreThanPlanned(planned_minutes=order.planned_minutes))
    assert order.requested_at is not None
    provider = order.provider
    assert provider is not None
    over = _ended(command) <= (provider.until or command.at) and _ended(command) <= command.at
    refuse_unless(order.requested_at <= command.started_at and over, ServedOutOfBounds)
    refuse_if(command.provider_elsewhere, ProviderElsewhere)
    return TimeOrderServed(
        **order.named,
        payer_volunteer_id=order.payer_volunteer_id,
        payer_community=order.payer_community,
        provider_id=provider.id,
        provider_community=provider.community,
        minutes=command.minutes,
        started_at=command.started_at,
        recorded_by=command.by,
        served_at=command.at,
        confirm_by=command.confirm_by,
        after_death=provider.after_death,
    )
