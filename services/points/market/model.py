"""An item of the love market (爱心超市): listed at a price in points, stocked, priced anew, taken off the list."""

from dataclasses import dataclass, replace
from typing import ClassVar
from uuid import UUID

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.points import ItemDelisted, ItemListed, ItemRepriced, StockReceived


@dataclass(frozen=True, slots=True)
class Item:
    """An item as its events tell it. How many pieces there are is the ledger's to know."""

    id: UUID | None = None
    community: str = ""
    name: str = ""
    price_points: int = 0
    listed: bool = False


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
class DelistItem:
    """Offer the item no longer; what is reserved can still be collected."""


@dataclass(frozen=True, slots=True)
class ReceiveStock:
    """Put pieces on the shelf."""

    receipt_id: UUID
    quantity: int


Command = ListItem | RepriceItem | DelistItem | ReceiveStock


class ItemNotListed(Refusal):
    """The item is not offered (any more)."""

    code: ClassVar[str] = "item_not_listed"


class ItemAlreadyListed(Refusal):
    """There is such an item already."""

    code: ClassVar[str] = "item_already_listed"


def decide(item: Item, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above."""
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
    refuse_if(item.id is None or not item.listed, ItemNotListed)
    assert item.id is not None
    match command:
        case RepriceItem(price_points=price):
            return [] if price == item.price_points else [ItemRepriced(item_id=item.id, price_points=price)]
        case DelistItem():
            return [ItemDelisted(item_id=item.id)]
        case ReceiveStock(receipt_id=receipt_id, quantity=quantity):
            return [StockReceived(item_id=item.id, community=item.community, receipt_id=receipt_id, quantity=quantity)]


def evolve(item: Item, event: Event) -> Item:
    """The item after an event."""
    match event:
        case ItemListed():
            return Item(event.item_id, event.community, event.name, event.price_points, True)
        case ItemRepriced(price_points=price):
            return replace(item, price_points=price)
        case ItemDelisted():
            return replace(item, listed=False)
        case _:
            return item
