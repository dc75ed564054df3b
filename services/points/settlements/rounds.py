"""Once a month a settlement is proposed for every district that has something to settle; a person confirms it.

Whoever finds its figures wrong takes it back. Once they are put right the month is proposed anew; as long as nothing
has changed it is not: the same figures would be back within the hour.
"""

import asyncio
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from services.points.settlements.clearing import clearing_of, nodes_with_open_balances
from services.points.settlements.model import (
    NothingToSettle,
    Propose,
    Settlement,
    SettlementEnded,
    SettlementTooLarge,
    Stage,
    Withdraw,
    put_right,
)
from services.points.settlements.views import SETTLEMENTS, SettlementAlreadyProposed
from services.points.tables import settlement_runs
from shared.clock import local_day
from shared.database import Lost, driver_connection
from shared.ids import derived_id
from shared.rounds import go_round_forever
from shared.telemetry import logger
from shared.unit_of_work import UnitOfWork, Workshop

log = logger("settlements")

_DISTRICT_DIGITS = 6


def monthly_id(node: str, through: date, after: UUID | None = None) -> UUID:
    """The run of a node's month, or what follows one that was taken back: replicas cannot propose it twice."""
    return derived_id("points", "settlement", node, through, *([] if after is None else [after]))


class SettlementRounds:
    """Looks every so often whether the day of the month has come. `day_of_month` 0 leaves it all to people."""

    def __init__(self, workshop: Workshop, day_of_month: int, interval_s: float) -> None:
        self._workshop = workshop
        self._day_of_month = day_of_month
        self._interval_s = interval_s

    async def run(self) -> None:
        """Go round until cancelled."""
        if self._day_of_month:
            await go_round_forever(self.go_round, self._interval_s, log, "settlements_interrupted")
        await asyncio.Event().wait()

    async def go_round(self) -> int:
        """Propose what is due and has not been proposed yet; returns how many were."""
        today = local_day(self._workshop.clock())
        if today.day < self._day_of_month:
            return 0
        through = today.replace(day=1) - timedelta(days=1)
        async with self._workshop.database.reading() as connection:
            nodes = await nodes_with_open_balances(await driver_connection(connection), _DISTRICT_DIGITS)
            r = settlement_runs.c
            standing = r.node.in_(nodes) & (r.through >= through) & (r.stage != Stage.WITHDRAWN.value)
            done = set(await connection.scalars(select(r.node).where(standing)))
        proposed = 0
        for node in nodes:
            if node not in done:
                proposed += await self._propose(node, through, today)
        return proposed

    async def _propose(self, node: str, through: date, today: date) -> bool:
        try:
            async with self._workshop.transaction(actor="settlements") as work:
                if not await self._make_room(work, node):
                    return False
                clearing = await clearing_of(await driver_connection(work.connection), node, through)
                taken_back = await self._taken_back(work, node, through)
                if taken_back is not None and not put_right(taken_back, clearing):
                    return False
                settlement_id = monthly_id(node, through, None if taken_back is None else taken_back.id)
                command = Propose(settlement_id, node, through, today, clearing, None, work.now)
                await work.execute(SETTLEMENTS, settlement_id, command)
                await work.finish()
        except NothingToSettle:
            return False
        except SettlementTooLarge as refusal:
            log.error("settlement_too_large", node=node, **refusal.params)
            return False
        except (Lost, SettlementAlreadyProposed, SettlementEnded):
            return False  # another replica, or somebody, did it in the same moment
        log.info("settlement_proposed", node=node, through=through.isoformat())
        return True

    async def _make_room(self, work: UnitOfWork, node: str) -> bool:
        """Withdraw last month's proposal where nobody confirmed it; what a person proposed waits for a person."""
        r = settlement_runs.c
        open_one = (
            await work.connection.execute(
                select(r.id, r.proposed_by).where(r.node == node, r.stage == Stage.PROPOSED.value)
            )
        ).first()
        if open_one is None:
            return True
        if open_one.proposed_by is not None:
            return False
        await work.execute(SETTLEMENTS, open_one.id, Withdraw(None, work.now))
        return True

    async def _taken_back(self, work: UnitOfWork, node: str, through: date) -> Settlement | None:
        """The last proposal of a month, where a person took it back."""
        r = settlement_runs.c
        monthly = (r.node == node) & (r.through == through) & r.proposed_by.is_(None)
        query = select(r.id).where(monthly, r.stage == Stage.WITHDRAWN.value).order_by(r.proposed_at.desc()).limit(1)
        withdrawn = await work.connection.scalar(query)
        return None if withdrawn is None else (await work.load(SETTLEMENTS, withdrawn)).state
