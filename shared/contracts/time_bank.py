"""What the points service tells of spending in the time bank (时间银行): who is served, by whom, and who pays.

An hour is a coin, and 60 minutes. Minutes buy services only, never goods or cash. Beneficiaries are opaque ids; names,
ID numbers and birth dates stay in the vault, and an event says an age group at most.
"""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.common import CommunityCode
from shared.contracts.event import Event
from shared.contracts.registry import AgeGroup

CorrectedMinutes = Annotated[int, Field(ge=0, le=480, description="The right minutes; 0: it did not happen.")]
OrderMinutes = Annotated[int, Field(ge=1, le=480, description="Minutes of one service; eight hours at the most.")]
GivenMinutes = Annotated[int, Field(ge=1, description="Minutes of the time bank; 60 are one coin.")]
BOOK = "In whose book the account stands, where that is not home: null unless the volunteer has moved."
StaffId = Annotated[UUID, Field(description="Opaque id of the member of staff, the same within an installation.")]


class KinRelation(StrEnum):
    """What the beneficiary is to the volunteer: spouse, or a relative in the direct line (直系亲属)."""

    SPOUSE = "spouse"
    PARENT = "parent"
    CHILD = "child"
    GRANDPARENT = "grandparent"
    GRANDCHILD = "grandchild"


class TimeService(StrEnum):
    """Kind of service that minutes buy. There are no goods here, and no cash."""

    COMPANIONSHIP = "companionship"
    """陪伴聊天"""
    CARE = "care"
    """生活照护"""
    HOUSEWORK = "housework"
    """家务"""
    MEALS = "meals"
    """助餐"""
    BATHING = "bathing"
    """助浴"""
    MEDICAL_ESCORT = "medical_escort"
    """陪诊"""
    ERRANDS = "errands"
    """代办、代购跑腿"""
    REPAIRS = "repairs"
    """小修小补"""
    DEVICES = "devices"
    """智能设备使用"""
    TUTORING = "tutoring"
    """辅导"""
    OTHER = "other"


class TimePayer(StrEnum):
    """Whose minutes pay for an order."""

    OWN = "own"
    """The beneficiary's own."""
    GIFT = "gift"
    """A verified relative's."""
    POOL = "pool"
    """The public pool's of the beneficiary's community, for those who have none."""


class TimeOrderCancelReason(StrEnum):
    """Why an order was called off."""

    NOT_NEEDED = "not_needed"
    NO_PROVIDER = "no_provider"
    PROVIDER_DID_NOT_COME = "provider_did_not_come"
    NOT_AS_AGREED = "not_as_agreed"
    REFUSED = "refused"
    """The pool's help was not approved."""
    DEATH = "death"
    """The beneficiary or the payer died. Where it was the provider, somebody else is looked for by now."""
    OTHER = "other"


class TimeBankCorrectionReason(StrEnum):
    """Why something in the time bank was corrected, or taken back, after it was paid."""

    WRONG_MINUTES = "wrong_minutes"
    WRONG_SERVICE = "wrong_service"
    """It was another kind of service, or another order."""
    WRONG_PERSON = "wrong_person"
    """Somebody else served, gave, or was to be given to."""
    NOT_SERVED = "not_served"
    ENTERED_TWICE = "entered_twice"
    NOT_AGREED = "not_agreed"
    """The holder had not agreed to give."""
    COMPLAINT_UPHELD = "complaint_upheld"


class BeneficiaryRegistered(Event, context="points"):
    """Somebody who can be served is known: a volunteer, or a person who is none."""

    beneficiary_id: UUID
    community: CommunityCode
    volunteer_id: UUID | None = Field(default=None, description="Where the person is a volunteer.")
    age_group_from: AgeGroup | None = Field(default=None, description="Age group on that day; null when unknown.")
    registered_at: AwareDatetime


class BeneficiaryDetailsChanged(Event, context="points"):
    """Details of a beneficiary in the vault were put right; which ones is told, their content is not."""

    beneficiary_id: UUID
    community: CommunityCode
    fields: tuple[str, ...] = Field(description="Some of name, id_number (all of the document), phone, address.")
    age_group_from: AgeGroup | None = Field(
        default=None, description="Age group on that day, where the document was put right; null where it was not."
    )
    changed_at: AwareDatetime


class BeneficiaryForgotten(Event, context="points"):
    """Who the beneficiary is was erased; what was served and paid stays."""

    beneficiary_id: UUID
    community: CommunityCode
    forgotten_at: AwareDatetime


class KinProposed(Event, context="points"):
    """Somebody entered that a beneficiary is a volunteer's spouse or relative. It counts once it is verified."""

    kin_id: UUID
    community: CommunityCode
    volunteer_id: UUID
    beneficiary_id: UUID
    relation: KinRelation
    proposed_by: StaffId
    proposed_at: AwareDatetime


class KinVerified(Event, context="points"):
    """A second person looked at the papers: the relation counts from now on."""

    kin_id: UUID
    community: CommunityCode
    verified_by: StaffId
    verified_at: AwareDatetime


class KinEnded(Event, context="points"):
    """The relation no longer counts, or never did."""

    kin_id: UUID
    community: CommunityCode
    ended_by: StaffId
    ended_at: AwareDatetime


class TimeOrderRequested(Event, context="points"):
    """A service was ordered. The planned minutes are held of the payer; of the pool, once a second person approved."""

    time_order_id: UUID
    community: CommunityCode = Field(description="Where the beneficiary lives.")
    place: CommunityCode = Field(description="Which community looks for a provider.")
    beneficiary_id: UUID
    service: TimeService
    planned_minutes: OrderMinutes
    payer: TimePayer
    payer_volunteer_id: UUID | None = Field(default=None, description="Whose minutes are held; null for the pool.")
    payer_community: CommunityCode = Field(
        description="In whose book the payer's account stands; the pool's own community."
    )
    kin_id: UUID | None = Field(default=None, description="The relation by which a relative gives.")
    kin_asked: bool = Field(default=False, description="Relatives who could give were asked, and do not.")
    requested_by: StaffId
    requested_at: AwareDatetime
    serve_by: AwareDatetime = Field(description="What was not served until then is off, and its minutes are free.")


class TimeOrderApproved(Event, context="points"):
    """A second person approved that the pool pays, and the planned minutes are held of it."""

    time_order_id: UUID
    community: CommunityCode
    planned_minutes: OrderMinutes
    approved_by: StaffId
    approved_at: AwareDatetime


class TimeOrderAccepted(Event, context="points"):
    """A volunteer will serve; in the place of somebody who had accepted before, where there was one."""

    time_order_id: UUID
    community: CommunityCode
    provider_id: UUID
    provider_community: CommunityCode = Field(description="In whose book the provider's account stands.")
    accepted_at: AwareDatetime


class TimeOrderReopened(Event, context="points"):
    """Whoever was to serve died: somebody else is looked for, and what is held stays held."""

    time_order_id: UUID
    community: CommunityCode
    provider_id: UUID = Field(description="Who had accepted. What they gave before can still be entered.")
    reopened_at: AwareDatetime


class TimeOrderServed(Event, context="points"):
    """The service was given. What was planned and not served is free again; the rest waits to be confirmed."""

    time_order_id: UUID
    community: CommunityCode
    payer_volunteer_id: UUID | None = None
    payer_community: CommunityCode
    provider_id: UUID
    provider_community: CommunityCode
    minutes: OrderMinutes
    started_at: AwareDatetime
    recorded_by: StaffId
    served_at: AwareDatetime
    confirm_by: AwareDatetime | None = Field(
        default=None, description="Not confirmed until then, those concerned are reminded."
    )
    after_death: bool = Field(
        default=False,
        description="A death was why nobody entered it in time: what a person lacks of its minutes is owed, whatever "
        "became of the order since.",
    )


class TimeOrderUnconfirmed(Event, context="points"):
    """Nobody has confirmed a service in time: whoever was served or pays, and the office, are to be asked.

    The minutes stay held for the provider until somebody confirms, or the office calls the order off. Told anew every
    week until then.
    """

    time_order_id: UUID
    community: CommunityCode
    beneficiary_id: UUID
    payer_volunteer_id: UUID | None = Field(default=None, description="Null for the pool.")
    provider_id: UUID
    minutes: OrderMinutes
    reminder: int = Field(ge=1, description="How many times it was told, this one among them.")
    confirm_by: AwareDatetime = Field(description="When it is told again, if nothing happens.")
    reminded_at: AwareDatetime


class TimeOrderConfirmed(Event, context="points"):
    """The service was as told: the provider has the minutes. Net of communities, it is settled later."""

    time_order_id: UUID
    community: CommunityCode
    confirmed_by: StaffId
    confirmed_at: AwareDatetime


class TimeOrderCancelled(Event, context="points"):
    """The order was called off; what was held is free again."""

    time_order_id: UUID
    community: CommunityCode
    reason: TimeOrderCancelReason
    cancelled_at: AwareDatetime


class TimeOrderTimedOut(Event, context="points"):
    """Nobody served in time; what was held is free again."""

    time_order_id: UUID
    community: CommunityCode
    timed_out_at: AwareDatetime


class TimeOrderCorrectionProposed(Event, context="points"):
    """Somebody entered what was right of a confirmed order; a second person must confirm it. Nothing moves yet."""

    time_order_id: UUID
    community: CommunityCode
    minutes_before: CorrectedMinutes = Field(description="As the order stood.")
    minutes: CorrectedMinutes
    service: TimeService | None = Field(default=None, description="The right kind of service, where it was wrong.")
    reason: TimeBankCorrectionReason
    proposed_by: StaffId
    proposed_at: AwareDatetime


class TimeOrderCorrectionWithdrawn(Event, context="points"):
    """The order was right, or something else is to be entered."""

    time_order_id: UUID
    community: CommunityCode
    withdrawn_by: StaffId
    withdrawn_at: AwareDatetime


class TimeOrderCorrected(Event, context="points"):
    """A second person confirmed it: the difference went back to the payer, or on to the provider."""

    time_order_id: UUID
    community: CommunityCode
    payer_volunteer_id: UUID | None = Field(default=None, description="Null for the pool.")
    payer_community: CommunityCode
    provider_id: UUID
    provider_community: CommunityCode
    minutes_before: CorrectedMinutes = Field(description="As the order stood.")
    minutes: CorrectedMinutes
    service: TimeService | None = Field(default=None, description="The right kind of service, where it was wrong.")
    reason: TimeBankCorrectionReason
    proposed_by: StaffId
    corrected_by: StaffId = Field(description="Who confirmed it.")
    corrected_at: AwareDatetime


class MinutesGiven(Event, context="points"):
    """A volunteer gave minutes to a verified relative who is old enough to use them."""

    time_gift_id: UUID
    community: CommunityCode = Field(description="In whose book the giver's account stands.")
    giver_id: UUID
    recipient_id: UUID
    recipient_community: CommunityCode = Field(description="In whose book the recipient's account stands.")
    kin_id: UUID
    minutes: GivenMinutes
    given_at: AwareDatetime


class MinutesDonated(Event, context="points"):
    """A volunteer gave minutes to the public pool of their community."""

    time_donation_id: UUID
    community: CommunityCode = Field(description="Home of the giver, whose pool it is.")
    book: CommunityCode | None = Field(default=None, description=BOOK)
    volunteer_id: UUID
    minutes: int = Field(ge=0, description="Minutes that could have been spent.")
    donation_minutes: int = Field(ge=0, description="Minutes of group activities, which can only be given away.")
    donated_at: AwareDatetime


class MinutesGiftReversed(Event, context="points"):
    """A gift to a relative was entered by mistake: the minutes went back to the giver, all of them."""

    time_gift_id: UUID
    community: CommunityCode = Field(description="In whose book the giver's account stands.")
    giver_id: UUID
    recipient_id: UUID
    recipient_community: CommunityCode = Field(description="In whose book the recipient's account stands.")
    minutes: GivenMinutes
    reason: TimeBankCorrectionReason
    reversed_by: StaffId
    reversed_at: AwareDatetime


class MinutesDonationReversed(Event, context="points"):
    """A gift to the public pool was entered by mistake: it went back, donate-only minutes as such."""

    time_donation_id: UUID
    community: CommunityCode = Field(description="Whose pool it was.")
    book: CommunityCode | None = Field(default=None, description=BOOK)
    volunteer_id: UUID
    minutes: int = Field(ge=0, description="Minutes that can be spent again.")
    donation_minutes: int = Field(ge=0, description="Minutes of group activities, which can only be given away.")
    reason: TimeBankCorrectionReason
    reversed_by: StaffId
    reversed_at: AwareDatetime
