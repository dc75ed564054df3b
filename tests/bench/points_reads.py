"""Reads of the points service over HTTP, on a ledger that has grown: p50 and p99 in milliseconds.

    python -m tests.bench.points_reads [--transfers 2000000]

Floors at 20 million transfers: a balance p99 ≤ 5 ms, a page of 50 lines of a statement ≤ 20 ms, the explanation of an
account with 2,000 lines in one answer ≤ 150 ms. The ledger is three years of activities of eight attendances each, of
100,000 volunteers in 31 communities, written by the database itself in the order in which ingest would have written it.
One client asks for one thing after the other; what is measured is from sending the request to the last byte.
Then, in seconds on one processor of the database: the count of all days that a night of sealing begins with
(`seal_sweep_s`), the lines of one day of all communities (`seal_day_s`), the checks of `verify` (`verify_s`), and the
look of a day in December at whose points lapse soon, from what some of the people take (`expiry_look_s`).
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta

import asyncpg
import httpx
import uvloop

from deploy.local.stack import LocalStack
from services.points.earning.kinds import EVIDENCE_NUMBERS, KIND_NUMBERS
from services.points.expiry.lapsing import Lapsing
from services.points.ledger.clauses import Clause
from services.points.ledger.parts import PARTS
from services.points.ledger.writing import LedgerWriter
from services.points.policy.views import PolicyShelf
from services.points.proof.checks import CHECKS, count_breaks
from services.points.seals.lines import changed_days, day_lines
from shared.clock import local_day, system_clock
from shared.contracts import Evidence
from tests.bench.measuring import percentile, report, stack

VOLUNTEERS = 100_000
COMMUNITIES = 31
ATTENDANCES_PER_EVENT = 8
BUSY = 20
"""Volunteers with `BUSY_RECORDS` records; each has that many lines of points."""
BUSY_RECORDS = 2000
SECONDS_MAX = 30.0
_PARTS_LOOKED_AT = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transfers", type=int, default=2_000_000)
    arguments = parser.parse_args()
    # The service looks at nothing by itself while it is measured.
    with stack("points", LEDGER_VERIFY_INTERVAL_S="0") as running:
        uvloop.run(_measure(running, arguments.transfers))


async def _measure(running: LocalStack, transfers: int) -> None:
    db = await asyncpg.connect(running.database_url("points"))
    started = time.perf_counter()
    await fill(db, transfers)
    print(f"filled in {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    chance = random.Random(20151027)
    people = [
        str(row[0]) for row in await db.fetch("SELECT person(n) FROM generate_series($1::int, $2) AS n", *_SAMPLE)
    ]
    busy = [str(row[0]) for row in await db.fetch("SELECT person(n) FROM generate_series(0, $1::int) AS n", BUSY - 1)]
    events = [str(row[0]) for row in await db.fetch("SELECT event_id FROM ledger.transfers TABLESAMPLE SYSTEM (1)")]
    written = await db.fetchval("SELECT count(*) FROM ledger.transfers")
    size = await db.fetchval("SELECT pg_total_relation_size('ledger.transfers')")
    await db.close()
    headers = {"authorization": f"Bearer {running.token('district', '620201')}"}
    url = next(handle.url for handle in running.handles if handle.name == "points")
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as http:

        async def ask(path: str) -> int:
            answer = await http.get(path)
            if not answer.is_success:
                raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
            return len(answer.content)

        balance = await _time(ask, [f"/v1/accounts/{chance.choice(people)}/POINT" for _ in range(1000)])
        past = await _time(
            ask, [f"/v1/accounts/{chance.choice(people)}/POINT/balance?at=2025-06-30T16:00:00Z" for _ in range(500)]
        )
        page = await _time(
            ask, [f"/v1/accounts/{chance.choice(people + busy)}/POINT/statement?limit=50" for _ in range(1000)]
        )
        explained = await _time(
            ask, [f"/v1/accounts/{holder}/POINT/explanation?limit=2000" for holder in busy for _ in range(10)]
        )
        effects = await _time(ask, [f"/v1/events/{chance.choice(events)}/effects" for _ in range(300)])
    db = await asyncpg.connect(running.database_url("points"))
    await db.execute("SET max_parallel_workers_per_gather = 0")
    today = local_day(system_clock())
    swept = await _seconds(changed_days(db, today))
    sealed = await _seconds(day_lines(db, today - timedelta(days=30), today - timedelta(days=30)))
    looked = await _seconds(look_for_lapsing(db, today)) * PARTS / _PARTS_LOOKED_AT
    checked = {check.name: await _seconds(count_breaks(db, check)) for check in CHECKS}
    await db.close()
    report(
        "points_reads",
        balance_p50_ms=percentile(balance, 0.5),
        balance_p99_ms=percentile(balance, 0.99),
        past_balance_p50_ms=percentile(past, 0.5),
        past_balance_p99_ms=percentile(past, 0.99),
        statement_p50_ms=percentile(page, 0.5),
        statement_p99_ms=percentile(page, 0.99),
        explanation_p50_ms=percentile(explained, 0.5),
        explanation_p99_ms=percentile(explained, 0.99),
        effects_p50_ms=percentile(effects, 0.5),
        effects_p99_ms=percentile(effects, 0.99),
        transfers=written,
        transfers_gb=size / 1e9,
        seal_sweep_s=swept,
        seal_day_s=sealed,
        verify_s=sum(checked.values()),
        expiry_look_s=looked,
        slowest_check=max(checked, key=checked.__getitem__),
    )


async def look_for_lapsing(db: asyncpg.Connection, today: date) -> None:
    """What a day of December does about some parts of the people: nearly everybody's points lapse at its end."""
    lapsing, book = Lapsing(LedgerWriter()), await PolicyShelf().current(db)
    until = date(today.year, 12, 31)
    for part in range(_PARTS_LOOKED_AT):
        accounts = await lapsing.candidates(db, book, part, until - timedelta(days=1), until)
        await lapsing.courses(db, book, accounts, with_suspected=True)


async def _seconds(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def _time(ask: Callable[[str], Awaitable[int]], paths: Sequence[str]) -> list[float]:
    """Milliseconds of each request, in turn, after a tenth of them for warming up. On a slow machine not all of them:
    a kind of request is measured for half a minute at most.
    """
    for path in paths[: len(paths) // 10]:
        await ask(path)
    took: list[float] = []
    end = time.perf_counter() + SECONDS_MAX
    for path in paths:
        if time.perf_counter() > end:
            break
        started = time.perf_counter()
        await ask(path)
        took.append((time.perf_counter() - started) * 1000)
        await asyncio.sleep(0)
    return took


async def fill(db: asyncpg.Connection, transfers: int) -> None:
    """Three years of activities, until yesterday; balances as they follow from them."""
    records = max(0, transfers // 3 - BUSY * BUSY_RECORDS)
    events = max(1, records // ATTENDANCES_PER_EVENT)
    for statement in _FUNCTIONS:
        await db.execute(statement)
    await db.execute("SELECT setseed(0.42)")
    await db.execute("SET synchronous_commit = off")
    await db.execute("SET work_mem = '256MB'")
    await db.execute(
        _TRANSFERS,
        records,
        events,
        int(Clause.RATE),
        KIND_NUMBERS["activity.general"],
        EVIDENCE_NUMBERS[Evidence.SCANNED],
        timeout=3600,
    )
    await db.execute(_ACCOUNTS, timeout=600)
    await db.execute(_DAYS, timeout=600)
    await db.execute("SELECT setval('account_ids', $1)", 3 * VOLUNTEERS + 100)
    # What autovacuum does in its time.
    await db.execute("VACUUM (ANALYZE) ledger.transfers", timeout=3600)
    for table in ("accounts", "days"):
        await db.execute(f"VACUUM (ANALYZE) ledger.{table}", timeout=600)


_SAMPLE = (1000, 6000)

_FUNCTIONS = (
    "CREATE FUNCTION person(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql RETURN md5('person' || n)::uuid",
    f"""
    CREATE FUNCTION place(n bigint) RETURNS text IMMUTABLE LANGUAGE sql
    RETURN '620201001' || lpad((1 + n % {COMMUNITIES})::text, 3, '0')
    """,
)

_TRANSFERS = f"""
    INSERT INTO ledger.transfers (debit_account, credit_account, amount, occurred_at, recorded_at, event_id, record_id,
                                  unit, policy_version, clause, kind, evidence, minutes)
    WITH records AS (
        SELECT r / {ATTENDANCES_PER_EVENT} AS event, {BUSY} + floor(random() * {VOLUNTEERS - BUSY})::bigint AS person, r
          FROM generate_series(0, $1::bigint - 1) AS r
        UNION ALL
        SELECT n * $2::bigint / {BUSY_RECORDS}, b, $1::bigint + n * {BUSY} + b
          FROM generate_series(0, {BUSY} - 1) AS b, generate_series(0, {BUSY_RECORDS} - 1) AS n
    ), served AS (
        SELECT *, 30 + event * 7 % 211 AS minutes, event * 13 % {COMMUNITIES} AS at,
               date_trunc('day', now()) - interval '3 years' + event * (interval '3 years' / $2::bigint) AS told_at
          FROM records
    )
    SELECT -(3 * at + unit), 3 * person + unit, CASE unit WHEN 1 THEN minutes / 6 ELSE minutes END,
           told_at - make_interval(mins => (6 * 60 + event * 11 % 1440)::int), told_at, md5('event' || event)::uuid,
           md5('record' || r)::uuid, unit, 1, $3::smallint, $4::smallint, $5::smallint, minutes
      FROM served CROSS JOIN generate_series(1, 3) AS unit
     ORDER BY event / 2500, person, unit
"""
"""Rows of a batch of events lie in the order of the accounts, as ingest copies them in."""

_ACCOUNTS = f"""
    WITH sums AS (
        SELECT account, sum(credits) AS credits, sum(debits) AS debits
          FROM (SELECT credit_account AS account, amount AS credits, 0 AS debits FROM ledger.transfers
                 UNION ALL SELECT debit_account, 0, amount FROM ledger.transfers) AS sides GROUP BY account
    ), opened AS (
        SELECT 3 * n + unit AS id, person(n)::text AS holder, unit, place(n) AS community, true AS limited
          FROM generate_series(0, {VOLUNTEERS} - 1) AS n, generate_series(1, 3) AS unit
        UNION ALL
        SELECT -(3 * n + unit), 'issuance:' || place(n), unit, place(n), false
          FROM generate_series(0, {COMMUNITIES} - 1) AS n, generate_series(1, 3) AS unit
    )
    INSERT INTO ledger.accounts (id, holder, unit, community, limited, credits, debits, version)
    SELECT id, holder, unit, community, limited, coalesce(credits, 0), coalesce(debits, 0), 1
      FROM opened LEFT JOIN sums ON sums.account = opened.id
"""

_DAYS = """
    INSERT INTO ledger.days (account, day, minutes)
    SELECT credit_account, (occurred_at AT TIME ZONE 'Asia/Shanghai')::date, sum(minutes)
      FROM ledger.transfers WHERE unit = 3 GROUP BY 1, 2
"""


if __name__ == "__main__":
    main()
