"""When a consumer counts as live, and when only a new process helps."""

import asyncio
import logging
import time
import uuid

import pytest
from structlog.testing import capture_logs

from shared.consumer import ClientBroken
from shared.eventstore import keep_writers_out
from tests.conftest import COMMUNITY, until
from tests.integration.kernel import counting
from tests.integration.kernel.telling import heard, produce, record


async def test_a_client_that_no_longer_hears_a_broker_that_others_hear_ends_the_process(
    start, topic, monkeypatch
) -> None:
    """The client's task that keeps metadata has died: it would wait for ever, and nothing but a new client helps."""
    monkeypatch.setattr("shared.consumer._WATCH_INTERVAL_S", 0.1)
    running = await start(counting.build, working=False, consumer_stall_s=1)
    work = asyncio.create_task(running.service.work())

    async def ready() -> bool:
        consumer = running.service.consumer
        return consumer.ready and consumer._consumer.assignment() and await consumer.lag() == 0

    await until(ready)
    client = running.service.consumer._consumer._client
    client._sync_task.cancel()
    client._md_update_fut = asyncio.get_running_loop().create_future()
    with pytest.raises(ExceptionGroup) as ended:
        await asyncio.wait_for(work, 30)
    assert ended.group_contains(ClientBroken)
    await asyncio.wait_for(running.service.close(), 30)


async def test_what_is_stuck_is_not_live_though_the_broker_gave_it_all_and_a_probe_waits_for_nobody(
    start, stack, topic, monkeypatch
) -> None:
    monkeypatch.setattr("shared.consumer._WATCH_INTERVAL_S", 0.1)
    go_on, apply = asyncio.Event(), counting.reactions.apply.__func__

    async def apply_later(self, connection, deliveries) -> None:
        await go_on.wait()
        await apply(self, connection, deliveries)

    monkeypatch.setattr("shared.reactions.Reactions.apply", apply_later)
    await produce(stack, topic, *[record(uuid.uuid4(), 1) for _ in range(5)])
    running = await start(counting.build, consumer_stall_s=1)
    client = running.client()

    async def answer() -> int:
        asked_at = time.perf_counter()
        status = (await client.get("/health/live")).status_code
        assert time.perf_counter() - asked_at < 0.2
        return status

    async def stuck() -> bool:
        return await answer() == 503

    async def moving() -> bool:
        return await answer() == 200

    await until(stuck, 10)
    go_on.set()
    await until(moving, 10)
    await heard(running, 5)


async def test_a_consumer_that_a_rebuild_keeps_out_is_live(start, stack, topic, monkeypatch) -> None:
    """Nothing may move meanwhile, and a restart would not help."""
    monkeypatch.setattr("shared.consumer._WATCH_INTERVAL_S", 0.1)
    running = await start(counting.build, consumer_stall_s=1)
    consumer = running.service.consumer
    async with running.service.database.transaction() as connection:
        await keep_writers_out(connection)
        await produce(stack, topic, record(uuid.uuid4(), 1))

        async def kept_out() -> bool:
            return bool(consumer._behind and consumer._kept_out)

        await until(kept_out)
        consumer._moved_at -= 5
        assert running.service.liveness() == {"consumer": True}
    await heard(running, 1)
    assert running.service.liveness() == {"consumer": True}


async def test_who_had_nothing_to_do_for_long_is_live_when_something_comes(start, stack, topic, monkeypatch) -> None:
    """The time in which something must have moved begins when there is something, and not with the last movement."""
    monkeypatch.setattr("shared.consumer._WATCH_INTERVAL_S", 0.1)
    running = await start(counting.build)
    running.service.consumer._moved_at -= 3600
    busy, go_on, apply = asyncio.Event(), asyncio.Event(), counting.reactions.apply.__func__

    async def apply_later(self, connection, deliveries) -> None:
        busy.set()
        await go_on.wait()
        await apply(self, connection, deliveries)

    monkeypatch.setattr("shared.reactions.Reactions.apply", apply_later)
    await produce(stack, topic, record(uuid.uuid4(), 1))
    await asyncio.wait_for(busy.wait(), 10)

    async def seen() -> bool:
        return bool(await running.service.consumer.lag())

    await until(seen)
    for _ in range(20):
        assert running.service.liveness() == {"consumer": True}
        await asyncio.sleep(0.02)
    go_on.set()
    await heard(running, 1)


async def test_a_batch_that_is_taken_apart_moves_with_every_record(start, stack, topic, monkeypatch) -> None:
    """One by one takes longer than a batch does; who is restarted in the middle of it begins again."""
    monkeypatch.setattr("shared.consumer._WATCH_INTERVAL_S", 0.1)
    apply = counting.reactions.apply.__func__

    async def apply_slowly(self, connection, deliveries) -> None:
        await asyncio.sleep(0.2)
        await apply(self, connection, deliveries)

    monkeypatch.setattr("shared.reactions.Reactions.apply", apply_slowly)
    await produce(stack, topic, record(uuid.uuid4(), 666), *[record(uuid.uuid4(), 1) for _ in range(14)])
    running = await start(counting.build, consumer_stall_s=2)

    async def done() -> bool:
        assert running.service.liveness() == {"consumer": True}
        return await running.value("SELECT count(*) FROM heard") == 14

    await until(done)


async def test_a_start_with_something_to_tell_is_quiet(start, topic, caplog) -> None:
    """What is recorded before the broker is reached, as a first policy is, waits without a warning."""
    first = await start(counting.build, working=False)
    await first.client().post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY, "amount": 1})
    with capture_logs() as said, caplog.at_level(logging.WARNING, "faststream"):
        running = await start(counting.build, database_url=first.service.settings.database_url.get_secret_value())
        await heard(running, 1)
    assert [line for line in said if line["log_level"] != "info"] == []
    assert [line.getMessage() for line in caplog.records if line.name == "faststream"] == []
