"""`verify` finds what is wrong; `rebuild` gives the same ledger again and can take its place under a live service."""

import asyncio
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from services.points.app import SOURCES, build
from services.points.ledger.schema import REBUILT
from services.points.proof.checks import check_tables
from services.points.proof.rebuild import rebuild
from services.points.proof.replay import Replay, RestatedMeanwhile
from services.points.proof.switching import REBUILDING, count_unheard, lay_ready
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from services.points.units import Unit
from shared import parking
from shared.cli import _retry
from shared.database import driver_connection
from shared.eventstore import writing
from tests.conftest import COMMUNITY, until
from tests.integration.points import golden_lives
from tests.integration.points.producing import attendance, completed, corrected, headers, registered
from tests.integration.points.publishing import publish, restate
from tests.integration.points.test_from_events_to_goods import balance, has_balance, item_on_the_shelf
from tests.moments import morning

# Nine in the morning in Shanghai: what follows within hours is still the same day there.


async def _some_life(points: Any, producing: Any) -> list[uuid.UUID]:
    people = [uuid.uuid4() for _ in range(6)]
    told = [registered(person) for person in people]
    told += [
        completed([attendance(person, 200, morning() + timedelta(hours=hour)) for person in people])
        for hour in range(5)
    ]
    await producing.tell(told)
    for person in people:
        await has_balance(points, person, 100)
    item = await item_on_the_shelf(points, price=30, pieces=10)
    client = points.client()
    for number, person in enumerate(people):
        reserved = (await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": item})).json()
        if number % 3 != 0:
            what = "collection" if number % 3 == 1 else "cancellation"
            shown = {"identified_by": "card"} if what == "collection" else None
            await client.post(f"/v1/redemptions/{reserved['id']}/{what}", json=shown)
    return people


async def test_a_rebuild_is_identical_and_takes_the_place_of_the_ledger_while_the_service_runs(
    start: Any, producing: Any, capfd: Any
) -> None:
    points = await start(build, settings=PointsSettings)
    people = await _some_life(points, producing)
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0
    assert "rebuild identical" in capfd.readouterr().out
    stop = asyncio.Event()

    async def go_on() -> int:
        count = 0
        while not stop.is_set():
            day = morning() - timedelta(days=2 + count)
            await producing.tell([completed([attendance(person, 60, day) for person in people])])
            count += 1
        return count

    going_on = asyncio.create_task(go_on())
    await asyncio.sleep(0)
    assert await rebuild(points.service, switch=True) == 0
    stop.set()
    told = await going_on
    for person in people:
        await until(lambda p=person: _reached(points, p, told))  # type: ignore[misc]
    assert await verify(points.service) == 0
    await _every_released_version_is_told(points, producing)
    assert await rebuild(points.service, switch=True) == 0, "also of what every release told, and a second time"


async def _every_released_version_is_told(points: Any, producing: Any) -> None:
    """The other contexts' golden records as they stand, and this service's own in lives that make sense of them."""
    assert {name for life in golden_lives.LIVES for name in life} == golden_lives.stored(), "a new version needs a life"
    earning = golden_lives.services()
    before = await points.value("SELECT count(*) FROM consumed")
    await producing.tell(earning)
    await until(lambda: _count_is(points, "consumed", before + len(earning)))
    await golden_lives.live(points.service)
    await golden_lives.tell_others(producing)


async def test_a_second_rebuild_is_refused_while_one_runs_and_none_keeps_the_service_still_for_long(
    start: Any, producing: Any, capfd: Any, monkeypatch: Any
) -> None:
    """Both would fill the same tables beside the live ones, and the mixture could take their place."""
    points = await start(build, settings=PointsSettings)
    await _some_life(points, producing)
    both = await asyncio.gather(rebuild(points.service), rebuild(points.service, switch=True))
    assert sorted(both) == [0, 2]
    assert "另一个重建正在运行 another rebuild is running" in capfd.readouterr().out
    end_offsets = AIOKafkaConsumer.end_offsets
    still = "relation = cast('ledger.accounts' AS regclass) AND mode = 'ExclusiveLock'"
    held = f"SELECT count(*) FROM pg_locks WHERE {still}"

    async def further(consumer: Any, partitions: Any) -> Any:
        """What a broker says that then goes away, once the service is held still."""
        by = await points.value(held)
        return {place: end + by for place, end in (await end_offsets(consumer, partitions)).items()}

    async def timed_out(consumer: Any, partitions: Any) -> Any:
        raise KafkaTimeoutError

    async def away_while_held(consumer: Any, partitions: Any) -> Any:
        if await points.value(held):
            raise KafkaConnectionError
        return await end_offsets(consumer, partitions)

    with monkeypatch.context() as changed:
        changed.setattr(AIOKafkaConsumer, "end_offsets", further)
        changed.setattr("services.points.proof.rebuild._HELD_STILL_S_MAX", 1)
        async with asyncio.timeout(60):
            assert await rebuild(points.service, switch=True) == 1
            changed.setattr(AIOKafkaConsumer, "end_offsets", end_offsets)
            async with writing(points.service.database):
                assert await rebuild(points.service, switch=True) == 1
                await item_on_the_shelf(points)
            changed.setattr(AIOKafkaConsumer, "end_offsets", timed_out)
            assert await rebuild(points.service, switch=True) == 1
            changed.setattr(AIOKafkaConsumer, "end_offsets", away_while_held)
            assert await rebuild(points.service, switch=True) == 1
    assert capfd.readouterr().out.count("the live ledger is as it was") == 4
    assert await rebuild(points.service) == 0, "and the next one begins"
    assert await verify(points.service) == 0


async def test_nobody_is_turned_away_while_a_rebuilt_ledger_takes_the_place_of_the_live_one(
    start: Any, producing: Any, capfd: Any
) -> None:
    """And whoever looks an account up in the old tables does not hold points on it in the new ones."""
    points = await start(build, settings=PointsSettings)
    people = await _some_life(points, producing)
    item = await item_on_the_shelf(points, price=1, pieces=500)
    client, stop = points.client(), asyncio.Event()
    available = [(await client.get(f"/v1/accounts/{person}/POINT")).json()["available"] for person in people]
    held = "SELECT count(*) FROM ledger.holds JOIN ledger.accounts AS a ON a.id = debit_account WHERE amount = 1"
    before = await points.value(held)

    async def shop(person: uuid.UUID) -> int:
        granted = 0
        while not stop.is_set():
            answer = await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": item})
            if answer.status_code != 409:  # nothing left to spend, or on the shelf
                assert answer.status_code == 201, answer.text
                granted += 1
                cancelled = await client.post(f"/v1/redemptions/{answer.json()['id']}/cancellation")
                assert cancelled.is_success, cancelled.text
            asked = [
                f"/v1/accounts/{person}/POINT",
                f"/v1/accounts/{person}/POINT/statement",
                "/v1/items?community=" + COMMUNITY,
            ]
            for path in asked:
                answer = await client.get(path)
                assert answer.status_code == 200, answer.text
        return granted

    shopping = [asyncio.create_task(shop(person)) for person in people[:2]]
    # The command is a process of its own, with connections of its own.
    url = points.service.settings.database_url.get_secret_value()
    operator = await start(build, settings=PointsSettings, working=False, migrate=False, database_url=url)
    assert await rebuild(operator.service, switch=True) == 0
    stop.set()
    granted = sum(await asyncio.gather(*shopping))
    waited = re.search(r"writers waited (\S+) s", capfd.readouterr().out)
    assert waited is not None
    assert float(waited[1]) < 5, "far from what anybody is turned away after"
    above = "SELECT (SELECT min(version) FROM ledger.accounts) > (SELECT max(version) FROM retired.accounts)"
    assert await points.value(above), "or subscribers would keep what was told of the old one"
    assert granted > 0
    assert await points.value(held) - before == 2 * granted, "points and pieces of each, on accounts that exist"
    after = [(await client.get(f"/v1/accounts/{person}/POINT")).json()["available"] for person in people]
    assert after == available
    assert await verify(points.service) == 0


async def test_what_was_discarded_is_not_missed_by_a_rebuild(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    person = uuid.uuid4()
    event_id, event = completed([attendance(person, 60, morning())])
    far = completed([attendance(person, 60, datetime(9999, 12, 31, 23, tzinfo=UTC))])
    early = completed([attendance(person, 60, morning() + timedelta(days=30))])
    await producing.tell([far, (event_id, event), early])
    await has_balance(points, person, 10)
    await until(lambda: _count_is(points, "parked", 2))
    async with points.service.database.transaction() as connection:
        for key in await parking.list_keys(connection):
            for record in await parking.records_of(connection, key.topic, key.key, lock=True):
                assert await parking.discard(connection, record)
    assert await rebuild(points.service) == 0
    await producing.tell([early, far, completed([attendance(person, 60, morning() + timedelta(hours=2))])])
    await has_balance(points, person, 20)
    assert await _count_is(points, "parked", 0)
    assert await rebuild(points.service) == 0


async def test_what_live_refuses_is_left_out_of_a_replay_until_it_is_retried_and_days_are_not_priced_anew(
    start: Any, producing: Any
) -> None:
    points = await start(build, settings=PointsSettings)
    person, service, client = uuid.uuid4(), points.service, points.client("district", node="620201")
    far = completed([attendance(person, 60, datetime(9999, 12, 31, 23, tzinfo=UTC))])
    hours = [completed([attendance(person, 60, morning() + timedelta(hours=hour))]) for hour in range(4)]
    await producing.tell([registered(person), hours[0], far, *hours[1:3]])
    await producing.tell_raw("registry", "sick", b"{", headers(uuid.uuid4(), hours[3][1], "sick"))
    await producing.tell([hours[3]], stream="sick")
    where = "SELECT topic, partition, log_offset FROM parked WHERE record_key = 'sick'"
    await until(lambda: _count_is(points, "parked", 3))
    first, second, third = [await service.database.dedicated() for _ in range(3)]
    await first.execute("SELECT pg_advisory_lock($1)", REBUILDING)
    replay = Replay((first, second, third), service.settings, SOURCES)
    await replay.prepare()
    async with service.database.reading() as reading:
        await replay.own_events(reading)
    assert await replay.topics(frozenset(tuple(row) for row in await points.rows(where))) == 7
    assert (replay.applied, await replay.left_out()) == (4, (3, 0))
    assert [check.name for check in await check_tables(replay.db, REBUILT) if check.breaks] == []
    query = f"SELECT credits FROM {REBUILT}.accounts WHERE holder = $1 AND unit = $2"
    assert await replay.db.fetchval(query, str(person), int(Unit.SERVICE_MINUTE)) == 180

    await lay_ready(replay.db)
    topic = service.settings.topic("registry")
    async with service.database.transaction() as connection:
        await parking.discard(connection, (await parking.records_of(connection, topic, b"sick", lock=True))[0])
    assert await _retry(service, topic, b"sick") == (1, 0)
    async with service.database.reading() as reading:
        await replay.own_events(reading)
    await replay.topics(frozenset(), only_what_live_knows=True)
    assert await count_unheard(replay.db) == 0
    assert await replay.db.fetchval(query, str(person), int(Unit.SERVICE_MINUTE)) == 240
    async with service.database.transaction() as connection:
        await connection.exec_driver_sql("LOCK TABLE consumed IN SHARE MODE")  # live is kept from taking it
        await producing.tell([completed([attendance(person, 60, morning() + timedelta(hours=5))])])
        await replay.topics(frozenset(), only_what_live_knows=True)
        assert await replay.left_out() == (2, 1), "one is sick, one refused, and one healthy"

    document = {"title": {"zh": "修订办法", "en": "Revised"}, "points": {"minutes_per_point": 4}}
    version = await publish(client, COMMUNITY, "2199-01-01", document)
    days = {"since": "2026-01-01", "until": "2026-01-31", "reference": "x"}
    await restate(client, {"node": COMMUNITY, "policy_version": version, **days})
    with pytest.raises(RestatedMeanwhile):
        async with service.database.reading() as reading:
            await replay.own_events(reading)
    await replay.close()
    for connection in (first, second, third):
        await connection.close()


async def _count_is(points: Any, table: str, count: int) -> bool:
    return bool(await points.value(f"SELECT count(*) FROM {table}") == count)


async def _reached(points: Any, person: uuid.UUID, told: int) -> bool:
    return await balance(points, person, "SERVICE_MINUTE") == 480 + 60 * told


async def test_verify_names_what_is_wrong_and_a_switch_puts_it_right(start: Any, producing: Any, capfd: Any) -> None:
    points = await start(build, settings=PointsSettings)
    person, client = uuid.uuid4(), points.client()
    attended = attendance(person, 60, morning())
    await producing.tell([completed([attended]), (uuid.uuid4(), corrected(attended, 50))])
    await has_balance(points, person, 8)
    item = await item_on_the_shelf(points, price=1, pieces=2)
    for what, shown in (("collection", {"identified_by": "card"}), ("cancellation", None)):
        order = await client.post("/v1/redemptions", json={"volunteer_id": str(person), "item_id": item})
        assert (await client.post(f"/v1/redemptions/{order.json()['id']}/{what}", json=shown)).is_success
    assert await _broken(points, BOOKED_AGAIN.format(clause=1)) == ["once"]
    assert await _broken(points, BOOKED_AGAIN.format(clause=2)) == ["once"]
    assert await _broken(points, BOOKED_AGAIN.format(clause=10)) == ["holds"]
    assert await _broken(points, POSTED_AS_WELL) == ["outcomes"]
    async with points.service.database.transaction() as connection:
        points_of_theirs = f"holder = '{person}' AND unit = 1"
        await connection.exec_driver_sql(f"UPDATE ledger.accounts SET credits = credits + 1 WHERE {points_of_theirs}")
        await connection.exec_driver_sql("UPDATE items SET version = version + 1")
    assert await verify(points.service) == 1
    out = capfd.readouterr().out
    assert "✗ 1 每个单位合计为零" in out
    assert "✗ 1 余额等于流水合计" in out
    assert "read table differs from the events: items" in out
    assert await rebuild(points.service, switch=True) == 1
    out = capfd.readouterr().out
    assert f"{person}/POINT" in out
    assert "different read tables: items" in out
    assert await verify(points.service) == 0, "it was put right"


async def _broken(points: Any, forged: str) -> list[str]:
    """The checks that see transfers which somebody wrote by hand, with the balances that go with them."""
    async with points.service.database.reading() as connection:
        db = await driver_connection(connection)
        await db.execute(BY_HAND.format(forged=forged))
        return [check.name for check in await check_tables(db) if check.breaks]


COLUMNS = "debit_account, credit_account, amount, occurred_at, recorded_at, event_id, record_id, unit, clause"
BY_HAND = f"""
    WITH forged AS (INSERT INTO ledger.transfers ({COLUMNS}) {{forged}} RETURNING *)
    UPDATE ledger.accounts AS a SET credits = a.credits + sides.credits, debits = a.debits + sides.debits
      FROM (SELECT account, sum(credits) AS credits, sum(debits) AS debits
              FROM (SELECT credit_account, amount, 0 FROM forged UNION ALL SELECT debit_account, 0, amount FROM forged)
                   AS s(account, credits, debits) GROUP BY account) AS sides
     WHERE sides.account = a.id
"""
BOOKED_AGAIN = f"SELECT {COLUMNS} FROM ledger.transfers WHERE clause = {{clause}} AND unit = 1"
POSTED_AS_WELL = """
    SELECT debit_account, credit_account, amount, settled_at, settled_at, event_id, hold_id, unit, clause
      FROM ledger.holds WHERE state = 2
"""
