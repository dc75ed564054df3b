"""A sale (有卖): goods sold for money at the counter. Whether the pieces are there is the ledger's to say."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from services.points.market.dated import Dated
from services.points.reversal import Reverse, reversed_as
from shared.contracts import Event, Refusal, refuse_unless
from shared.contracts.love_market import GoodsLine, GoodsSold
from shared.contracts.reversals import SaleReversed


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale as its event tells it."""

    id: UUID | None = None
    community: str = ""
    lines: tuple[GoodsLine, ...] = ()
    amount_fen: int = 0
    sold_at: datetime | None = None
    reversed: bool = False


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


def decide(sale: Sale, command: Sell | Reverse) -> list[Event]:
    """Which event a command leads to. Raises `SaleAlreadyEntered` and the refusals of `Dated` and `Reverse`."""
    if isinstance(command, Reverse):
        return [_reversed(sale, command)]
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


def _reversed(sale: Sale, command: Reverse) -> Event:
    assert sale.id is not None
    assert sale.sold_at is not None
    return SaleReversed(
        sale_id=sale.id,
        community=sale.community,
        lines=sale.lines,
        amount_fen=sale.amount_fen,
        sold_at=sale.sold_at,
        **reversed_as(command, sale.sold_at, before=sale.reversed),
    )


def evolve(sale: Sale, event: Event) -> Sale:
    """The sale after an event."""
    match event:
        case GoodsSold():
            return Sale(event.sale_id, event.community, event.lines, event.amount_fen, event.sold_at)
        case SaleReversed():
            return replace(sale, reversed=True)
        case _:
            return sale
