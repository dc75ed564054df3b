"""SIGKILL of any service, of the broker, of PostgreSQL, at random moments under load: nothing lost, nothing twice.

`CHAOS_SEED` repeats a run, `CHAOS_ROUNDS` says how often each part is killed (3 by default).
"""

import asyncio
import os
import random
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.demo import evidence
from deploy.demo.platform import LocalPlatform
from deploy.local.stack import SERVICES, LocalStack
from shared.kafka import client_of
from tests.chaos.load import Load
from tests.conftest import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "3"))
SEED = int(os.environ.get("CHAOS_SEED", str(random.randrange(1_000_000))))


@pytest.fixture(scope="module")
async def town() -> AsyncIterator[tuple[LocalStack, Load]]:
    """All four services on parts of their own, a register imported, clerks at their desks."""
    with tempfile.TemporaryDirectory(prefix="liuling-chaos-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        stack = LocalStack(Path(folder), services=SERVICES, settings={"BACKDATING_MAX_DAYS": "3650"})
        await asyncio.to_thread(stack.__enter__)
        try:
            load = Load(LocalPlatform(stack))
            await load.prepare(Path(folder))
            yield stack, load
            await load.close()
        finally:
            await asyncio.to_thread(stack.__exit__, None, None, None)


async def nothing_lost_and_nothing_twice(stack: LocalStack, load: Load) -> None:
    await evidence.caught_up(client_of(stack.kafka_bootstrap))

    async def even() -> bool:
        return await load.served() == dict(load.minutes)

    try:
        await until(even, 30)
    except TimeoutError:
        served = await load.served()
        odd = {v: (load.minutes[v], served.get(v, 0)) for v in load.volunteers if load.minutes[v] != served.get(v, 0)}
        pytest.fail(f"seed {SEED}: acknowledged and served minutes differ: {odd}")
    code, output = await asyncio.to_thread(LocalPlatform(stack).command, "points", "verify")
    assert code == 0, output


def _killers(stack: LocalStack, target: str) -> tuple[Callable[[], None], Callable[[], object]]:
    if target in ("kafka", "postgres"):
        part = getattr(stack, target)
        return part.kill, part.start
    handle = next(h for h in stack.handles if h.name == target and h.is_alive())
    return handle.kill, lambda: stack.start_service(target)


@pytest.mark.parametrize("target", [*SERVICES, "kafka", "postgres"])
async def test_a_kill_at_a_random_moment_loses_nothing_and_counts_nothing_twice(
    town: tuple[LocalStack, Load], target: str
) -> None:
    stack, load = town
    if target == "kafka" and stack.broker_kind != "kafka":
        pytest.skip("Tansu keeps everything in memory: what it held comes back by `republish` only")
    chance = random.Random(f"{SEED}-{target}")
    print(f"CHAOS_SEED={SEED}")
    before = sum(load.done.values())
    load.start()
    for _ in range(ROUNDS):
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        kill, start = _killers(stack, target)
        await asyncio.to_thread(kill)
        await asyncio.sleep(chance.uniform(0.0, 0.8))
        await asyncio.to_thread(start)
    await asyncio.sleep(0.5)
    await load.stop()
    assert sum(load.done.values()) > before, "the load went on"
    await nothing_lost_and_nothing_twice(stack, load)


async def test_two_replicas_share_the_partitions_and_one_may_die(town: tuple[LocalStack, Load]) -> None:
    stack, load = town
    second = await asyncio.to_thread(stack.start_service, "points", 2)
    load.start()
    await asyncio.sleep(2)
    await asyncio.to_thread(second.kill)
    await asyncio.sleep(1)
    await load.stop()
    await nothing_lost_and_nothing_twice(stack, load)
