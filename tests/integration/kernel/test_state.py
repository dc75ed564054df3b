"""Views, vault, timers: what a service keeps beside its events."""

import asyncio
import base64
import socket
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from shared.database import Database, Lost, driver_connection
from shared.eventstore import keep_writers_out
from shared.privacy import Vault, VaultKeyMismatch
from shared.timers import Timers
from tests.conftest import COMMUNITY, until
from tests.integration.kernel import counting


async def test_rebuilt_views_are_what_they_were(start) -> None:
    running = await start(counting.build, working=False)
    client = running.client()
    counters = [uuid.uuid4() for _ in range(3)]
    for number in range(9):
        await client.post(f"/v1/counters/{counters[number % 3]}", json={"community": COMMUNITY, "amount": number + 1})
    before = await running.rows("SELECT * FROM counters ORDER BY counter_id")
    async with running.service.database.transaction() as connection:
        await connection.execute(sa.text("UPDATE counters SET value = 0"))
        assert await running.service.views.rebuild(connection) == 9
    assert await running.rows("SELECT * FROM counters ORDER BY counter_id") == before


async def test_views_are_rebuilt_while_people_work_and_nobody_waits_in_a_circle(start) -> None:
    running = await start(counting.build, working=False)
    client, counters, done = running.client(), [uuid.uuid4() for _ in range(3)], asyncio.Event()

    async def type_on(number: int) -> set[int]:
        codes = set()
        while not done.is_set():
            body = {"community": COMMUNITY, "amount": 1}
            codes.add((await client.post(f"/v1/counters/{counters[number % 3]}", json=body)).status_code)
        return codes

    clerks = [asyncio.create_task(type_on(number)) for number in range(4)]
    for _ in range(5):
        async with running.service.database.transaction() as connection:
            await running.service.views.rebuild(connection)
        await asyncio.sleep(0.05)
    done.set()
    codes = set().union(*await asyncio.gather(*clerks))
    assert codes <= {201, 409, 503}, codes
    assert await running.value("SELECT sum(value) FROM counters") == await running.value("SELECT count(*) FROM events")


@pytest.mark.parametrize(
    "statement",
    ["UPDATE events SET version = 9", "DELETE FROM events", "TRUNCATE events", "UPDATE events SET data = '{}'"],
)
async def test_recorded_events_cannot_be_changed(start, statement) -> None:
    running = await start(counting.build, working=False)
    await running.client().post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY})
    with pytest.raises(DBAPIError, match="append-only"):
        async with running.service.database.transaction() as connection:
            await connection.execute(sa.text(statement))


async def test_the_vault_gives_back_what_was_put_and_forgets_for_good(start) -> None:
    running = await start(counting.build, working=False)
    vault, person, other = running.service.workshop.vault, uuid.uuid4(), uuid.uuid4()
    async with running.service.database.transaction() as connection:
        await vault.put_many(
            connection, {person: {"name": "合成·甲", "phone": "00000000001"}, other: {"name": "合成·乙"}}
        )
        await vault.put(connection, person, {"phone": "00000000002"})
        assert await vault.get(connection, person) == {"name": "合成·甲", "phone": "00000000002"}
        assert await vault.get_many(connection, [person, other], ["name"]) == {
            person: {"name": "合成·甲"},
            other: {"name": "合成·乙"},
        }
    stored = await running.rows("SELECT sealed FROM vault_entries")
    assert all("合成".encode() not in bytes(row[0]) for row in stored)
    async with running.service.database.transaction() as connection:
        assert await vault.forget(connection, person)
        assert await vault.get(connection, person) == {}
        assert await vault.get(connection, other) == {"name": "合成·乙"}
        assert not await vault.forget(connection, person)


async def test_a_vault_entry_moved_to_another_person_does_not_open(start) -> None:
    running = await start(counting.build, working=False)
    vault, one, two = running.service.workshop.vault, uuid.uuid4(), uuid.uuid4()
    async with running.service.database.transaction() as connection:
        await vault.put_many(connection, {one: {"name": "合成·甲"}, two: {"name": "合成·乙"}})
        await connection.execute(
            sa.text(
                "UPDATE vault_entries SET sealed = (SELECT sealed FROM vault_entries WHERE subject = :one)"
                " WHERE subject = :two"
            ),
            {"one": one, "two": two},
        )
        with pytest.raises(VaultKeyMismatch):
            await vault.get(connection, two)
        with pytest.raises(VaultKeyMismatch):
            await Vault(b"x" * 32, bytes(32)).get(connection, one)


async def test_a_service_does_not_go_on_under_keys_that_are_not_those_of_its_database(start) -> None:
    """Whoever was registered then would be sealed under a key of their own, and found by nobody; and whoever proposed
    something would be somebody else, and could confirm it alone.
    """
    running = await start(counting.build, working=False)
    await running.service.require_keys()
    async with running.service.database.transaction() as connection:
        await running.service.workshop.vault.put(connection, uuid.uuid4(), {"name": "合成·甲"})
    await running.service.require_keys()
    url = running.service.settings.database_url.get_secret_value()
    key = base64.b64encode(b"x" * 32).decode()
    for name in ("VAULT_MASTER_KEY", "ACTOR_KEY"):
        other = await start(counting.build, working=False, migrate=False, database_url=url, **{name.lower(): key})
        for command in (other.service.migrate, other.service.require_keys):
            with pytest.raises(SystemExit, match=f"^{name} "):
                await command()
    # The lost key is given up: the next that starts is the one to be known by.
    async with running.service.database.transaction() as connection:
        await connection.execute(sa.text("DELETE FROM actor_key"))
    await other.service.migrate()
    with pytest.raises(SystemExit, match=r"^ACTOR_KEY "):
        await running.service.require_keys()


def test_digests_differ_by_kind_and_key() -> None:
    vault = Vault(b"k" * 32, bytes(32))
    assert vault.digest("phone", "1") == vault.digest("phone", "1")
    assert (
        len({vault.digest("phone", "1"), vault.digest("id", "1"), Vault(b"x" * 32, bytes(32)).digest("phone", "1")})
        == 3
    )


async def test_a_due_timer_fires_once_though_two_workers_look(start, stack, namespace) -> None:
    from tests.conftest import create_topic

    await create_topic(stack.kafka_bootstrap, f"{namespace}.counting.v1")
    running = await start(counting.build)
    await start(counting.build, database_url=running.service.settings.database_url.get_secret_value())
    subjects = [uuid.uuid4() for _ in range(20)]
    async with running.service.workshop.transaction() as work:
        for subject in subjects:
            work.schedule("counter.tick", subject, datetime.now(UTC) - timedelta(seconds=1))
        work.schedule("counter.tick", uuid.uuid4(), datetime.now(UTC) + timedelta(hours=1))
        await work.finish()

    async def fired() -> bool:
        return await running.value("SELECT count(*) FROM counters") == 20

    await until(fired)
    assert await running.value("SELECT max(value) FROM counters") == 1
    assert await running.value("SELECT count(*) FROM timers") == 1


class _Meanwhile(Lost):
    pass


@pytest.mark.parametrize("error", [_Meanwhile(), TimeoutError(), ZeroDivisionError()], ids=lambda e: type(e).__name__)
async def test_a_timer_that_fails_comes_again_later_and_holds_up_nobody(start, monkeypatch, error) -> None:
    running = await start(counting.build, working=False)
    workshop, timers = running.service.workshop, Timers()
    failing, fine, now = uuid.uuid4(), uuid.uuid4(), datetime.now(UTC)

    @timers.on("counter.tick")
    async def tick(work, subject) -> None:
        if subject == failing:
            raise error
        await counting.tick(work, subject)

    async with workshop.transaction() as work:
        work.schedule("counter.tick", failing, now - timedelta(seconds=2))
        work.schedule("counter.tick", fine, now - timedelta(seconds=1))
        await work.finish()
    with capture_logs() as said:
        for later, others in ((0, 1), (6, 0)):
            moment = now + timedelta(seconds=later)
            async with asyncio.timeout(5):
                assert await timers.fire_due(workshop, lambda: moment) == 1 + others  # noqa: B023
    assert await running.value("SELECT value FROM counters WHERE counter_id = :id", id=fine) == 1
    [left] = await running.rows("SELECT subject, attempts, due_at FROM timers")
    assert tuple(left) == (failing, 2, now + timedelta(seconds=6 + 10))
    told = [line["attempts"] for line in said if line["event"] == "timer_failed"]
    assert told == ([1, 2] if isinstance(error, ZeroDivisionError) else [2]), "once is what happens, twice is a trouble"


async def test_a_failed_timer_that_somebody_has_set_anew_meanwhile_keeps_its_new_time(start) -> None:
    running = await start(counting.build, working=False)
    workshop, timers = running.service.workshop, Timers()
    subject, now = uuid.uuid4(), datetime.now(UTC)
    next_year = now + timedelta(days=365)

    async def set_for(due_at: datetime) -> None:
        async with workshop.transaction() as work:
            work.schedule("counter.tick", subject, due_at)
            await work.finish()

    @timers.on("counter.tick")
    async def tick(work, subject) -> None:
        (await driver_connection(work.connection)).terminate()  # it breaks in the middle
        await set_for(next_year)
        raise ZeroDivisionError

    await set_for(now)
    await timers.fire_due(workshop, lambda: now)
    assert await running.value("SELECT due_at FROM timers") == next_year


async def test_every_connection_notices_a_server_that_lost_its_power(start) -> None:
    """And may be encrypted as libpq's are: `sslmode` belongs to the address."""
    settings = (await start(counting.build, working=False)).service.settings
    address = SecretStr(settings.database_url.get_secret_value() + "?sslmode=prefer")
    database = Database(settings.model_copy(update={"database_url": address}))
    alone = await database.dedicated()
    async with database.transaction() as pooled, database.asking() as asking:
        for connection in (alone, await driver_connection(pooled), await driver_connection(asking)):
            connected = connection._transport.get_extra_info("socket")
            with socket.fromfd(connected.fileno(), connected.family, connected.type) as same:
                assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    await alone.close()
    await database.close()


@pytest.mark.parametrize("way", ["transaction", "reading", "asking"])
async def test_who_is_cancelled_in_the_middle_of_a_statement_is_cancelled(start, way: str) -> None:
    """Any other error in its place would be taken for one that passes, and a service would never end."""
    database = (await start(counting.build, working=False)).service.database
    under_way = asyncio.Event()

    async def work() -> None:
        async with getattr(database, way)() as connection:
            await connection.execute(sa.text("SELECT 1"))
            under_way.set()
            await connection.execute(sa.text("SELECT pg_sleep(10)"))

    task = asyncio.create_task(work())
    await under_way.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_serve_refuses_a_database_that_was_not_migrated(start) -> None:
    running = await start(counting.build, working=False, migrate=False)
    with pytest.raises(SystemExit, match="migrate"):
        await running.service.require_schema()


async def test_a_program_that_is_older_than_the_database_says_so(start) -> None:
    """After an upgrade was taken back: to migrate again would not help, and must not be what is asked for."""
    running = await start(counting.build, working=False)
    async with running.service.database.transaction() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '0002'"))
    for step in (running.service.require_schema, running.service.migrate):
        with pytest.raises(SystemExit, match="newer than this program: 0002, 0001"):
            await step()


async def test_a_service_whose_writers_wait_for_a_rebuild_is_ready_for_those_who_read(start) -> None:
    running = await start(counting.build, working=False)
    client, database = running.client(), running.service.database
    async with database.transaction() as connection:
        await keep_writers_out(connection)
        writing = [
            asyncio.create_task(client.post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY}))
            for _ in range(running.service.settings.database_pool_size)
        ]

        async def all_wait() -> bool:
            return database.engine.pool.checkedout() == running.service.settings.database_pool_size

        await until(all_wait)
        assert (await running.service.readiness())["database"]
        assert (await client.get("/v1/counters")).status_code == 200
    assert {(await answer).status_code for answer in writing} == {201}
