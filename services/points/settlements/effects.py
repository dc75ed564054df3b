"""What a confirmed settlement does to the ledger: minutes go from clearing account to clearing account."""

from typing import ClassVar

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter
from services.points.units import Unit
from shared.contracts import Event
from shared.contracts.settlement import SettlementRunConfirmed
from shared.eventstore import Recorded


class SettlementEffects:
    """Settlements on one set of ledger tables. The event says who pays whom how much; nothing else is asked."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (SettlementRunConfirmed,)

    def __init__(self, writer: LedgerWriter) -> None:
        self._writer = writer

    async def apply(self, db: Connection, event: SettlementRunConfirmed, recorded: Recorded) -> None:
        """Pay every obligation of a run."""
        communities = {o.debtor for o in event.obligations} | {o.creditor for o in event.obligations}
        names = {holders.clearing(community): community for community in communities}
        numbers = await self._writer.open_accounts(db, names, (int(Unit.MINUTE),))
        transfers = [
            Transfer(
                numbers[AccountKey(holders.clearing(obligation.debtor), Unit.MINUTE)],
                numbers[AccountKey(holders.clearing(obligation.creditor), Unit.MINUTE)],
                obligation.minutes, None, recorded.occurred_at, recorded.occurred_at, recorded.event_id,
                event.settlement_id, Unit.MINUTE, None, Clause.SETTLED,
            )
            for obligation in event.obligations
        ]  # fmt: skip
        await self._writer.post(db, transfers)
