"""What was confirmed wrongly of an order is corrected: proposed by one, confirmed by another, as the service was. Pure.

0 minutes say that it was not served; an order that was corrected to that can be corrected again. Whether the payer has
what a longer service costs more is the ledger's to say; what is to go back goes back, and is owed if it was spent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.points.time_orders.order import Order, Stage
from services.points.time_orders.refusals import (
    CorrectionAlreadyProposed,
    CorrectionTooFarBack,
    MoreThanPlanned,
    NoCorrectionProposed,
    OrderNotConfirmed,
    OwnCorrection,
    ProviderElsewhere,
    ServiceAlreadyCredited,
)
from shared.contracts import Event, refuse_if, refuse_unless
from shared.contracts.corrections import NothingToCorrect
from shared.contracts.time_bank import (
    TimeBankCorrectionReason,
    TimeOrderCorrected,
    TimeOrderCorrectionProposed,
    TimeOrderCorrectionWithdrawn,
    TimeService,
)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What else the provider did in the time that a longer service takes; nothing, where it is not longer."""

    served: bool = False
    """Another order."""
    credited: bool = False
    """Service that brought them minutes already."""


@dataclass(frozen=True, slots=True)
class ProposeCorrection:
    """Say what was right."""

    minutes: int
    service: TimeService | None
    reason: TimeBankCorrectionReason
    elsewhere: Elsewhere
    within: timedelta
    """So long after the confirmation it can be corrected."""
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class ConfirmCorrection:
    """Somebody else than who proposed it, serves or pays says that it is so."""

    elsewhere: Elsewhere
    within: timedelta
    """As for the proposal: what nobody has confirmed by then can only be withdrawn."""
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class WithdrawCorrection:
    """It was right, or something else is."""

    by: UUID
    at: datetime


CorrectionCommand = ProposeCorrection | ConfirmCorrection | WithdrawCorrection


def corrected(order: Order, command: CorrectionCommand) -> Event:
    """Which event a command leads to. Raises the refusals that are imported here."""
    if isinstance(command, ProposeCorrection):
        return _proposed(order, command)
    proposed = order.correction
    if proposed is None:
        raise NoCorrectionProposed
    match command:
        case WithdrawCorrection(by=by, at=at):
            return TimeOrderCorrectionWithdrawn(**order.named, withdrawn_by=by, withdrawn_at=at)
        case ConfirmCorrection(elsewhere=elsewhere, within=within, by=by, at=at):
            refuse_if(by in (proposed.proposed_by, order.provider_id, order.payer_volunteer_id), OwnCorrection)
            _require_open(order, within, at)
            _require_free(elsewhere)
            return TimeOrderCorrected(
                **order.named,
                payer_volunteer_id=order.payer_volunteer_id,
                payer_community=order.payer_community,
                provider_id=order.provider_id,
                provider_community=order.provider_community,
                minutes_before=order.minutes,
                minutes=proposed.minutes,
                service=proposed.service,
                reason=proposed.reason,
                proposed_by=proposed.proposed_by,
                corrected_by=by,
                corrected_at=at,
            )


def _proposed(order: Order, command: ProposeCorrection) -> TimeOrderCorrectionProposed:
    refuse_unless(order.stage in {Stage.CONFIRMED, Stage.VOIDED}, OrderNotConfirmed)
    refuse_unless(order.correction is None, CorrectionAlreadyProposed)
    _require_open(order, command.within, command.at)
    service = None if command.service is order.service else command.service
    refuse_if(command.minutes == order.minutes and service is None, NothingToCorrect)
    refuse_if(command.minutes > order.planned_minutes, MoreThanPlanned(planned_minutes=order.planned_minutes))
    _require_free(command.elsewhere)
    return TimeOrderCorrectionProposed(
        **order.named,
        minutes_before=order.minutes,
        minutes=command.minutes,
        service=service,
        reason=command.reason,
        proposed_by=command.by,
        proposed_at=command.at,
    )


def _require_open(order: Order, within: timedelta, at: datetime) -> None:
    """The books of that time are open still."""
    assert order.confirmed_at is not None
    refuse_if(at - order.confirmed_at > within, CorrectionTooFarBack(days=within.days))


def _require_free(elsewhere: Elsewhere) -> None:
    refuse_if(elsewhere.served, ProviderElsewhere)
    refuse_if(elsewhere.credited, ServiceAlreadyCredited)
