"""Settlement runs as tables: what each found, what it pays, and how it ended."""

from typing import ClassVar

from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.settlements.model import Settlement, Stage, decide, evolve
from services.points.tables import settlement_flows, settlement_obligations, settlement_positions, settlement_runs
from shared.aggregate import Aggregate
from shared.contracts import Refusal
from shared.contracts.settlement import SettlementRunConfirmed, SettlementRunProposed, SettlementRunWithdrawn
from shared.eventstore import Recorded
from shared.views import Views

SETTLEMENTS = Aggregate("settlement", initial=Settlement(), decide=decide, evolve=evolve)

views = Views(tables=[settlement_runs, settlement_positions, settlement_obligations, settlement_flows])


class SettlementAlreadyProposed(Refusal):
    """A settlement for this node waits to be confirmed."""

    code: ClassVar[str] = "settlement_already_proposed"


@views.on(SettlementRunProposed)
async def propose(connection: AsyncConnection, event: SettlementRunProposed, recorded: Recorded) -> None:
    """A new run with all that it found. Raises `SettlementAlreadyProposed`; the transaction is then lost."""
    positions = [position.model_dump() for position in event.positions]
    try:
        await connection.execute(
            insert(settlement_runs).values(
                id=event.settlement_id,
                node=event.node,
                through=event.through,
                stage=Stage.PROPOSED.value,
                proposed_by=event.proposed_by,
                proposed_at=event.proposed_at,
                gross_minutes=event.gross_minutes,
                flows=event.flows_count,
                net_minutes=sum(obligation.minutes for obligation in event.obligations),
                obligations=len(event.obligations),
                open_minutes=sum(abs(p.balance_minutes - p.settled_minutes) for p in event.positions),
                version=recorded.version,
            )
        )
    except IntegrityError as error:
        # Either the node has one, or a replica proposed the same month.
        if "settlement_runs_" not in str(error.orig):
            raise
        raise SettlementAlreadyProposed from error
    for table, rows in (
        (settlement_positions, positions),
        (settlement_obligations, [obligation.model_dump() for obligation in event.obligations]),
        (settlement_flows, [flow.model_dump() for flow in event.flows]),
    ):
        if rows:
            await connection.execute(insert(table), [{"settlement_id": event.settlement_id, **row} for row in rows])


@views.on(SettlementRunConfirmed)
async def confirm(connection: AsyncConnection, event: SettlementRunConfirmed, recorded: Recorded) -> None:
    """It is paid."""
    await connection.execute(
        update(settlement_runs)
        .where(settlement_runs.c.id == event.settlement_id)
        .values(
            stage=Stage.CONFIRMED.value,
            confirmed_by=event.confirmed_by,
            confirmed_at=event.confirmed_at,
            version=recorded.version,
        )
    )


@views.on(SettlementRunWithdrawn)
async def withdraw(connection: AsyncConnection, event: SettlementRunWithdrawn, recorded: Recorded) -> None:
    """It is off."""
    await connection.execute(
        update(settlement_runs)
        .where(settlement_runs.c.id == event.settlement_id)
        .values(stage=Stage.WITHDRAWN.value, withdrawn_at=event.withdrawn_at, version=recorded.version)
    )
