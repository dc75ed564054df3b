"""Why something about an order is refused."""

from typing import ClassVar

from shared.contracts import Refusal


class OrderEnded(Refusal):
    """It was confirmed, called off, or timed out before. Params: `stage`."""

    code: ClassVar[str] = "time_order_ended"


class TooYoung(Refusal):
    """Whoever is to be served is too young to use minutes. Params: `from_age`."""

    code: ClassVar[str] = "too_young_for_time_bank"


class AgeUnknown(Refusal):
    """Nobody knows how old whoever is to be served is. Params: `from_age`."""

    code: ClassVar[str] = "age_unknown_for_time_bank"


class HasNoAccount(Refusal):
    """The beneficiary is no volunteer and has no minutes of their own."""

    code: ClassVar[str] = "beneficiary_has_no_account"


class NotVerifiedKin(Refusal):
    """The two are not related in a way that was verified."""

    code: ClassVar[str] = "not_verified_kin"


class NotAgreed(Refusal):
    """Whoever's minutes are to be used has not agreed."""

    code: ClassVar[str] = "holder_has_not_agreed"


class PoolOnlyForThoseWithout(Refusal):
    """The beneficiary has minutes of their own. Params: `minutes`."""

    code: ClassVar[str] = "pool_only_for_those_without"


class KinCouldGive(Refusal):
    """A verified relative has enough minutes, and was not asked."""

    code: ClassVar[str] = "kin_could_give"


class OrderElsewhere(Refusal):
    """A volunteer takes orders of their own community only; the office there asks others. Params: `place`."""

    code: ClassVar[str] = "time_order_elsewhere"
    status: ClassVar[int] = 403


class NotAwaitingApproval(Refusal):
    """There is nothing to approve: the pool does not pay, or it was approved before."""

    code: ClassVar[str] = "time_order_not_awaiting_approval"


class OwnRequest(Refusal):
    """Whoever requested the pool's help, or is to have it, cannot approve it."""

    code: ClassVar[str] = "time_order_own_request"


class OrderNotApproved(Refusal):
    """The pool's help is not approved yet."""

    code: ClassVar[str] = "time_order_not_approved"


class OrderAcceptedAlready(Refusal):
    """Another volunteer has accepted it."""

    code: ClassVar[str] = "time_order_accepted_already"


class ProviderIsBeneficiary(Refusal):
    """Nobody serves themselves."""

    code: ClassVar[str] = "provider_is_beneficiary"


class ProviderIsKin(Refusal):
    """Relatives help each other without minutes."""

    code: ClassVar[str] = "provider_is_kin"


class OrderNotAccepted(Refusal):
    """Nobody has accepted it yet."""

    code: ClassVar[str] = "time_order_not_accepted"


class OrderServedAlready(Refusal):
    """The service was given already."""

    code: ClassVar[str] = "time_order_served_already"


class MoreThanPlanned(Refusal):
    """More minutes than were planned, and are held. Params: `planned_minutes`."""

    code: ClassVar[str] = "more_minutes_than_planned"
    status: ClassVar[int] = 422


class ServedOutOfBounds(Refusal):
    """The service began before it was ordered, or is not over."""

    code: ClassVar[str] = "served_out_of_bounds"
    status: ClassVar[int] = 422


class ProviderElsewhere(Refusal):
    """The provider served another order at that time: nobody is in two places at once."""

    code: ClassVar[str] = "provider_served_elsewhere"


class OrderNotServed(Refusal):
    """The service was not given yet."""

    code: ClassVar[str] = "time_order_not_served"


class OwnRecord(Refusal):
    """Whoever recorded a service, or gave it, cannot confirm it."""

    code: ClassVar[str] = "time_order_own_record"


class ServiceAlreadyCredited(Refusal):
    """The provider has minutes already for service at that time: nobody is paid twice for an hour."""

    code: ClassVar[str] = "service_already_credited"


class OrderNotConfirmed(Refusal):
    """Only what was confirmed is corrected; before, it is recorded anew or called off."""

    code: ClassVar[str] = "time_order_not_confirmed"


class CorrectionAlreadyProposed(Refusal):
    """A correction waits to be confirmed or withdrawn."""

    code: ClassVar[str] = "time_order_correction_already_proposed"


class NoCorrectionProposed(Refusal):
    """No correction waits to be confirmed."""

    code: ClassVar[str] = "time_order_no_correction_proposed"


class OwnCorrection(Refusal):
    """Whoever proposed a correction, gave the service or pays for it cannot confirm it."""

    code: ClassVar[str] = "time_order_own_correction"


class CorrectionTooFarBack(Refusal):
    """It was paid too long ago. Params: `days`."""

    code: ClassVar[str] = "minutes_paid_too_far_back"
    status: ClassVar[int] = 422
