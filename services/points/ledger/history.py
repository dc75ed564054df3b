"""Everything that ever moved an account, and all that was held of it: what expiry and overflow reckon with."""

from collections.abc import Collection
from typing import NamedTuple

from services.points.ledger.clauses import Clause
from services.points.ledger.holds import Outcome
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

_HELD = f"""
    SELECT debit_account, hold_id, amount, held_at,
           CASE WHEN state IN ({Outcome.VOIDED:d}, {Outcome.TIMED_OUT:d}) THEN settled_at END,
           clause = {Clause.SUSPECTED:d}
      FROM {{schema}}.holds WHERE debit_account = ANY($1::bigint[])
"""
