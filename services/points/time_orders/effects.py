"""What orders do to the ledger: minutes are held of whoever pays, then posted to whoever served, or set free."""

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Holds, NotAvailable, Outcome
from services.points.ledger.passing import Party, Passage, clearing, legs_of, lock
from services.points.ledger.reversing import Reversals
from services.points.ledger.writing import Connection, LedgerWriter
from services.points.overflow.effects import OverflowEffects
from services.points.units import Unit
from shared.contracts import Event, Refusal
from shared.contracts.time_bank import (
    TimeOrderApproved,
    TimeOrderCancelled,
    TimeOrderConfirmed,
    TimeOrderCorrected,
    TimeOrderRequested,
    TimeOrderServed,
    TimeOrderTimedOut,
    TimePayer,
)
from shared.database import Lost
from shared.eventstore import Recorded
from shared.ids import derived_id


class NotEnoughMinutes(Refusal):
    """The account does not have that many minutes available. Params: `minutes`."""

    code: ClassVar[str] = "not_enough_minutes"


class PoolTooSmall(Refusal):
    """The public pool does not have that many minutes available. Params: `minutes`."""

    code: ClassVar[str] = "pool_too_small"


class PayerLacksTheRest(Refusal):
    """Whoever pays does not have the minutes that an order turned out to cost more. Params: `minutes`."""

    code: ClassVar[str] = "payer_lacks_the_rest"


class PoolMovedMeanwhile(Lost):
    """The pool was given something under a later time than this event's; decide again, at the time that it is now."""


_OUTCOMES: Mapping[type[Event], Outcome] = {
    TimeOrderConfirmed: Outcome.POSTED,
    TimeOrderCancelled: Outcome.VOIDED,
    TimeOrderTimedOut: Outcome.TIMED_OUT,
}


def planned_hold(order_id: UUID) -> UUID:
    """The hold of what was planned. The one of what was served goes by the order's own id."""
    return derived_id("points", "time-order", order_id, "planned")


class TimeOrderEffects:
    """Orders on one set of ledger tables.

    What is planned is held first, and nobody knows yet for whom. With the service the amount and the provider are
    known: that hold is set free, and in the same transaction exactly what was served is held for the provider, even
    where a correction took the payer's minutes meanwhile. So each hold is posted as it stands, or not at all.
    """

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        TimeOrderRequested, TimeOrderApproved, TimeOrderServed, *_OUTCOMES, TimeOrderCorrected,
    )  # fmt: skip

    def __init__(self, writer: LedgerWriter, overflow: OverflowEffects, *, replaying: bool = False) -> None:
        self._writer = writer
        self._overflow = overflow
        self._reversals = Reversals(writer, replaying=replaying)
        self._holds = Holds(writer, replaying=replaying)
        self._replaying = replaying

    async def apply(self, db: Connection, event: Event, recorded: Recorded) -> None:
        """Let an event hold, settle or correct. Raises `NotEnoughMinutes`, `PoolTooSmall` or `PayerLacksTheRest`.

        Raises `PoolMovedMeanwhile` where the pool's order of commits is not that of the events' times.
        """
        match event:
            case TimeOrderRequested() if event.payer is not TimePayer.POOL:
                payer = payer_of(event.payer_volunteer_id, event.payer_community)
                try:
                    await self._plan(db, event.time_order_id, payer, event.planned_minutes, recorded)
                except NotAvailable as error:
                    raise NotEnoughMinutes(minutes=event.planned_minutes) from error
            case TimeOrderApproved():
                payer = payer_of(None, event.community)
                try:
                    await self._plan(db, event.time_order_id, payer, event.planned_minutes, recorded)
                except NotAvailable as error:
                    raise PoolTooSmall(minutes=event.planned_minutes) from error
                await self._in_order(db, payer, recorded)
            case TimeOrderCorrected():
                await self._correct(db, event, recorded)
            case TimeOrderServed():
                await self._serve(db, event, recorded)
            case TimeOrderConfirmed() | TimeOrderCancelled() | TimeOrderTimedOut():
                outcome = _OUTCOMES[type(event)]
                for hold_id in (planned_hold(event.time_order_id), event.time_order_id):
                    # The pool's, before it was approved, holds nothing.
                    if await self._holds.is_open(db, hold_id):
                        await self._holds.settle(db, hold_id, outcome, recorded.event_id, recorded.occurred_at)
            case _:
                pass

    async def _plan(self, db: Connection, order_id: UUID, payer: Party, minutes: int, recorded: Recorded) -> None:
        # Whom it will be paid to is not known: it stands against the payer's own community, and is never posted so.
        nobody = clearing(payer.community)
        passage = Passage(payer, nobody, minutes, Clause.ORDER_PAID, Clause.ORDER_PAID_ACROSS)
        legs = await legs_of(db, self._writer, [passage])
        await self._holds.hold(db, planned_hold(order_id), legs, recorded.event_id, recorded.occurred_at)

    async def _in_order(self, db: Connection, pool: Party, recorded: Recorded) -> None:
        if not self._replaying:
            await require_in_order(db, self._writer.schema, pool, recorded)

    async def _serve(self, db: Connection, event: TimeOrderServed, recorded: Recorded) -> None:
        payer = payer_of(event.payer_volunteer_id, event.payer_community)
        provider = Party(holders.volunteer(event.provider_id), event.provider_community)
        passage = Passage(payer, provider, event.minutes, Clause.ORDER_PAID, Clause.ORDER_PAID_ACROSS)
        legs = await legs_of(db, self._writer, [passage])
        await lock(db, self._writer, legs)
        planned, event_id, at = planned_hold(event.time_order_id), recorded.event_id, recorded.occurred_at
        if await self._holds.is_open(db, planned):
            await self._holds.settle(db, planned, Outcome.VOIDED, event_id, at)
            await self._holds.hold(db, event.time_order_id, legs, event_id, at, granted=True)
            return
        # It was off before anybody entered the service: others may have had the minutes since. Where a death was why,
        # nobody could enter it in time, and a person owes what is missing; a pool never does.
        by_pool = event.payer_volunteer_id is None
        granted = event.after_death and not by_pool
        try:
            await self._holds.hold(db, event.time_order_id, legs, event_id, at, granted=granted)
        except NotAvailable as error:
            raise (PoolTooSmall if by_pool else NotEnoughMinutes)(minutes=event.minutes) from error
        if by_pool:
            await self._in_order(db, payer, recorded)

    async def _correct(self, db: Connection, event: TimeOrderCorrected, recorded: Recorded) -> None:
        """What was paid too much is a fact, like every correction; what was paid too little is paid if it is there."""
        back = event.minutes_before - event.minutes
        if back == 0:
            return
        payer, provider = payer_of(event.payer_volunteer_id, event.payer_community), event.provider_id
        transfers = await self._reversals.counter_transfers(
            db, payer.holder, [holders.volunteer(provider)], event.time_order_id, recorded, Clause.ORDER_CORRECTED, back
        )
        if back > 0:
            await self._reversals.owe(db, transfers)
        else:
            try:
                await self._reversals.pay(db, transfers)
            except NotAvailable as error:
                raise PayerLacksTheRest(minutes=-back) from error
            if event.payer_volunteer_id is None:
                await self._in_order(db, payer, recorded)
        people = {provider} if event.payer_volunteer_id is None else {provider, event.payer_volunteer_id}
        await self._overflow.dealt_otherwise(db, people)


async def require_in_order(db: Connection, schema: str, pool: Party, recorded: Recorded) -> None:
    """What a pool gives away lies there by the events' times, too. Raises `PoolMovedMeanwhile`.

    Commands take their time when they begin, and then wait for each other: for the gate, for the pool's row. Help that
    rests on a donation with a later time would look like a pool below zero to whoever reckons afterwards what pools
    lacked (`overflow.pooling.lacks`), and a rebuild would make up for it. The pool's row is locked by then.
    """
    if await db.fetchval(_CAME_LATER.format(schema=schema), pool.holder, int(Unit.MINUTE), recorded.occurred_at):
        raise PoolMovedMeanwhile


# What flowed over has the moment of its round, whenever it became known. What was made good is left out: it can carry
# the time of another service's clock (record 0025). What a correction brought back has the moment of the order, and
# came when it became known.
_CAME_LATER = f"""
    SELECT EXISTS (
        SELECT FROM {{schema}}.accounts AS a
          JOIN {{schema}}.transfers AS t ON t.credit_account = a.id AND t.credit_account > 0
         WHERE a.holder = $1 AND a.unit = $2 AND t.occurred_at > $3
           AND t.clause <> {Clause.POOL_MADE_GOOD:d})
        OR EXISTS (
        SELECT FROM {{schema}}.transfers AS t JOIN {{schema}}.accounts AS a ON a.id = t.credit_account
         WHERE a.holder = $1 AND a.unit = $2 AND t.credit_account > 0
           AND t.recorded_at > $3 AND t.clause = {Clause.ORDER_CORRECTED:d})
        OR EXISTS (
        SELECT FROM {{schema}}.accounts AS a JOIN {{schema}}.holds AS h ON h.debit_account = a.id
         WHERE a.holder = $1 AND a.unit = $2 AND h.settled_at > $3 AND h.posted < h.amount)
"""


def payer_of(volunteer_id: UUID | None, community: str) -> Party:
    """Whose account pays: a volunteer's, or the pool's."""
    holder = holders.pool(community) if volunteer_id is None else holders.volunteer(volunteer_id)
    return Party(holder, community)
