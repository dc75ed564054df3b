"""A purchase (有买): goods bought from a supplier, paid from the budget. Whether it suffices is the ledger's.

One that was entered wrongly is taken back, as far as its pieces still lie there, or the right one takes its place.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from services.points.market.dated import Dated
from services.points.market.repeated import Repeated
from services.points.reversal import Reverse, reversed_as
from services.points.suppliers.model import SupplierIsForgotten
from shared.contracts import Event, Refusal, local_time, refuse_if, refuse_unless
from shared.contracts.love_market import GoodsPurchased, PurchasedLine
from shared.contracts.reversals import PurchaseReversed


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase as its event tells it."""

    id: UUID | None = None
    community: str = ""
    supplier_id: UUID | None = None
    lines: tuple[PurchasedLine, ...] = ()
    amount_fen: int = 0
    purchased_at: datetime | None = None
    reversed: bool = False


@dataclass(frozen=True, slots=True)
class Buy:
    """Buy goods."""

    purchase_id: UUID
    community: str
    supplier_id: UUID
    supplier_forgotten: bool
    lines: tuple[PurchasedLine, ...]
    receipt_reference: str
    purchased: Dated
    repeated: Repeated | None = None
    """The latest purchase from the supplier with this number."""
    replaces: UUID | None = None
    """What was entered wrongly, and is taken back by `Replace` in the same step."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Take a purchase back as the right one is entered: only the difference must be there, of pieces and of money."""

    reverse: Reverse
    by: UUID
    """The right one."""


class PurchaseAlreadyEntered(Refusal):
    """There is such a purchase already."""

    code: ClassVar[str] = "purchase_already_entered"


class InvoiceEntered(Refusal):
    """A purchase with this number of this supplier was entered, and nobody said why there is another one.

    Params: `number`, `at`, `first`.
    """

    code: ClassVar[str] = "invoice_entered"


class NothingPaid(Refusal):
    """All prices are zero. Goods that cost nothing are a donation."""

    code: ClassVar[str] = "nothing_paid"
    status: ClassVar[int] = 422


def decide(purchase: Purchase, command: Buy | Reverse | Replace) -> list[Event]:
    """Which event a command leads to. Raises the refusals above, `SupplierIsForgotten`, of `Dated` and of `Reverse`."""
    if isinstance(command, Reverse):
        return [_reversed(purchase, command)]
    if isinstance(command, Replace):
        return [_reversed(purchase, command.reverse, command.by)]
    refuse_unless(purchase.id is None, PurchaseAlreadyEntered)
    refuse_if(command.supplier_forgotten, SupplierIsForgotten)
    amount_fen = sum(line.quantity * line.unit_price_fen for line in command.lines)
    refuse_if(amount_fen == 0, NothingPaid)
    purchased_at = command.purchased.within_bounds()
    known = command.repeated
    if known is not None and known.reason is None:
        raise InvoiceEntered(number=known.name, at=local_time(known.at), first=known.first)
    return [
        GoodsPurchased(
            purchase_id=command.purchase_id,
            community=command.community,
            supplier_id=command.supplier_id,
            lines=command.lines,
            amount_fen=amount_fen,
            receipt_reference=command.receipt_reference,
            purchased_at=purchased_at,
            repeats=None if known is None else known.first,
            repeat_reason=None if known is None else known.reason,
            replaces=command.replaces,
        )
    ]


def _reversed(purchase: Purchase, command: Reverse, replaced_by: UUID | None = None) -> Event:
    assert purchase.id is not None
    assert purchase.supplier_id is not None
    assert purchase.purchased_at is not None
    return PurchaseReversed(
        purchase_id=purchase.id,
        community=purchase.community,
        supplier_id=purchase.supplier_id,
        lines=purchase.lines,
        amount_fen=purchase.amount_fen,
        purchased_at=purchase.purchased_at,
        replaced_by=replaced_by,
        **reversed_as(command, purchase.purchased_at, before=purchase.reversed),
    )


def evolve(purchase: Purchase, event: Event) -> Purchase:
    """The purchase after an event."""
    match event:
        case GoodsPurchased():
            return Purchase(
                event.purchase_id,
                event.community,
                event.supplier_id,
                event.lines,
                event.amount_fen,
                event.purchased_at,
            )
        case PurchaseReversed():
            return replace(purchase, reversed=True)
        case _:
            return purchase
