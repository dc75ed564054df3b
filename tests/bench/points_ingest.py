"""Points ingest from a backlog: events on a real Kafka become durable transfers in a real PostgreSQL.

    python -m tests.bench.points_ingest [--attendances 1000000] [--quick]

Prints one JSON line. Every measurement runs in a process of its own, over the same backlog (`tests.bench.backlog`),
with the producer stopped:

- `transfers_per_s`: the points service as it is served (consumer, relay, publisher of balances), from the moment its
  partitions are assigned until the last transfer is committed.
- `naive_transfers_per_s`: a first draft over the same tables: one transaction for each event, for each transfer an
  INSERT and two balance updates, an offset commit after each event.
- `consume_decode_per_s`: the same backlog fetched and decoded and nothing else, in the transfers it is worth.
  Decoded as the service does: by readers that take from the bytes only what pricing needs.
- `peak_rss_mb`: the service's peak resident memory, in any of these.

Then, unless `--quick`, the ledger grows by more of the same:

- `transfers_per_s_to_open_accounts`: the rate of the second backlog. The first opens the accounts of 100,000 people on
  its way, four rows for each; this one finds them open.
- `rebuild_10m_s`: at 10 million transfers, the command `rebuild`, from its start to its end.
- `rate_at_20m_share`: the rate of a backlog as large as the first, from 18 to 21 million transfers, of that of one from
  3 to 6 million. Whole backlogs of the same mix are compared: within one the topics are not read evenly, those of small
  events first. The first is left out, for it opens the accounts.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import psutil
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.stack import LocalStack
from shared.contracts import resolve
from tests.bench.backlog import CONTEXTS, RECORDS_PER_EVENT, Backlog

TRANSFERS_PER_RECORD = 3
NAIVE_SECONDS = 15.0
MILLION = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attendances", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="leave out what takes a large ledger")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--events", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--profile", help="write a profile of the ingest here")
    arguments = parser.parse_args()
    if arguments.part is not None:
        print(json.dumps(uvloop.run(PARTS[arguments.part](arguments))))
        return
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder), broker="kafka") as stack:
        print(json.dumps(measure(stack, arguments)))


def measure(stack: LocalStack, arguments: argparse.Namespace) -> dict[str, Any]:
    """All parts in turn, over one backlog."""
    namespace = f"bench{os.getpid()}"
    environment = {**os.environ, **stack.environment("points"), "KAFKA_NAMESPACE": namespace, "LOG_LEVEL": "warning"}
    environment |= {"DATABASE_URL": stack.create_database("bench_points")}
    other = {**environment, "DATABASE_URL": stack.create_database("bench_naive")}
    for variables in (environment, other):
        subprocess.run(
            [sys.executable, "-m", "services.points", "migrate"], env=variables, check=True, stdout=sys.stderr
        )
    backlog, events = Backlog(), 0

    def produce(count: int) -> None:
        nonlocal events
        say(f"producing {count} events …")
        uvloop.run(backlog.produce(stack.kafka_bootstrap, namespace, count))
        events += count

    def run(part: str, variables: dict[str, str]) -> dict[str, Any]:
        say(f"measuring {part} …")
        command = [sys.executable, "-m", "tests.bench.points_ingest", "--part", part, "--events", str(events)]
        command += ["--profile", arguments.profile] if arguments.profile else []
        before = processor_time(stack)
        done = subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE)
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        result |= {f"{name}_cpu_s": round(used - before[name], 1) for name, used in processor_time(stack).items()}
        say(json.dumps(result))
        return result

    produce(int(arguments.attendances / RECORDS_PER_EVENT))
    decoded = run("decode", environment)
    naive_ = run("naive", other)
    first = run("ingest", environment)
    transfers_per_event = first["transfers"] / events
    decoded_per_s = decoded["events_per_s"] * transfers_per_event
    line = {
        "bench": "points_ingest",
        "transfers_per_s": round(first["transfers_per_s"]),
        "naive_transfers_per_s": round(naive_["transfers_per_s"]),
        "ratio_vs_naive": round(first["transfers_per_s"] / naive_["transfers_per_s"], 1),
        "consume_decode_per_s": round(decoded_per_s),
        "share_of_consume_decode": round(first["transfers_per_s"] / decoded_per_s, 3),
        "peak_rss_mb": first["peak_rss_mb"],
    }
    last = first
    if not arguments.quick:
        stage = events

        def grow(transfers: float) -> dict[str, Any]:
            produce(max(0, int(transfers / transfers_per_event) - events))
            return run("ingest", environment)

        early = grow(2 * stage * transfers_per_event)
        grown = grow(10 * MILLION)
        line["transfers_per_s_to_open_accounts"] = round(early["transfers_per_s"])
        line["rebuild_10m_s"] = round(rebuild(environment) * 10 * MILLION / grown["transfers"], 1)
        larger = grow(21 * MILLION - stage * transfers_per_event)
        last = grow(21 * MILLION)
        line["rate_at_20m_share"] = round(last["transfers_per_s"] / early["transfers_per_s"], 3)
        line["peak_rss_mb"] = max(run_["peak_rss_mb"] for run_ in (first, early, grown, larger, last))
    return line | {"transfers": last["transfers"], "ledger_sum": last["ledger_sum"]}


def rebuild(environment: dict[str, str]) -> float:
    """Seconds that the command takes, from start to end."""
    say("measuring rebuild …")
    started = time.perf_counter()
    command = [sys.executable, "-m", "services.points", "rebuild"]
    subprocess.run(command, env=environment, check=True, stdout=sys.stderr)
    return time.perf_counter() - started


def processor_time(stack: LocalStack) -> dict[str, float]:
    """Processor seconds that database and broker have used so far; they tell what bounds a measurement."""
    used = {}
    for name, pid in (("postgres", stack.postgres.pid), ("kafka", stack.kafka.pid)):
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)] if pid else []
        used[name] = sum(map(_used, family))
    return used


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0  # a session that ended has left its time with its parent
    return float(times.user + times.system + times.children_user + times.children_system)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# ── the measured parts ───────────────────────────────────────────────────────────────────────────────────────────


async def ingest(arguments: argparse.Namespace) -> dict[str, Any]:
    """The service itself, without its HTTP server."""
    from services.points.app import build
    from services.points.settings import PointsSettings
    from shared.memory import collect_rarely
    from shared.telemetry import configure

    settings = PointsSettings.from_environment()
    configure(settings, "points")
    collect_rarely()
    service = build(settings)
    work = asyncio.create_task(service.work())
    consumer = service.consumer
    assert consumer is not None
    while consumer._consumer is None or not consumer._consumer.assignment():
        await asyncio.sleep(0.005)
    db = await service.database.dedicated()
    before = await db.fetchval("SELECT count(*) FROM ledger.transfers")
    started, used = time.perf_counter(), time.process_time()
    events = arguments.events
    profile = _profile(arguments.profile)
    # The broker is asked first: counting rows again and again would take from what is measured.
    while await consumer.lag() != 0 or await db.fetchval("SELECT count(*) FROM consumed") < events:
        if work.done():
            await work
        await asyncio.sleep(0.2)
    seconds = time.perf_counter() - started
    cpu = time.process_time() - used
    if profile is not None:
        profile.disable()
        profile.dump_stats(arguments.profile)
    transfers = await db.fetchval("SELECT count(*) FROM ledger.transfers")
    total = await db.fetchval("SELECT sum(credits - debits) FROM ledger.accounts")
    await db.close()
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await service.close()
    return {
        "transfers": transfers,
        "transfers_per_s": (transfers - before) / seconds,
        "seconds": round(seconds, 2),
        "process_cpu_s": round(cpu, 2),
        "ledger_sum": int(total),
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _profile(path: str | None) -> Any:
    if path is None:
        return None
    import cProfile

    profile = cProfile.Profile()
    profile.enable()
    return profile


async def decode(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fetch and decode, nothing else."""
    from services.points.earning.reactions import INTERESTS
    from shared.deliveries import read
    from shared.memory import collect_rarely

    events, seen = arguments.events, 0
    collect_rarely()
    async with consuming(group=None) as consumer:
        started = time.perf_counter()
        while seen < events:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=2000)).values():
                for record in records:
                    assert read(record, INTERESTS) is not None
                seen += len(records)
        seconds = time.perf_counter() - started
    return {"events_per_s": seen / seconds}


async def naive(_: argparse.Namespace) -> dict[str, Any]:
    """What one would write first, on the same tables, driver and contracts."""
    from services.points.earning.services import services_of
    from services.points.policy.ready import national_default

    weights = national_default()["points"]["weights_percent"]
    db = await asyncpg.connect(os.environ["DATABASE_URL"])
    written = 0
    async with consuming(group="naive") as consumer:
        await consumer.getone()
        started = time.perf_counter()
        while time.perf_counter() - started < NAIVE_SECONDS:
            record = await consumer.getone()
            headers = dict(record.headers)
            event = resolve(headers["ce_type"].decode()).model_validate_json(record.value)
            event_id, told_at = UUID(headers["ce_id"].decode()), datetime.fromisoformat(headers["ce_time"].decode())
            async with db.transaction():
                if await db.fetchval("INSERT INTO consumed VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1", event_id):
                    for service in services_of(event, event_id, told_at):
                        written += await _book_naively(db, service, weights[service.kind])
            await consumer.commit({TopicPartition(record.topic, record.partition): record.offset + 1})
        seconds = time.perf_counter() - started
    await db.close()
    return {"transfers_per_s": written / seconds, "transfers": written}


async def _book_naively(db: Any, service: Any, weight: int) -> int:
    amounts = (service.minutes * weight // 600, service.minutes, service.minutes)
    for unit, amount in zip((1, 2, 3), amounts, strict=True):
        issuer = await db.fetchval(
            _ADD_NAIVELY.format("debits"), -1, f"issuance:{service.community}", unit, service.community, False, amount
        )
        person = await db.fetchval(
            _ADD_NAIVELY.format("credits"), 1, str(service.volunteer_id), unit, service.community, True, amount
        )
        await db.execute(
            "INSERT INTO ledger.transfers (debit_account, credit_account, amount, occurred_at, recorded_at,"
            " event_id, record_id, unit, policy_version, clause) VALUES ($1, $2, $3, $4, now(), $5, $6, $7, 1, 1)",
            issuer,
            person,
            amount,
            service.started_at,
            service.event_id,
            service.record_id,
            unit,
        )
    return TRANSFERS_PER_RECORD


_ADD_NAIVELY = """
    INSERT INTO ledger.accounts AS a (id, holder, unit, community, limited, {0})
    VALUES ($1::int * nextval('account_ids'), $2, $3, $4, $5, $6)
    ON CONFLICT (holder, unit) DO UPDATE SET {0} = a.{0} + excluded.{0}, version = a.version + 1
    RETURNING id
"""


@asynccontextmanager
async def consuming(group: str | None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *(f"{os.environ['KAFKA_NAMESPACE']}.{context}.v1" for context in CONTEXTS),
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        group_id=group and f"{os.environ['KAFKA_NAMESPACE']}-{group}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=2 * 1024 * 1024,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


PARTS = {"ingest": ingest, "naive": naive, "decode": decode}

if __name__ == "__main__":
    main()
