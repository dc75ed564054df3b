"""What was entered wrongly in the love market goes back: pieces to where they came from, money to where it was."""

from collections.abc import Iterable, Sequence
from typing import ClassVar
from uuid import UUID

from services.points.figures import figure
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import NotAvailable
from services.points.ledger.payments import Payments
from services.points.ledger.reversing import Reversals
from services.points.ledger.writing import Connection, LedgerWriter
from services.points.units import Unit, item_of
from shared.contracts import Event, Refusal
from shared.contracts.love_market import GoodsLine
from shared.contracts.reversals import (
    AidReversed,
    BudgetGrantReversed,
    DonationReversed,
    PurchaseReversed,
    SaleReversed,
    StockReceiptReversed,
)
from shared.eventstore import Recorded


class PiecesGone(Refusal):
    """Not that many pieces are on the shelf any more, or they are reserved. Params: `item`, `quantity`, `available`."""

    code: ClassVar[str] = "pieces_gone"


class ReplacementPiecesGone(Refusal):
    """The right entry has fewer pieces than went out or are reserved. Params: `item`, `missing`."""

    code: ClassVar[str] = "replacement_pieces_gone"


class MoneyGone(Refusal):
    """Not that much is in the budget or the till any more. Params: `amount`, `available`, in yuan."""

    code: ClassVar[str] = "money_gone"


class ReplacementOverBudget(Refusal):
    """The budget does not hold what the right purchase costs more. Params: `amount` that is missing, in yuan."""

    code: ClassVar[str] = "replacement_over_budget"


class MarketReversals:
    """Reversals of goods and the money for them, on one set of ledger tables. Of redemptions: `RedemptionEffects`."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        PurchaseReversed, SaleReversed, DonationReversed, BudgetGrantReversed, AidReversed, StockReceiptReversed,
    )  # fmt: skip

    def __init__(self, writer: LedgerWriter, *, replaying: bool = False) -> None:
        self._reversals = Reversals(writer, replaying=replaying)
        self._payments = Payments(writer, replaying=replaying)

    async def apply(self, db: Connection, event: Event, recorded: Recorded) -> None:
        """Let an event take back what another one moved. Raises the refusals above for what cannot be."""
        match event:
            case PurchaseReversed():
                budget = holders.budget(event.community)
                replaced, shelves = event.replaced_by is not None, _shelves(event.lines)
                await self.reverse(db, recorded, budget, shelves, event.purchase_id, replaced=replaced)
                if replaced and (owed := await self._payments.owed_by(db, budget)):
                    raise ReplacementOverBudget(amount=figure(Unit.FEN.name, owed[1]))
            case SaleReversed():
                first, *others = _shelves(event.lines)
                await self.reverse(db, recorded, first, [holders.till(event.community), *others], event.sale_id)
            case DonationReversed():
                await self.reverse(db, recorded, holders.donor(event.donor_id), [], event.donation_id)
            case BudgetGrantReversed():
                await self.reverse(db, recorded, holders.outside(event.community), [], event.grant_id)
            case AidReversed():
                first, *others = _shelves(event.lines)
                await self.reverse(db, recorded, first, others, event.gift_id)
            case StockReceiptReversed():
                await self.reverse(db, recorded, holders.supply(event.community), [], event.receipt_id)
            case _:
                pass

    async def reverse(
        self,
        db: Connection,
        recorded: Recorded,
        giver: str,
        others: Sequence[str],
        record_id: UUID,
        *,
        replaced: bool = False,
    ) -> None:
        """Take back what a record moved. Raises `PiecesGone` (`ReplacementPiecesGone` where `replaced`) or `MoneyGone`.

        `giver` gave something of the record, and all that moved touched it or one of the others. `replaced` is it where
        the right one is entered already.
        """
        transfers = await self._reversals.counter_transfers(db, giver, others, record_id, recorded, Clause.TAKEN_BACK)
        codes = dict(
            await db.fetch("SELECT id, code FROM units WHERE id = ANY($1::int[])", [t.unit for t in transfers])
        )
        try:
            await self._reversals.pay(db, transfers)
        except NotAvailable as error:
            asked, available = error.leg, max(0, error.available or 0)
            if asked.unit == Unit.FEN:
                amounts = figure(Unit.FEN.name, asked.amount), figure(Unit.FEN.name, available)
                raise MoneyGone(amount=amounts[0], available=amounts[1]) from error
            item = item_of(codes[asked.unit])
            if replaced:
                raise ReplacementPiecesGone(item=item, missing=asked.amount - available) from error
            raise PiecesGone(item=item, quantity=asked.amount, available=available) from error


def _shelves(lines: Iterable[GoodsLine]) -> list[str]:
    return [holders.stock(line.item_id) for line in lines]
