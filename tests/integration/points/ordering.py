"""Service between communities that was paid in minutes of the time bank, as the ledger has it."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.schema import LIVE
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import AccountKey, LedgerWriter
from services.points.units import Unit
from shared.clock import system_clock
from shared.database import driver_connection
from shared.service import Service


@dataclass(frozen=True)
class Order:
    """People of one community were served by a volunteer of another."""

    served: str
    serving: str
    minutes: int
    at: datetime
    known: datetime = field(default_factory=system_clock)
    payer: uuid.UUID = field(default_factory=uuid.uuid4)
    clause: int = Clause.GIVEN_IN_AID
    """Any clause but that of settlements: which one, is nothing to them."""
    record: uuid.UUID = field(default_factory=uuid.uuid4)


async def post(service: Service, *orders: Order, schema: str = LIVE) -> None:
    """Payer to clearing, clearing to provider, in one transaction; the payer is issued the minutes first."""
    async with service.database.transaction() as connection:
        db = await driver_connection(connection)
        for order in orders:
            await _post(db, LedgerWriter(schema), order)


async def _post(db: Any, writer: LedgerWriter, order: Order) -> None:
    payer, provider = str(order.payer), str(uuid.UUID(int=order.record.int ^ 1))
    ours, theirs = holders.clearing(order.served), holders.clearing(order.serving)
    source = holders.issuance(order.served)
    homes = dict.fromkeys([payer, ours, source], order.served) | dict.fromkeys([provider, theirs], order.serving)
    numbers = await writer.open_accounts(db, homes, (int(Unit.MINUTE),))
    transfers = [
        Transfer(
            numbers[AccountKey(giver, Unit.MINUTE)], numbers[AccountKey(taker, Unit.MINUTE)], order.minutes, None,
            order.at, order.known, order.record, order.record, Unit.MINUTE, None, clause,
        )
        for giver, taker, clause in (
            (source, payer, Clause.RATE),
            (payer, ours, order.clause),
            (theirs, provider, order.clause),
        )
    ]  # fmt: skip
    await writer.post(db, transfers)
