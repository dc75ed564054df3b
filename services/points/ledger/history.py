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
    return {account: _with_what_came_back(history) for account, history in found.items()}


def _with_what_came_back(history: History) -> History:
    """What was paid by a hold and was taken back since came back then, like what was held and set free."""
    of_holds = {held.hold_id for held in history.held}
    came_back = {
        posting.record_id: posting.recorded_at
        for posting in history.postings
        if posting.clause == Clause.TAKEN_BACK and posting.record_id in of_holds
    }
    if not came_back:
        return history
    return History(
        [p for p in history.postings if p.clause != Clause.TAKEN_BACK or p.record_id not in of_holds],
        [
            held._replace(freed_at=came_back[held.hold_id])
            if held.freed_at is None and held.hold_id in came_back
            else held
            for held in history.held
        ],
    )


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
