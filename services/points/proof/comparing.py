"""Two sets of ledger tables that know the same events, side by side."""

import asyncio
from dataclasses import dataclass
from typing import Any

from services.points.proof.checks import Check, check_tables, ledger_sum, net_effects, sound

_SHOWN_MAX = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the two ledgers have in common, and what not."""

    old_digest: str
    new_digest: str
    accounts: list[str]
    """Accounts with different balances, the first few."""
    effects: list[str]
    """Events with different net effects, the first few."""
    checks: list[Check]
    """What was looked at in the new ledger."""
    transfers: int
    ledger_sum: int
    """Credits less debits of the new ledger, of all units; 0 is good."""

    @property
    def identical(self) -> bool:
        """Nothing differs, and the new ledger is sound in itself."""
        return self.old_digest == self.new_digest and not self.accounts and sound(self.checks)


async def compare(connections: tuple[Any, Any, Any], old: str, new: str) -> Comparison:
    """Compare the tables in two schemas, on three asyncpg connections that see the same moment."""
    one, other, third = connections
    async with asyncio.TaskGroup() as side_by_side:
        of_old = side_by_side.create_task(net_effects(one, old))
        of_new = side_by_side.create_task(net_effects(other, new))
        checks = side_by_side.create_task(check_tables(third, new))
    before, after = of_old.result(), of_new.result()
    buckets = before.buckets.keys() | after.buckets.keys()
    differing = [b for b in sorted(buckets) if before.buckets.get(b) != after.buckets.get(b)]
    balances = await one.fetch(_DIFFERENT_BALANCES.format(old=old, new=new), _SHOWN_MAX)
    effects = _DIFFERENT_EFFECTS.format(old=old, new=new)
    return Comparison(
        old_digest=before.digest,
        new_digest=after.digest,
        accounts=[f"{r[0]}/{r[1]}: {r[2]} ≠ {r[3]}" for r in balances],
        effects=[str(r[0]) for r in await one.fetch(effects, differing, _SHOWN_MAX)] if differing else [],
        checks=checks.result(),
        transfers=await one.fetchval(f"SELECT count(*) FROM {new}.transfers"),
        ledger_sum=await ledger_sum(one, new),
    )


_DIFFERENT_BALANCES = """
    SELECT coalesce(l.holder, r.holder), u.code,
           l.credits - l.debits || ' / ' || l.pending_debits || ' / ' || l.owed,
           r.credits - r.debits || ' / ' || r.pending_debits || ' / ' || r.owed
      FROM (SELECT * FROM {old}.accounts WHERE credits <> debits OR pending_debits <> 0) AS l
      FULL JOIN (SELECT * FROM {new}.accounts WHERE credits <> debits OR pending_debits <> 0) AS r
        ON r.holder = l.holder AND r.unit = l.unit
      JOIN units AS u ON u.id = coalesce(l.unit, r.unit)
     WHERE l.id IS NULL OR r.id IS NULL OR l.credits - l.debits <> r.credits - r.debits
        OR l.pending_debits <> r.pending_debits OR l.owed <> r.owed
     ORDER BY 1, 2 LIMIT $1
"""

_DIFFERENT_EFFECTS = """
    WITH effects AS (
        SELECT side.which, side.event_id, a.holder, a.unit, sum(side.amount) AS net
          FROM (SELECT 'live' AS which, event_id, credit_account AS account, amount FROM {old}.transfers
                UNION ALL SELECT 'live', event_id, debit_account, -amount FROM {old}.transfers
                UNION ALL SELECT 'rebuilt', event_id, credit_account, amount FROM {new}.transfers
                UNION ALL SELECT 'rebuilt', event_id, debit_account, -amount FROM {new}.transfers) AS side
          JOIN (SELECT id, holder, unit FROM {old}.accounts
                UNION ALL SELECT id, holder, unit FROM {new}.accounts) AS a ON a.id = side.account
         WHERE get_byte(uuid_send(side.event_id), 15) = ANY($1::int[])
         GROUP BY 1, 2, 3, 4 HAVING sum(side.amount) <> 0
    )
    SELECT DISTINCT coalesce(l.event_id, r.event_id)
      FROM (SELECT * FROM effects WHERE which = 'live') AS l
      FULL JOIN (SELECT * FROM effects WHERE which = 'rebuilt') AS r USING (event_id, holder, unit)
     WHERE l.net IS DISTINCT FROM r.net
     LIMIT $2
"""
