"""A database that was restored from a backup: nothing that the bus holds is lost, and nobody goes on without it."""

import asyncio
import uuid

import pytest
from aiokafka import TopicPartition

from shared.recovery import StoreBehind
from tests.conftest import COMMUNITY, at_work, until
from tests.integration.kernel import counting
from tests.integration.kernel.telling import heard, invoke

_EVENTS = "SELECT stream, version, event_id, type, community, data, occurred_at FROM events ORDER BY position"
_COUNTERS = "SELECT * FROM counters ORDER BY counter_id"
_HEARD = "SELECT * FROM heard ORDER BY event_id"


async def count(running, counter: uuid.UUID, amount: int) -> None:
    answer = await running.client().post(f"/v1/counters/{counter}", json={"community": COMMUNITY, "amount": amount})
    assert answer.status_code == 201, answer.text


async def state_of(running) -> list[list[tuple]]:
    return [[tuple(row) for row in await running.rows(query)] for query in (_EVENTS, _COUNTERS, _HEARD)]


async def committed(running, topic: str, total: int) -> None:
    """Wait until the broker, too, has been told that the group is through."""
    consumer = running.service.consumer._consumer

    async def all_of_them() -> bool:
        return total == sum([await consumer.committed(TopicPartition(topic, n)) or 0 for n in range(3)])

    await until(all_of_them)


@pytest.fixture
async def lived(start, databases, topic):
    """A service that went on after two backups were made, as it was in the end; and the backups."""
    first, second = uuid.uuid4(), uuid.uuid4()
    before = await start(counting.build, working=False)
    url = before.service.settings.database_url.get_secret_value()
    async with at_work(before):
        for amount in (1, 2, 3):
            await count(before, first, amount)
        await heard(before, 3)
        await committed(before, topic, 3)
    backups = [await databases.back_up(url), await databases.back_up(url)]
    after = await start(counting.build, working=False, database_url=url, migrate=False)
    async with at_work(after):
        for counter, amount in ((second, 4), (first, 5), (second, 6), (uuid.uuid4(), 7)):
            await count(after, counter, amount)
            await after.rows("SELECT nextval('events_position_seq')")  # as of what was rolled back
        await heard(after, 7)
        await committed(after, topic, 7)
        state = await state_of(after)
    return first, state, backups


async def test_what_was_told_and_heard_since_the_backup_is_read_back(start, lived, monkeypatch) -> None:
    first, state, (backup, _) = lived
    restored = await start(counting.build, working=False, database_url=backup, migrate=False)
    nowhere = {"kafka_bootstrap_servers": "127.0.0.1:1"}
    unsure = await start(counting.build, working=False, database_url=backup, migrate=False, **nowhere)
    await unsure.service.require_own_events()
    client = unsure.client()
    refused = await client.post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY, "amount": 1})
    assert (refused.status_code, refused.json()["code"]) == (503, "bus_not_asked_yet")
    assert (await client.get("/v1/counters")).status_code == 200, "questions need no broker"
    with pytest.raises(SystemExit, match=r"services.counting recover"):
        await restored.service.require_own_events()
    done = await asyncio.to_thread(invoke, restored, monkeypatch, "recover")
    assert done.exit_code == 0, done.output
    # What was entered beside them is to be entered again: of whom, each once, also where the stream began before.
    (named,) = [line for line in done.output.splitlines() if "4 liuling.counting.Counted.v1" in line]
    assert (named.count("counter-"), f"counter-{first}" in named) == (3, True)
    await restored.service.require_own_events()
    again = await asyncio.to_thread(invoke, restored, monkeypatch, "recover")
    assert "已从主题读回 0 个事件" in again.output
    async with at_work(restored):
        # The broker remembers that the group had read all of it; the database knows better.
        await heard(restored, 7)
        refused = await asyncio.to_thread(invoke, restored, monkeypatch, "recover")
        assert (refused.exit_code, "请先停止" in refused.output) == (1, True)
        assert await state_of(restored) == state
        # The last of them was told under the tenth place: what follows stands behind it, for the restore after this.
        await count(restored, uuid.uuid4(), 8)
        assert await restored.value("SELECT max(position) FROM events") > 10


async def test_who_went_on_without_them_decides_what_is_given_up(start, lived, monkeypatch) -> None:
    first, state, (_, backup) = lived
    restored = await start(counting.build, working=False, database_url=backup, migrate=False)
    restored.service.compared.clear()  # as where the broker was away at the start
    with pytest.raises(ExceptionGroup) as ended:
        await restored.service.work()
    assert ended.group_contains(StoreBehind)
    restored.service.compared.set()  # as a program that does not ask
    await count(restored, first, 8)
    done = await asyncio.to_thread(invoke, restored, monkeypatch, "recover")
    assert (done.exit_code, f"counter-{first}" in done.output) == (1, True)
    assert len((await state_of(restored))[0]) == 4
    done = await asyncio.to_thread(invoke, restored, monkeypatch, "recover", "--give-up-conflicts")
    assert (done.exit_code, "放弃 given up 1" in done.output) == (0, True)
    events, counters, _ = await state_of(restored)
    assert events[4:] == [row for row in state[0][3:] if row[0] != f"counter-{first}"]
    assert {row[0]: row[2] for row in counters}[first] == 1 + 2 + 3 + 8
    await restored.service.require_own_events()
