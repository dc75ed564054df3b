"""Everything that ever moved an account, and all that was held of it: what expiry and overflow reckon with."""

from collections.abc import Collection
from typing import NamedTuple

from services.points.ledger.clauses import Clause
from services.points.ledger.postings import Held, Posting
from services.points.ledger.writing import Connection


class History(NamedTuple):
    """One account's, in no order."""

    postings: list[Posting]
    held: list[Held]


async def histories(db: Connection, schema: str, accounts: Collection[int]) -> dict[int, History]:
    """By account. Not of accounts of issue, whose lines no index has."""
    found = {account: History([], []) for account in accounts}
    for account, *columns in await db.fetch(_POSTINGS.format(schema=schema), list(found)):
        found[account].postings.append(Posting(*columns))
    for account, *hold in await db.fetch(_HELD.format(schema=schema), list(found)):
        found[account].held.append(Held(*hold))
    return found


# Both sides of the accounts, by the two statement indexes.
_POSTINGS = """
    SELECT credit_account, id, event_id, record_id, clause, amount, debit_account, occurred_at, recorded_at
      FROM {schema}.transfers WHERE credit_account = ANY($1::bigint[]) AND credit_account > 0
    UNION ALL
    SELECT debit_account, id, event_id, record_id, clause, -amount, credit_account, occurred_at, recorded_at
      FROM {schema}.transfers WHERE debit_account = ANY($1::bigint[]) AND debit_account > 0
"""

# One that was posted in part is two: what was spent, and what came back.
_HELD = f"""
    SELECT debit_account, hold_id, part.amount, held_at, part.freed_at, clause = {Clause.SUSPECTED:d}
      FROM {{schema}}.holds
     CROSS JOIN LATERAL (VALUES (posted, NULL), (holds.amount - posted, settled_at)) AS part(amount, freed_at)
     WHERE debit_account = ANY($1::bigint[]) AND part.amount > 0
"""
