"""A sale (有卖): goods sold for money at the counter. Whether the pieces are there is the ledger's to say."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from services.points.market.dated import Dated
from shared.contracts import Event, Refusal, refuse_unless
from shared.contracts.love_market import GoodsLine, GoodsSold


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale as its event tells it."""

    id: UUID | None = None
    community: str = ""


@dataclass(frozen=True, slots=True)
class Sell:
    """Sell pieces for fen."""

    sale_id: UUID
    community: str
    lines: tuple[GoodsLine, ...]
    amount_fen: int
    sold: Dated


class SaleAlreadyEntered(Refusal):
    """There is such a sale already."""

    code: ClassVar[str] = "sale_already_entered"


def decide(sale: Sale, command: Sell) -> list[Event]:
    """Which event a sale leads to. Raises `SaleAlreadyEntered` and the refusals of `Dated`."""
    refuse_unless(sale.id is None, SaleAlreadyEntered)
    return [
        GoodsSold(
            sale_id=command.sale_id,
            community=command.community,
            lines=command.lines,
            amount_fen=command.amount_fen,
            sold_at=command.sold.within_bounds(),
        )
    ]


def evolve(sale: Sale, event: Event) -> Sale:
    """The sale after an event."""
    return Sale(event.sale_id, event.community) if isinstance(event, GoodsSold) else sale
