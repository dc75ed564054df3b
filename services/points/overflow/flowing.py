"""Lets time flow over in the ledger's tables, and puts right what has when something late becomes known.

People are dealt with in the parts of expiry, behind the same gate: while a part is at work, nobody books service.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from services.points.ledger import holders
from services.points.ledger.clauses import Clause
from services.points.ledger.history import histories
from services.points.ledger.parts import part_of, part_sql
from services.points.ledger.transfer import Transfer
from services.points.ledger.writing import AccountKey, Connection, LedgerWriter
from services.points.overflow.pooling import Round, due, lacks, spent_since
from services.points.policy.book import PolicyBook
from services.points.policy.terms import Said
from services.points.units import Unit
from shared.clock import day_start

_ACCOUNTS_AT_ONCE = 500
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Bank:
    """A person's account at the time bank, and in whose book it stands: a move does not take along what was earned."""

    account: int
    volunteer_id: UUID
    home: str


class Overflow:
    """Overflow on one set of ledger tables."""

    def __init__(self, writer: LedgerWriter) -> None:
        self._writer = writer
        self._schema = writer.schema

    async def pool(self, db: Connection, book: PolicyBook, part: int, one: Round, spent: Mapping[UUID, int]) -> None:
        """Note a round for a part, and let flow over what stood above the cap at the end of its day."""
        await self.note(db, part, one, spent)
        await self.restate(db, book, await self.candidates(db, book, one.through, part))

    async def note(self, db: Connection, part: int, one: Round, spent: Mapping[UUID, int]) -> None:
        """Note a round and what people had spent before it, and no more."""
        await db.execute(
            f"INSERT INTO {self._schema}.pool_rounds (part, through, event_id, pooled_at) VALUES ($1, $2, $3, $4)",
            part,
            one.through,
            one.event_id,
            one.at,
        )
        if spent:
            await db.execute(
                f"INSERT INTO {self._schema}.pool_spent (volunteer_id, event_id, minutes)"
                " SELECT volunteer_id, $2, minutes FROM unnest($1::uuid[], $3::bigint[]) AS s (volunteer_id, minutes)",
                list(spent),
                one.event_id,
                list(spent.values()),
            )

    async def spent_since(self, db: Connection, accounts: Sequence[int], since: datetime) -> dict[UUID, int]:
        """What was spent of accounts since a moment, by volunteer, where it is anything."""
        banks = await self._banks(db, accounts)
        known = await histories(db, self._schema, [bank.account for bank in banks])
        spent = {bank.volunteer_id: spent_since(*known[bank.account], since) for bank in banks}
        return {volunteer_id: minutes for volunteer_id, minutes in spent.items() if minutes}

    async def through(self, db: Connection) -> dict[int, date]:
        """By part, the day of its last round."""
        rows = await db.fetch(f"SELECT part, max(through) FROM {self._schema}.pool_rounds GROUP BY part")
        return {row[0]: row[1] for row in rows}

    async def bound(self, db: Connection) -> date | None:
        """The day of the last round of all: what was served later bears on none. None when none has run."""
        last: date | None = await db.fetchval(f"SELECT max(through) FROM {self._schema}.pool_rounds")
        return last

    async def candidates(self, db: Connection, book: PolicyBook, through: date, part: int | None = None) -> list[int]:
        """Accounts, ascending, that can have stood above the cap of their home at the end of a day."""
        above = await self._above(db, book, through, part)
        return sorted(account for of_part in above.values() for account in of_part)

    async def parts(self, db: Connection, book: PolicyBook, through: date) -> set[int]:
        """Parts that have candidates, in one look at all."""
        return set(await self._above(db, book, through, None))

    async def _above(self, db: Connection, book: PolicyBook, through: date, part: int | None) -> dict[int, list[int]]:
        query = _ABOVE.format(schema=self._schema, part="true" if part is None else f"{_PART} = {part:d}")
        found: dict[int, list[int]] = {}
        for account, number, home, most in await db.fetch(query, book.bank_cap_min, day_start(through + _A_DAY)):
            if most > _cap(book, home, through).value:
                found.setdefault(number, []).append(account)
        return found

    async def touched(self, db: Connection, book: PolicyBook, accounts: Iterable[int]) -> list[int]:
        """Those of these accounts, ascending, that ever had more than any cap; nobody else has anything in a pool."""
        # A condition of its own: one that may be left out would be planned as a look at all accounts.
        query = _EVER_ABOVE.format(schema=self._schema, these="a.id = ANY($2::bigint[])")
        rows = await db.fetch(query, book.bank_cap_min, list(accounts))
        return [account for account, home, gained in rows if gained > book.bank_cap_lowest(home)]

    async def of_people(self, db: Connection, volunteers: Iterable[UUID]) -> list[int]:
        """The accounts that people have at the time bank, ascending."""
        names = [holders.volunteer(volunteer_id) for volunteer_id in volunteers]
        query = f"SELECT id FROM {self._schema}.accounts WHERE holder = ANY($1::text[]) AND unit = $2 ORDER BY id"
        return [row[0] for row in await db.fetch(query, names, int(Unit.MINUTE))]

    async def ever_above(self, db: Connection, book: PolicyBook) -> list[int]:
        """All accounts, ascending, on which there was ever more than any cap allows."""
        query = _EVER_ABOVE.format(schema=self._schema, these="true")
        rows = await db.fetch(query, book.bank_cap_min)
        return [account for account, home, gained in rows if gained > book.bank_cap_lowest(home)]

    async def lock(self, db: Connection, accounts: Sequence[int]) -> None:
        """Keep accounts as they are: whoever spends from them is waited for, and waits."""
        await self._writer.lock(db, accounts)

    async def restate(self, db: Connection, book: PolicyBook, accounts: Sequence[int]) -> None:
        """Post what makes these accounts' overflow what it ought to be. Whose home is not known yet is passed over."""
        for start in range(0, len(accounts), _ACCOUNTS_AT_ONCE):
            await self._restate(db, book, accounts[start : start + _ACCOUNTS_AT_ONCE])

    async def _restate(self, db: Connection, book: PolicyBook, accounts: Sequence[int]) -> None:
        banks = await self._banks(db, accounts)
        rounds = await self._rounds(db, {part_of(bank.volunteer_id) for bank in banks})
        spent = await self._spent(db, [bank.volunteer_id for bank in banks])
        known = await histories(db, self._schema, [bank.account for bank in banks])
        found = []
        for bank in banks:
            of_part = [
                one._replace(spent=spent.get((bank.volunteer_id, one.event_id), 0))
                for one in rounds.get(part_of(bank.volunteer_id), [])
            ]

            def cap_on(day: date, home: str = bank.home) -> Said[int]:
                return _cap(book, home, day)

            found += [(bank, one) for one in due(*known[bank.account], of_part, cap_on)]
        if not found:
            return
        pools = await self.pools(db, {bank.home for bank, _ in found})
        transfers = []
        for bank, one in found:
            debit, credit = bank.account, pools[bank.home]
            if one.amount > 0:
                debit, credit = credit, debit
            transfers.append(
                Transfer(
                    debit,
                    credit,
                    abs(one.amount),
                    one.corrects,
                    one.round.at,
                    one.known_at,
                    one.round.event_id,
                    one.round.event_id,
                    int(Unit.MINUTE),
                    one.cap_version,
                    Clause.POOLED if one.corrects is None and one.amount < 0 else Clause.POOLED_RESTATED,
                )
            )
        await self._writer.post(db, transfers)
        query = f"SELECT account FROM {self._schema}.pools_short WHERE account = ANY($1::bigint[])"
        short = {row[0] for row in await db.fetch(query, list(pools.values()))}
        drained = {bank.home for bank, one in found if one.amount > 0}
        await self.make_good(db, {home: pool for home, pool in pools.items() if home in drained or pool in short})

    async def pools(self, db: Connection, communities: Iterable[str]) -> dict[str, int]:
        """Accounts of pools, opened where there are none."""
        homes = {holders.pool(community): community for community in communities}
        numbers = await self._writer.open_accounts(db, homes, (int(Unit.MINUTE),))
        return {community: numbers[AccountKey(name, Unit.MINUTE)] for name, community in homes.items()}

    async def all_pools(self, db: Connection) -> dict[str, tuple[int, int]]:
        """Every pool that there is, by community: its number, and its version."""
        query = f"SELECT community, id, version FROM {self._schema}.accounts WHERE unit = $1 AND holder LIKE $2"
        return {row[0]: (row[1], row[2]) for row in await db.fetch(query, int(Unit.MINUTE), holders.pool("%"))}

    async def make_good(self, db: Connection, pools: Mapping[str, int]) -> None:
        """Let the communities make up for what came back out of their pools and was not there any more."""
        if not pools:
            return
        await self.lock(db, sorted(pools.values()))
        known = await histories(db, self._schema, pools.values())
        missing = {home: lacks(*known[pool]) for home, pool in pools.items()}
        short = {holders.issuance(home): home for home, of_pool in missing.items() if of_pool}
        if not short:
            return
        await db.execute(
            f"INSERT INTO {self._schema}.pools_short SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING",
            [pools[home] for home in short.values()],
        )
        issuers = await self._writer.open_accounts(db, short, (int(Unit.MINUTE),))
        transfers = []
        for home, of_pool in missing.items():
            for one in of_pool:
                debit, credit = issuers[AccountKey(holders.issuance(home), Unit.MINUTE)], pools[home]
                if one.amount < 0:
                    debit, credit = credit, debit
                transfers.append(
                    Transfer(
                        debit,
                        credit,
                        abs(one.amount),
                        one.corrects,
                        one.known_at,
                        one.known_at,
                        one.event_id,
                        one.event_id,
                        int(Unit.MINUTE),
                        None,
                        Clause.POOL_MADE_GOOD,
                    )
                )
        await self._writer.post(db, transfers)

    async def _rounds(self, db: Connection, parts: Iterable[int]) -> dict[int, list[Round]]:
        query = f"SELECT part, event_id, through, pooled_at FROM {self._schema}.pool_rounds WHERE part = ANY($1::int[])"
        rounds: dict[int, list[Round]] = {}
        for part, *one in await db.fetch(query, list(parts)):
            rounds.setdefault(part, []).append(Round(*one))
        return rounds

    async def _banks(self, db: Connection, accounts: Sequence[int]) -> list[Bank]:
        return [Bank(*row) for row in await db.fetch(_BANKS.format(schema=self._schema), list(accounts))]

    async def _spent(self, db: Connection, volunteers: Sequence[UUID]) -> dict[tuple[UUID, UUID], int]:
        query = f"SELECT * FROM {self._schema}.pool_spent WHERE volunteer_id = ANY($1::uuid[])"
        return {(row[0], row[1]): row[2] for row in await db.fetch(query, list(volunteers))}


def _cap(book: PolicyBook, home: str, day: date) -> Said[int]:
    return book.terms(home, day).time_bank.cap_minutes


# Only people's holders are ids; what says what it is has a colon.
_VOLUNTEER = "CASE WHEN position(':' IN a.holder) = 0 THEN cast(a.holder AS uuid) END"
_PART = part_sql(_VOLUNTEER)
_OF_PEOPLE = f"a.unit = {Unit.MINUTE:d} AND a.id > 0 AND position(':' IN a.holder) = 0"

# The most that can have been there at the end of the day: what is there now, and whatever was taken since. Gains since
# then make it too much, which is looked at in vain; losses told for an earlier time are looked for some way back.
_ABOVE = f"""
    SELECT a.id, {_PART}, m.registered_in,
           a.credits - a.debits + (
               SELECT coalesce(sum(t.amount), 0) FROM {{schema}}.transfers AS t
                WHERE t.debit_account = a.id AND t.debit_account > 0
                  AND t.occurred_at >= cast($2 AS timestamptz) - interval '400 days' AND t.recorded_at >= $2) AS most
      FROM {{schema}}.accounts AS a
      JOIN {{schema}}.members AS m ON m.volunteer_id = {_VOLUNTEER} AND m.registered_in IS NOT NULL
     WHERE {_OF_PEOPLE} AND a.credits > $1 AND {{part}}
"""

_EVER_ABOVE = f"""
    SELECT a.id, m.registered_in, a.credits
      FROM {{schema}}.accounts AS a
      JOIN {{schema}}.members AS m ON m.volunteer_id = {_VOLUNTEER} AND m.registered_in IS NOT NULL
     WHERE {_OF_PEOPLE} AND a.credits > $1 AND {{these}}
     ORDER BY a.id
"""

_BANKS = f"""
    SELECT a.id, m.volunteer_id, m.registered_in
      FROM {{schema}}.accounts AS a
      JOIN {{schema}}.members AS m ON m.volunteer_id = {_VOLUNTEER} AND m.registered_in IS NOT NULL
     WHERE a.id = ANY($1::bigint[]) ORDER BY a.id
"""
