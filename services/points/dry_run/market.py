"""What the rules of the love market would have meant for what was redeemed in the last months."""

from datetime import datetime
from typing import NamedTuple

from services.points.dry_run.bounded import BoundedReads
from services.points.dry_run.standing import TwoBooks
from shared.clock import SHANGHAI


class MarketTally(NamedTuple):
    """Redemptions of some months that were collected or still wait, under the rules of today and the proposed ones."""

    redemptions: int = 0
    households_over_before: int = 0
    """Households, or volunteers without one, in a month with more pieces than the limit: each month counts."""
    households_over_after: int = 0
    pieces_over_before: int = 0
    pieces_over_after: int = 0
    late_before: int = 0
    """Collected after the time there would have been."""
    late_after: int = 0


async def market_tally(reads: BoundedReads, books: TwoBooks, node: str, since: datetime) -> MarketTally:
    """Count what was redeemed below a node. Raises `DryRunTooMuch`."""
    span = node, node + ":"  # ":" follows "9"
    communities = [row[0] for row in await reads.fetch(_COMMUNITIES, *span, since)]
    said = [books.market(community) for community in communities]
    columns = [list(column) for column in zip(*said, strict=True)] or [[]] * 4
    (row,) = await reads.fetch(_TALLY, *span, since, communities, *columns)
    return MarketTally(*row)


_COMMUNITIES = (
    "SELECT DISTINCT community FROM redemptions WHERE community >= $1 AND community < $2 AND reserved_at >= $3"
)

# A limit of 0 is none. Of somebody who redeems in several communities the lowest of their limits counts.
_TALLY = f"""
    WITH taken AS (
        SELECT coalesce(r.household_id, r.volunteer_id) AS subject, r.quantity,
               date_trunc('month', r.reserved_at AT TIME ZONE '{SHANGHAI.key}') AS month, r.stage = 'collected'
                 AND r.ended_at > r.reserved_at + make_interval(hours => said.hours_before) AS late_before,
               r.stage = 'collected'
                 AND r.ended_at > r.reserved_at + make_interval(hours => said.hours_after) AS late_after,
               nullif(said.limit_before, 0) AS limit_before, nullif(said.limit_after, 0) AS limit_after
          FROM redemptions AS r
          JOIN unnest($4::text[], $5::int[], $6::int[], $7::int[], $8::int[])
               AS said(community, limit_before, limit_after, hours_before, hours_after) USING (community)
         WHERE r.community >= $1 AND r.community < $2 AND r.reserved_at >= $3 AND r.stage IN ('reserved', 'collected')
    ), months AS (
        SELECT count(*) AS redemptions, count(*) FILTER (WHERE late_before) AS late_before,
               count(*) FILTER (WHERE late_after) AS late_after,
               greatest(0, sum(quantity) - min(limit_before)) AS over_before,
               greatest(0, sum(quantity) - min(limit_after)) AS over_after
          FROM taken GROUP BY subject, month
    )
    SELECT coalesce(sum(redemptions), 0)::bigint, count(*) FILTER (WHERE over_before > 0),
           count(*) FILTER (WHERE over_after > 0), coalesce(sum(over_before), 0)::bigint,
           coalesce(sum(over_after), 0)::bigint, coalesce(sum(late_before), 0)::bigint,
           coalesce(sum(late_after), 0)::bigint
      FROM months
"""
