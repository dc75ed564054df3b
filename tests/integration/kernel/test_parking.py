"""What cannot be understood or applied waits with its key, and all others flow on."""

import asyncio
import contextlib
import hashlib
import random
import uuid

import pytest

from shared import parking
from shared.eventstore import ConcurrencyConflict
from tests.conftest import until
from tests.integration.kernel import counting
from tests.integration.kernel.telling import heard, invoke, produce, record


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
    """Nesting beyond the stack, headers that jsonb refuses or that are empty, bytes that are no text, a key that no
    index holds: parked, each by itself.
    """
    running = await start(counting.build)
    sick = [uuid.uuid4() for _ in range(5)]
    deep = list(record(sick[0], 1))
    deep[1] = b'{"counter_id": ' + b"[" * 100_000
    odd = list(record(sick[1], "x"))
    odd[2] = [*odd[2], ("nul\x00name", b"\x00\xff")]
    wrong = list(record(sick[2], 1))
    wrong[1] = b"\xff\xfe"
    nothing = list(record(sick[3], 1))
    nothing[2] = [("ce_type", None) if name == "ce_type" else (name, value) for name, value in nothing[2]]
    well = [record(uuid.uuid4(), amount) for amount in (1, 2, 3)]
    key, _, heads = record(sick[4], 1)
    hollow = (key, b"", [*heads, ("tracestate", b"")])
    vast = (random.Random(1).randbytes(10_000), b"", heads)
    parked = [tuple(odd), tuple(wrong), tuple(nothing), hollow, vast, vast]
    await produce(stack, topic, well[0], tuple(deep), *parked[:2], well[1], *parked[2:], well[2])

    async def settled() -> bool:
        rows = await running.rows("SELECT (SELECT count(*) FROM heard), (SELECT count(*) FROM parked)")
        return tuple(rows[0]) == (3, 7)

    await until(settled)
    async with running.service.database.reading() as connection:
        for key, body, heads in parked:
            found = await parking.records_of(connection, topic, key)
            assert {(one.value, one.headers) for one in found} == {(body, tuple(heads))}


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
        return await asyncio.to_thread(invoke, running, monkeypatch, *arguments)

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


async def test_any_key_is_named_by_the_number_with_which_it_is_listed(start, stack, topic, monkeypatch) -> None:
    """No text, several lines, nothing at all, more than a command line takes, and what reads like another's number."""
    running = await start(counting.build)
    _, body, headers = record(uuid.uuid4(), "x")
    bare, lines, nothing, vast = b"\xff\xfe", b"a\x00\nb\x1b[2J", b"", b"k" * 200_000
    alike = _number(bare).encode()
    shown = {
        bare: "\\xff\\xfe",
        lines: "a\\x00\\nb\\x1b[2J",
        nothing: "",
        vast: "k" * 120 + "…",
        alike: alike.decode(),
    }
    await produce(stack, topic, *((key, body, headers) for key in shown))

    async def parked() -> bool:
        return await running.value("SELECT count(*) FROM parked") == len(shown)

    await until(parked)

    async def command(*arguments: str):
        return await asyncio.to_thread(invoke, running, monkeypatch, "parked", *arguments)

    listed = (await command("list")).output.splitlines()[::2]
    assert sorted(listed) == sorted(f"{_number(key)}  {text}  {topic}" for key, text in shown.items())
    assert (await command("show", shown[bare])).exit_code == 0, "also by the key itself, as it is listed"
    for key in (bare, lines, nothing, vast, alike):
        given_up = await command("discard", _number(key), "--yes")
        assert given_up.exit_code == 0, given_up.output
        assert await running.value("SELECT count(*) FROM parked WHERE record_key = :key", key=key) == 0
    assert await running.value("SELECT count(*) FROM parked") == 0


def _number(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:16]


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
    assert (await asyncio.to_thread(invoke, running, monkeypatch, "parked", "retry")).exit_code == 2
    assert (await asyncio.to_thread(invoke, running, monkeypatch, "parked", "retry", "--all")).exit_code == 1
    assert await running.value("SELECT count(*) FROM parked") == 7
    monkeypatch.setattr(counting, "REFUSED", None)
    retried = await asyncio.to_thread(invoke, running, monkeypatch, "parked", "retry", "--all")
    assert retried.exit_code == 1
    assert "已处理 applied 6, 仍搁置 still parked 1" in retried.output
    assert await running.value("SELECT count(*) FROM heard") == 6


@pytest.mark.parametrize("error", [counting.Poison, ConcurrencyConflict])
async def test_a_record_that_the_service_cannot_apply_is_parked_and_its_batch_is_not_lost(
    start, stack, topic, monkeypatch, error
) -> None:
    """Nor one that loses against somebody else every time: whoever does so alone is not in a race."""
    monkeypatch.setattr(counting, "Poison", error)
    monkeypatch.setattr("shared.consumer._MET_MAX", 2)
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
    event_id, database = uuid.uuid4(), running.service.database
    async with database.transaction() as other:
        await other.exec_driver_sql(f"INSERT INTO heard VALUES ('{event_id}', 0)")
        await produce(stack, topic, record(uuid.uuid4(), 5, event_id))

        async def waits() -> bool:
            return bool(await running.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))

        await until(waits)
    async with database.transaction() as other:
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
