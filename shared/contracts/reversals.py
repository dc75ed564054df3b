"""What the points service tells of entries in the love market that were wrong: that they were taken back, and why.

Each says both sides, so that a reader needs no other event: what is taken back, and the moment that it was entered for.
"""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.common import CommunityCode
from shared.contracts.event import Event
from shared.contracts.love_market import GoodsLine, PurchasedLine


class ReversalReason(StrEnum):
    """Why something that was entered is taken back."""

    ENTERED_TWICE = "entered_twice"
    NOT_HAPPENED = "not_happened"
    """没有发生: nothing was bought, sold, given or fetched."""
    WRONG_ITEM = "wrong_item"
    WRONG_QUANTITY = "wrong_quantity"
    WRONG_AMOUNT = "wrong_amount"
    """The price, or the sum."""
    WRONG_PARTY = "wrong_party"
    """Another supplier, donor, household or volunteer."""
    RETURNED = "returned"
    """退回: it happened, and the goods were brought back."""
    OTHER = "other"


class PurchaseReversed(Event, context="points"):
    """A purchase was taken back: its pieces left the shelf the way they came, and its price is in the budget again."""

    purchase_id: UUID
    community: CommunityCode
    supplier_id: UUID
    lines: tuple[PurchasedLine, ...]
    amount_fen: int = Field(ge=1)
    purchased_at: AwareDatetime
    reason: ReversalReason
    reversed_at: AwareDatetime
    replaced_by: UUID | None = Field(
        default=None, description="The purchase that is right, where it was entered at the same moment."
    )


class SaleReversed(Event, context="points"):
    """A sale was taken back: its pieces are on the shelf again, and its money went out of the till."""

    sale_id: UUID
    community: CommunityCode
    lines: tuple[GoodsLine, ...]
    amount_fen: int = Field(ge=1)
    sold_at: AwareDatetime
    reason: ReversalReason
    reversed_at: AwareDatetime


class DonationReversed(Event, context="points"):
    """A donation was taken back: its pieces left the shelf the way they came, and its receipt is void."""

    donation_id: UUID
    community: CommunityCode
    donor_id: UUID
    receipt_number: str = Field(description="Void, and not given again.")
    lines: tuple[GoodsLine, ...]
    received_at: AwareDatetime
    reason: ReversalReason
    reversed_at: AwareDatetime


class BudgetGrantReversed(Event, context="points"):
    """A grant was taken back: its money is no longer there to buy goods with."""

    grant_id: UUID
    community: CommunityCode
    amount_fen: int = Field(ge=1)
    granted_at: AwareDatetime
    reason: ReversalReason
    reversed_at: AwareDatetime


class RedemptionReversed(Event, context="points"):
    """A redemption that was collected was taken back: its pieces are on the shelf again, its points with the volunteer.

    The points come back like points that were held: those whose time was over meanwhile lapse now.
    """

    redemption_id: UUID
    community: CommunityCode
    volunteer_id: UUID
    quantity: int = Field(ge=1, description="Pieces that had been taken.")
    points: int = Field(ge=1, description="Points that had been spent.")
    collected_at: AwareDatetime
    reason: ReversalReason
    reversed_at: AwareDatetime


class AidReversed(Event, context="points"):
    """Aid that was handed over was taken back: its pieces are on the shelf again."""

    gift_id: UUID
    community: CommunityCode
    household_id: UUID
    lines: tuple[GoodsLine, ...]
    handed_over_at: AwareDatetime
    reason: ReversalReason
    reversed_at: AwareDatetime


class StockReceiptReversed(Event, context="points"):
    """Opening stock that was entered wrongly was taken back: its pieces are no longer on the shelf."""

    item_id: UUID
    community: CommunityCode
    receipt_id: UUID
    quantity: int = Field(ge=1)
    received_at: AwareDatetime
    reason: ReversalReason
    reversed_at: AwareDatetime
