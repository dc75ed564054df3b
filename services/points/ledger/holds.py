"""Two-phase transfers: amounts are held, then posted or set free. A hold has one outcome, also under races.

A hold has legs that share its fate: the points of a redemption and the pieces they pay for. What is posted may be less
than was held; the rest is free with it. Holding leaves `owed` alone, so the constraint on accounts refuses it where not
enough is available; settling books facts.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.points.ledger.parts import part_sql
from services.points.ledger.schema import LIVE
from services.points.ledger.writing import Connection, LedgerWriter, UnknownAccounts
from services.points.units import Unit
from shared.database import Lost


class Outcome(IntEnum):
    """What became of a hold; 0 is still open."""

    POSTED = 1
    """Whole, or in part."""
    VOIDED = 2
    TIMED_OUT = 3


class Leg(NamedTuple):
    """One amount of a hold."""

    debit_account: int
    credit_account: int
    unit: int
    amount: int
    clause: int


class NamedLeg(NamedTuple):
    """One amount of a hold, between accounts that are not looked up first."""

    debit_holder: str
    credit_holder: str
    unit: str
    """The unit's code."""
    amount: int
    clause: int


class NotAvailable(Exception):
    """A leg asks for more than its account has available: `available`, as far as that is known, and less when owed."""

    def __init__(self, leg: Leg | NamedLeg, available: int | None = None) -> None:
        super().__init__("not available")
        self.leg = leg
        self.available = available


class LapsedMeanwhile(Lost):
    """A run of expiry came before this hold though its time is later; decide again, at the time that it is now.

    A command takes its time when it begins, and a run may have had the account before it had.
    """


class HoldSettled(Lost):
    """The hold has its outcome already, or does not exist; a command that loads again learns what happened."""


class Holds:
    """Holds on one set of ledger tables. Holding and settling are one statement each.

    Whoever waits for a popular shelf waits for as long as others hold its row: every further round trip between that
    lock and the commit is time in which nobody else gets a piece.
    """

    def __init__(self, writer: LedgerWriter, *, replaying: bool = False) -> None:
        schema = writer.schema
        notify = "pg_notify('balances', '')" if schema == LIVE else "NULL"

        # In a replay everything was already granted, what it was granted on may come later, and nothing has lapsed yet.
        owed, lapsed = (_OWED_WHERE_GRANTED, "false") if replaying else ("", _LAPSED)

        def hold(legs: str, owed: str) -> str:
            return _HOLD.format(legs=legs.format(schema=schema), schema=schema, owed=owed, notify=notify, lapsed=lapsed)

        self._hold, self._hold_granted = hold(_NUMBERED, owed), hold(_NUMBERED, _OWED_WHERE_GRANTED)
        self._hold_named = hold(_NAMED, owed)
        self._settle = _SETTLE.format(schema=schema, notify=notify)
        self._units = f"SELECT unit FROM {schema}.holds WHERE hold_id = $1 ORDER BY leg"
        self._is_open = f"SELECT EXISTS (SELECT FROM {schema}.holds WHERE hold_id = $1 AND state = 0)"

    async def hold(
        self, db: Connection, hold_id: UUID, legs: Sequence[Leg], event_id: UUID, at: datetime, *, granted: bool = False
    ) -> None:
        """Hold all legs. Raises `NotAvailable` with the leg that failed, or `LapsedMeanwhile`; the transaction is lost.

        What was `granted` takes the place of a hold that was set free in the same transaction: a correction may have
        taken the amount meanwhile, and what is missing is owed.
        """
        query, legs = self._hold_granted if granted else self._hold, sorted(legs)
        held = await self._run(db, query, hold_id, event_id, at, legs, [leg.debit_account for leg in legs])
        if held != len({leg.debit_account for leg in legs}):
            raise UnknownAccounts(held)

    async def hold_named(
        self, db: Connection, hold_id: UUID, legs: Sequence[NamedLeg], event_id: UUID, at: datetime
    ) -> bool:
        """Hold all legs. False, and none, when an account is not there. Raises as `hold` does."""
        held = await self._run(db, self._hold_named, hold_id, event_id, at, legs, [leg.debit_holder for leg in legs])
        return held > 0

    async def _run(
        self,
        db: Connection,
        query: str,
        hold_id: UUID,
        event_id: UUID,
        at: datetime,
        legs: Sequence[Leg | NamedLeg],
        debited: Sequence[int] | Sequence[str],
    ) -> int:
        """How many accounts hold now what they did not. Legs are told by column."""
        try:
            held, lapsed, _ = await db.fetchrow(query, hold_id, event_id, at, *map(list, zip(*legs, strict=True)))
        except asyncpg.CheckViolationError as error:
            if error.constraint_name != "accounts_never_below_zero":
                raise
            raise NotAvailable(*what_failed(error, legs, debited)) from error
        if lapsed:
            raise LapsedMeanwhile
        return int(held)

    async def units(self, db: Connection, hold_id: UUID) -> list[int]:
        """Units of the hold's legs, in their order."""
        return [row[0] for row in await db.fetch(self._units, hold_id)]

    async def is_open(self, db: Connection, hold_id: UUID) -> bool:
        """Whether there is such a hold and it has no outcome yet."""
        return bool(await db.fetchval(self._is_open, hold_id))

    async def settle(
        self,
        db: Connection,
        hold_id: UUID,
        outcome: Outcome,
        event_id: UUID,
        at: datetime,
        posted: Sequence[int] | None = None,
        *,
        some_not_at_all: bool = False,
    ) -> None:
        """Give the hold its outcome. Raises `HoldSettled` when it has one.

        `posted` in part says how much of each leg, in their order, which `hold_named` keeps. A constraint on `holds`
        refuses more than is held, and nothing; where there may be legs of which nothing is, these are voided.
        """
        settled = (hold_id, int(outcome), event_id, at, posted, some_not_at_all)
        legs, accounts, moved, _ = await db.fetchrow(self._settle, *settled)
        if not legs:
            raise HoldSettled
        if moved != accounts:
            raise UnknownAccounts(moved)


def what_failed(
    error: asyncpg.CheckViolationError, legs: Sequence[Leg | NamedLeg], debited: Sequence[int] | Sequence[str]
) -> tuple[Leg | NamedLeg, int | None]:
    """The leg that asked for too much, and what was there. `debited` are the legs' accounts, or the holders of these.

    The server shows the row that broke the constraint, as it would have become: nothing can be asked any more in this
    transaction, and in another one it may be different already.
    """
    row = _ROW.search(error.detail or "")
    if row is None:
        return legs[0], None
    account, holder, *sums = row.groups()
    asked = [leg for leg, name in zip(legs, debited, strict=True) if name in (int(account), holder)]
    if not asked:
        return legs[0], None
    credits_, debits, pending = map(int, sums)
    return asked[0], credits_ - debits - pending + sum(leg.amount for leg in asked)


_ROW = re.compile(r"\((-?\d+), ([^,]*), \d+, [^,]*, [tf], (\d+), (\d+), (\d+), \d+, \d+\)")
"""Number, holder, unit, community, limited, credits, debits, pending, owed, version: the columns of `accounts`."""


_OWED_WHERE_GRANTED = """
               owed = CASE WHEN a.limited
                           THEN greatest(0, a.debits + a.pending_debits + w.amount - a.credits) ELSE 0 END,
"""

_NUMBERED = """
        SELECT * FROM unnest($4::bigint[], $5::bigint[], $6::int[], $7::bigint[], $8::smallint[])
                      WITH ORDINALITY AS l(debit_account, credit_account, unit, amount, clause, leg)
"""
# All of them, or none.
_NAMED = """
        SELECT debit_account, credit_account, unit, amount, clause, leg
          FROM (SELECT debited.id AS debit_account, credited.id AS credit_account, u.id AS unit, amount, clause, leg,
                       count(*) OVER () AS found
                  FROM unnest($4::text[], $5::text[], $6::text[], $7::bigint[], $8::smallint[])
                              WITH ORDINALITY AS l(debit_holder, credit_holder, unit, amount, clause, leg)
                  JOIN units AS u ON u.code = l.unit
                  JOIN {schema}.accounts AS debited ON debited.holder = debit_holder AND debited.unit = u.id
                  JOIN {schema}.accounts AS credited ON credited.holder = credit_holder AND credited.unit = u.id
               ) AS named
         WHERE found = cardinality($4::text[])
"""

# Accounts are locked in the order of their numbers before any is changed, so that two holds on the same accounts
# cannot wait for each other in a circle.
_HOLD = """
    WITH legs AS MATERIALIZED ({legs}), wanted AS (
        SELECT debit_account AS id, cast(sum(amount) AS bigint) AS amount FROM legs GROUP BY debit_account
    ), locked AS MATERIALIZED (
        SELECT id FROM {schema}.accounts WHERE id IN (SELECT id FROM wanted) ORDER BY id FOR UPDATE
    ), held AS (
        UPDATE {schema}.accounts AS a
           SET pending_debits = a.pending_debits + w.amount, {owed}
               version = a.version + 1
          FROM wanted AS w JOIN locked USING (id)
         WHERE a.id = w.id
        RETURNING a.id, a.unit, a.holder
    ), noted AS (
        INSERT INTO {schema}.holds
               (hold_id, leg, event_id, debit_account, credit_account, unit, amount, clause, held_at)
        SELECT $1, leg - 1, $2, debit_account, credit_account, unit, amount, clause, $3 FROM legs
    ), left_word AS (
        INSERT INTO {schema}.balance_changes (accounts) SELECT array_agg(id) FROM wanted HAVING count(*) > 0
    )
    SELECT (SELECT count(*) FROM held), {lapsed}, {notify}
"""

# Asked of the people whose points are held, which are locked by then; the function looks at what is committed then,
# not when the statement began.
_LAPSED = f"""
    lapsed_since((SELECT array_agg(cast({part_sql("cast(holder AS uuid)")} AS smallint))
                    FROM held WHERE unit = {Unit.POINT:d} AND strpos(holder, ':') = 0), $3)
"""

_SETTLE = """
    WITH closed AS (
        UPDATE {schema}.holds
           SET state = CASE WHEN $6::boolean AND ($5::bigint[])[leg + 1] = 0 THEN 2 ELSE $2::smallint END,
               settled_by = $3, settled_at = $4,
               posted = CASE WHEN $2 = 1 THEN coalesce(($5::bigint[])[leg + 1], amount) ELSE 0 END
         WHERE hold_id = $1 AND state = 0
        RETURNING debit_account, credit_account, unit, amount, posted, clause
    ), written AS (
        INSERT INTO {schema}.transfers
               (debit_account, credit_account, amount, occurred_at, recorded_at, event_id, record_id, unit, clause)
        SELECT debit_account, credit_account, posted, $4, $4, $3, $1, unit, clause FROM closed WHERE posted > 0
    ), changes AS (
        SELECT id, cast(sum(credits) AS bigint) AS credits, cast(sum(debits) AS bigint) AS debits,
               cast(sum(freed) AS bigint) AS freed
          FROM (SELECT debit_account AS id, 0 AS credits, posted AS debits, amount AS freed FROM closed
                UNION ALL
                SELECT credit_account, posted, 0, 0 FROM closed WHERE posted > 0) AS sides
         GROUP BY id
    ), locked AS MATERIALIZED (
        SELECT a.id FROM {schema}.accounts AS a WHERE a.id IN (SELECT id FROM changes) ORDER BY a.id FOR UPDATE
    ), moved AS (
        UPDATE {schema}.accounts AS a
           SET credits = a.credits + c.credits, debits = a.debits + c.debits,
               pending_debits = a.pending_debits - c.freed,
               owed = CASE WHEN a.limited
                           THEN greatest(0, a.debits + c.debits + a.pending_debits - c.freed - a.credits - c.credits)
                           ELSE 0 END,
               version = a.version + 1
          FROM changes AS c JOIN locked USING (id)
         WHERE a.id = c.id
        RETURNING a.id
    ), left_word AS (
        INSERT INTO {schema}.balance_changes (accounts) SELECT array_agg(id) FROM changes HAVING count(*) > 0
    )
    SELECT (SELECT count(*) FROM closed), (SELECT count(*) FROM changes), (SELECT count(*) FROM moved), {notify}
"""
