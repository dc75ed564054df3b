"""What must hold of a set of ledger tables by itself, and the hash by which two sets are compared."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.points.ledger.clauses import REVERSED, Clause
from services.points.ledger.schema import LIVE


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `breaks` counts what is wrong; 0 is good."""

    name: str
    zh: str
    en: str
    breaks: int


def sound(checks: Sequence[Check]) -> bool:
    """Whether everything holds that was looked at."""
    return all(check.breaks == 0 for check in checks)


class Look(NamedTuple):
    """One thing to look at: a query that counts what is wrong."""

    name: str
    zh: str
    en: str
    query: str


_ONCE = f"{Clause.RATE:d}, {Clause.CORRECTION:d}"
"""Clauses of which an event makes one transfer for each record and unit; the others may say more when more is known."""

_REVERSED = ", ".join(str(int(clause)) for clause in sorted(REVERSED))

_SIDES = ("credit_account", "debit_account")

# What moved an account twice at the same time is found in the index alone; only that is looked at.
_TWICE = f"""
        SELECT FROM (SELECT {{side}}, occurred_at FROM {{{{s}}}}.transfers WHERE {{side}} > 0
                      GROUP BY 1, 2 HAVING count(*) > 1) AS again
          JOIN {{{{s}}}}.transfers AS t USING ({{side}}, occurred_at)
         WHERE t.{{side}} > 0 AND t.clause IN ({_ONCE})
         GROUP BY {{side}}, t.event_id, t.record_id, t.unit, t.clause HAVING count(*) > 1
"""

_USED = f"{Clause.SUPPLIES_USED_UP:d}, {Clause.SUPPLIES_HANDED_OUT:d}, {Clause.STOCK_COUNTED:d}"
"""Clauses of what teams used or lost."""

_BACK = f"{Clause.TAKEN_BACK:d}"

_TEAMS = " UNION ALL ".join(
    f"""
        SELECT FROM {{s}}.accounts AS a
          JOIN {{s}}.transfers AS t ON t.{side} = a.id AND t.{side} > 0
          JOIN {{s}}.accounts AS o ON o.id = t.{other}
         WHERE a.holder LIKE 'team:%'
           AND t.clause <> ALL (CASE WHEN o.holder LIKE 'stock:%' THEN ARRAY[{shelf}] ELSE ARRAY[{elsewhere}] END)
    """
    for side, other, shelf, elsewhere in (
        ("credit_account", "debit_account", f"{Clause.SUPPLIES_ISSUED:d}, {_BACK}", _BACK),
        ("debit_account", "credit_account", f"{Clause.SUPPLIES_RETURNED:d}", _USED),
    )
)
"""What was used leaves for the outside, what was not for the shelf; it comes back where that was a mistake."""

_CHECKS = (
    (
        "sum",
        "每个单位合计为零",
        "every unit sums to zero",
        """
        SELECT count(*) FROM (
               SELECT unit FROM {s}.accounts GROUP BY unit HAVING sum(credits) <> sum(debits)) AS broken
        """,
    ),
    (
        "balances",
        "余额等于流水合计",
        "balances are the sums of their transfers",
        """
        SELECT count(*) FROM {s}.accounts AS a
          FULL JOIN (SELECT account, unit, sum(credits) AS credits, sum(debits) AS debits FROM (
                        SELECT credit_account AS account, unit, sum(amount) AS credits, 0 AS debits
                          FROM {s}.transfers GROUP BY 1, 2
                        UNION ALL
                        SELECT debit_account, unit, 0, sum(amount) FROM {s}.transfers GROUP BY 1, 2) AS sides
                     GROUP BY account, unit) AS t
            ON t.account = a.id AND t.unit = a.unit
         WHERE a.id IS NULL
            OR a.credits <> coalesce(t.credits, 0) OR a.debits <> coalesce(t.debits, 0)
        """,
    ),
    (
        "pending",
        "冻结等于未了结的预留",
        "pending amounts are the open holds",
        """
        SELECT count(*) FROM {s}.accounts AS a
          FULL JOIN (SELECT debit_account AS account, sum(amount) AS held FROM {s}.holds WHERE state = 0
                     GROUP BY debit_account) AS h ON h.account = a.id
         WHERE a.id IS NULL OR a.pending_debits <> coalesce(h.held, 0)
        """,
    ),
    (
        "owed",
        "欠额等于透支额",
        "what is owed is what is missing",
        """
        SELECT count(*) FROM {s}.accounts
         WHERE owed <> CASE WHEN limited THEN greatest(0, debits + pending_debits - credits) ELSE 0 END
        """,
    ),
    (
        "holds",
        "每笔预留最多了结一次，扣除的与流水一致，其余已释放",
        "what was posted of holds is exactly their transfers, and the rest was set free",
        """
        SELECT count(*) FROM {s}.holds AS h
         WHERE state > 0 AND array_remove(ARRAY[h.posted], 0) <> ARRAY(
               SELECT t.amount FROM {s}.transfers AS t
                WHERE t.debit_account = h.debit_account AND t.debit_account > 0 AND t.occurred_at = h.settled_at
                  AND t.event_id = h.settled_by AND t.credit_account = h.credit_account AND t.record_id = h.hold_id)
        """,
    ),
    (
        "outcomes",
        "预留的流水都出自扣除",
        "transfers of holds are of what was posted",
        # No more of a leg than was held of it; of a hold that was set free, or is open, nothing.
        """
        SELECT count(*) FROM {s}.transfers AS t
         WHERE t.debit_account > 0 AND t.corrects IS NULL AND t.record_id IN (SELECT hold_id FROM {s}.holds)
           AND NOT EXISTS (
               SELECT FROM {s}.holds AS h
                WHERE h.hold_id = t.record_id AND h.state = 1 AND h.settled_by = t.event_id
                  AND h.debit_account = t.debit_account AND h.credit_account = t.credit_account
                  AND h.amount >= t.amount)
        """,
    ),
    (
        "once",
        "每个事件只入账一次",
        "each event booked each record once",
        f"SELECT count(*) FROM ({' UNION ALL '.join(_TWICE.format(side=s) for s in _SIDES)}) AS twice",
    ),
    (
        "corrections",
        "更正指向存在的流水",
        "corrections name transfers that exist",
        """
        SELECT count(*) FROM {s}.transfers AS t
         WHERE t.corrects IS NOT NULL
           AND NOT EXISTS (SELECT FROM {s}.transfers AS o WHERE o.id = t.corrects AND o.unit = t.unit)
        """,
    ),
    (
        "teams",
        "服务队的物资都来自货架，去向都有登记",
        "what teams have came from shelves, and is accounted for",
        f"SELECT count(*) FROM ({_TEAMS}) AS astray",
    ),
    (
        "reversals",
        "撤回的在原账户之间，且不超过原流水",
        "what was taken back went between the same accounts, and was no more than had been moved",
        f"""
        SELECT count(*) FROM (
               SELECT o.id FROM {{s}}.transfers AS t JOIN {{s}}.transfers AS o ON o.id = t.corrects
                WHERE t.clause IN ({_REVERSED})
                GROUP BY o.id, o.amount
               HAVING sum(CASE WHEN t.debit_account = o.credit_account THEN t.amount ELSE -t.amount END) > o.amount
                   OR bool_or(t.debit_account + t.credit_account <> o.debit_account + o.credit_account)) AS broken
        """,
    ),
    (
        "taken_back",
        "撤回的流水与原来的相反，只撤回一次",
        "what was taken back went just the other way, and once",
        f"""
        SELECT count(*) FROM (
               SELECT t.*, count(*) OVER (PARTITION BY t.corrects) AS times
                 FROM {{s}}.transfers AS t WHERE t.clause = {Clause.TAKEN_BACK:d}) AS t
         WHERE t.times > 1 OR NOT EXISTS (
               SELECT FROM {{s}}.transfers AS o
                WHERE o.id = t.corrects AND o.debit_account = t.credit_account AND o.credit_account = t.debit_account
                  AND o.unit = t.unit AND o.amount = t.amount AND o.record_id = t.record_id
                  AND o.occurred_at = t.occurred_at AND o.recorded_at <= t.recorded_at)
        """,
    ),
)


CHECKS = tuple(Look(*check) for check in _CHECKS)
"""Everything that must hold of the tables."""


async def count_breaks(db: Any, check: Look, schema: str = LIVE) -> int:
    """What one check finds wrong. `db` is an asyncpg connection."""
    return int(await db.fetchval(check.query.format(s=schema)))


async def check_tables(db: Any, schema: str = LIVE) -> list[Check]:
    """Look at everything that must hold. `db` is an asyncpg connection."""
    return [Check(check.name, check.zh, check.en, await count_breaks(db, check, schema)) for check in CHECKS]


async def ledger_sum(db: Any, schema: str = LIVE) -> int:
    """How far the units are from zero, all together; 0 is good."""
    return int(
        await db.fetchval(
            "SELECT coalesce(sum(abs(total)), 0) FROM"
            f" (SELECT sum(credits - debits) AS total FROM {schema}.accounts GROUP BY unit) AS units"
        )
    )


_EFFECTS = """
    WITH places AS (
        SELECT a.id, hashtextextended(a.holder || '|' || u.code, 0) AS place
          FROM {s}.accounts AS a JOIN units AS u ON u.id = a.unit
    ), effects AS (
        SELECT get_byte(uuid_send(t.event_id), 15) AS bucket, t.amount,
               timestamptz_hash_extended(t.recorded_at, uuid_hash_extended(t.event_id, c.place)) AS gained,
               timestamptz_hash_extended(t.recorded_at, uuid_hash_extended(t.event_id, d.place)) AS given
          FROM {s}.transfers AS t
          JOIN places AS c ON c.id = t.credit_account
          JOIN places AS d ON d.id = t.debit_account
    )
    SELECT bucket,
           sum(amount * ((gained >> 43) - (given >> 43))),
           sum(amount * ((gained >> 22 & 2097151) - (given >> 22 & 2097151))),
           sum(amount * ((gained >> 1 & 2097151) - (given >> 1 & 2097151)))
      FROM effects GROUP BY bucket ORDER BY bucket
"""
# Three times 21 bits of each hash, so that a sum's every product fits: amounts up to 2 to the power of 41.


@dataclass(frozen=True, slots=True)
class Effects:
    """The net effect of every source event on every account as of each moment, as one hash and in 256 parts."""

    buckets: dict[int, tuple[int, ...]]

    @property
    def digest(self) -> str:
        """Hash over all parts, in hexadecimal."""
        whole = hashlib.sha256()
        for bucket, part in sorted(self.buckets.items()):
            whole.update(f"{bucket}|{part}\n".encode())
        return whole.hexdigest()


async def net_effects(db: Any, schema: str = LIVE) -> Effects:
    """Hash the net effects: by event, moment since when it is known, holder and unit; in parts, by the id's last byte.

    Each transfer counts as its amount times a hash of these four, added on one side and taken away on the other. So
    how an effect came about is left out (which transfers, in which order, restated or not), and what has no effect in
    the end adds up to nothing. Two ledgers that know the same events have the same hash, however they came to know
    them. It compares ledgers under one version of PostgreSQL, against mistakes; against forgery there are the seals.
    """
    rows = await db.fetch(_EFFECTS.format(s=schema))
    return Effects({bucket: tuple(map(int, sums)) for bucket, *sums in rows if any(sums)})
