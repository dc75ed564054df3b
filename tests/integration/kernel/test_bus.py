"""From the store over Kafka into another database: in order, once, whatever repeats, breaks or dies on the way."""

import asyncio
import json
import uuid
from datetime import UTC, datetime

import pytest
from aiokafka.errors import KafkaTimeoutError
from faststream.kafka import KafkaBroker
from structlog.testing import capture_logs

from deploy.local.postgres import ExternalPostgres
from shared.contracts.envelope import Envelope, header_map
from shared.eventstore import EVENT_BYTES_MAX, Recorded, append
from shared.metrics import REGISTRY
from shared.relay import Relay
from tests.conftest import COMMUNITY, until
from tests.integration.kernel import counting
from tests.integration.kernel.telling import heard, invoke, produce, read_topic, record


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
    assert (envelope.traceparent is not None, envelope.position) == (True, 1)
    assert json.loads(message.value)["amount"] == 7


async def _record(database, amount: int, padding: str = "") -> None:
    counter = uuid.uuid4()
    event = counting.Counted(counter_id=counter, community=COMMUNITY + padding, amount=amount)
    async with database.transaction() as connection:
        await append(connection, [Recorded(event, uuid.uuid4(), f"counter-{counter}", 1, COMMUNITY, datetime.now(UTC))])


async def test_large_events_travel_few_at_a_time(start, topic, monkeypatch) -> None:
    """A batch is bounded by what it weighs too: thousands of the largest would not fit into memory."""
    monkeypatch.setattr("shared.eventstore._READ_BYTES_MAX", 1_500_000)
    monkeypatch.setattr("shared.eventstore._PIECE_ROWS", 1)
    silent = (await start(counting.build, working=False)).service
    for amount in range(1, 6):
        await _record(silent.database, amount, "x" * (EVENT_BYTES_MAX - 200))
    batches, publish = [], Relay.publish

    async def publish_and_count(self, rows) -> None:
        batches.append((len(rows), REGISTRY.get_sample_value("liuling_relay_backlog_events")))
        await publish(self, rows)

    monkeypatch.setattr(Relay, "publish", publish_and_count)
    await heard(await start(counting.build, database_url=silent.settings.database_url.get_secret_value()), 5)
    assert batches == [(2, 5), (2, 3), (1, 1)]


async def test_an_event_that_the_broker_does_not_take_is_told_by_its_place(start, topic, monkeypatch) -> None:
    monkeypatch.setattr("shared.eventstore.EVENT_BYTES_MAX", 2 * EVENT_BYTES_MAX)
    running = await start(counting.build)
    await _record(running.service.database, 1)
    with capture_logs() as said:
        await _record(running.service.database, 2, "x" * 1_100_000)

        async def told() -> bool:
            return any(
                "MessageSizeTooLargeError: position 2, liuling.counting.Counted.v1, 1100" in str(line) for line in said
            )

        await until(told)
    assert (await running.service.readiness())["relay"] is False


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
    result = await asyncio.to_thread(invoke, running, monkeypatch, "republish", "--from", "2")
    assert result.exit_code == 0, result.output
    ids = [m.headers for m in await read_topic(stack, topic, 7)]
    assert len({dict(h)["ce_id"] for h in ids}) == 4
    assert await running.value("SELECT position FROM relay_cursor") == before


async def test_a_republish_that_is_interrupted_says_where_to_go_on(start, topic, monkeypatch) -> None:
    running = await start(counting.build, working=False)
    for amount in range(1, 5):
        await _record(running.service.database, amount)
    monkeypatch.setattr("shared.eventstore._READ_BYTES_MAX", 1)
    monkeypatch.setattr("shared.eventstore._PIECE_ROWS", 2)
    publish = KafkaBroker.publish

    async def publish_two(self, body, *arguments, **options):
        if json.loads(body)["amount"] > 2:
            raise KafkaTimeoutError
        return await publish(self, body, *arguments, **options)

    monkeypatch.setattr(KafkaBroker, "publish", publish_two)
    result = await asyncio.to_thread(invoke, running, monkeypatch, "republish")
    assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.exception
    assert "--from 3" in str(result.exception) + result.output
