"""Writes to the ledger over raw asyncpg: many transfers in few statements, always in the same order of locks.

Every writer takes locks in this order: accounts it opens (by holder), days (by account and day), accounts it moves (by
number). Two writers can then wait for each other but never in a circle.

`owed` makes "never below zero" a constraint that corrections can still get past: what the past turns out to have been
is a fact and is booked, even when the points are spent. Statements that book facts set ``owed`` to what is missing;
statements that spend leave it alone, and the constraint refuses them while anything is missing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from services.points.ledger import holders
from services.points.ledger.copying import COLUMNS, pack, stream
from services.points.ledger.schema import LIVE
from services.points.ledger.transfer import Transfer
from shared.database import Lost

Connection = Any
"""An asyncpg connection, or SQLAlchemy's proxy of one; a transaction is open on it."""


class UnknownAccounts(Lost):
    """Remembered account numbers are not in the tables (any more); look them up again and repeat the batch."""


class AccountKey(NamedTuple):
    """An account by name."""

    holder: str
    unit: int


@dataclass(slots=True)
class Movements:
    """What a batch adds to accounts: sums of credits and debits by account number."""

    credits: dict[int, int]
    debits: dict[int, int]

    @classmethod
    def none(cls) -> "Movements":
        """Nothing moved yet."""
        return cls({}, {})

    def add(self, transfer: Transfer) -> None:
        """Count one transfer."""
        gained, given, amount = self.credits, self.debits, transfer.amount
        gained[transfer.credit_account] = gained.get(transfer.credit_account, 0) + amount
        given[transfer.debit_account] = given.get(transfer.debit_account, 0) + amount

    def add_all(self, others: "Movements") -> None:
        """Count what others counted."""
        for sums, more in ((self.credits, others.credits), (self.debits, others.debits)):
            for account, amount in more.items():
                sums[account] = sums.get(account, 0) + amount

    def accounts(self) -> list[int]:
        """Numbers of all accounts that moved, ascending."""
        return sorted(self.credits.keys() | self.debits.keys())


class LedgerWriter:
    """Statements against one set of ledger tables: the live one, or one that is being rebuilt."""

    def __init__(self, schema: str = LIVE) -> None:
        self.schema = schema
        self._open = _OPEN.format(schema=schema)
        self._find = _FIND.format(schema=schema)
        self._move = _MOVE.format(schema=schema)
        self._count_minutes = _COUNT_MINUTES.format(schema=schema)
        self._changed = f"INSERT INTO {schema}.balance_changes (accounts) VALUES ($1::text::bigint[])"
        if schema == LIVE:
            self._changed = f"WITH left_word AS ({self._changed}) SELECT pg_notify('balances', '')"

    async def accounts(self, db: Connection, keys: Iterable[AccountKey], community: str) -> dict[AccountKey, int]:
        """Numbers of accounts, opened where they do not exist; for the few keys of a command."""
        wanted = sorted(set(keys))
        by_unit: dict[int, list[str]] = {}
        for key in wanted:
            by_unit.setdefault(key.unit, []).append(key.holder)
        numbers: dict[AccountKey, int] = {}
        for unit, names in sorted(by_unit.items()):
            numbers |= await self.open_accounts(db, dict.fromkeys(names, community), (unit,))
        return numbers

    async def _homes(self, db: Connection, names: Iterable[str]) -> dict[str, str]:
        """Home communities of those of the holders who are people, as far as it is known.

        Leaves a row for those who are not registered, and locks the others': a registration or a move that runs at the
        same time waits for it, and then finds the accounts that are being opened here and gives them their home.
        """
        ids = sorted(UUID(name) for name in names if ":" not in name)
        if not ids:
            return {}
        await db.execute(
            f"INSERT INTO {self.schema}.members (volunteer_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING", ids
        )
        rows = await db.fetch(
            f"SELECT volunteer_id, community FROM {self.schema}.members"
            " WHERE volunteer_id = ANY($1::uuid[]) ORDER BY volunteer_id FOR SHARE",
            ids,
        )
        return {holders.volunteer(row[0]): row[1] for row in rows if row[1] is not None}

    async def communities(self, db: Connection, accounts: Iterable[int]) -> dict[int, str]:
        """Communities of accounts, by number."""
        query = f"SELECT id, community FROM {self.schema}.accounts WHERE id = ANY($1::bigint[])"
        return {row[0]: row[1] for row in await db.fetch(query, list(accounts))}

    async def require(self, db: Connection, accounts: Collection[int]) -> None:
        """Raises `UnknownAccounts` when one of the numbers does not exist: for those that `move` need not touch."""
        if accounts and len(await self.communities(db, accounts)) < len(accounts):
            raise UnknownAccounts

    async def open_accounts(
        self, db: Connection, community_by_holder: Mapping[str, str], units: Sequence[int]
    ) -> dict[AccountKey, int]:
        """Numbers of the holders' accounts in these units; those that do not exist are opened, with balance zero.

        A person's is opened at their home; only until that is known, where they are said to be.
        """
        found = await self._find_accounts(db, list(community_by_holder), units)
        missing = sorted(h for h in community_by_holder if any(AccountKey(h, u) not in found for u in units))
        if missing:
            communities = {**community_by_holder, **await self._homes(db, missing)}
            opened = await db.fetch(
                self._open,
                missing,
                [communities[holder] for holder in missing],
                [holders.is_limited(holder) for holder in missing],
                [-1 if holders.is_bulk(holder) else 1 for holder in missing],
                list(units),
            )
            found |= {AccountKey(row[0], row[1]): row[2] for row in opened}
            elsewhere = [h for h in missing if any(AccountKey(h, u) not in found for u in units)]
            if elsewhere:  # another transaction opened them in the meantime
                found |= await self._find_accounts(db, elsewhere, units)
        return found

    async def _find_accounts(self, db: Connection, names: list[str], units: Sequence[int]) -> dict[AccountKey, int]:
        rows = await db.fetch(self._find, names, list(units))
        return {AccountKey(row[0], row[1]): row[2] for row in rows}

    async def lock(self, db: Connection, accounts: Iterable[int]) -> None:
        """Keep accounts as they are until the commit, taken in the order of their numbers, as every writer does."""
        query = f"SELECT FROM {self.schema}.accounts WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE"
        await db.execute(query, list(accounts))

    async def post(self, db: Connection, transfers: Sequence[Transfer]) -> None:
        """Write transfers and move the balances: facts, which may leave an account below zero."""
        movements = Movements.none()
        for transfer in transfers:
            movements.add(transfer)
        await self.insert_transfers(db, transfers)
        await self.move(db, movements)

    async def insert_transfers(self, db: Connection, transfers: Sequence[Transfer]) -> None:
        """Write transfers. Balances are not touched: `move` must follow in the same transaction."""
        if transfers:
            await self.insert_packed(db, map(pack, transfers))

    async def insert_packed(self, db: Connection, rows: Iterable[bytes]) -> None:
        """Write transfers that are packed already (`copying`), while the iterable packs the next ones."""
        await db.copy_to_table(
            "transfers", schema_name=self.schema, source=stream(rows), columns=COLUMNS, format="binary"
        )

    async def note(self, db: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Keep what transfers do not say of service, in the order of the columns of `notes`."""
        if rows:
            await db.copy_records_to_table("notes", schema_name=self.schema, records=rows)

    async def count_minutes(
        self, db: Connection, minutes_by_day: Mapping[tuple[int, int], int], above: int
    ) -> list[tuple[int, int]]:
        """Add minutes to the days of accounts; returns the days that now have more than `above`.

        Days are ordinals (`date.toordinal`). A day's row stays locked until the commit: whoever else adds to it waits,
        and then sees these transfers.
        """
        keys = sorted(minutes_by_day)
        rows = await db.fetch(
            self._count_minutes,
            int_array(account for account, _ in keys),
            int_array(day for _, day in keys),
            int_array(map(minutes_by_day.__getitem__, keys)),
            above,
        )
        return [(row[0], row[1]) for row in rows]

    async def move(self, db: Connection, movements: Movements) -> None:
        """Book facts on accounts: balances may fall below zero, and `owed` says by how much.

        Raises `UnknownAccounts` when one of the numbers does not exist.
        """
        ids = movements.accounts()
        if not ids:
            return
        await _lock_in_id_order(db)
        gained, given = movements.credits, movements.debits
        status = await db.execute(
            self._move,
            int_array(ids),
            int_array([gained.get(i, 0) for i in ids]),
            int_array([given.get(i, 0) for i in ids]),
        )
        if status != f"UPDATE {len(ids)}":
            raise UnknownAccounts(status)
        await self.announce(db, [number for number in ids if number > 0])

    async def announce(self, db: Connection, accounts: Sequence[int]) -> None:
        """Leave word for the publisher of balances, in the transaction that changed them."""
        if accounts:
            await db.execute(self._changed, int_array(accounts))


def int_array(values: Iterable[int]) -> str:
    """Integers as the text of an array, for parameters with thousands of elements.

    The driver looks at every element of a list several times to find out whether arrays are nested; Python itself
    writes a list in one go.
    """
    return "{" + str(list(values))[1:-1] + "}"


async def _lock_in_id_order(db: Connection) -> None:
    """Make the planner drive the update from the list of numbers, which is in order.

    A hash join would lock the accounts in the order in which they lie in the table, and two batches with the same
    accounts could wait for each other in a circle. With nested loops the rows are locked in ascending number.
    """
    await db.execute("SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)")


_FIND = """
    SELECT holder, unit, id FROM {schema}.accounts WHERE holder = ANY($1::text[]) AND unit = ANY($2::int[])
"""

# By holder, then unit: two batches that open the same accounts wait for each other in the same order.
_OPEN = """
    INSERT INTO {schema}.accounts (id, holder, unit, community, limited)
    SELECT sign * nextval('account_ids'), holder, unit, community, limited
      FROM (SELECT h.holder, u.unit, h.community, h.limited, h.sign
              FROM unnest($1::text[], $2::text[], $3::boolean[], $4::int[]) AS h(holder, community, limited, sign)
             CROSS JOIN unnest($5::int[]) AS u(unit)
             ORDER BY h.holder COLLATE "C", u.unit) AS opened
    ON CONFLICT (holder, unit) DO NOTHING
    RETURNING holder, unit, id
"""

_MOVE = """
    UPDATE {schema}.accounts AS a
       SET credits = a.credits + m.credits,
           debits = a.debits + m.debits,
           owed = CASE WHEN a.limited
                       THEN greatest(0, a.debits + m.debits + a.pending_debits - a.credits - m.credits)
                       ELSE 0 END,
           version = a.version + 1
      FROM unnest($1::text::bigint[], $2::text::bigint[], $3::text::bigint[]) AS m(id, credits, debits)
     WHERE a.id = m.id
"""

_COUNT_MINUTES = """
    WITH counted AS (
        INSERT INTO {schema}.days AS d (account, day, minutes)
        SELECT account, date '0001-01-01' + (day - 1), minutes
          FROM unnest($1::text::bigint[], $2::text::int[], $3::text::int[]) AS m(account, day, minutes)
        ON CONFLICT (account, day) DO UPDATE SET minutes = d.minutes + excluded.minutes
        RETURNING account, day, minutes
    )
    SELECT account, day - date '0001-01-01' + 1 FROM counted WHERE minutes > $4
"""
