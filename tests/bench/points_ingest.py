"""Points ingest from a backlog: events on a real Kafka become durable transfers in a real PostgreSQL.

    python -m tests.bench.points_ingest [--attendances 1000000] [--keep]

Prints one JSON line. Every measurement runs in a process of its own, over the same backlog, with the producer stopped:

- `transfers_per_s`: the points service as it is served (consumer, relay, publisher of balances), from the moment its
  partitions are assigned until the last transfer is committed.
- `naive_transfers_per_s`: a first draft over the same tables: one transaction for each event, for each transfer an
  INSERT and two balance updates, an offset commit after each event.
- `consume_decode_per_s`: the same backlog fetched and decoded and nothing else, in the transfers it is worth.
- `peak_rss_mb`: the service's peak resident memory.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.stack import LocalStack
from shared.contracts import wire_type
from shared.contracts.envelope import Envelope
from shared.contracts.registry import ActivityCompleted
from shared.ids import new_id

VOLUNTEERS = 100_000
COMMUNITIES = tuple(f"620201001{number:03d}" for number in range(1, 32))
ATTENDANCES_PER_EVENT = 8
TRANSFERS_PER_ATTENDANCE = 3
NAIVE_SECONDS = 15.0
_CATEGORIES = ("general", "general", "care", "environment", "culture", "professional")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attendances", type=int, default=1_000_000)
    parser.add_argument("--part", choices=["ingest", "naive", "decode"], help=argparse.SUPPRESS)
    parser.add_argument("--profile", help="write a profile of the ingest here")
    arguments = parser.parse_args()
    if arguments.part is not None:
        part = {"ingest": ingest, "naive": naive, "decode": decode}[arguments.part]
        print(json.dumps(uvloop.run(part(arguments))))
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
    events = arguments.attendances // ATTENDANCES_PER_EVENT
    say(f"producing {events} events …")
    uvloop.run(produce(stack.kafka_bootstrap, f"{namespace}.registry.v1", events))

    def run(part: str, variables: dict[str, str]) -> dict[str, Any]:
        say(f"measuring {part} …")
        command = [sys.executable, "-m", "tests.bench.points_ingest", "--part", part]
        command += ["--attendances", str(arguments.attendances)]
        command += ["--profile", arguments.profile] if arguments.profile else []
        before = processor_time(stack)
        done = subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE)
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        result |= {f"{name}_cpu_s": round(used - before[name], 1) for name, used in processor_time(stack).items()}
        say(json.dumps(result))
        return result

    decoded = run("decode", environment)
    naive_ = run("naive", other)
    ingested = run("ingest", environment)
    return {
        "bench": "points_ingest",
        "transfers_per_s": round(ingested["transfers_per_s"]),
        "naive_transfers_per_s": round(naive_["transfers_per_s"]),
        "ratio_vs_naive": round(ingested["transfers_per_s"] / naive_["transfers_per_s"], 1),
        "consume_decode_per_s": round(decoded["transfers_per_s"]),
        "share_of_consume_decode": round(ingested["transfers_per_s"] / decoded["transfers_per_s"], 3),
        "peak_rss_mb": ingested["peak_rss_mb"],
        "transfers": ingested["transfers"],
        "ledger_sum": ingested["ledger_sum"],
    }


def processor_time(stack: LocalStack) -> dict[str, float]:
    """Processor seconds that database and broker have used so far; they tell what bounds a measurement."""
    used = {}
    for name, pid in (("postgres", stack.postgres.pid), ("kafka", stack.kafka.pid)):
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)] if pid else []
        # A session that ended has left its time with its parent.
        used[name] = sum(t.user + t.system + t.children_user + t.children_system for t in map(_times, family))
    return used


def _times(process: psutil.Process) -> Any:
    return process.cpu_times()


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# ── the backlog ──────────────────────────────────────────────────────────────────────────────────────────────────


async def produce(bootstrap: str, topic: str, events: int) -> None:
    """A year of activities with eight attendances each, spread over communities and volunteers."""
    chance = random.Random(20151027)
    volunteers = [str(new_id()) for _ in range(VOLUNTEERS)]
    begin = datetime(2025, 1, 1, 1, tzinfo=UTC)
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type="zstd", linger_ms=20, max_batch_size=256 * 1024
    )
    await producer.start()
    try:
        for number in range(events):
            body, key, headers = _activity(chance, volunteers, begin)
            if number == 0:
                ActivityCompleted.model_validate_json(body)
            await producer.send(topic, body, key=key, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()


def _activity(chance: random.Random, volunteers: list[str], begin: datetime) -> tuple[bytes, bytes, Any]:
    community, activity = chance.choice(COMMUNITIES), new_id()
    started = begin + timedelta(days=chance.randrange(365), hours=chance.randrange(10))
    minutes = chance.randrange(30, 241)
    text = started.isoformat().replace("+00:00", "Z")
    attendances = ",".join(
        f'{{"record_id":"{new_id()}","volunteer_id":"{chance.choice(volunteers)}","minutes":{minutes},'
        f'"evidence":"scanned","started_at":"{text}","closed_at_planned_end":false}}'
        for _ in range(ATTENDANCES_PER_EVENT)
    )
    body = (
        f'{{"activity_id":"{activity}","community":"{community}","category":"{chance.choice(_CATEGORIES)}",'
        f'"completed_at":"{text}","attendances":[{attendances}]}}'
    )
    envelope = Envelope(
        event_id=new_id(),
        type=wire_type(ActivityCompleted),
        source="/liuling/registry",
        subject=f"activity-{activity}",
        time=datetime.now(UTC),
        community=community,
        sequence=9,
    )
    headers = [(name, value.encode()) for name, value in envelope.headers().items()]
    return body.encode(), envelope.subject.encode(), headers


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
    started, used = time.perf_counter(), time.process_time()
    events = arguments.attendances // ATTENDANCES_PER_EVENT
    db = await service.database.dedicated()
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
        "transfers_per_s": transfers / seconds,
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

    events, seen = arguments.attendances // ATTENDANCES_PER_EVENT, 0
    collect_rarely()
    async with consuming(group=None) as consumer:
        started = time.perf_counter()
        while seen < events:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=2000)).values():
                for record in records:
                    assert read(record, INTERESTS) is not None
                seen += len(records)
        seconds = time.perf_counter() - started
    transfers = seen * ATTENDANCES_PER_EVENT * TRANSFERS_PER_ATTENDANCE
    return {"events_per_s": round(seen / seconds), "transfers_per_s": transfers / seconds}


async def naive(_: argparse.Namespace) -> dict[str, Any]:
    """What one would write first, on the same tables, driver and contracts."""
    db = await asyncpg.connect(os.environ["DATABASE_URL"])
    written = 0
    async with consuming(group="naive") as consumer:
        await consumer.getone()
        started = time.perf_counter()
        while time.perf_counter() - started < NAIVE_SECONDS:
            record = await consumer.getone()
            event = ActivityCompleted.model_validate_json(record.value)
            event_id = dict(record.headers)["ce_id"].decode()
            async with db.transaction():
                if await db.fetchval("INSERT INTO consumed VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1", event_id):
                    written += await _book_naively(db, event, event_id)
            await consumer.commit({TopicPartition(record.topic, record.partition): record.offset + 1})
        seconds = time.perf_counter() - started
    await db.close()
    return {"transfers_per_s": written / seconds, "transfers": written}


async def _book_naively(db: Any, event: ActivityCompleted, event_id: str) -> int:
    written = 0
    for attendance in event.attendances:
        weight = 120 if event.category == "professional" else 100
        amounts = (attendance.minutes * weight // 600, attendance.minutes, attendance.minutes)
        for unit, amount in zip((1, 2, 3), amounts, strict=True):
            issuer = await db.fetchval(
                _ADD_NAIVELY.format("debits"), -1, f"issuance:{event.community}", unit, event.community, False, amount
            )
            person = await db.fetchval(
                _ADD_NAIVELY.format("credits"), 1, str(attendance.volunteer_id), unit, event.community, True, amount
            )
            await db.execute(
                "INSERT INTO ledger.transfers (debit_account, credit_account, amount, occurred_at, recorded_at,"
                " event_id, record_id, unit, policy_version, clause) VALUES ($1, $2, $3, $4, now(), $5, $6, $7, 1, 1)",
                issuer,
                person,
                amount,
                attendance.started_at,
                event_id,
                attendance.record_id,
                unit,
            )
            written += 1
    return written


_ADD_NAIVELY = """
    INSERT INTO ledger.accounts AS a (id, holder, unit, community, limited, {0})
    VALUES ($1::int * nextval('account_ids'), $2, $3, $4, $5, $6)
    ON CONFLICT (holder, unit) DO UPDATE SET {0} = a.{0} + excluded.{0}, version = a.version + 1
    RETURNING id
"""


@asynccontextmanager
async def consuming(group: str | None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        f"{os.environ['KAFKA_NAMESPACE']}.registry.v1",
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


if __name__ == "__main__":
    main()
