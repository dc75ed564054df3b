"""The watch: whatever order events and looks come in, killed anywhere, two at once; and what becomes of held points."""

import asyncio
import functools
import random
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.points.app import build
from services.points.proof.rebuild import rebuild
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from shared.contracts import Event, Evidence
from shared.deliveries import Delivery
from tests.conftest import COMMUNITY, until
from tests.integration.points.producing import Told, attendance, completed
from tests.integration.points.test_anomalies import (
    CLERK,
    HOUR,
    confirmed,
    correction,
    day_of,
    flags,
    has_points,
    shift_of,
    watch_of,
)
from tests.integration.points.test_expiry_runs import SERVED, Calendar, earn
from tests.integration.points.test_goods_come_and_go import made
from tests.integration.telling import envelope_of
from tests.moments import morning


async def tell_all(points: Any, told: Sequence[Told], at: datetime) -> None:
    """As one batch from the bus; `at` is when the events were recorded."""
    deliveries = [
        Delivery(event, replace(envelope_of(event, "somebody", event_id), time=at)) for event_id, event in told
    ]
    async with points.service.database.transaction() as connection:
        await points.service.handler.apply(connection, deliveries)


def month_of_a_team() -> list[Told]:
    """Synthetic people: two who confirm each other, a clerk in a hurry, check-ins typed afterwards, a long day."""
    anna, bo, cleo = (uuid.uuid4() for _ in range(3))
    told: list[Told] = []
    for day in range(3):
        for giver, taker in ((anna, bo), (bo, anna)):
            began = morning(3) + timedelta(hours=day)
            told.append(confirmed(completed([attendance(taker, 50, began)]), giver))
    for number in range(12):
        began = morning(3) - timedelta(days=number + 5)
        told.append(confirmed(completed([attendance(cleo, 60, began)])))
    group = [attendance(uuid.uuid4(), 60, morning(3)) for _ in range(6)]
    late = [one.model_copy(update={"entered_at": morning(3) + 65 * timedelta(minutes=1)}) for one in group]
    told += [confirmed(completed(late)), day_of(cleo), shift_of(cleo)]
    return told


async def shown(points: Any) -> list[Any]:
    rows = await points.rows("SELECT id, community, sign, stage, evidence FROM anomaly_flags ORDER BY id")
    return [tuple(row) for row in rows]


async def test_the_order_of_events_and_of_looks_changes_no_flag(start: Any) -> None:
    told, began = month_of_a_team(), morning(3) + timedelta(days=1)
    at = {event_id: began + number * timedelta(seconds=20) for number, (event_id, _) in enumerate(told)}
    results = []
    for order in (told, list(reversed(told)), random.Random(6).sample(told, len(told))):
        points = await start(build, settings=PointsSettings, working=False)
        for one in order:
            await tell_all(points, [one], at[one[0]])
            if len(results) != 1:
                await watch_of(points).look_at_everything()
        await watch_of(points).look_at_everything()
        results.append(await shown(points))
    assert results[0] == results[1] == results[2]
    assert sorted(row[2] for row in results[0]) == ["back_office", "burst", "impossible_day", "ring"]


async def flagged(points: Any) -> dict[str, int]:
    """How often each sign was flagged, by the events."""
    query = "SELECT data->'evidence'->>'sign', count(*) FROM events WHERE type LIKE '%AnomalyFlagged%' GROUP BY 1"
    return {row[0]: row[1] for row in await points.rows(query)}


async def test_two_watches_at_once_flag_once(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    people = [uuid.uuid4() for _ in range(20)]
    events = [told for one in people for told in (day_of(one), shift_of(one))]
    for told in events:  # a row for each: the two records of one day go to different watches
        await tell_all(points, [told], datetime.now(UTC))
    looked_at = await asyncio.gather(*(watch_of(points, events_at_once=1).look_at_everything() for _ in range(3)))
    assert min(looked_at) > 0
    assert sum(looked_at) == len(events)
    assert await flagged(points) == {"impossible_day": len(people), "burst": 1}
    assert await points.value("SELECT count(*) FROM fresh_tellings") == 0


async def test_a_watch_that_is_killed_anywhere_leaves_its_look_to_the_next(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    people = [uuid.uuid4() for _ in range(6)]
    for person in people:
        for told in (day_of(person), shift_of(person)):
            await tell_all(points, [told], datetime.now(UTC))
    for turns in (0, 3, 10, 20, 30, 40, 60, 80):
        looking = asyncio.create_task(watch_of(points, events_at_once=1).look())
        for _ in range(turns):
            await asyncio.sleep(0)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    await watch_of(points).look_at_everything()
    assert await flagged(points) == {"impossible_day": len(people)}
    assert await points.value("SELECT count(*) FROM fresh_tellings") == 0


async def test_what_is_packed_for_a_telling_is_what_the_events_say(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    people, minute, at = [uuid.uuid4() for _ in range(3)], timedelta(minutes=1), datetime.now(UTC)
    late = attendance(people[0], 60, morning(3)).model_copy(update={"entered_at": morning(3) + 75 * minute})
    early = attendance(people[1], 90, morning(3) + HOUR).model_copy(update={"entered_at": morning(3) + 2 * HOUR})
    guessed = attendance(people[2], 30, morning(3), Evidence.ESTIMATED).model_copy(update={"entered_at": at})
    told = confirmed(completed([late, early, guessed]))
    less, more = correction(day_of(people[0]), 60), correction(day_of(people[1], hours=0), 60)
    await tell_all(points, [told, less, more], at)
    rows = {row.event_id: row for row in await points.rows("SELECT * FROM ledger.tellings")}
    row = rows[told[0]]
    assert (row.told_at, row.began_at, row.ended_at) == (at, morning(3), morning(3) + 150 * minute)
    assert (row.community, row.confirmed_by, row.added) == (COMMUNITY, CLERK, 2)
    assert row.records == [late.record_id, early.record_id, guessed.record_id]
    assert row.volunteers == people
    assert row.entered_after_minutes == [15, -1, -1]
    assert [(rows[key].added, rows[key].entered_after_minutes) for key, _ in (less, more)] == [(0, None), (1, None)]


async def test_events_of_before_say_nothing_of_who_confirmed_and_are_booked_all_the_same(start: Any) -> None:
    points = await start(build, settings=PointsSettings, working=False)
    old: Event = completed([attendance(uuid.uuid4(), 60, morning(3))])[1]
    await tell_all(points, [(uuid.uuid4(), old)], datetime.now(UTC))
    (row,) = await points.rows("SELECT confirmed_by, added, entered_after_minutes FROM ledger.tellings")
    assert tuple(row) == (None, 1, None)
    assert await watch_of(points).look_at_everything() == 1


async def test_held_points_lapse_when_they_are_free_again_and_not_before(start: Any, producing: Any) -> None:
    calendar, person = Calendar(datetime(2025, 11, 30, 4, tzinfo=UTC)), uuid.uuid4()
    at_our_time = functools.partial(build, clock=calendar)
    points = await start(at_our_time, settings=PointsSettings, expiry_check_interval_s=1)
    await earn(producing, points, (person, 300, SERVED), (person, 200, SERVED + 6 * HOUR))
    await watch_of(points).look_at_everything()
    client = points.client()
    (flag,) = await flags(client)
    path = f"/v1/anomalies/{flag['id']}"
    for command in ("review", "hold"):
        await made(client, f"{path}/{command}")
    await has_points(points, person, 83, held=83)
    calendar.now = datetime(2025, 12, 31, 16, 1, tzinfo=UTC)  # a minute into the new year in Shanghai

    async def lapsed() -> bool:
        return bool(await points.value("SELECT count(*) FROM events WHERE type LIKE '%PointsLapsed%'"))

    await until(lapsed)
    await has_points(points, person, 83, held=83)
    calendar.now += HOUR
    await made(client, f"{path}/dismissal", {"reason": "approved"})
    await has_points(points, person, 0, held=0)
    assert await verify(points.service) == 0
    assert await rebuild(points.service) == 0


async def test_what_lapsed_while_two_flags_held_it_is_owed_until_the_second_lets_go(start: Any, producing: Any) -> None:
    calendar, person = Calendar(datetime(2025, 11, 30, 4, tzinfo=UTC)), uuid.uuid4()
    at_our_time = functools.partial(build, clock=calendar)
    points = await start(at_our_time, settings=PointsSettings, expiry_check_interval_s=1)
    await earn(producing, points, (person, 300, SERVED), (person, 200, SERVED + 4 * HOUR))
    await watch_of(points).look_at_everything()
    client = points.client()
    paths = [f"/v1/anomalies/{flag['id']}" for flag in await flags(client)]
    assert len(paths) == 2
    for path in paths:
        assert (await made(client, f"{path}/hold"))["points_held"] is True
    await has_points(points, person, 83, held=83)
    calendar.now = datetime(2025, 12, 31, 16, 1, tzinfo=UTC)  # a minute into the new year in Shanghai

    async def lapsed() -> bool:
        return bool(await points.value("SELECT count(*) FROM events WHERE type LIKE '%PointsLapsed%'"))

    await until(lapsed)
    for path, held in zip(paths, (83, 0), strict=True):
        calendar.now += HOUR
        await made(client, f"{path}/release")
        await has_points(points, person, 0, held=held)
        assert await points.value("SELECT sum(owed) FROM ledger.accounts") == held
        assert await verify(points.service) == 0
        assert await rebuild(points.service) == 0
