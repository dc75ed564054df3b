"""The four flows of goods and the stock-taking as transfers: 有捐 donated, 有买 bought, 有卖 sold, 有助 in aid."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from services.points.figures import figure
from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Holds, Leg, NotAvailable, Outcome
from services.points.ledger.payments import Payments
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter
from services.points.market.goods import pieces_of, units_of
from services.points.units import Unit, goods_code
from shared.contracts import Event, Refusal
from shared.contracts.love_market import (
    AidCancelled,
    AidExpired,
    AidGranted,
    AidHandedOver,
    AidRefused,
    BudgetGranted,
    GoodsDonated,
    GoodsPurchased,
    GoodsSold,
    StockCounted,
)
from shared.contracts.points import ItemListed, StockReceived
from shared.eventstore import Recorded


class OutOfStock(Refusal):
    """There are not that many pieces left."""

    code: ClassVar[str] = "out_of_stock"


class OverBudget(Refusal):
    """The budget does not hold that much. Params: `amount`, in yuan."""

    code: ClassVar[str] = "over_budget"


_AID_OUTCOMES: Mapping[type[Event], Outcome] = {
    AidHandedOver: Outcome.POSTED,
    AidRefused: Outcome.VOIDED,
    AidCancelled: Outcome.VOIDED,
    AidExpired: Outcome.TIMED_OUT,
}


class Flows:
    """Goods and the money for them, as they move by this service's own events."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        ItemListed, StockReceived, GoodsDonated, GoodsPurchased, GoodsSold, BudgetGranted, StockCounted, AidGranted,
        *_AID_OUTCOMES,
    )  # fmt: skip

    def __init__(self, writer: LedgerWriter, *, replaying: bool = False) -> None:
        self._writer = writer
        self._holds = Holds(writer, replaying=replaying)
        self._payments = Payments(writer, replaying=replaying)

    async def apply(self, db: Connection, event: Event, recorded: Recorded) -> None:
        """Let an event move goods or money. Raises `OutOfStock` or `OverBudget` for what cannot be."""
        match event:
            case ItemListed():
                await self._open_unit(db, event.item_id)
            case StockReceived():
                source, at = holders.supply(event.community), recorded.occurred_at
                await self._onto_shelves(
                    db, recorded, event.community, source, {event.item_id: event.quantity}, Clause.STOCK_RECEIVED,
                    event.receipt_id, at,
                )  # fmt: skip
            case GoodsDonated():
                await self._onto_shelves(
                    db, recorded, event.community, holders.donor(event.donor_id), pieces_of(event.lines),
                    Clause.DONATED, event.donation_id, event.received_at,
                )  # fmt: skip
            case BudgetGranted():
                await self._grant(db, event, recorded)
            case GoodsPurchased():
                await self._purchase(db, event, recorded)
            case GoodsSold():
                await self._sell(db, event, recorded)
            case StockCounted():
                await self._count(db, event, recorded)
            case AidGranted():
                await self._hold_aid(db, event, recorded)
            case AidHandedOver() | AidRefused() | AidCancelled() | AidExpired():
                outcome = _AID_OUTCOMES[type(event)]
                # A proposal that was refused or called off before the second approval holds nothing.
                if await self._holds.is_open(db, event.gift_id):
                    taken = await self._taken(db, event) if isinstance(event, AidHandedOver) else None
                    settled = (event.gift_id, outcome, recorded.event_id, recorded.occurred_at, taken)
                    await self._holds.settle(db, *settled, some_not_at_all=taken is not None)
            case _:
                pass

    async def _open_unit(self, db: Connection, item_id: UUID) -> None:
        """Every item has a unit of its own: pieces of different things do not add up."""
        await db.execute(
            "INSERT INTO units (id, code) VALUES (nextval('unit_ids'), $1) ON CONFLICT (code) DO NOTHING",
            goods_code(item_id),
        )

    async def _onto_shelves(
        self, db: Connection, recorded: Recorded, community: str, source: str, pieces: Mapping[UUID, int],
        clause: Clause, record_id: UUID, at: datetime,
    ) -> None:  # fmt: skip
        """Pieces come from a source onto the shelves of their items."""
        units = await units_of(db, pieces)
        keys = [AccountKey(source, unit) for unit in units.values()]
        keys += [AccountKey(holders.stock(item_id), unit) for item_id, unit in units.items()]
        numbers = await self._writer.accounts(db, keys, community)
        await self._writer.post(
            db,
            [
                Transfer(
                    numbers[AccountKey(source, units[item_id])],
                    numbers[AccountKey(holders.stock(item_id), units[item_id])],
                    quantity, None, at, recorded.occurred_at, recorded.event_id, record_id, units[item_id], None,
                    clause,
                )
                for item_id, quantity in sorted(pieces.items())
            ],
        )  # fmt: skip

    async def _grant(self, db: Connection, event: BudgetGranted, recorded: Recorded) -> None:
        source = AccountKey(holders.outside(event.community), Unit.FEN)
        budget = AccountKey(holders.budget(event.community), Unit.FEN)
        numbers = await self._writer.accounts(db, [source, budget], event.community)
        granted = Transfer(
            numbers[source], numbers[budget], event.amount_fen, None, event.granted_at, recorded.occurred_at,
            recorded.event_id, event.grant_id, Unit.FEN, None, Clause.BUDGET_GRANTED,
        )  # fmt: skip
        await self._writer.post(db, [granted])

    async def _purchase(self, db: Connection, event: GoodsPurchased, recorded: Recorded) -> None:
        supplier, pieces = holders.supplier(event.supplier_id), pieces_of(event.lines)
        units = await units_of(db, pieces)
        budget, paid = AccountKey(holders.budget(event.community), Unit.FEN), AccountKey(supplier, Unit.FEN)
        keys = [budget, paid, *(AccountKey(supplier, unit) for unit in units.values())]
        keys += [AccountKey(holders.stock(item_id), unit) for item_id, unit in units.items()]
        numbers = await self._writer.accounts(db, keys, event.community)
        legs = [Leg(numbers[budget], numbers[paid], Unit.FEN, event.amount_fen, Clause.PAID_FOR_GOODS)]
        for item_id, quantity in sorted(pieces.items()):
            unit = units[item_id]
            source, shelf = AccountKey(supplier, unit), AccountKey(holders.stock(item_id), unit)
            legs.append(Leg(numbers[source], numbers[shelf], unit, quantity, Clause.BOUGHT))
        try:
            await self._pay(db, legs, event.purchase_id, event.purchased_at, recorded, ahead=event.replaces is not None)
        except NotAvailable as error:
            raise OverBudget(amount=figure(Unit.FEN.name, event.amount_fen)) from error

    async def _sell(self, db: Connection, event: GoodsSold, recorded: Recorded) -> None:
        buyer, pieces = holders.outside(event.community), pieces_of(event.lines)
        units = await units_of(db, pieces)
        purse, till = AccountKey(buyer, Unit.FEN), AccountKey(holders.till(event.community), Unit.FEN)
        keys = [purse, till, *(AccountKey(buyer, unit) for unit in units.values())]
        keys += [AccountKey(holders.stock(item_id), unit) for item_id, unit in units.items()]
        numbers = await self._writer.accounts(db, keys, event.community)
        legs = [Leg(numbers[purse], numbers[till], Unit.FEN, event.amount_fen, Clause.SALE_PROCEEDS)]
        for item_id, quantity in sorted(pieces.items()):
            unit = units[item_id]
            shelf, basket = AccountKey(holders.stock(item_id), unit), AccountKey(buyer, unit)
            legs.append(Leg(numbers[shelf], numbers[basket], unit, quantity, Clause.SOLD))
        try:
            await self._pay(db, legs, event.sale_id, event.sold_at, recorded)
        except NotAvailable as error:
            raise OutOfStock from error

    async def _count(self, db: Connection, event: StockCounted, recorded: Recorded) -> None:
        if event.difference == 0:
            return
        units = await units_of(db, [event.item_id])
        unit = units[event.item_id]
        shelf, missing = (
            AccountKey(holders.stock(event.item_id), unit),
            AccountKey(holders.shrinkage(event.community), unit),
        )
        numbers = await self._writer.accounts(db, [shelf, missing], event.community)
        source, target = (shelf, missing) if event.difference < 0 else (missing, shelf)
        # A fact, like a correction: where fewer are there than are reserved, the shelf owes them.
        counted = Transfer(
            numbers[source], numbers[target], abs(event.difference), None, recorded.occurred_at, recorded.occurred_at,
            recorded.event_id, event.count_id, unit, None, Clause.STOCK_COUNTED,
        )  # fmt: skip
        await self._writer.post(db, [counted])

    async def _hold_aid(self, db: Connection, event: AidGranted, recorded: Recorded) -> None:
        home, pieces = holders.household(event.household_id), pieces_of(event.lines)
        units = await units_of(db, pieces)
        keys = [AccountKey(home, unit) for unit in units.values()]
        keys += [AccountKey(holders.stock(item_id), unit) for item_id, unit in units.items()]
        numbers = await self._writer.accounts(db, keys, event.community)
        legs = []
        for item_id, quantity in pieces.items():
            unit = units[item_id]
            shelf = AccountKey(holders.stock(item_id), unit)
            legs.append(Leg(numbers[shelf], numbers[AccountKey(home, unit)], unit, quantity, Clause.GIVEN_IN_AID))
        try:
            await self._holds.hold(db, event.gift_id, legs, recorded.event_id, recorded.occurred_at)
        except NotAvailable as error:
            raise OutOfStock from error

    async def _taken(self, db: Connection, event: AidHandedOver) -> list[int] | None:
        """How many pieces of each leg were taken; None for all of all."""
        if event.lines is None:
            return None
        pieces = pieces_of(event.lines)
        taken = {unit: pieces[item_id] for item_id, unit in (await units_of(db, pieces)).items()}
        return [taken.get(unit, 0) for unit in await self._holds.units(db, event.gift_id)]

    async def _pay(
        self, db: Connection, legs: list[Leg], record_id: UUID, at: datetime, recorded: Recorded, *, ahead: bool = False
    ) -> None:
        await self._payments.pay(
            db, legs, record_id=record_id, event_id=recorded.event_id, occurred_at=at,
            recorded_at=recorded.occurred_at, ahead=ahead,
        )  # fmt: skip
