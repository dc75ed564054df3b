"""Lets points lapse in the ledger's tables, and puts right what has lapsed when something late becomes known.

People are dealt with in parts (`ledger.parts`); while a part lapses, nobody books service.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.points.expiry.lots import Course, Known, Lapse, course, due
from services.points.expiry.terms import lapsed_until, lapsing_days, term_of
from services.points.ledger.clauses import Clause
from services.points.ledger.history import histories
from services.points.ledger.parts import PARTS, part_of, part_sql
from services.points.ledger.reading import EVERYTHING, Sight
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import Connection, LedgerWriter
from services.points.policy.book import PolicyBook
from services.points.units import Unit

_ACCOUNTS_AT_ONCE = 100
"""So many histories are in memory at once. While one is gone through, nobody else has their turn."""


class Purse(NamedTuple):
    """Everything that bears on the lots of one account of points."""

    account: int
    known: Known


class Lapsing:
    """Expiry on one set of ledger tables."""

    def __init__(self, writer: LedgerWriter) -> None:
        self._writer = writer
        self._schema = writer.schema
        self._communities: dict[int, str] = {}
        self._bounds: dict[tuple[int, date], date | None] = {}

    async def lapse(self, db: Connection, book: PolicyBook, part: int, lapse: Lapse) -> None:
        """Note a run for a part, and let lapse what its day is over for."""
        before = await self.through(db, part)
        await self.note(db, part, lapse)
        accounts = await self.candidates(db, book, part, before, lapse.through)
        await self.restate(db, book, accounts)

    async def note(self, db: Connection, part: int, lapse: Lapse) -> None:
        """Note a run, and no more."""
        await db.execute(
            f"INSERT INTO {self._schema}.lapses (part, through, event_id, lapsed_at) VALUES ($1, $2, $3, $4)",
            part,
            lapse.through,
            lapse.event_id,
            lapse.at,
        )

    async def through(self, db: Connection, part: int) -> date | None:
        """The last day that has lapsed in a part."""
        last: date | None = await db.fetchval(f"SELECT max(through) FROM {self._schema}.lapses WHERE part = $1", part)
        return last

    async def through_everywhere(self, db: Connection) -> date | None:
        """The last day that has lapsed in every part; None where nothing has lapsed in some."""
        rows = await db.fetch(_THROUGH.format(schema=self._schema))
        return min(row[0] for row in rows) if all(row[0] for row in rows) else None

    async def candidates(
        self, db: Connection, book: PolicyBook, part: int, after: date | None, through: date
    ) -> list[int]:
        """Accounts of points of a part, ascending, whose holders served on days that lapse in between."""
        days = lapsing_days(book.expiry_rules, after, through)
        if days is None:
            return []
        rows = await db.fetch(_CANDIDATES.format(schema=self._schema), *days, part)
        return [row[0] for row in rows]

    async def parts(self, db: Connection, book: PolicyBook, after: date | None, through: date) -> set[int]:
        """Parts that have candidates, in one look at all."""
        days = lapsing_days(book.expiry_rules, after, through)
        if days is None:
            return set()
        return {row[0] for row in await db.fetch(_PARTS.format(schema=self._schema), *days)}

    async def lock(self, db: Connection, accounts: Sequence[int]) -> None:
        """Keep accounts as they are: whoever holds points of them is waited for, and waits."""
        await self._writer.lock(db, accounts)

    async def bound(self, db: Connection, book: PolicyBook) -> date | None:
        """The latest day of service that can bear on what has lapsed; None when nothing can have lapsed."""
        through = await db.fetchval(f"SELECT max(through) FROM {self._schema}.lapses")
        if through is None:
            return None
        key = (book.latest_version, through)
        if key not in self._bounds:
            self._bounds[key] = lapsed_until(book.expiry_rules, through)
        return self._bounds[key]

    async def held_while_lapsing(self, db: Connection, hold_ids: Sequence[UUID]) -> list[int]:
        """The accounts of points of holds during which points of their part of the people lapsed."""
        return [row[0] for row in await db.fetch(_HELD_WHILE_LAPSING.format(schema=self._schema), hold_ids)]

    async def restate(self, db: Connection, book: PolicyBook, accounts: Sequence[int]) -> None:
        """Post what makes these accounts' lapsed points what they ought to be."""
        for start in range(0, len(accounts), _ACCOUNTS_AT_ONCE):
            await self._restate(db, book, accounts[start : start + _ACCOUNTS_AT_ONCE])

    async def _restate(self, db: Connection, book: PolicyBook, accounts: Sequence[int]) -> None:
        purses = await self._purses(db, accounts)
        term = term_of(book, self._communities.__getitem__)
        transfers = []
        for purse in purses:
            await asyncio.sleep(0)
            for one in due(purse.known, term):
                debit, credit = purse.account, one.lot.contra_account
                if one.amount > 0:
                    debit, credit = credit, debit
                transfers.append(
                    Transfer(
                        debit,
                        credit,
                        abs(one.amount),
                        one.corrects,
                        one.lapse.at,
                        one.known_at,
                        one.lapse.event_id,
                        one.lot.record_id,
                        int(Unit.POINT),
                        one.lot.term.policy_version,
                        Clause.EXPIRY if one.corrects is None and one.amount < 0 else Clause.EXPIRY_RESTATED,
                    )
                )
        await self._writer.post(db, transfers)

    async def courses(
        self,
        db: Connection,
        book: PolicyBook,
        accounts: Sequence[int],
        sight: Sight = EVERYTHING,
        *,
        with_suspected: bool = False,
    ) -> dict[int, Course]:
        """How the points of accounts came and went, by account; `with_suspected` as if nothing were held for a sign.

        So it is told what lapses: what is suspected cannot be spent, and is not, and lapses once it is free.
        """
        found: dict[int, Course] = {}
        for start in range(0, len(accounts), _ACCOUNTS_AT_ONCE):
            purses = await self._purses(db, accounts[start : start + _ACCOUNTS_AT_ONCE])
            term = term_of(book, self._communities.__getitem__)
            for account, known in purses:
                await asyncio.sleep(0)
                if with_suspected:
                    known = known._replace(held=[one for one in known.held if not one.suspected])
                if sight.until is not None:
                    known = known.until(sight.until)
                if sight.known_at is not None:
                    known = known.as_of(sight.known_at)
                found[account] = course(known, term)
        return found

    async def holders(self, db: Connection, accounts: Sequence[int]) -> dict[int, UUID]:
        """Volunteers by their accounts."""
        query = f"SELECT id, holder FROM {self._schema}.accounts WHERE id = ANY($1::bigint[])"
        return {row[0]: UUID(row[1]) for row in await db.fetch(query, list(accounts))}

    def community(self, issuer: int) -> str:
        """The community of an account of issue that was met on lots."""
        return self._communities[issuer]

    async def _purses(self, db: Connection, accounts: Sequence[int]) -> list[Purse]:
        known = await histories(db, self._schema, accounts)
        await self._know_issuers(db, (p.contra_account for of_one in known.values() for p in of_one.postings))
        holders = await self.holders(db, accounts)
        parts = {account: part_of(holder) for account, holder in holders.items()}
        lapses: dict[int, list[Lapse]] = {part: [] for part in parts.values()}
        query = f"SELECT part, event_id, through, lapsed_at FROM {self._schema}.lapses WHERE part = ANY($1::smallint[])"
        for part, *lapse in await db.fetch(f"{query} ORDER BY lapsed_at", list(lapses)):
            lapses[part].append(Lapse(*lapse))
        return [Purse(account, Known(*known[account], lapses[part])) for account, part in sorted(parts.items())]

    async def _know_issuers(self, db: Connection, accounts: Iterable[int]) -> None:
        strangers = set(accounts) - self._communities.keys()
        if strangers:
            self._communities |= await self._writer.communities(db, strangers)


# The last run of a part is the latest: of each, one row by the key.
_THROUGH = f"""
    SELECT (SELECT max(through) FROM {{schema}}.lapses AS l WHERE l.part = p.part)
      FROM generate_series(0, {PARTS - 1}) AS p(part)
"""

_HELD_WHILE_LAPSING = f"""
    SELECT DISTINCT h.debit_account
      FROM {{schema}}.holds AS h
      JOIN {{schema}}.accounts AS a ON a.id = h.debit_account AND position(':' IN a.holder) = 0
     WHERE h.hold_id = ANY($1::uuid[]) AND h.unit = {Unit.POINT:d}
       AND h.held_at < (SELECT l.lapsed_at FROM {{schema}}.lapses AS l
                         WHERE l.part = {part_sql("cast(a.holder AS uuid)")} ORDER BY l.through DESC LIMIT 1)
"""

_SERVED = f"""
    record.unit = {Unit.SERVICE_MINUTE:d} AND record.id > 0
       AND EXISTS (SELECT FROM {{schema}}.days AS d WHERE d.account = record.id AND d.day BETWEEN $1 AND $2)
"""
_PART = part_sql("cast(record.holder AS uuid)")

_PARTS = f"SELECT DISTINCT {_PART} FROM {{schema}}.accounts AS record WHERE {_SERVED}"

_CANDIDATES = f"""
    SELECT purse.id
      FROM {{schema}}.accounts AS record
      JOIN {{schema}}.accounts AS purse ON purse.holder = record.holder AND purse.unit = {Unit.POINT:d}
     WHERE {_SERVED} AND {_PART} = $3
     ORDER BY purse.id
"""
