"""What the points service tells: policies, goods, redemptions, and the latest balance of every account."""

from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.common import CommunityCode, NodeCode
from shared.contracts.event import Event
from shared.contracts.registry import NodeLevel


class Identification(StrEnum):
    """How somebody at the counter showed that they come for a reservation."""

    CODE = "code"
    """The collection code (领取码), by the volunteer or someone they sent."""
    CARD = "card"
    """爱心行动积分卡"""
    ID_DOCUMENT = "id_document"


class PolicyPublished(Event, context="points"):
    """A pricing policy is in force from a date, for a node and everything below it. Never retroactive."""

    policy_version: int = Field(ge=1)
    node: NodeCode | None = Field(
        default=None, description="Where it applies, with everything below; null for everywhere."
    )
    in_force_from: date = Field(description="First day in force, in Asia/Shanghai.")
    document: dict[str, Any]
    tried_at: AwareDatetime | None = Field(
        default=None, description="When somebody saw in a dry run who would get how much more or less."
    )
    tried_months: int | None = Field(default=None, ge=1, description="On the service of how many of the last months.")


class PolicyWithdrawn(Event, context="points"):
    """A policy that was published and not in force yet never will be. Its version is not used again."""

    policy_version: int = Field(ge=1)


class ItemListed(Event, context="points"):
    """An item of the love market (爱心超市) can be had for points."""

    item_id: UUID
    community: CommunityCode
    name: str
    price_points: int = Field(ge=1)


class ItemRepriced(Event, context="points"):
    """The item's price changed for redemptions from now on."""

    item_id: UUID
    price_points: int = Field(ge=1)


class ItemDelisted(Event, context="points"):
    """The item can no longer be reserved."""

    item_id: UUID


class StockReceived(Event, context="points"):
    """Pieces of an item came into the market's stock."""

    item_id: UUID
    community: CommunityCode
    receipt_id: UUID
    quantity: int = Field(ge=1)


class RedemptionReserved(Event, context="points"):
    """Points and pieces are held for a volunteer until collected."""

    redemption_id: UUID
    community: CommunityCode
    volunteer_id: UUID
    item_id: UUID
    quantity: int = Field(ge=1)
    points: int = Field(ge=1, description="Points held: quantity times the price at that moment.")
    reserved_at: AwareDatetime
    collect_by: AwareDatetime
    household_id: UUID | None = Field(
        default=None, description="The household whose month it counts in; null where the volunteer counts alone."
    )


class RedemptionCollected(Event, context="points"):
    """The volunteer took the goods; the held points are spent. What was not taken is free again, and its points."""

    redemption_id: UUID
    community: CommunityCode
    collected_at: AwareDatetime
    identified_by: Identification | None = Field(default=None, description="Null where it was not recorded.")
    quantity: int | None = Field(
        default=None, ge=1, description="Pieces that were taken, where fewer than reserved; null for all."
    )
    points: int | None = Field(default=None, ge=1, description="Points that are spent, where fewer; null for all.")


class RedemptionCancelled(Event, context="points"):
    """The reservation was called off; points and pieces are free again."""

    redemption_id: UUID
    community: CommunityCode
    cancelled_at: AwareDatetime


class RedemptionExpired(Event, context="points"):
    """Nobody came in time; points and pieces are free again."""

    redemption_id: UUID
    community: CommunityCode
    expired_at: AwareDatetime


class SealedSum(BaseModel):
    """What the lines of a seal amount to in one unit. Both sides of every transfer are among the lines."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    unit: str
    gained: int = Field(ge=0, description="Sum of all lines above zero.")
    given: int = Field(ge=0, description="Sum of all lines below zero, without the sign; equal to `gained`.")


class LedgerSealed(Event, context="points"):
    """What the ledger knows of a community's day, counted, summed up and hashed, and chained to the seal before.

    A day is sealed again, as the next revision, when something about it became known after it was sealed.
    How to check a seal: docs/seals.md.
    """

    community: CommunityCode
    day: date = Field(description="The day, in Asia/Shanghai, on which the sealed effects became known.")
    revision: int = Field(ge=1, description="1 for the first seal of the day; the highest is the one that holds.")
    sequence: int = Field(ge=1, description="Number of the seal in the community's chain, without gaps.")
    lines: int = Field(ge=0, description="Net effects: one for each event, moment of knowledge and account.")
    sums: tuple[SealedSum, ...] = Field(description="By unit, in byte order of the unit's code.")
    lines_sha256: str = Field(description="SHA-256 over all lines in byte order, each ended by a line feed; in hex.")
    previous_sha256: str = Field(description="`seal_sha256` of the seal before; 64 zeros for the first.")
    seal_sha256: str = Field(description="SHA-256 over all that this seal says, in hex.")
    format_version: int = Field(ge=1, description="Version of the canonical texts that are hashed.")


class PolicyRestated(Event, context="points"):
    """Service of days that are over is priced anew, as if a policy had been in force on them; differences are posted.

    What it gave to whom, and took from whom, stands in the ledger under this event.
    """

    restatement: int = Field(ge=1, description="Number of the restatement; they apply in this order.")
    node: NodeCode
    policy_version: int = Field(ge=1, description="A policy that was published for the node.")
    since: date = Field(description="First day on which it is taken to have been in force.")
    until: date = Field(description="Last day.")
    reference: str = Field(description="Number of the decision that orders it (文号).")
    restated_at: AwareDatetime = Field(description="Later than all that was known of these days when it was told.")
    tried_at: AwareDatetime | None = Field(
        default=None, description="When somebody saw in a dry run who would get how much more or less."
    )


class LongDayReason(StrEnum):
    """Why somebody served longer on one day than counts without approval."""

    EMERGENCY = "emergency"
    """Rescue and relief (抢险救灾)."""
    LARGE_EVENT = "large_event"
    """A large event (大型活动)."""
    STANDING_DUTY = "standing_duty"
    """Duty that nobody could take over (值守)."""
    OTHER = "other"


class LongDayWithdrawalReason(StrEnum):
    """Why an approval was taken back."""

    MISTAKEN = "mistaken"
    """Of another person or day, or of other minutes, than was meant."""
    NOT_SERVED = "not_served"
    """So much was not served."""
    OTHER = "other"


class LongDayApproved(Event, context="points"):
    """An office approved that more minutes of a volunteer's day count than the cap of the day allows.

    It takes the place of an earlier approval of the same day. What it gave, stands in the ledger under this event.
    """

    long_day_id: UUID = Field(description="Derived from the volunteer and the day.")
    community: CommunityCode = Field(description="The volunteer's home, whose office looks after the day.")
    volunteer_id: UUID
    day: date = Field(description="In Asia/Shanghai.")
    minutes_max: int = Field(ge=1, le=1440, description="So many minutes of the day count at most.")
    level: NodeLevel = Field(description="The level that must approve so many: the community, or the district.")
    limit_minutes: int = Field(ge=1, description="More than this needs that level, as the policy of the day has it.")
    policy_version: int = Field(ge=1, description="The policy that says so.")
    reason: LongDayReason
    approved_by: UUID
    approved_at: AwareDatetime


class LongDayApprovalWithdrawn(Event, context="points"):
    """An approval of a long day was taken back; the cap of the day is as before. What it had given goes back."""

    long_day_id: UUID
    community: CommunityCode
    volunteer_id: UUID
    day: date
    level: NodeLevel = Field(description="The level that had to approve it.")
    limit_minutes: int = Field(ge=1, description="What the approval went over.")
    policy_version: int = Field(ge=1, description="The policy that says so.")
    reason: LongDayWithdrawalReason
    withdrawn_by: UUID
    withdrawn_at: AwareDatetime


class BalanceChanged(Event, context="points"):
    """The latest balance of an account. Lives on the compacted topic; the newest per key is the truth."""

    account: str = Field(description="`holder/unit`, the key on the topic.")
    holder: str
    unit: str
    community: CommunityCode | None = None
    posted: int = Field(description="Credits minus debits that are final.")
    pending: int = Field(description="Of these, held and not available.")
    version: int = Field(ge=1, description="Grows with every change of the account; keep the highest.")


class PointsLapsed(Event, context="points"):
    """Points whose last day is over have lapsed, as far as they were not spent, for one of 256 parts of the people.

    What it took from whom stands in the ledger under this event; balances tell it, too.
    """

    part: int = Field(ge=0, le=255, description="Volunteers whose id, as a number, has this remainder by 256.")
    through: date = Field(description="Everything has lapsed whose last day was this one or an earlier one.")
    lapsed_at: AwareDatetime


class SpentMinutes(BaseModel):
    """What one volunteer spent of the time bank, or has bound to something."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    volunteer_id: UUID
    minutes: int = Field(ge=1)


class MinutesPooled(Event, context="points"):
    """What stood above the cap of the time bank at the end of a day, and ever since, went to public pools (公益时间池).

    For one of 256 parts of the people. What it took from whom stands in the ledger under this event; balances tell it,
    too. When something about such a day becomes known later, the difference is posted under this event as well.
    """

    part: int = Field(ge=0, le=255, description="Volunteers whose id, as a number, has this remainder by 256.")
    through: date = Field(description="The day, in Asia/Shanghai, at whose end the balances were looked at.")
    pooled_at: AwareDatetime
    spent: tuple[SpentMinutes, ...] = Field(
        default=(),
        description="Of accounts that stood above: what was spent or held between the end of the day and this round. "
        "It is taken off what stood above, and only the rest goes to the pool.",
    )


class ExpiryNotice(BaseModel):
    """Points of one volunteer that lapse after a day if they are not spent until then."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    volunteer_id: UUID
    community: CommunityCode = Field(description="Where they were earned.")
    points: int = Field(ge=1)
    last_day: date = Field(description="The last day on which they can be spent.")


class PointsExpiryAnnounced(Event, context="points"):
    """Whose points lapse soon, for one of 256 parts of the people, ahead of time and at most once a day.

    Nothing is told twice. Where more is going to lapse than was told, because something reserved came back or service
    became known late, what is told is the difference: a person's notices for a last day add up.
    """

    part: int = Field(ge=0, le=255)
    announced_on: date = Field(description="The day of the announcement, in Asia/Shanghai.")
    notices: tuple[ExpiryNotice, ...]
    announced_at: AwareDatetime
