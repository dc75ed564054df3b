"""From the store over Kafka into another database: in order, once, whatever repeats, breaks or dies on the way."""

import asyncio
import contextlib
import json
import logging
import time
import uuid
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from structlog.testing import capture_logs
from typer.testing import CliRunner

from deploy.local.postgres import ExternalPostgres
from shared.consumer import ClientBroken
from shared.contracts.envelope import Envelope, header_map
from shared.eventstore import Recorded, append, keep_writers_out
from tests.conftest import COMMUNITY, create_topic, environment_of, until
from tests.integration.kernel import counting


@pytest.fixture
async def topic(stack, namespace) -> str:
    name = f"{namespace}.counting.v1"
    await create_topic(stack.kafka_bootstrap, name)
    return name


async def heard(running, count: int) -> None:
    async def enough() -> bool:
        return await running.value("SELECT count(*) FROM heard") >= count

    await until(enough)


async def produce(stack, topic: str, *records: tuple[bytes, bytes, list[tuple[str, bytes]]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap)
    await producer.start()
    try:
        for key, body, headers in records:
            await producer.send_and_wait(topic, body, key=key, headers=headers)
    finally:
        await producer.stop()


def record(counter: uuid.UUID, amount: object, event_id: uuid.UUID | None = None, **changed: str):
    envelope = Envelope(
        event_id or uuid.uuid4(),
        "liuling.counting.Counted.v1",
        "/liuling/counting",
        f"counter-{counter}",
        datetime.now(UTC),
        COMMUNITY,
        1,
    )
    headers = {**envelope.headers(), **changed}
    body = json.dumps({"counter_id": str(counter), "community": COMMUNITY, "amount": amount}).encode()
    return f"counter-{counter}".encode(), body, [(k, v.encode()) for k, v in headers.items()]


async def read_topic(stack, topic: str, count: int) -> list:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=stack.kafka_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


async def test_an_event_travels_as_a_cloudevent_with_its_correlation(start, stack, topic) -> None:
    running = await start(counting.build)
    counter, correlation = uuid.uuid4(), str(uuid.uuid4())
    answer = await running.client().post(
        f"/v1/counters/{counter}", json={"community": COMMUNITY, "amount": 7}, headers={"X-Correlation-Id": correlation}
    )
    assert answer.headers["x-correlation-id"] == correlation
    await heard(running, 1)
    (message,) = await read_topic(stack, topic, 1)
    envelope = Envelope.parse(header_map(message.headers))
    assert message.key == f"counter-{counter}".encode()
    assert (envelope.type, envelope.subject) == ("liuling.counting.Counted.v1", f"counter-{counter}")
    assert (envelope.community, envelope.sequence, envelope.correlation_id) == (COMMUNITY, 1, correlation)
    assert envelope.traceparent is not None
    assert json.loads(message.value)["amount"] == 7


async def test_position_order_is_commit_order_and_nothing_is_skipped(start, topic) -> None:
    """Many writers at once, some of them slow between their other statements and the append."""
    running = await start(counting.build)
    database, total = running.service.database, 60

    async def write(number: int) -> None:
        async with database.transaction() as connection:
            await connection.exec_driver_sql(f"SELECT pg_sleep({number % 5 / 100})")
            counter = uuid.uuid4()
            event = counting.Counted(counter_id=counter, community=COMMUNITY, amount=number + 1)
            recorded = Recorded(event, uuid.uuid4(), f"counter-{counter}", 1, COMMUNITY, datetime.now(UTC))
            await append(connection, [recorded])

    await asyncio.gather(*[write(number) for number in range(total)])
    await heard(running, total)
    assert await running.value("SELECT count(DISTINCT amount) FROM heard") == total


async def test_a_relay_killed_before_its_cursor_moved_publishes_the_batch_again_and_nobody_minds(
    start, stack, topic
) -> None:
    running = await start(counting.build)
    client = running.client()
    for _ in range(5):
        await client.post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY, "amount": 1})
    await heard(running, 5)
    async with running.service.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE relay_cursor SET position = 0")
        await connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'liuling'"
        )
    await read_topic(stack, topic, 10)
    await client.post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY, "amount": 2})
    await heard(running, 6)
    assert await running.value("SELECT count(*) FROM heard") == 6


async def test_only_one_relay_leads_and_the_next_takes_over(start, topic, stack) -> None:
    running = await start(counting.build)
    second = await start(counting.build, database_url=running.service.settings.database_url.get_secret_value())
    leading = (
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE locktype = 'advisory' AND d.datname = current_database()"
    )
    standing_by = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND query LIKE '%pg_try_advisory_lock%'"
    )

    async def one_leads() -> bool:
        return (await running.value(leading), await running.value(standing_by)) == (1, 1)

    await until(one_leads)
    await running.client().post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY, "amount": 1})
    await heard(second, 1)
    await running.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE locktype = 'advisory' AND granted AND d.datname = current_database()"
    )
    await running.client().post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY, "amount": 2})
    await heard(second, 2)


async def test_a_replayed_event_changes_nothing(start, stack, topic) -> None:
    running = await start(counting.build)
    event_id, counter = uuid.uuid4(), uuid.uuid4()
    await produce(stack, topic, *[record(counter, 3, event_id)] * 4, record(uuid.uuid4(), 1))
    await heard(running, 2)
    assert await running.value("SELECT count(*) FROM heard WHERE event_id = :id", id=event_id) == 1


async def test_a_malformed_record_waits_with_its_key_while_others_flow_on(start, stack, topic) -> None:
    running = await start(counting.build)
    sick, well = uuid.uuid4(), uuid.uuid4()
    await produce(
        stack,
        topic,
        record(sick, 1),
        record(sick, "not a number"),
        record(sick, 2),
        record(well, 10),
        record(well, 11, ce_type="liuling.counting.SomethingNewer.v9"),
        record(sick, 3),
        record(well, 12),
    )

    async def settled() -> bool:
        parked = await running.value("SELECT count(*) FROM parked")
        return parked == 3 and sorted(r[0] for r in await running.rows("SELECT amount FROM heard")) == [1, 10, 12]

    await until(settled)
    assert [tuple(r) for r in await running.rows("SELECT reason FROM parked ORDER BY id")] == [
        ("body:amount:int_parsing",),
        ("waiting",),
        ("waiting",),
    ]


async def test_whatever_reading_trips_over_costs_that_record_alone(start, stack, topic) -> None:
    """Nesting beyond the stack, a header that jsonb would refuse, bytes that are no text: parked, each by itself."""
    running = await start(counting.build)
    sick = [uuid.uuid4() for _ in range(4)]
    deep = list(record(sick[0], 1))
    deep[1] = b'{"counter_id": ' + b"[" * 100_000
    odd = list(record(sick[1], "x"))
    odd[2] = [*odd[2], ("nul\x00name", b"\x00\xff")]
    wrong = list(record(sick[2], 1))
    wrong[1] = b"\xff\xfe"
    nothing = list(record(sick[3], 1))
    nothing[2] = [("ce_type", None) if name == "ce_type" else (name, value) for name, value in nothing[2]]
    well = [record(uuid.uuid4(), amount) for amount in (1, 2, 3)]
    await produce(stack, topic, well[0], tuple(deep), tuple(odd), well[1], tuple(wrong), tuple(nothing), well[2])

    async def settled() -> bool:
        rows = await running.rows("SELECT (SELECT count(*) FROM heard), (SELECT count(*) FROM parked)")
        return tuple(rows[0]) == (3, 4)

    await until(settled)


async def test_a_full_database_is_waited_for_and_no_good_record_is_parked(start, stack, topic) -> None:
    """A standby after a failover refuses every write: that says nothing about the records."""
    running = await start(counting.build)
    name = running.service.database.engine.url.database
    await running.rows("SELECT 1")

    async def read_only(value: str) -> None:
        async with running.service.database.transaction() as connection:
            await connection.exec_driver_sql("SET TRANSACTION READ WRITE")
            await connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}')
        # Only now: who connects before the commit would still be allowed to write.
        async with running.service.database.transaction() as connection:
            await connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        # The connection that did this is still allowed what it was allowed when it was made.
        await running.service.database.engine.dispose()

    await read_only("on")
    await produce(stack, topic, *[record(uuid.uuid4(), 1) for _ in range(5)])

    async def held_up() -> bool:
        return not running.service.consumer.ready

    await until(held_up)
    await read_only("off")
    await heard(running, 5)
    assert await running.value("SELECT count(*) FROM parked") == 0


async def test_parked_keys_are_listed_discarded_and_retried_in_order(start, stack, topic, monkeypatch) -> None:
    running = await start(counting.build)
    sick = uuid.uuid4()
    first = record(sick, "x")
    await produce(stack, topic, first, record(sick, 1), record(sick, 2))

    async def parked() -> bool:
        return await running.value("SELECT count(*) FROM parked") == 3

    await until(parked)

    async def command(*arguments: str):
        return await asyncio.to_thread(_invoke, running, monkeypatch, *arguments)

    key = f"counter-{sick}"
    listed = await command("parked", "list")
    assert listed.exit_code == 0
    assert f"{key}  {topic}\n" in listed.output, "whole, however narrow the terminal: it is to be copied"
    assert "body:amount" in listed.output
    assert (await command("parked", "show", key, "--topic", topic)).exit_code == 0
    shown = await command("parked", "show", key)
    assert (shown.exit_code, shown.output.count("@")) == (0, 3), "the topic is known where a key waits in one only"
    assert (await command("parked", "show", "nobody")).exit_code == 1
    assert (await command("parked", "retry", key, "--topic", topic)).exit_code == 1
    assert (await command("parked", "discard", key, "--topic", topic)).exit_code == 2, "asks for --yes first"
    assert (await command("parked", "discard", key, "--topic", topic, "--yes")).exit_code == 0
    retried = await command("parked", "retry", key)
    assert retried.exit_code == 0, retried.output
    assert [r[0] for r in await running.rows("SELECT amount FROM heard ORDER BY amount")] == [1, 2]
    await produce(stack, topic, first, record(sick, 3))
    await heard(running, 3)
    assert await running.value("SELECT count(*) FROM parked") == 0, "what was discarded stays discarded"
    assert await running.value("SELECT count(*) FROM discarded") == 1
    assert await running.value("SELECT count(*) FROM consumed") == 3, "it was never applied"


async def test_a_key_that_is_no_text_is_named_as_it_is_listed(start, stack, topic, monkeypatch) -> None:
    running = await start(counting.build)
    _, body, headers = record(uuid.uuid4(), "x")
    await produce(stack, topic, (b"\xff\xfe", body, headers))

    async def parked() -> bool:
        return await running.value("SELECT count(*) FROM parked") == 1

    await until(parked)
    listed = await asyncio.to_thread(_invoke, running, monkeypatch, "parked", "list")
    shown = listed.output.split("  ")[0]
    given_up = await asyncio.to_thread(_invoke, running, monkeypatch, "parked", "discard", shown, "--yes")
    assert given_up.exit_code == 0, given_up.output
    assert await running.value("SELECT count(*) FROM parked") == 0


async def test_all_parked_keys_are_retried_at_once_after_an_update_of_the_program(
    start, stack, topic, monkeypatch
) -> None:
    """What the handler refused before, it takes now; what nobody can read still waits, and the exit code says so."""
    running = await start(counting.build)
    refused = [uuid.uuid4() for _ in range(3)]
    unreadable = uuid.uuid4()
    records = [record(key, 666) for key in refused] + [record(key, 1) for key in refused]
    await produce(stack, topic, *records, record(unreadable, "x"))

    async def parked() -> bool:
        return await running.value("SELECT count(*) FROM parked") == 7

    await until(parked)
    assert (await asyncio.to_thread(_invoke, running, monkeypatch, "parked", "retry")).exit_code == 2
    assert (await asyncio.to_thread(_invoke, running, monkeypatch, "parked", "retry", "--all")).exit_code == 1
    assert await running.value("SELECT count(*) FROM parked") == 7
    monkeypatch.setattr(counting, "REFUSED", None)
    retried = await asyncio.to_thread(_invoke, running, monkeypatch, "parked", "retry", "--all")
    assert retried.exit_code == 1
    assert "已处理 applied 6, 仍搁置 still parked 1" in retried.output
    assert await running.value("SELECT count(*) FROM heard") == 6


async def test_a_record_that_the_service_cannot_apply_is_parked_and_its_batch_is_not_lost(start, stack, topic) -> None:
    running = await start(counting.build)
    sick = uuid.uuid4()
    records = [record(uuid.uuid4(), 1) for _ in range(5)]
    await produce(stack, topic, *records[:3], record(sick, 666), *records[3:], record(sick, 5))

    async def settled() -> bool:
        rows = await running.rows("SELECT (SELECT count(*) FROM heard), (SELECT count(*) FROM parked)")
        return tuple(rows[0]) == (5, 2)

    await until(settled)


async def test_a_row_that_somebody_else_writes_in_the_same_moment_is_not_the_records_fault(start, stack, topic) -> None:
    running = await start(counting.build)
    event_id, engine = uuid.uuid4(), running.service.database.engine
    async with engine.begin() as other:
        await other.exec_driver_sql(f"INSERT INTO heard VALUES ('{event_id}', 0)")
        await produce(stack, topic, record(uuid.uuid4(), 5, event_id))

        async def waits() -> bool:
            return bool(await running.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until(waits)
    async with engine.begin() as other:
        await other.exec_driver_sql("DELETE FROM heard WHERE amount = 0")

    async def taken() -> bool:
        return [tuple(row) for row in await running.rows("SELECT event_id, amount FROM heard")] == [(event_id, 5)]

    await until(taken)
    assert await running.value("SELECT count(*) FROM parked") == 0


async def test_batches_written_abreast_keep_a_key_behind_its_parked_record(start, stack, topic, monkeypatch) -> None:
    """Small batches, two in the database at once: what follows a record that was refused in one waits in the other."""
    monkeypatch.setattr("shared.consumer.BACKLOG_RECORDS", 1)
    monkeypatch.setattr("shared.reactions.Reactions.batches_abreast", 2)
    apply, under_way, met = counting.reactions.apply.__func__, [0], asyncio.Event()

    async def apply_in_company(self, connection, deliveries) -> None:
        under_way[0] += 1
        if under_way[0] == 2:
            met.set()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(met.wait(), 0.5)
            await apply(self, connection, deliveries)
        finally:
            under_way[0] -= 1

    monkeypatch.setattr("shared.reactions.Reactions.apply", apply_in_company)
    sick, healthy = [uuid.uuid4() for _ in range(4)], [uuid.uuid4() for _ in range(40)]
    told = []
    for number in range(1, 6):
        told += [record(key, 666 if number == 2 else number) for key in sick]
        told += [record(key, number) for key in healthy]
    await produce(stack, topic, *told)
    running = await start(counting.build, consumer_batch_size_max=10)

    async def settled() -> bool:
        rows = await running.rows("SELECT (SELECT count(*) FROM heard), (SELECT count(*) FROM parked)")
        return tuple(rows[0]) == (4 + 200, 16)

    await until(settled)
    assert met.is_set(), "two batches were in the database at once"
    reasons = [r[0] for r in await running.rows("SELECT reason FROM parked ORDER BY record_key, id")]
    assert reasons == ["Poison", "waiting", "waiting", "waiting"] * 4


async def test_a_database_that_goes_away_is_waited_for(start, stack, topic) -> None:
    if isinstance(stack.postgres, ExternalPostgres):
        pytest.skip("only a PostgreSQL of our own can be killed")
    running = await start(counting.build)
    await produce(stack, topic, record(uuid.uuid4(), 1))
    await heard(running, 1)
    stack.postgres.kill()
    await produce(stack, topic, *[record(uuid.uuid4(), 2) for _ in range(20)])

    async def not_ready() -> bool:
        return not all((await running.service.readiness()).values())

    await until(not_ready)
    assert all(running.service.liveness().values()), "waiting for the database is not being stuck"
    await asyncio.to_thread(stack.postgres.start)

    async def caught_up() -> bool:
        try:
            return await running.value("SELECT count(*) FROM heard") == 21
        except Exception as error:
            print("not yet", type(error).__name__)
            return False

    await until(caught_up, 30)


async def test_republish_refills_a_topic_without_moving_the_cursor(start, stack, topic, monkeypatch) -> None:
    running = await start(counting.build)
    client = running.client()
    for _ in range(4):
        await client.post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY, "amount": 1})
    await heard(running, 4)
    before = await running.value("SELECT position FROM relay_cursor")
    result = await asyncio.to_thread(_invoke, running, monkeypatch, "republish", "--from", "2")
    assert result.exit_code == 0, result.output
    ids = [m.headers for m in await read_topic(stack, topic, 7)]
    assert len({dict(h)["ce_id"] for h in ids}) == 4
    assert await running.value("SELECT position FROM relay_cursor") == before


def _invoke(running, monkeypatch, *arguments: str):
    """Run a command of the service's own program against the same database and broker."""
    from shared.cli import service_cli

    environment = {**environment_of(running), "COLUMNS": "200"}
    return CliRunner().invoke(service_cli("counting", counting.build), list(arguments), env=environment)


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


async def test_a_start_with_something_to_tell_is_quiet(start, topic, caplog) -> None:
    """What is recorded before the broker is reached, as a first policy is, waits without a warning."""
    first = await start(counting.build, working=False)
    await first.client().post(f"/v1/counters/{uuid.uuid4()}", json={"community": COMMUNITY, "amount": 1})
    with capture_logs() as said, caplog.at_level(logging.WARNING, "faststream"):
        running = await start(counting.build, database_url=first.service.settings.database_url.get_secret_value())
        await heard(running, 1)
    assert [line for line in said if line["log_level"] != "info"] == []
    assert [line.getMessage() for line in caplog.records if line.name == "faststream"] == []
