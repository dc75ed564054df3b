"""Routes of giving: to a relative, and to the public pool."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import text

from services.points.accounts.known import Known, known_volunteers
from services.points.beneficiaries.age import age_years_min
from services.points.beneficiaries.views import beneficiary_row
from services.points.deaths.gate import enter_gate
from services.points.fields import Configured, own_id
from services.points.kin.views import verified_tie
from services.points.ledger.parts import enter_gate as enter_parts
from services.points.policy.in_force import InForce
from services.points.settings import PointsSettings
from services.points.time_gifts.model import Donate, Give, Given, Reverse, Side
from services.points.time_gifts.streams import DONATIONS, GIFTS
from services.points.time_orders.refusals import HasNoAccount
from shared.aggregate import Aggregate
from shared.auth.actors import actor_id
from shared.auth.permissions import Role
from shared.clock import local_day
from shared.contracts import refuse_if
from shared.contracts.time_bank import MinutesGiven, TimeBankCorrectionReason
from shared.database import driver_connection
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Work
from shared.web.fields import Body

api = Api(tags=["minutes given 转赠和捐出"])

_ONE_BY_ONE = text("SELECT pg_advisory_xact_lock(4995421803)")

Agreed = Annotated[
    bool, Field(description="账户本人已同意（由工作人员代办时） the holder told the office that they agree")
]
Amount = Annotated[int, Field(ge=0, le=1_000_000, description="分钟 minutes")]


class GiftBody(Body):
    """转赠 Minutes for a verified relative who is a volunteer and old enough."""

    giver_id: UUID
    beneficiary_id: UUID
    minutes: Annotated[int, Field(ge=1, le=1_000_000, description="分钟 minutes")]
    agreed: Agreed = False


class DonationBody(Body):
    """捐出 Minutes for the public pool of the volunteer's home."""

    volunteer_id: UUID
    minutes: Amount = 0
    donation_minutes: Annotated[Amount, Field(description="仅可捐出的分钟 donate-only minutes")] = 0
    agreed: Agreed = False


class GiftOut(BaseModel):
    """Minutes that were given."""

    id: UUID
    giver_id: UUID
    recipient_id: UUID
    minutes: int


class MinutesDonatedOut(BaseModel):
    """Minutes that went to the pool."""

    id: UUID
    community: str
    volunteer_id: UUID
    minutes: int
    donation_minutes: int


class ReversalBody(Body):
    """撤销 Why it is taken back."""

    reason: TimeBankCorrectionReason


class ReversalOut(BaseModel):
    """What was taken back."""

    id: UUID
    reason: TimeBankCorrectionReason
    reversed_at: datetime


@api.command("/v1/minutes/gifts", permission="minutes.give", status=201)
async def give_minutes(body: GiftBody, work: Work, caller: Caller, policies: InForce) -> GiftOut:
    """转赠时间给已核实的亲属（须达到使用年龄）。Give minutes to a verified relative who is old enough to use them."""
    await enter_gate(work.connection)
    beneficiary = await beneficiary_row(work.connection, body.beneficiary_id)
    recipient_id = beneficiary.volunteer_id
    known = await known_volunteers(work.connection, [body.giver_id, recipient_id])
    giver = _giver(caller, known, body.giver_id)
    refuse_if(recipient_id is None, HasNoAccount)
    terms = await policies.terms(work.connection, giver.community or beneficiary.community, local_day(work.now))
    gift_id = work.new_id()
    command = Give(
        gift_id=gift_id,
        giver=giver,
        recipient=_side(known, recipient_id),
        kin_id=await verified_tie(work.connection, body.giver_id, body.beneficiary_id),
        recipient_years_min=await age_years_min(work, beneficiary, known),
        spend_from_age=terms.time_bank.spend_from_age.value,
        minutes=body.minutes,
        agreed=body.agreed or caller.role is Role.VOLUNTEER,
        at=work.now,
    )
    work.create(GIFTS, gift_id, command)
    return GiftOut(id=gift_id, giver_id=body.giver_id, recipient_id=recipient_id, minutes=body.minutes)


@api.command("/v1/minutes/donations", permission="minutes.give", status=201)
async def donate_minutes(body: DonationBody, work: Work, caller: Caller) -> MinutesDonatedOut:
    """捐给本社区公共池；仅可捐出的分钟捐出后可供他人使用。Give to the pool; donate-only minutes become usable there."""
    await enter_gate(work.connection)
    known = await known_volunteers(work.connection, [body.volunteer_id])
    donor, donation_id = _giver(caller, known, body.volunteer_id), work.new_id()
    command = Donate(
        donation_id=donation_id,
        donor=donor,
        minutes=body.minutes,
        donation_minutes=body.donation_minutes,
        agreed=body.agreed or caller.role is Role.VOLUNTEER,
        at=work.now,
    )
    state = work.create(DONATIONS, donation_id, command)
    return MinutesDonatedOut(
        id=donation_id,
        community=state.community,
        volunteer_id=body.volunteer_id,
        minutes=body.minutes,
        donation_minutes=body.donation_minutes,
    )


@api.command("/v1/minutes/gifts/{time_gift_id}/reversal", permission="minutes.reverse")
async def reverse_gift(
    time_gift_id: UUID, body: ReversalBody, work: Work, caller: Caller, settings: Configured
) -> ReversalOut:
    """撤销误登的转赠：时间全部退回，亲属已用掉的记为欠。

    Take back a gift that was entered by mistake, as a whole: the minutes go back to the giver, and the relative owes
    what they have spent of them.
    """
    return await _reverse(work, caller, settings, GIFTS, time_gift_id, body.reason)


@api.command("/v1/minutes/donations/{time_donation_id}/reversal", permission="minutes.reverse")
async def reverse_donation(
    time_donation_id: UUID, body: ReversalBody, work: Work, caller: Caller, settings: Configured
) -> ReversalOut:
    """撤销误登的捐出：时间全部退回，仅可捐出的仍仅可捐出；公共池已经给出、余额不足的不能撤销。

    Take back a gift to the pool, as a whole, donate-only minutes as such; refused where the pool has not so much left.
    """
    return await _reverse(work, caller, settings, DONATIONS, time_donation_id, body.reason)


async def _reverse(
    work: UnitOfWork,
    caller: Any,
    settings: PointsSettings,
    gifts: Aggregate[Given],
    key: UUID,
    reason: TimeBankCorrectionReason,
) -> ReversalOut:
    # Gifts have no row to hold: of two of one moment the second learns that it was taken back, not that minutes lack.
    await work.connection.execute(_ONE_BY_ONE)
    # The nights on which minutes flowed over are reckoned anew: not while one is at work.
    await enter_parts(await driver_connection(work.connection))
    told = (await work.load(gifts, key)).state.told
    if told is None:
        raise NotFound(gifts.name)
    giver_id = told.giver_id if isinstance(told, MinutesGiven) else told.volunteer_id
    _giver(caller, await known_volunteers(work.connection, [giver_id]), giver_id)
    within = timedelta(days=settings.minutes_correct_within_days)
    await work.execute(gifts, key, Reverse(reason, within, actor_id(work.vault, caller.subject), work.now))
    return ReversalOut(id=key, reason=reason, reversed_at=work.now)


def _giver(caller: Any, known: dict[UUID, Known], volunteer_id: UUID) -> Side:
    """Volunteers give their own; the office gives for people at home in its node."""
    side = _side(known, volunteer_id)
    if caller.role is Role.VOLUNTEER:
        own_id(caller)
        caller.require_self(volunteer_id)
    elif side.community is None:
        raise NotFound("volunteer")
    else:
        caller.require(side.community)
    return side


def _side(known: dict[UUID, Known], volunteer_id: UUID) -> Side:
    one = known.get(volunteer_id)
    if one is None:
        return Side(volunteer_id, None, closed=False)
    return Side(volunteer_id, one.community, one.closed, one.book_elsewhere)
