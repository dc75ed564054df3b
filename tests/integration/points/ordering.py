"""Service between communities that was paid in minutes of the time bank, as the ledger has it."""

import uuid
from datetime import datetime
from typing import Any

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.schema import LIVE
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import AccountKey, LedgerWriter, Movements
from services.points.units import Unit
from shared.clock import system_clock
from shared.database import driver_connection
from shared.service import Service

_CLAUSE = Clause.GIVEN_IN_AID
"""Any clause but that of settlements: which one, is nothing to them."""

Order = tuple[str, str, int, datetime, datetime, uuid.UUID]
"""Home of who was served, home of who served, minutes, when, since when it is known, and the record."""


def order(served: str, serving: str, minutes: int, at: datetime, known: datetime | None = None) -> Order:
    return served, serving, minutes, at, known or system_clock(), uuid.uuid4()


async def post(service: Service, *orders: Order, schema: str = LIVE) -> None:
    """Payer to clearing, clearing to provider, in one transaction; the payer earned the minutes before."""
    async with service.database.transaction() as connection:
        await post_on(await driver_connection(connection), *orders, schema=schema)


async def post_on(db: Any, *orders: Order, schema: str = LIVE) -> None:
    writer = LedgerWriter(schema)
    for served, serving, minutes, at, known, record in orders:
        payer, provider = str(uuid.UUID(int=record.int ^ 1)), str(uuid.UUID(int=record.int ^ 2))
        homes = {payer: served, holders.clearing(served): served, holders.issuance(served): served}
        homes |= {provider: serving, holders.clearing(serving): serving}
        numbers = await writer.open_accounts(db, homes, (int(Unit.MINUTE),))
        steps = [
            (holders.issuance(served), payer),
            (payer, holders.clearing(served)),
            (holders.clearing(serving), provider),
        ]
        movements, transfers = Movements.none(), []
        for giver, taker in steps:
            transfer = Transfer(
                numbers[AccountKey(giver, Unit.MINUTE)],
                numbers[AccountKey(taker, Unit.MINUTE)],
                minutes, None, at, known, record, record, Unit.MINUTE, None, _CLAUSE,
            )  # fmt: skip
            transfers.append(transfer)
            movements.add(transfer)
        await writer.insert_transfers(db, transfers)
        await writer.move(db, movements)
