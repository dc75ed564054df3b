"""`verify` finds what is wrong; `rebuild` gives the same ledger again and can take its place under a live service."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from services.points.app import SOURCES, build
from services.points.ledger.schema import REBUILT
from services.points.proof.checks import check_tables
from services.points.proof.rebuild import rebuild
from services.points.proof.replay import Replay
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from services.points.units import Unit
from shared import parking
from tests.conftest import until
from tests.integration.points.producing import attendance, completed, registered
from tests.integration.points.test_from_events_to_goods import balance, has_balance, item_on_the_shelf

# Nine in the morning in Shanghai: what follows within hours is still the same day there.
YESTERDAY = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=1)


async def _some_life(points: Any, producing: Any) -> list[uuid.UUID]:
    people = [uuid.uuid4() for _ in range(6)]
    told = [registered(person) for person in people]
    told += [
        completed([attendance(person, 200, YESTERDAY + timedelta(hours=hour)) for person in people])
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
            day = YESTERDAY - timedelta(days=2 + count)
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
    assert await rebuild(points.service) == 0


async def test_a_second_rebuild_is_refused_while_one_runs(start: Any, producing: Any, capfd: Any) -> None:
    """Both would fill the same tables beside the live ones, and the mixture could take their place."""
    points = await start(build, settings=PointsSettings)
    await _some_life(points, producing)
    both = await asyncio.gather(rebuild(points.service), rebuild(points.service, switch=True))
    assert sorted(both) == [0, 2]
    assert "另一个重建正在运行 another rebuild is running" in capfd.readouterr().out
    assert await rebuild(points.service) == 0, "and the next one begins"
    assert await verify(points.service) == 0


async def test_redemptions_during_a_switch_are_held_on_the_ledger_that_stays(start: Any, producing: Any) -> None:
    """Whoever looks an account up in the old tables must not hold points on it in the new ones."""
    points = await start(build, settings=PointsSettings)
    people = await _some_life(points, producing)
    item = await item_on_the_shelf(points, price=1, pieces=500)
    client, stop = points.client(), asyncio.Event()
    available = [(await client.get(f"/v1/accounts/{person}/POINT")).json()["available"] for person in people]
    held = "SELECT count(*) FROM ledger.holds JOIN ledger.accounts AS a ON a.id = debit_account WHERE amount = 1"
    before = await points.value(held)

    async def go_on(person: uuid.UUID) -> int:
        granted = 0
        while not stop.is_set():
            order = {"volunteer_id": str(person), "item_id": item}
            answer = await client.post("/v1/redemptions", json=order)
            if answer.status_code == 201:
                granted += 1
                cancelled = await client.post(f"/v1/redemptions/{answer.json()['id']}/cancellation")
                assert cancelled.is_success or cancelled.status_code == 503, cancelled.text
        return granted

    shopping = [asyncio.create_task(go_on(person)) for person in people[:4]]
    # The command is a process of its own, with connections of its own.
    url = points.service.settings.database_url.get_secret_value()
    operator = await start(build, settings=PointsSettings, working=False, migrate=False, database_url=url)
    for _ in range(2):
        assert await rebuild(operator.service, switch=True) == 0
    stop.set()
    granted = sum(await asyncio.gather(*shopping))
    assert granted > 0
    assert await points.value(held) - before == 2 * granted, "points and pieces of each, on accounts that exist"
    after = [(await client.get(f"/v1/accounts/{person}/POINT")).json()["available"] for person in people]
    assert after == available
    assert await verify(points.service) == 0


async def test_what_was_discarded_is_not_missed_by_a_rebuild(start: Any, producing: Any) -> None:
    points = await start(build, settings=PointsSettings)
    person = uuid.uuid4()
    event_id, event = completed([attendance(person, 60, YESTERDAY)])
    far = completed([attendance(person, 60, datetime(9999, 12, 31, 23, tzinfo=UTC))])
    early = completed([attendance(person, 60, YESTERDAY + timedelta(days=30))])
    await producing.tell([far, (event_id, event), early])
    await has_balance(points, person, 10)

    async def parked(count: int) -> bool:
        return bool(await points.value("SELECT count(*) FROM parked") == count)

    await until(lambda: parked(2))
    async with points.service.database.transaction() as connection:
        for key in await parking.list_keys(connection):
            for record in await parking.records_of(connection, key.topic, key.key, lock=True):
                assert await parking.discard(connection, record)
    assert await rebuild(points.service) == 0
    await producing.tell([early, far, completed([attendance(person, 60, YESTERDAY + timedelta(hours=2))])])
    await has_balance(points, person, 20)
    assert await parked(0)
    assert await rebuild(points.service) == 0


async def test_what_the_rules_refuse_is_left_out_of_a_replay_and_all_around_it_is_booked(
    start: Any, producing: Any
) -> None:
    points = await start(build, settings=PointsSettings)
    person, service = uuid.uuid4(), points.service
    far = completed([attendance(person, 60, datetime(9999, 12, 31, 23, tzinfo=UTC))])
    hours = [completed([attendance(person, 60, YESTERDAY + timedelta(hours=hour))]) for hour in range(3)]
    await producing.tell([registered(person), hours[0], far, *hours[1:]])
    first, second, third = [await service.database.dedicated() for _ in range(3)]
    replay = Replay((first, second, third), service.settings, SOURCES)
    await replay.prepare()
    async with service.database.reading() as reading:
        await replay.own_events(reading)
    assert await replay.topics(frozenset()) == 5
    assert (replay.applied, replay.skipped) == (4, 1)
    assert [check.name for check in await check_tables(replay.db, REBUILT) if check.breaks] == []
    query = f"SELECT credits FROM {REBUILT}.accounts WHERE holder = $1 AND unit = $2"
    assert await replay.db.fetchval(query, str(person), int(Unit.SERVICE_MINUTE)) == 180
    for connection in (first, second, third):
        await connection.close()


async def _reached(points: Any, person: uuid.UUID, told: int) -> bool:
    return await balance(points, person, "SERVICE_MINUTE") == 480 + 60 * told


async def test_verify_names_what_is_wrong(start: Any, producing: Any, capfd: Any) -> None:
    points = await start(build, settings=PointsSettings)
    person = uuid.uuid4()
    await producing.tell([completed([attendance(person, 60, YESTERDAY)])])
    await has_balance(points, person, 10)
    async with points.service.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE ledger.accounts SET credits = credits + 1 WHERE credits = 10")
    assert await verify(points.service) == 1
    out = capfd.readouterr().out
    assert "✗ 1 每个单位合计为零" in out
    assert "✗ 1 余额等于流水合计" in out
    assert await rebuild(points.service) == 1
    assert f"{person}/POINT" in capfd.readouterr().out
