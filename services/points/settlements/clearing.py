"""The clearing accounts of a node, read from the ledger: where each stands through a day, and who paid whom.

What was settled counts at once and for every day: a run over January that is paid in February must not be paid again by
a run over the first days of February. So a position is today's balance less what happened after the day, settlements
not among it. A transfer is new to a run when the last confirmed run of the community ended before it happened, or was
drawn up before it became known.

Each record counts as it stands: an order that was corrected before any run is in it with the right minutes. What only
corrects a record that an earlier run has counted is no service of anybody, and is told apart.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from services.points.ledger import holders
from services.points.ledger.clauses import REVERSED, Clause
from services.points.ledger.schema import LIVE
from services.points.settlements.model import Clearing
from services.points.settlements.netting import Flow, Standing
from services.points.units import Unit
from shared.clock import day_start

_LOCK = 4995421798
"""Held by whoever confirms, until the commit: one run after the other sees what is left to settle."""

_DAY = timedelta(days=1)


async def clearing_of(db: Any, node: str, through: date) -> Clearing:
    """Everything that a run needs. `db` is an asyncpg connection."""
    return Clearing(await standings(db, node, through), await flows(db, node, through))


async def standings(db: Any, node: str, through: date) -> list[Standing]:
    """Where the communities of a node stand through a day, in one snapshot."""
    rows = await db.fetch(_STANDINGS, *_range(node), day_start(through + _DAY))
    return [Standing(*row) for row in rows]


async def flows(db: Any, node: str, through: date) -> list[Flow]:
    """Who paid whom since the runs before, where both are within the node.

    The ledger tells it by the record: an order's payment leaves one clearing account and reaches another one. Records
    with more sides than two are left to the totals.
    """
    return [Flow(*row) for row in await db.fetch(_FLOWS, *_range(node), day_start(through + _DAY))]


async def lock(db: Any, communities: Iterable[str]) -> None:
    """Let nobody else settle, and nobody move these clearing accounts, until the transaction ends."""
    await db.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    names = [holders.clearing(community) for community in communities]
    # In the order of their numbers, as every writer takes them.
    await db.execute(
        f"SELECT FROM {LIVE}.accounts WHERE holder = ANY($1::text[]) AND unit = $2 ORDER BY id FOR UPDATE",
        names,
        int(Unit.MINUTE),
    )


async def nodes_with_open_balances(db: Any, digits: int) -> list[str]:
    """Nodes of a level below which any clearing account is not zero."""
    rows = await db.fetch(
        f"SELECT DISTINCT left(community, $1) FROM {LIVE}.accounts"
        " WHERE holder >= $2 AND holder < $3 AND unit = $4 AND credits <> debits ORDER BY 1",
        digits,
        holders.clearing_prefix,
        holders.clearing_prefix + ":",
        int(Unit.MINUTE),
    )
    return [row[0] for row in rows]


def _range(node: str) -> tuple[str, str]:
    """The clearing accounts of a node are one range of the holders' index; ":" is the character after "9"."""
    return holders.clearing(node), holders.clearing(node) + ":"


_CLEARING = f"""
    WITH clearing AS (
        SELECT a.id, a.community, a.credits - a.debits AS now, latest.ended, latest.proposed_at
          FROM {LIVE}.accounts AS a
          LEFT JOIN LATERAL (
               SELECT (r.through + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' AS ended, r.proposed_at
                 FROM settlement_positions AS p JOIN settlement_runs AS r ON r.id = p.settlement_id
                WHERE p.community = a.community AND r.stage = 'confirmed'
                ORDER BY r.confirmed_at DESC LIMIT 1) AS latest ON true
         WHERE a.holder >= $1 AND a.holder < $2 AND a.unit = {Unit.MINUTE:d}
    )
"""

_CORRECTS = ", ".join(str(int(clause)) for clause in sorted(REVERSED))

_NETS = f"""
    fresh AS (
        SELECT c.community, t.record_id, t.amount, t.clause IN ({_CORRECTS}) AS corrects
          FROM clearing AS c JOIN LATERAL (
               SELECT occurred_at, recorded_at, record_id, amount, clause FROM {LIVE}.transfers
                WHERE credit_account = c.id AND credit_account > 0 AND occurred_at < $3
               UNION ALL
               SELECT occurred_at, recorded_at, record_id, -amount, clause FROM {LIVE}.transfers
                WHERE debit_account = c.id AND debit_account > 0 AND occurred_at < $3) AS t ON true
         WHERE t.clause <> {Clause.SETTLED:d}
           AND (c.ended IS NULL OR t.occurred_at >= c.ended OR t.recorded_at > c.proposed_at)
    ), nets AS (
        SELECT record_id, community, sum(amount) AS amount, bool_and(corrects) AS corrected FROM fresh
         GROUP BY record_id, community HAVING sum(amount) <> 0
    )
"""

_STANDINGS = f"""
    {_CLEARING}, {_NETS}, later AS (
        SELECT c.community, sum(t.amount) AS amount
          FROM clearing AS c JOIN LATERAL (
               SELECT amount, clause FROM {LIVE}.transfers
                WHERE credit_account = c.id AND credit_account > 0 AND occurred_at >= $3
               UNION ALL
               SELECT -amount, clause FROM {LIVE}.transfers
                WHERE debit_account = c.id AND debit_account > 0 AND occurred_at >= $3) AS t ON true
         WHERE t.clause <> {Clause.SETTLED:d} GROUP BY c.community
    ), flowed AS (
        SELECT community, coalesce(sum(amount) FILTER (WHERE NOT corrected AND amount > 0), 0)::bigint AS inflow,
               coalesce(-sum(amount) FILTER (WHERE NOT corrected AND amount < 0), 0)::bigint AS outflow,
               coalesce(sum(amount) FILTER (WHERE corrected), 0)::bigint AS corrected
          FROM nets GROUP BY community
    )
    SELECT c.community, (c.now - coalesce(l.amount, 0))::bigint, coalesce(f.inflow, 0), coalesce(f.outflow, 0), c.now,
           coalesce(f.corrected, 0)
      FROM clearing AS c LEFT JOIN later AS l USING (community) LEFT JOIN flowed AS f USING (community)
     ORDER BY c.community
"""

_FLOWS = f"""
    {_CLEARING}, {_NETS}, records AS (
        SELECT record_id, min(community) FILTER (WHERE amount > 0) AS debtor,
               min(community) FILTER (WHERE amount < 0) AS creditor,
               least(sum(amount) FILTER (WHERE amount > 0), -sum(amount) FILTER (WHERE amount < 0)) AS amount,
               bool_and(corrected) AS corrected
          FROM nets GROUP BY record_id
        HAVING count(*) = 2 AND count(*) FILTER (WHERE amount > 0) = 1
    )
    SELECT debtor, creditor, sum(amount)::bigint, coalesce(sum(amount) FILTER (WHERE corrected), 0)::bigint
      FROM records GROUP BY debtor, creditor ORDER BY debtor, creditor
"""
