"""What the projection starts from, read from the ledger: balances, what was spent and served in the last twelve months.

Costs what the node's people cost, not what the ledger does: one range of the accounts' index for the node, and for each
person one descent into the debit index (few lines: only what was spent), one range of `days` (a line for each day of
service) and one of `notes` (a line for each correction). The transfers by which people earned, nearly all of the
ledger, are not read: of a ledger with 20 million of them, EXPLAIN (ANALYZE, BUFFERS) shows some 20 pages for each
person of the node who served on 17 days of the year, and a second or two for a district of 20,000 people.
"""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from services.points.durations import months_later
from services.points.earning.kinds import EVIDENCE_NUMBERS
from services.points.ledger.clauses import Clause
from services.points.ledger.holders import clearing, issuance, pool
from services.points.ledger.schema import LIVE
from services.points.solvency.model import OLDEST_FROM, AgeGroup
from services.points.units import Unit
from shared.clock import day_start

ORDER_CLAUSES = (Clause.ORDER_PAID, Clause.ORDER_PAID_ACROSS)
"""Minutes paid for an order: within a community, and across (`Clause.ORDER_PAID`, `Clause.ORDER_PAID_ACROSS`)."""


@dataclass(frozen=True, slots=True)
class Found:
    """The time bank of a node, now."""

    groups: list[AgeGroup]
    """Ascending, those whose age is not known last."""
    pools_minutes: int
    clearing_minutes: int
    """What the node's communities owe others, all together, or are owed when it is below zero."""
    forgotten_minutes: int
    """Held by people whose data was erased: nobody can ask for them."""
    earned_share: Fraction
    """Of all minutes of the service record, those that the time bank credited, too."""


async def found_in(db: Any, node: str, today: date) -> Found:
    """Everything about a node. `db` is an asyncpg connection."""
    a_year_ago = months_later(today, -12)
    rows = await db.fetch(
        GROUPS, node, node + ":", a_year_ago, day_start(a_year_ago), list(map(int, ORDER_CLAUSES)), OLDEST_FROM
    )
    groups, forgotten = [], 0
    for age_from, is_forgotten, *numbers in rows:
        if is_forgotten:
            forgotten += numbers[1]
        else:
            groups.append(AgeGroup(age_from, *numbers))
    issued = {
        row[0]: row[1]
        for row in await db.fetch(
            _SUMS_BY_UNIT, issuance(node), issuance(node) + ":", [Unit.MINUTE, Unit.SERVICE_MINUTE]
        )
    }
    service = -issued.get(Unit.SERVICE_MINUTE, 0)
    share = Fraction(-issued.get(Unit.MINUTE, 0), service) if service > 0 else Fraction(1)
    return Found(
        groups=groups,
        pools_minutes=await _sum(db, pool(node)),
        clearing_minutes=await _sum(db, clearing(node)),
        forgotten_minutes=forgotten,
        earned_share=min(Fraction(1), max(Fraction(0), share)),
    )


async def _sum(db: Any, begin: str) -> int:
    rows = await db.fetch(_SUMS_BY_UNIT, begin, begin + ":", [Unit.MINUTE])
    return int(rows[0][1]) if rows else 0


# Accounts of a kind below a node are one range of the holders' index; ":" is the character after "9".
_SUMS_BY_UNIT = f"""
    SELECT unit, sum(credits - debits)::bigint FROM {LIVE}.accounts
     WHERE holder >= $1 AND holder < $2 AND unit = ANY($3::int[]) GROUP BY unit
"""

_ESTIMATED = EVIDENCE_NUMBERS["estimated"]
# Days count what may bear on a cap: an estimate, too, and of a correction the larger side besides what was there.
_TOO_MUCH = f"""
    greatest(n.minutes, n.minutes_before)
    - CASE WHEN n.evidence_before IS NULL OR n.evidence = {_ESTIMATED} THEN 0 ELSE n.minutes END
    + CASE WHEN n.evidence_before IS NULL OR n.evidence_before = {_ESTIMATED} THEN 0 ELSE n.minutes_before END
"""

# Of what was paid for an order, what it stands at now counts: it may have been corrected since.
GROUPS = f"""
    WITH people AS MATERIALIZED (
        SELECT id, unit, credits - debits AS balance, holder::uuid AS volunteer_id
          FROM {LIVE}.accounts
         WHERE community >= $1 AND community < $2 AND unit IN ({Unit.MINUTE:d}, {Unit.SERVICE_MINUTE:d})
           AND CASE WHEN limited THEN position(':' IN holder) = 0 ELSE false END
    ), each AS MATERIALIZED (
        SELECT p.volunteer_id, p.unit, greatest(0, p.balance) AS balance,
               CASE WHEN p.unit = {Unit.MINUTE:d} THEN (
                    SELECT sum(coalesce((SELECT o.minutes FROM time_orders AS o WHERE o.id = t.record_id), t.amount))
                      FROM {LIVE}.transfers AS t
                     WHERE t.debit_account = p.id AND t.debit_account > 0 AND t.occurred_at >= $4
                       AND t.clause = ANY($5::smallint[])) END AS spent,
               CASE WHEN p.unit = {Unit.SERVICE_MINUTE:d} THEN (
                    SELECT sum(d.minutes) FROM {LIVE}.days AS d WHERE d.account = p.id AND d.day > $3
               ) - coalesce((
                    SELECT sum({_TOO_MUCH}) FROM {LIVE}.notes AS n
                     WHERE n.account = p.id AND n.occurred_at >= $4 + interval '1 day'), 0) END AS served
          FROM people AS p
    )
    SELECT CASE WHEN m.age_group_from IS NOT NULL THEN least(m.age_group_from, $6::smallint) / 5 * 5 END AS age_from,
           m.forgotten_at IS NOT NULL AS forgotten,
           count(*) FILTER (WHERE e.unit = {Unit.MINUTE:d} AND e.balance > 0),
           coalesce(sum(e.balance) FILTER (WHERE e.unit = {Unit.MINUTE:d}), 0)::bigint,
           coalesce(sum(e.spent), 0)::bigint,
           count(*) FILTER (WHERE e.served > 0),
           coalesce(sum(greatest(0, e.served)), 0)::bigint
      FROM each AS e LEFT JOIN {LIVE}.members AS m USING (volunteer_id)
     GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2
"""
