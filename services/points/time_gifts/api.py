"""Routes of giving: to a relative, and to the public pool."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.points.accounts.known import Known, known_volunteers
from services.points.beneficiaries.age import age_years_min
from services.points.beneficiaries.views import beneficiary_row
from services.points.deaths.gate import enter_gate
from services.points.fields import own_id
from services.points.kin.views import verified_tie
from services.points.policy.in_force import InForce
from services.points.time_gifts.model import Donate, Give, Side
from services.points.time_gifts.streams import DONATIONS, GIFTS
from services.points.time_orders.refusals import HasNoAccount
from shared.auth.permissions import Role
from shared.clock import local_day
from shared.contracts import refuse_if
from shared.web import Api, Caller, NotFound, Work
from shared.web.fields import Body

api = Api(tags=["minutes given 转赠和捐出"])

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
