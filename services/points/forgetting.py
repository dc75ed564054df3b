"""Lets go of what ties people who were forgotten to others (个人信息保护法 47): a household, of which name and address
are known, and relatives, of whom names are. The ledger knows their ids alone, and keeps those.

A household is not erased with a member, since relatives may live on there; it is marked, for the office. Why one was in
need is erased once it is no more.

It is looked for beside the consumer, whose batches append no events of this service; and told in events, so that a
rebuild does not tie anybody anew. What a rebuild leaves beside the live ledger is looked for, too.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from asyncpg.exceptions import LockNotAvailableError
from sqlalchemy import ColumnElement, or_, select

from services.points.deaths.gate import shut_gate
from services.points.households.model import LetGo
from services.points.households.reasons import forget_those_that_are_over
from services.points.households.views import HOUSEHOLDS
from services.points.kin.model import End, Stage
from services.points.kin.views import TIES
from services.points.proof.switching import let_go_of_people
from services.points.tables import beneficiaries, household_members, kin, members
from shared.clock import local_day
from shared.database import driver_connection
from shared.ids import derived_id
from shared.rounds import go_round_forever
from shared.telemetry import logger
from shared.unit_of_work import Workshop

log = logger("forgetting")

BY: Final = derived_id("points", "forgetting")
"""Who ends a relation where nobody of the office does."""

_AT_ONCE_MAX = 500
_FORGOTTEN = select(members.c.volunteer_id).where(members.c.forgotten_at.is_not(None))


class ForgettingWatch:
    """Looks, rests, and looks again. Several processes may: what one has let go, the other does not find."""

    def __init__(self, workshop: Workshop, interval_s: float) -> None:
        self._workshop = workshop
        self._interval_s = interval_s
        self._reasons_on: date | None = None
        """The day on which reasons of need that is over were last looked for: days are what it runs out by."""

    async def run(self) -> None:
        """Look until cancelled."""
        await go_round_forever(self.let_go, self._interval_s, log, "forgetting_interrupted")

    async def let_go(self) -> int:
        """Let go of up to `_AT_ONCE_MAX` households and as many relations; returns how many there were."""
        belonging = select(household_members.c.household_id).where(household_members.c.volunteer_id.in_(_FORGOTTEN))
        nobody = select(beneficiaries.c.id).where(beneficiaries.c.volunteer_id.in_(_FORGOTTEN))
        tied = or_(kin.c.volunteer_id.in_(_FORGOTTEN), kin.c.beneficiary_id.in_(nobody))
        related = select(kin.c.id).where(kin.c.ended_at.is_(None), tied)
        if (today := local_day(self._workshop.clock())) != self._reasons_on:
            await forget_those_that_are_over(self._workshop, today)
            self._reasons_on = today
        async with self._workshop.database.reading() as connection:
            households: Sequence[UUID] = (await connection.scalars(belonging.distinct().limit(_AT_ONCE_MAX))).all()
            ties: Sequence[UUID] = (await connection.scalars(related.limit(_AT_ONCE_MAX))).all()
        for household_id in households:
            await self._leave(household_id)
        for kin_id in ties:
            await self._part(kin_id)
        if households or ties:
            log.info("forgotten_let_go", households=len(households), relations=len(ties))
        try:
            async with self._workshop.database.transaction() as connection:
                await let_go_of_people(await driver_connection(connection))
        except LockNotAvailableError:
            log.info("old_tables_are_being_read")  # a later round drops them
        return len(households) + len(ties)

    async def _leave(self, household_id: UUID) -> None:
        async with self._workshop.transaction(actor="forgetting") as work:
            household = (await work.load(HOUSEHOLDS, household_id)).state
            gone: ColumnElement[Any] = members.c.volunteer_id.in_(household.members)
            forgotten = set((await work.connection.scalars(_FORGOTTEN.where(gone))).all())
            if forgotten:  # else somebody was faster, or the household itself is nobody's now
                await work.execute(HOUSEHOLDS, household_id, LetGo(frozenset(forgotten), work.now))
                await work.finish()

    async def _part(self, kin_id: UUID) -> None:
        async with self._workshop.transaction(actor="forgetting") as work:
            await shut_gate(work.connection)
            if (await work.load(TIES, kin_id)).state.stage is not Stage.ENDED:
                await work.execute(TIES, kin_id, End(BY, work.now))
                await work.finish()
