"""Dry runs of a policy on a ledger of many transfers.

    python -m tests.bench.dry_run [--transfers 3000000]

Fills the tables of the ledger by SQL with two years of service of 100,000 volunteers in 31 communities, every
twentieth record away from home, and tries a document on three months of one community, on all its 24 months, and on one
month of the whole district. Prints one JSON line: records and seconds of each, processor seconds of this process, and
its peak resident memory.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import uvloop

from services.points.dry_run.bounded import BoundedReads
from services.points.dry_run.comparison import Comparison
from services.points.dry_run.reading import RecordsBelow
from services.points.policy.document import PolicyDocument
from services.points.policy.views import PolicyShelf
from tests.bench.measuring import report, stack

COMMUNITY, DISTRICT = "620201001004", "620201"
ASKED = (
    ("community_3_months", COMMUNITY, 3),
    ("community_24_months", COMMUNITY, 24),
    ("district_1_month", DISTRICT, 1),
)
PROPOSED = PolicyDocument(caps_per_day={"POINT": 40}, weights_percent={"activity.care": 150})

_ISSUERS = """
    INSERT INTO ledger.accounts (id, holder, unit, community, limited)
    SELECT -(31 * (u - 1) + c), 'issuance:620201001' || lpad(c::text, 3, '0'), u, '620201001' || lpad(c::text, 3, '0'),
           false
      FROM generate_series(1, 31) AS c, generate_series(1, 3) AS u
"""
_PEOPLE = """
    INSERT INTO ledger.accounts (id, holder, unit, community, limited, credits)
    SELECT 3 * p + u, lpad(to_hex(p), 8, '0') || '-0000-7000-8000-' || substr(md5(p::text), 1, 12), u,
           '620201001' || lpad((p % 31 + 1)::text, 3, '0'), true, 0
      FROM generate_series(1, 100000) AS p, generate_series(1, 3) AS u
"""
_TRANSFERS = """
    INSERT INTO ledger.transfers (debit_account, credit_account, amount, occurred_at, recorded_at, event_id, record_id,
                                  unit, policy_version, clause, kind, evidence, minutes)
    SELECT -(31 * (u - 1) + c), 3 * p + u, CASE u WHEN 1 THEN m / 6 ELSE m END, at, at + interval '8 hours',
           md5((r / 8)::text)::uuid, md5('record' || r)::uuid, u, 1, 1, k, 1, m
      FROM (SELECT r, p, CASE WHEN random() < 0.05 THEN 1 + (random() * 30)::int ELSE p % 31 + 1 END AS c,
                   30 + (random() * 300)::int AS m, 1 + (random() * 7)::int AS k,
                   date_trunc('day', now()) - (720 * (1 - r::float8 / $1))::int * interval '1 day'
                                            + (random() * 9)::int * interval '1 hour' AS at
              FROM (SELECT r, 1 + (random() * 99999)::int AS p FROM generate_series(1, $1::int) AS r) AS drawn) AS s,
           generate_series(1, 3) AS u
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transfers", type=int, default=3_000_000)
    transfers = parser.parse_args().transfers
    with stack() as running:
        environment = {**os.environ, **running.environment("points"), "LOG_LEVEL": "warning"}
        environment["DATABASE_URL"] = running.create_database("bench_dry_run")
        subprocess.run(
            [sys.executable, "-m", "services.points", "migrate"], env=environment, check=True, stdout=sys.stderr
        )
        figures = uvloop.run(measure(environment["DATABASE_URL"], transfers))
    report("dry_run", transfers=transfers, **figures)


async def measure(url: str, transfers: int) -> dict[str, Any]:
    """A ledger is filled, and the three questions are asked."""
    db = await asyncpg.connect(url)
    await db.execute("SET synchronous_commit = off")
    await db.execute(_ISSUERS)
    await db.execute(_PEOPLE)
    await db.execute(_TRANSFERS, transfers // 3, timeout=3600)
    await db.execute("VACUUM (ANALYZE) ledger.accounts")
    await db.execute("VACUUM (ANALYZE) ledger.transfers", timeout=3600)
    figures: dict[str, Any] = {}
    cpu = time.process_time()
    for name, node, months in ASKED:
        began = time.perf_counter()
        figures[f"{name}_records"] = await ask(db, node, months)
        figures[f"{name}_s"] = time.perf_counter() - began
    await db.close()
    figures["cpu_s"] = time.process_time() - cpu
    figures["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return figures


async def ask(db: asyncpg.Connection, node: str, months: int) -> int:
    """One dry run; returns the records that it was about."""
    book = await PolicyShelf().current(db)
    comparison = Comparison(node, book, book.with_proposed(node, PROPOSED))
    until = datetime.now(UTC) + timedelta(days=1)
    since = until - timedelta(days=30 * months + 1)
    records = RecordsBelow(BoundedReads(db, records_max=10_000_000, seconds_max=3600), node, since, until)
    async for person, of_person in records.by_person():
        comparison.add(person, of_person)
    return comparison.total.records


if __name__ == "__main__":
    main()
