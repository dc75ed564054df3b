"""An item of the love market (爱心超市): listed at a price in points, stocked, priced anew, delisted, relisted."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from services.points.market.prices import NoSuchPrice, PeriodPrice, require_plannable
from services.points.reversal import Reverse, reversed_as
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.love_market import (
    CountReason,
    ItemDescribed,
    ItemPhotoRemoved,
    ItemPhotoSet,
    ItemPricePlanned,
    ItemPriceWithdrawn,
    ItemRelisted,
    ItemRenamed,
    StockCounted,
)
from shared.contracts.points import ItemDelisted, ItemListed, ItemRepriced, StockReceived
from shared.contracts.reversals import StockReceiptReversed


@dataclass(frozen=True, slots=True)
class Item:
    """An item as its events tell it. How many pieces there are is the ledger's to know."""

    id: UUID | None = None
    community: str = ""
    name: str = ""
    price_points: int = 0
    listed: bool = False
    category: str | None = None
    piece: str | None = None
    specification: str | None = None
    periods: tuple[PeriodPrice, ...] = ()
    """Prices for a time, on which the base price does not hold."""
    photo_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class ListItem:
    """Offer an item."""

    item_id: UUID
    community: str
    name: str
    price_points: int


@dataclass(frozen=True, slots=True)
class RepriceItem:
    """Ask another price from now on; what is reserved keeps the old one."""

    price_points: int


@dataclass(frozen=True, slots=True)
class RenameItem:
    """Put the name right, of an item that is offered or not: papers and lists of the past have it, too."""

    name: str


@dataclass(frozen=True, slots=True)
class DescribeItem:
    """Say what the item is: everything anew."""

    category: str
    piece: str
    specification: str | None


@dataclass(frozen=True, slots=True)
class PlanPrice:
    """Ask something else from one day to another, both included."""

    period: PeriodPrice
    today: date


@dataclass(frozen=True, slots=True)
class WithdrawPrice:
    """Let a price for a time not hold (any more)."""

    first_day: date


@dataclass(frozen=True, slots=True)
class DelistItem:
    """Offer the item no longer; what is reserved can still be collected."""


@dataclass(frozen=True, slots=True)
class RelistItem:
    """Offer the item again, for the price that it had."""


@dataclass(frozen=True, slots=True)
class ReceiveStock:
    """Put pieces on the shelf that were there before the system (期初库存)."""

    receipt_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class ReverseReceipt:
    """Take opening stock back that was entered wrongly, of an item that is offered or not."""

    receipt_id: UUID
    quantity: int
    received_at: datetime
    before: bool
    """Whether it was taken back already; nobody can do so between this being read and the event."""
    reverse: Reverse


@dataclass(frozen=True, slots=True)
class CountStock:
    """Say how many pieces lie on the shelf, reserved ones among them (盘点)."""

    count_id: UUID
    counted: int
    expected: int
    """As the ledger has it at this moment, and nobody can change it before the count is in. Below zero where what was
    set aside was handed out after a count that had missed it.
    """
    reason: CountReason | None
    at: datetime


@dataclass(frozen=True, slots=True)
class SetPhoto:
    """Show a picture of the item; which one, is said by its hash."""

    sha256: str
    media_type: str
    size_bytes: int
    width_px: int
    height_px: int
    at: datetime


@dataclass(frozen=True, slots=True)
class RemovePhoto:
    """Show none, of an item that is offered or not."""

    at: datetime


Command = (
    ListItem
    | RenameItem
    | DescribeItem
    | RepriceItem
    | PlanPrice
    | WithdrawPrice
    | DelistItem
    | RelistItem
    | ReceiveStock
    | ReverseReceipt
    | CountStock
    | SetPhoto
    | RemovePhoto
)


class ItemNotListed(Refusal):
    """The item is not offered (any more)."""

    code: ClassVar[str] = "item_not_listed"


class ItemAlreadyListed(Refusal):
    """The item is offered already."""

    code: ClassVar[str] = "item_already_listed"


class DifferenceNeedsReason(Refusal):
    """There are more or fewer pieces than the ledger says, and nobody said why. Params: `expected`, `counted`."""

    code: ClassVar[str] = "difference_needs_reason"
    status: ClassVar[int] = 422


class ReasonContradictsCount(Refusal):
    """Pieces were found but are said to be lost, or the other way round. Params: `expected`, `counted`."""

    code: ClassVar[str] = "reason_contradicts_count"
    status: ClassVar[int] = 422


class ItemWithoutPhoto(Refusal):
    """There is no photo to take off."""

    code: ClassVar[str] = "item_without_photo"


_MISSING = frozenset({CountReason.DAMAGED, CountReason.SPOILED, CountReason.LOST})


def decide(item: Item, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above, and those of `Reverse`."""
    if isinstance(command, ListItem):
        refuse_unless(item.id is None, ItemAlreadyListed)
        return [
            ItemListed(
                item_id=command.item_id,
                community=command.community,
                name=command.name,
                price_points=command.price_points,
            )
        ]
    # What is no longer offered still lies there and is counted, its name stands on papers, and its photo may show what
    # it should not.
    unlisted_too = isinstance(command, CountStock | ReverseReceipt | RemovePhoto | RenameItem | RelistItem)
    refuse_if(item.id is None or not (item.listed or unlisted_too), ItemNotListed)
    assert item.id is not None
    match command:
        case CountStock():
            return [_counted(item.id, item.community, command)]
        case RepriceItem(price_points=price):
            return [] if price == item.price_points else [ItemRepriced(item_id=item.id, price_points=price)]
        case DescribeItem(category=category, piece=piece, specification=specification):
            if (category, piece, specification) == (item.category, item.piece, item.specification):
                return []
            return [
                ItemDescribed(
                    item_id=item.id,
                    community=item.community,
                    category=category,
                    piece=piece,
                    specification=specification,
                )
            ]
        case PlanPrice(period=period, today=today):
            require_plannable(period, item.periods, today)
            return [
                ItemPricePlanned(
                    item_id=item.id,
                    community=item.community,
                    price_points=period.points,
                    first_day=period.first_day,
                    last_day=period.last_day,
                )
            ]
        case WithdrawPrice(first_day=first_day):
            refuse_unless(any(period.first_day == first_day for period in item.periods), NoSuchPrice)
            return [ItemPriceWithdrawn(item_id=item.id, community=item.community, first_day=first_day)]
        case RenameItem(name=name):
            return [] if name == item.name else [ItemRenamed(item_id=item.id, community=item.community, name=name)]
        case DelistItem():
            return [ItemDelisted(item_id=item.id)]
        case RelistItem():
            refuse_if(item.listed, ItemAlreadyListed)
            return [ItemRelisted(item_id=item.id, community=item.community)]
        case SetPhoto() | RemovePhoto():
            return _photo(item, command)
        case ReceiveStock(receipt_id=receipt_id, quantity=quantity):
            return [StockReceived(item_id=item.id, community=item.community, receipt_id=receipt_id, quantity=quantity)]
        case ReverseReceipt():
            return [
                StockReceiptReversed(
                    item_id=item.id,
                    community=item.community,
                    receipt_id=command.receipt_id,
                    quantity=command.quantity,
                    received_at=command.received_at,
                    **reversed_as(command.reverse, command.received_at, before=command.before),
                )
            ]


def _photo(item: Item, command: SetPhoto | RemovePhoto) -> list[Event]:
    assert item.id is not None
    if isinstance(command, RemovePhoto):
        refuse_if(item.photo_sha256 is None, ItemWithoutPhoto)
        return [ItemPhotoRemoved(item_id=item.id, community=item.community, removed_at=command.at)]
    if command.sha256 == item.photo_sha256:
        return []
    return [
        ItemPhotoSet(
            item_id=item.id,
            community=item.community,
            sha256=command.sha256,
            media_type=command.media_type,
            size_bytes=command.size_bytes,
            width_px=command.width_px,
            height_px=command.height_px,
            set_at=command.at,
        )
    ]


def _counted(item_id: UUID, community: str, command: CountStock) -> Event:
    difference = command.counted - command.expected
    numbers = {"expected": command.expected, "counted": command.counted}
    refuse_if(difference != 0 and command.reason is None, DifferenceNeedsReason(**numbers))
    refuse_if(difference > 0 and command.reason in _MISSING, ReasonContradictsCount(**numbers))
    refuse_if(difference < 0 and command.reason is CountReason.FOUND, ReasonContradictsCount(**numbers))
    return StockCounted(
        item_id=item_id,
        community=community,
        count_id=command.count_id,
        counted=command.counted,
        expected=command.expected,
        difference=difference,
        reason=command.reason if difference else None,
        counted_at=command.at,
    )


def evolve(item: Item, event: Event) -> Item:
    """The item after an event."""
    match event:
        case ItemListed():
            return Item(event.item_id, event.community, event.name, event.price_points, True)
        case ItemRepriced(price_points=price):
            return replace(item, price_points=price)
        case ItemDescribed():
            return replace(item, category=event.category, piece=event.piece, specification=event.specification)
        case ItemPricePlanned():
            period = PeriodPrice(event.price_points, event.first_day, event.last_day)
            return replace(item, periods=(*item.periods, period))
        case ItemPriceWithdrawn(first_day=first_day):
            return replace(item, periods=tuple(p for p in item.periods if p.first_day != first_day))
        case ItemRenamed(name=name):
            return replace(item, name=name)
        case ItemDelisted():
            return replace(item, listed=False)
        case ItemRelisted():
            return replace(item, listed=True)
        case ItemPhotoSet(sha256=sha256):
            return replace(item, photo_sha256=sha256)
        case ItemPhotoRemoved():
            return replace(item, photo_sha256=None)
        case _:
            return item
