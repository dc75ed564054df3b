"""An order of the time bank, from the request to the confirmation."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.points.beneficiaries.model import (
    BeneficiaryIsForgotten,
    NoSuchVolunteer,
)
from services.points.time_orders import refusals
from services.points.time_orders.correcting import (
    ConfirmCorrection,
    Elsewhere,
    ProposeCorrection,
    WithdrawCorrection,
)
from services.points.time_orders.model import Accept, Approve, Cancel, Confirm, Reopen, Request, Serve, TimeOut
from services.points.time_orders.order import Stage
from services.points.time_orders.standing import AccountIsClosed, Means, Standing
from services.points.time_orders.views import ORDERS
from shared.contracts.corrections import NothingToCorrect
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
from tests.specification import given
from tests.unit.points.test_time_bank import (
    ANNA,
    BO,
    DAUGHTER,
    DAY,
    HERE,
    HOUR,
    ID,
    MOTHER,
    NOW,
    OLD,
    OTHER,
    PROVIDER,
    THERE,
)

SERVE_BY, CONFIRM_BY = NOW + 30 * DAY, NOW + 7 * DAY
STANDING = Standing(
    beneficiary_id=MOTHER, community=HERE, beneficiary_forgotten=False, someone_died=False, payer_volunteer_id=OLD,
    payer_community=HERE, payer_closed=False, kin_id=None, age_years_min=60, spend_from_age=60,
)  # fmt: skip


def request(payer: TimePayer = TimePayer.OWN, *, agreed: bool = True, **standing: Any) -> Request:
    if payer is TimePayer.GIFT:
        standing = {"payer_volunteer_id": DAUGHTER, "kin_id": ID, **standing}
    if payer is TimePayer.POOL:
        standing = {"payer_volunteer_id": None, **standing}
    return Request(
        order_id=ID, place=HERE, service=TimeService.HOUSEWORK, planned_minutes=120, payer=payer,
        standing=replace(STANDING, **standing), agreed=agreed, by=ANNA, at=NOW, serve_by=SERVE_BY,
    )  # fmt: skip


def requested(payer: TimePayer = TimePayer.OWN) -> TimeOrderRequested:
    (event,) = ORDERS.decide(ORDERS.initial, request(payer))
    assert isinstance(event, TimeOrderRequested)
    return event


APPROVED = TimeOrderApproved(
    time_order_id=ID, community=HERE, planned_minutes=120, approved_by=BO, approved_at=NOW
)  # fmt: skip
ACCEPTED = TimeOrderAccepted(
    time_order_id=ID, community=HERE, provider_id=PROVIDER, provider_community=THERE, accepted_at=NOW
)  # fmt: skip
SERVED = TimeOrderServed(
    time_order_id=ID, community=HERE, payer_volunteer_id=OLD, payer_community=HERE, provider_id=PROVIDER,
    provider_community=THERE, minutes=90, started_at=NOW, recorded_by=ANNA, served_at=NOW + 2 * HOUR,
    confirm_by=CONFIRM_BY,
)  # fmt: skip
CONFIRMED = TimeOrderConfirmed(time_order_id=ID, community=HERE, confirmed_by=BO, confirmed_at=NOW)


def accept(**changed: Any) -> Accept:
    return replace(Accept(PROVIDER, THERE, False, False, False, False, NOW), **changed)


def test_an_order_says_who_pays_and_where_they_are_at_home() -> None:
    event = requested()
    given(ORDERS).when(request()).then(event)
    assert (event.payer_volunteer_id, event.payer_community, event.planned_minutes) == (OLD, HERE, 120)
    given(ORDERS).when(request()).then_state(stage=Stage.REQUESTED)
    given(ORDERS, event).when(request()).then_refused(refusals.OrderEnded)


def test_minutes_are_used_from_the_age_that_the_policy_says() -> None:
    given(ORDERS).when(request(age_years_min=55)).then_refused(refusals.TooYoung, from_age=60)
    given(ORDERS).when(request(age_years_min=None)).then_refused(refusals.AgeUnknown, from_age=60)
    given(ORDERS).when(request(TimePayer.GIFT, age_years_min=55)).then_refused(refusals.TooYoung)
    given(ORDERS).when(request(age_years_min=None, spend_from_age=0)).then_state(stage=Stage.REQUESTED)


def test_whoever_pays_has_an_account_that_is_open_and_agrees() -> None:
    given(ORDERS).when(request(payer_volunteer_id=None)).then_refused(refusals.HasNoAccount)
    given(ORDERS).when(request(payer_closed=True)).then_refused(AccountIsClosed)
    given(ORDERS).when(request(someone_died=True)).then_refused(AccountIsClosed)
    given(ORDERS).when(request(beneficiary_forgotten=True)).then_refused(BeneficiaryIsForgotten)
    given(ORDERS).when(request(agreed=False)).then_refused(refusals.NotAgreed)


def test_only_verified_kin_give_for_an_order() -> None:
    given(ORDERS).when(request(TimePayer.GIFT, kin_id=None)).then_refused(refusals.NotVerifiedKin)
    given(ORDERS).when(request(TimePayer.GIFT, agreed=False)).then_refused(refusals.NotAgreed)
    event = requested(TimePayer.GIFT)
    assert (event.payer_volunteer_id, event.kin_id) == (DAUGHTER, ID)


def test_the_pool_pays_for_those_who_have_nothing_at_whatever_age() -> None:
    given(ORDERS).when(request(TimePayer.POOL, age_years_min=30)).then_state(stage=Stage.PROPOSED)
    own, could_give = Means(own_minutes=1), Means(kin_could_give=True)
    given(ORDERS).when(request(TimePayer.POOL, means=own)).then_refused(refusals.PoolOnlyForThoseWithout, minutes=1)
    given(ORDERS).when(request(TimePayer.POOL, means=could_give)).then_refused(refusals.KinCouldGive)
    asked = replace(could_give, kin_asked=True)
    given(ORDERS).when(request(TimePayer.POOL, means=asked)).then_state(stage=Stage.PROPOSED, kin_asked=True)


def test_that_the_pool_pays_is_approved_by_a_second_person() -> None:
    proposed = requested(TimePayer.POOL)
    given(ORDERS, proposed).when(Approve(Means(), BO, NOW)).then(APPROVED)
    given(ORDERS, proposed).when(Approve(Means(), ANNA, NOW)).then_refused(refusals.OwnRequest)
    given(ORDERS, proposed).when(Approve(Means(5), BO, NOW)).then_refused(refusals.PoolOnlyForThoseWithout)
    died = Means(beneficiary_closed=True)
    given(ORDERS, proposed).when(Approve(died, BO, NOW)).then_refused(AccountIsClosed)
    given(ORDERS, proposed, APPROVED).when(Approve(Means(), BO, NOW)).then_refused(refusals.NotAwaitingApproval)
    given(ORDERS, requested()).when(Approve(Means(), BO, NOW)).then_refused(refusals.NotAwaitingApproval)
    given(ORDERS, proposed).when(accept()).then_refused(refusals.OrderNotApproved)
    given(ORDERS, proposed, APPROVED).when(accept()).then(ACCEPTED)


def test_a_volunteer_accepts_what_nobody_has_and_the_office_can_send_another() -> None:
    given(ORDERS, requested()).when(accept()).then(ACCEPTED)
    given(ORDERS, requested(), ACCEPTED).when(accept(provider_id=OTHER)).then_refused(refusals.OrderAcceptedAlready)
    given(ORDERS, requested(), ACCEPTED).when(accept(provider_id=OTHER, instead=True)).then_state(provider_id=OTHER)
    given(ORDERS, requested(), ACCEPTED, SERVED).when(accept(instead=True)).then_refused(refusals.OrderServedAlready)


def test_nobody_serves_themselves_or_their_own_kin_for_minutes() -> None:
    given(ORDERS, requested()).when(accept(provider_is_beneficiary=True)).then_refused(refusals.ProviderIsBeneficiary)
    given(ORDERS, requested()).when(accept(provider_is_kin=True)).then_refused(refusals.ProviderIsKin)
    payer = accept(provider_id=DAUGHTER)
    given(ORDERS, requested(TimePayer.GIFT)).when(payer).then_refused(refusals.ProviderIsKin)
    given(ORDERS, requested()).when(accept(provider_community=None)).then_refused(NoSuchVolunteer)
    given(ORDERS, requested()).when(accept(provider_closed=True)).then_refused(AccountIsClosed)


def serve(minutes: int = 90, **changed: Any) -> Serve:
    return replace(Serve(NOW, minutes, False, ANNA, NOW + 2 * HOUR, CONFIRM_BY), **changed)


def test_a_service_lies_after_the_order_is_over_and_within_the_plan() -> None:
    accepted = given(ORDERS, requested(), ACCEPTED)
    accepted.when(serve()).then(SERVED)
    accepted.when(serve(121)).then_refused(refusals.MoreThanPlanned, planned_minutes=120)
    accepted.when(serve(started_at=NOW - HOUR)).then_refused(refusals.ServedOutOfBounds)
    accepted.when(serve(120, at=NOW + HOUR)).then_refused(refusals.ServedOutOfBounds)
    accepted.when(serve(provider_elsewhere=True)).then_refused(refusals.ProviderElsewhere)
    given(ORDERS, requested()).when(serve()).then_refused(refusals.OrderNotAccepted)
    given(ORDERS, requested(), ACCEPTED, SERVED).when(serve()).then_refused(refusals.OrderServedAlready)


def test_a_service_is_confirmed_by_somebody_else_than_who_recorded_it_and_paid_once() -> None:
    served = given(ORDERS, requested(), ACCEPTED, SERVED)
    served.when(Confirm(False, BO, NOW)).then(CONFIRMED)
    served.when(Confirm(False, ANNA, NOW)).then_refused(refusals.OwnRecord)
    served.when(Confirm(False, PROVIDER, NOW)).then_refused(refusals.OwnRecord)
    served.when(Confirm(True, BO, NOW)).then_refused(refusals.ServiceAlreadyCredited)
    given(ORDERS, requested(), ACCEPTED).when(Confirm(False, BO, NOW)).then_refused(refusals.OrderNotServed)
    ended = given(ORDERS, requested(), ACCEPTED, SERVED, CONFIRMED)
    ended.when(Confirm(False, BO, NOW)).then_refused(refusals.OrderEnded, stage="confirmed")
    ended.when(Cancel(TimeOrderCancelReason.OTHER, True, NOW)).then_refused(refusals.OrderEnded, stage="confirmed")


def test_an_order_is_called_off_by_anybody_until_it_was_served_and_then_by_the_office() -> None:
    off = TimeOrderCancelled(
        time_order_id=ID, community=HERE, reason=TimeOrderCancelReason.NOT_NEEDED, cancelled_at=NOW
    )  # fmt: skip
    for so_far in ([requested()], [requested(TimePayer.POOL)], [requested(), ACCEPTED]):
        given(ORDERS, *so_far).when(Cancel(TimeOrderCancelReason.NOT_NEEDED, False, NOW)).then(off)
    served = given(ORDERS, requested(), ACCEPTED, SERVED)
    served.when(Cancel(TimeOrderCancelReason.NOT_NEEDED, False, NOW)).then_refused(refusals.OrderServedAlready)
    served.when(Cancel(TimeOrderCancelReason.NOT_NEEDED, True, NOW)).then(off)


def test_an_order_times_out_when_it_is_due_and_was_not_served_and_twice_is_no_mistake() -> None:
    timed_out = TimeOrderTimedOut(time_order_id=ID, community=HERE, timed_out_at=SERVE_BY)
    for so_far in ([requested()], [requested(TimePayer.POOL)], [requested(), ACCEPTED]):
        given(ORDERS, *so_far).when(TimeOut(SERVE_BY)).then(timed_out)
        given(ORDERS, *so_far).when(TimeOut(SERVE_BY - HOUR)).then_nothing()
    given(ORDERS, requested(), timed_out).when(TimeOut(SERVE_BY)).then_nothing()
    given(ORDERS, requested(), timed_out).when(accept()).then_refused(refusals.OrderEnded, stage="timed_out")


def test_a_service_that_was_given_in_time_is_entered_by_the_office_after_the_order_timed_out() -> None:
    timed_out = TimeOrderTimedOut(time_order_id=ID, community=HERE, timed_out_at=SERVE_BY)
    over = given(ORDERS, requested(), ACCEPTED, timed_out)
    over.when(serve(by_office=True)).then(SERVED)
    over.when(serve()).then_refused(refusals.OrderEnded, stage="timed_out")
    too_late = serve(by_office=True, started_at=SERVE_BY - HOUR, at=SERVE_BY + 2 * HOUR)
    over.when(too_late).then_refused(refusals.OrderEnded, stage="timed_out")
    nobody = given(ORDERS, requested(), timed_out)
    nobody.when(serve(by_office=True)).then_refused(refusals.OrderEnded, stage="timed_out")
    entered = given(ORDERS, requested(), ACCEPTED, timed_out, SERVED)
    entered.when(Confirm(False, BO, NOW)).then(CONFIRMED)


DIED = TimeOrderCancelled(
    time_order_id=ID, community=HERE, reason=TimeOrderCancelReason.DEATH, cancelled_at=NOW + 2 * HOUR
)  # fmt: skip
REOPENED = TimeOrderReopened(time_order_id=ID, community=HERE, provider_id=PROVIDER, reopened_at=NOW + 2 * HOUR)


def test_a_service_that_was_given_before_a_death_called_the_order_off_is_entered_by_the_office() -> None:
    late = serve(by_office=True, at=NOW + 3 * DAY)
    entered = SERVED.model_copy(update={"served_at": NOW + 3 * DAY, "after_death": True})
    off = given(ORDERS, requested(), ACCEPTED, DIED)
    off.when(late).then(entered)
    off.when(replace(late, by_office=False)).then_refused(refusals.OrderEnded, stage="cancelled")
    off.when(replace(late, started_at=NOW + HOUR)).then_refused(refusals.OrderEnded)
    off.when(replace(late, provider_elsewhere=True)).then_refused(refusals.ProviderElsewhere)
    given(ORDERS, requested(), ACCEPTED, DIED, entered).when(Confirm(False, BO, NOW)).then(CONFIRMED)
    for so_far in (
        [requested(), DIED],
        [requested(), ACCEPTED, DIED.model_copy(update={"reason": TimeOrderCancelReason.NOT_NEEDED})],
        [requested(), ACCEPTED, SERVED, DIED],
    ):
        given(ORDERS, *so_far).when(late).then_refused(refusals.OrderEnded, stage="cancelled")


def test_where_the_provider_died_somebody_else_is_looked_for_and_what_they_gave_is_theirs() -> None:
    given(ORDERS, requested(), ACCEPTED).when(Reopen(NOW + 2 * HOUR)).then(REOPENED)
    given(ORDERS, requested()).when(Reopen(NOW)).then_refused(refusals.OrderNotAccepted)
    reopened = (requested(), ACCEPTED, REOPENED)
    given(ORDERS, *reopened).when(accept(provider_id=OTHER)).then_state(provider_id=OTHER, stage=Stage.ACCEPTED)
    late = serve(by_office=True, at=NOW + 3 * DAY)
    entered = SERVED.model_copy(update={"served_at": NOW + 3 * DAY, "after_death": True})
    given(ORDERS, *reopened).when(late).then(entered)
    given(ORDERS, *reopened).when(replace(late, by_office=False)).then_refused(refusals.OrderNotAccepted)
    given(ORDERS, *reopened).when(replace(late, started_at=NOW + HOUR)).then_refused(refusals.OrderNotAccepted)
    # Nobody could enter it in time, however the order ended since.
    timed_out = TimeOrderTimedOut(time_order_id=ID, community=HERE, timed_out_at=SERVE_BY)
    called_off = DIED.model_copy(update={"reason": TimeOrderCancelReason.NOT_NEEDED})
    for ended in (timed_out, called_off, DIED):
        given(ORDERS, *reopened, ended).when(late).then(entered)

    # Somebody else has accepted before the office heard of the service: it sends the dead once more, for that alone.
    by_other = ACCEPTED.model_copy(update={"provider_id": OTHER})
    followed = given(ORDERS, *reopened, by_other)
    followed.when(late).then_state(provider_id=OTHER)
    followed.when(accept(provider_closed=True)).then_refused(refusals.OrderAcceptedAlready)
    followed.when(accept(provider_closed=True, instead=True)).then(ACCEPTED)
    followed.when(accept(provider_id=ANNA, provider_closed=True, instead=True)).then_refused(AccountIsClosed)
    again = given(ORDERS, *reopened, by_other, ACCEPTED)
    again.when(late).then(entered)
    again.when(replace(late, started_at=NOW + HOUR)).then_refused(refusals.ServedOutOfBounds)
    given(ORDERS, *reopened, by_other, called_off).when(late).then(entered)
    # Of the other nobody died: they had the time of the order.
    of_other = {"provider_id": OTHER, "after_death": False}
    given(ORDERS, *reopened, by_other, timed_out).when(late).then(entered.model_copy(update=of_other))


def test_a_service_that_nobody_confirms_is_told_every_week_until_somebody_does() -> None:
    def told(reminder: int, at: datetime) -> TimeOrderUnconfirmed:
        return TimeOrderUnconfirmed(
            time_order_id=ID, community=HERE, beneficiary_id=MOTHER, payer_volunteer_id=OLD, provider_id=PROVIDER,
            minutes=90, reminder=reminder, confirm_by=at + 7 * DAY, reminded_at=at,
        )  # fmt: skip

    so_far, late = [requested(), ACCEPTED, SERVED], CONFIRM_BY + HOUR
    given(ORDERS, *so_far).when(TimeOut(CONFIRM_BY - HOUR)).then_nothing()
    given(ORDERS, *so_far).when(TimeOut(late)).then(told(1, late))
    reminded = [*so_far, told(1, late)]
    given(ORDERS, *reminded).when(TimeOut(late)).then_nothing()
    given(ORDERS, *reminded).when(TimeOut(late + 7 * DAY)).then(told(2, late + 7 * DAY))
    given(ORDERS, *reminded).when(Confirm(False, BO, NOW)).then(CONFIRMED)
    given(ORDERS, *reminded, CONFIRMED).when(TimeOut(late + 7 * DAY)).then_nothing()
    before_anybody_was = SERVED.model_copy(update={"confirm_by": None})
    given(ORDERS, requested(), ACCEPTED, before_anybody_was).when(TimeOut(NOW)).then(told(1, NOW))


WRONG = TimeBankCorrectionReason.WRONG_MINUTES
CLERK, COLLEAGUE = OTHER, MOTHER


def propose(minutes: int = 60, **changed: Any) -> ProposeCorrection:
    return replace(ProposeCorrection(minutes, None, WRONG, Elsewhere(), 90 * DAY, CLERK, NOW + DAY), **changed)


def proposed(minutes: int = 60, before: int = 90, service: TimeService | None = None) -> TimeOrderCorrectionProposed:
    return TimeOrderCorrectionProposed(
        time_order_id=ID, community=HERE, minutes_before=before, minutes=minutes, service=service, reason=WRONG,
        proposed_by=CLERK, proposed_at=NOW + DAY,
    )  # fmt: skip


def corrected(minutes: int = 60, before: int = 90, service: TimeService | None = None) -> TimeOrderCorrected:
    return TimeOrderCorrected(
        time_order_id=ID, community=HERE, payer_volunteer_id=OLD, payer_community=HERE, provider_id=PROVIDER,
        provider_community=THERE, minutes_before=before, minutes=minutes, service=service, reason=WRONG,
        proposed_by=CLERK, corrected_by=COLLEAGUE, corrected_at=NOW + DAY,
    )  # fmt: skip


PAID = (requested(), ACCEPTED, SERVED, CONFIRMED)
CONFIRM = ConfirmCorrection(Elsewhere(), 90 * DAY, COLLEAGUE, NOW + DAY)


def test_what_was_confirmed_wrongly_is_proposed_by_one_and_confirmed_by_another() -> None:
    given(ORDERS, *PAID).when(propose()).then(proposed())
    given(ORDERS, *PAID, proposed()).when(CONFIRM).then(corrected())
    given(ORDERS, *PAID, proposed()).when(CONFIRM).then_state(minutes=60, stage=Stage.CONFIRMED, correction=None)
    for own in (CLERK, PROVIDER, OLD):
        own_confirmation = replace(CONFIRM, by=own)
        given(ORDERS, *PAID, proposed()).when(own_confirmation).then_refused(refusals.OwnCorrection)
    given(ORDERS, *PAID, proposed()).when(propose(30)).then_refused(refusals.CorrectionAlreadyProposed)
    given(ORDERS, *PAID).when(CONFIRM).then_refused(refusals.NoCorrectionProposed)
    given(ORDERS, *PAID[:3]).when(propose()).then_refused(refusals.OrderNotConfirmed)


def test_a_correction_is_withdrawn_until_it_is_confirmed() -> None:
    withdrawn = TimeOrderCorrectionWithdrawn(
        time_order_id=ID, community=HERE, withdrawn_by=CLERK, withdrawn_at=NOW + DAY
    )  # fmt: skip
    withdraw = WithdrawCorrection(CLERK, NOW + DAY)
    given(ORDERS, *PAID, proposed()).when(withdraw).then(withdrawn)
    given(ORDERS, *PAID, proposed(), withdrawn).when(CONFIRM).then_refused(refusals.NoCorrectionProposed)
    given(ORDERS, *PAID, proposed(), withdrawn).when(propose()).then(proposed())
    given(ORDERS, *PAID, proposed(), corrected()).when(withdraw).then_refused(refusals.NoCorrectionProposed)


def test_a_correction_that_nobody_confirmed_in_time_can_only_be_withdrawn() -> None:
    waiting = given(ORDERS, *PAID, proposed())
    waiting.when(replace(CONFIRM, at=NOW + 90 * DAY)).then_state(minutes=60)
    waiting.when(replace(CONFIRM, at=NOW + 91 * DAY)).then_refused(refusals.CorrectionTooFarBack, days=90)
    waiting.when(WithdrawCorrection(CLERK, NOW + 91 * DAY)).then_state(correction=None, minutes=90)


def test_an_order_is_corrected_to_nothing_and_back_and_to_another_service() -> None:
    nothing = (*PAID, proposed(0), corrected(0))
    given(ORDERS, *PAID, proposed(0)).when(CONFIRM).then_state(minutes=0, stage=Stage.VOIDED)
    given(ORDERS, *nothing).when(propose(120)).then(proposed(120, before=0))
    back = given(ORDERS, *nothing, proposed(120, before=0))
    back.when(CONFIRM).then(corrected(120, before=0))
    back.when(CONFIRM).then_state(minutes=120, stage=Stage.CONFIRMED)
    meals = TimeService.MEALS
    given(ORDERS, *PAID).when(propose(90, service=meals)).then(proposed(90, service=meals))
    given(ORDERS, *PAID, proposed(90, service=meals)).when(CONFIRM).then_state(service=meals, minutes=90)
    given(ORDERS, *PAID).when(propose(90, service=TimeService.HOUSEWORK)).then_refused(NothingToCorrect)
    given(ORDERS, *PAID).when(propose(90)).then_refused(NothingToCorrect)


def test_what_cannot_be_right_is_no_correction() -> None:
    given(ORDERS, *PAID).when(propose(121)).then_refused(refusals.MoreThanPlanned, planned_minutes=120)
    given(ORDERS, *PAID).when(propose(at=NOW + 91 * DAY)).then_refused(refusals.CorrectionTooFarBack, days=90)
    for clash, refusal in (
        (Elsewhere(served=True), refusals.ProviderElsewhere),
        (Elsewhere(credited=True), refusals.ServiceAlreadyCredited),
    ):
        given(ORDERS, *PAID).when(propose(120, elsewhere=clash)).then_refused(refusal)
        given(ORDERS, *PAID, proposed(120)).when(replace(CONFIRM, elsewhere=clash)).then_refused(refusal)
