"""What the points service tells about the love market's goods (爱心超市): where pieces come from and where they go.

有捐 donated in, 有买 bought in, 有卖 sold, 有助 given in aid, and 盘点 stock-taking. Donors, suppliers and households
are opaque ids; their names stay in the vault.
"""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.common import CommunityCode
from shared.contracts.event import Event


class GoodsLine(BaseModel):
    """Pieces of one item."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    item_id: UUID
    quantity: int = Field(ge=1)


class PurchasedLine(GoodsLine):
    """Pieces of one item, at the price that was paid for each."""

    unit_price_fen: int = Field(ge=0)


class DonorKind(StrEnum):
    """Who gives."""

    PERSON = "person"
    FIRM = "firm"
    ORGANISATION = "organisation"


class NeedReason(StrEnum):
    """Why a household is in need."""

    LOW_INCOME = "low_income"
    """低保、低收入"""
    DISABILITY = "disability"
    SERIOUS_ILLNESS = "serious_illness"
    LIVING_ALONE = "living_alone"
    """孤寡、独居老人"""
    DISASTER = "disaster"
    OTHER = "other"


class CountReason(StrEnum):
    """Why there are more or fewer pieces than the ledger says."""

    DAMAGED = "damaged"
    SPOILED = "spoiled"
    """过期变质"""
    LOST = "lost"
    FOUND = "found"
    MISCOUNTED = "miscounted"


class RepeatReason(StrEnum):
    """Why something is entered that looks as if it had been entered already."""

    ANOTHER_DELIVERY = "another_delivery"
    """One invoice, or one donor, and more than one delivery (分批到货)."""
    ANOTHER_INVOICE = "another_invoice"
    """Another invoice of the supplier has the same number."""
    OTHER = "other"


class DonorRegistered(Event, context="points"):
    """Somebody who gives goods to a love market is known."""

    donor_id: UUID
    community: CommunityCode
    kind: DonorKind
    registered_at: AwareDatetime


class DonorDetailsChanged(Event, context="points"):
    """Details of a donor in the vault were put right; which ones is told, their content is not."""

    donor_id: UUID
    community: CommunityCode
    fields: tuple[str, ...] = Field(description="Some of name, contact.")
    changed_at: AwareDatetime


class DonorForgotten(Event, context="points"):
    """Who the donor is was erased; what they gave stays."""

    donor_id: UUID
    community: CommunityCode
    forgotten_at: AwareDatetime


class GoodsDonated(Event, context="points"):
    """有捐: pieces were given to the market, and a receipt was made out."""

    donation_id: UUID
    community: CommunityCode
    donor_id: UUID
    receipt_number: str = Field(
        pattern=r"^\d{12}-D\d{6,}$", description="The community and a running number without gaps."
    )
    lines: tuple[GoodsLine, ...]
    received_at: AwareDatetime
    repeats: UUID | None = Field(
        default=None, description="An earlier donation by the donor, within a day, of as many pieces of the same item."
    )
    repeat_reason: RepeatReason | None = Field(default=None, description="Why there are both.")


class SupplierRegistered(Event, context="points"):
    """A shop or firm that the market buys from is known."""

    supplier_id: UUID
    community: CommunityCode
    registered_at: AwareDatetime


class SupplierDetailsChanged(Event, context="points"):
    """Details of a supplier in the vault were put right; which ones is told, their content is not."""

    supplier_id: UUID
    community: CommunityCode
    fields: tuple[str, ...] = Field(description="Some of name, contact.")
    changed_at: AwareDatetime


class SupplierForgotten(Event, context="points"):
    """Who the supplier is was erased; what was bought stays."""

    supplier_id: UUID
    community: CommunityCode
    forgotten_at: AwareDatetime


class BudgetGranted(Event, context="points"):
    """Money was set aside for a market to buy goods with."""

    grant_id: UUID
    community: CommunityCode
    amount_fen: int = Field(ge=1)
    reference: str | None = Field(default=None, description="Number of the paper that grants it.")
    granted_at: AwareDatetime


class GoodsPurchased(Event, context="points"):
    """有买: pieces were bought from the budget."""

    purchase_id: UUID
    community: CommunityCode
    supplier_id: UUID
    lines: tuple[PurchasedLine, ...]
    amount_fen: int = Field(ge=1, description="Quantities times unit prices, over all lines.")
    receipt_reference: str = Field(description="Number of the invoice or receipt.")
    purchased_at: AwareDatetime
    repeats: UUID | None = Field(
        default=None, description="The latest earlier purchase from the supplier with this number."
    )
    repeat_reason: RepeatReason | None = Field(default=None, description="Why there are both.")
    replaces: UUID | None = Field(
        default=None, description="A purchase that was entered wrongly, and is taken back at the same moment."
    )


class GoodsSold(Event, context="points"):
    """有卖: pieces were sold for money at the counter. For points they are redeemed."""

    sale_id: UUID
    community: CommunityCode
    lines: tuple[GoodsLine, ...]
    amount_fen: int = Field(ge=1)
    sold_at: AwareDatetime


class HouseholdRegistered(Event, context="points"):
    """A household (户) of a community is known."""

    household_id: UUID
    community: CommunityCode
    members: tuple[UUID, ...] = Field(description="Volunteers among its members.")
    registered_at: AwareDatetime


class HouseholdDetailsChanged(Event, context="points"):
    """Details of a household in the vault were put right; which ones is told, their content is not."""

    household_id: UUID
    community: CommunityCode
    fields: tuple[str, ...] = Field(
        description="Some of name, address; the name also where a member was forgotten and it was found right."
    )
    changed_at: AwareDatetime


class HouseholdMembersChanged(Event, context="points"):
    """Other volunteers belong to the household; the list is the whole of them."""

    household_id: UUID
    community: CommunityCode
    members: tuple[UUID, ...]
    member_forgotten: bool | None = Field(
        default=None,
        description="True where one of them was forgotten, and therefore belongs to it no more; else null.",
    )
    changed_at: AwareDatetime


class HouseholdNeedRecognisedV1(Event, context="points"):
    """Superseded: as the second version, and why the household is in need. That is nobody's to read here any more."""

    household_id: UUID
    community: CommunityCode
    reason: NeedReason
    until: date = Field(description="Last day, in Asia/Shanghai.")
    recognised_at: AwareDatetime

    def upcast(self) -> "HouseholdNeedRecognised":
        """The same without the reason."""
        return HouseholdNeedRecognised(**self.model_dump(exclude={"reason"}))


class HouseholdNeedRecognised(Event, context="points", version=2):
    """The household is in need until a day and can be given aid. Why, stays in the vault: it may be an illness."""

    household_id: UUID
    community: CommunityCode
    until: date = Field(description="Last day, in Asia/Shanghai.")
    recognised_at: AwareDatetime


class HouseholdNeedEnded(Event, context="points"):
    """The household is no longer in need."""

    household_id: UUID
    community: CommunityCode
    ended_at: AwareDatetime


class HouseholdForgotten(Event, context="points"):
    """Who the household is was erased, and nobody belongs to it any more."""

    household_id: UUID
    community: CommunityCode
    forgotten_at: AwareDatetime


class AidProposed(Event, context="points"):
    """有助: somebody proposed to give goods to a household in need. Nothing is held yet."""

    gift_id: UUID
    community: CommunityCode
    household_id: UUID
    lines: tuple[GoodsLine, ...]
    proposed_by: UUID = Field(description="Opaque id of the member of staff, the same within an installation.")
    proposed_at: AwareDatetime


class AidApproved(Event, context="points"):
    """The first of two people approved the gift."""

    gift_id: UUID
    community: CommunityCode
    approved_by: UUID
    approved_at: AwareDatetime


class AidGranted(Event, context="points"):
    """A second person approved the gift, and its pieces are held for the household."""

    gift_id: UUID
    community: CommunityCode
    household_id: UUID
    lines: tuple[GoodsLine, ...]
    approved_by: UUID
    granted_at: AwareDatetime
    collect_by: AwareDatetime


class AidHandedOver(Event, context="points"):
    """The household has the goods. What was not taken is free again."""

    gift_id: UUID
    community: CommunityCode
    handed_over_at: AwareDatetime
    lines: tuple[GoodsLine, ...] | None = Field(
        default=None, description="What was taken, where it was less than was granted; null for all."
    )


class AidRefused(Event, context="points"):
    """Somebody who was to approve the gift said no; what was held is free again."""

    gift_id: UUID
    community: CommunityCode
    refused_by: UUID
    refused_at: AwareDatetime


class AidCancelled(Event, context="points"):
    """The gift was called off; what was held is free again."""

    gift_id: UUID
    community: CommunityCode
    cancelled_at: AwareDatetime


class AidExpired(Event, context="points"):
    """Nobody took the granted goods in time; they are free again."""

    gift_id: UUID
    community: CommunityCode
    expired_at: AwareDatetime


class ItemRenamed(Event, context="points"):
    """The item is called something else: its name was put right, for what is past too."""

    item_id: UUID
    community: CommunityCode
    name: str


class ItemRelisted(Event, context="points"):
    """The item can be had again, for its price of before; it had been taken off the list."""

    item_id: UUID
    community: CommunityCode


class ItemDescribed(Event, context="points"):
    """What the item is, for the catalogue; says everything anew."""

    item_id: UUID
    community: CommunityCode
    category: str = Field(description="Code of the market's own shelf order, e.g. food, household, stationery.")
    piece: str = Field(description="What one piece is: 瓶, 袋, 盒 …")
    specification: str | None = Field(default=None, description="规格: size, contents; of the goods, never of people.")


class ItemPricePlanned(Event, context="points"):
    """The item costs something else from one day to another, both included; afterwards the base price holds again."""

    item_id: UUID
    community: CommunityCode
    price_points: int = Field(ge=1)
    first_day: date = Field(description="In Asia/Shanghai.")
    last_day: date


class ItemPriceWithdrawn(Event, context="points"):
    """A price for a time does not hold (any more); what is reserved keeps it."""

    item_id: UUID
    community: CommunityCode
    first_day: date = Field(description="The day the withdrawn price begins on.")


class StockCounted(Event, context="points"):
    """盘点: somebody counted the pieces on the shelf; the ledger follows what is there."""

    item_id: UUID
    community: CommunityCode
    count_id: UUID
    counted: int = Field(ge=0)
    expected: int = Field(
        description="Pieces on the shelf as the ledger had it, the reserved ones among them; below zero where more were"
        " handed out than there had been by a count."
    )
    difference: int = Field(description="Counted less expected; negative where pieces are missing.")
    reason: CountReason | None = Field(default=None, description="Of a difference; null where there is none.")
    counted_at: AwareDatetime


class ItemPhotoSet(Event, context="points"):
    """The item has a photo in the catalogue, in the place of an earlier one. The picture itself is in no event."""

    item_id: UUID
    community: CommunityCode
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the picture as it is kept and shown, in hex.")
    media_type: str = Field(description="image/jpeg, image/png or image/webp, by its content.")
    size_bytes: int = Field(ge=1)
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    set_at: AwareDatetime


class ItemPhotoRemoved(Event, context="points"):
    """The item has no photo any more, and the picture was deleted."""

    item_id: UUID
    community: CommunityCode
    removed_at: AwareDatetime
