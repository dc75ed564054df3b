"""Every piece from its source to its recipient, first in first out, computed from the ledger and kept nowhere.

What came onto a shelf and what left it are two rows of ranges over the same count of pieces: the third to seventh piece
that came, the first to fifth that left. Where a range of the one overlaps a range of the other, those pieces went from
that source to that recipient; what is not overlapped yet lies on the shelf. In the order in which the ledger came to
know of them: what was attributed once stays so, and a donor is never told one thing today and another tomorrow.
"""

from collections.abc import Sequence
from enum import StrEnum

from sqlalchemy import ARRAY, BigInteger, DateTime, SmallInteger, Subquery, Text, Uuid, bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.ledger.clauses import Clause
from services.points.tables import accounts


class Source(StrEnum):
    """Where pieces came from."""

    OPENING_STOCK = "opening_stock"
    DONATED = "donated"
    BOUGHT = "bought"
    FOUND = "found"
    """盘盈"""


class Outcome(StrEnum):
    """What became of pieces."""

    REDEEMED = "redeemed"
    GIVEN_IN_AID = "given_in_aid"
    SOLD = "sold"
    LOST = "lost"
    """盘亏、损坏、变质"""
    ON_THE_SHELF = "on_the_shelf"


SOURCES = {
    Clause.STOCK_RECEIVED: Source.OPENING_STOCK,
    Clause.DONATED: Source.DONATED,
    Clause.BOUGHT: Source.BOUGHT,
    Clause.STOCK_COUNTED: Source.FOUND,
}
OUTCOMES = {
    Clause.GOODS_HANDED_OVER: Outcome.REDEEMED,
    Clause.GIVEN_IN_AID: Outcome.GIVEN_IN_AID,
    Clause.SOLD: Outcome.SOLD,
    Clause.STOCK_COUNTED: Outcome.LOST,
}

# Both rows of ranges are cut at every edge of either. Of each cut the source is the next one that ends at or after it,
# and so is the recipient: two windows instead of a join of ranges, n log n for any number of movements.
_TRACE = text(
    """
    WITH moves AS (
        SELECT credit_account AS shelf, true AS came, recorded_at, event_id, occurred_at, record_id, amount, clause,
               debit_account AS other
          FROM ledger.transfers WHERE credit_account = ANY(:shelves) AND credit_account > 0
        UNION ALL
        SELECT debit_account, false, recorded_at, event_id, occurred_at, record_id, amount, clause, credit_account
          FROM ledger.transfers WHERE debit_account = ANY(:shelves) AND debit_account > 0
    ), ranges AS (
        SELECT *, row_number() OVER known AS number, sum(amount) OVER known AS upto
          FROM moves WINDOW known AS (PARTITION BY shelf, came ORDER BY recorded_at, event_id)
    ), cuts AS (
        SELECT shelf,
               upto - lag(upto, 1, 0) OVER (PARTITION BY shelf ORDER BY upto, came) AS pieces,
               min(number) FILTER (WHERE came) OVER (PARTITION BY shelf ORDER BY upto DESC) AS source,
               min(number) FILTER (WHERE NOT came) OVER (PARTITION BY shelf ORDER BY upto DESC) AS recipient
          FROM ranges
    )
    SELECT c.shelf, cast(c.source AS bigint) AS source_number, coalesce(c.recipient, 0) AS recipient_number,
           cast(c.pieces AS bigint) AS pieces,
           i.clause AS source_clause, i.record_id AS source_record, i.occurred_at AS came_at, f.holder AS source_holder,
           o.clause AS outcome_clause, o.record_id AS outcome_record, o.occurred_at AS left_at, t.holder AS recipient
      FROM cuts AS c
      JOIN ranges AS i ON i.shelf = c.shelf AND i.came AND i.number = c.source
      LEFT JOIN ranges AS o ON o.shelf = c.shelf AND NOT o.came AND o.number = c.recipient
      LEFT JOIN ledger.accounts AS f ON f.id = i.other
      LEFT JOIN ledger.accounts AS t ON t.id = o.other
     WHERE c.pieces > 0
    """
)


def trace(shelves: Sequence[int]) -> Subquery:
    """Pieces by source and recipient, over the shelves of some items (account numbers). Recipient 0 is the shelf."""
    return (
        _TRACE.bindparams(bindparam("shelves", value=list(shelves), type_=ARRAY(BigInteger)))
        .columns(
            shelf=BigInteger(),
            source_number=BigInteger(),
            recipient_number=BigInteger(),
            pieces=BigInteger(),
            source_clause=SmallInteger(),
            source_record=Uuid(),
            came_at=DateTime(timezone=True),
            source_holder=Text(),
            outcome_clause=SmallInteger(),
            outcome_record=Uuid(),
            left_at=DateTime(timezone=True),
            recipient=Text(),
        )
        .subquery("trace")
    )


async def shelves(connection: AsyncConnection, holders: Sequence[str]) -> dict[str, int]:
    """Account numbers of shelves by holder; one that nothing ever came to is not among them."""
    rows = await connection.execute(select(accounts.c.holder, accounts.c.id).where(accounts.c.holder.in_(holders)))
    return {row.holder: row.id for row in rows}
