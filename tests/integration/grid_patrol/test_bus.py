"""The patrol grid on the real bus: it hears of volunteers, and what it tells can be heard."""

import asyncio
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from services.grid_patrol.app import build
from services.grid_patrol.settings import GridPatrolSettings
from tests.conftest import COMMUNITY, Start
from tests.integration.telling import envelope_of, publish, registered


async def test_somebody_registered_in_the_same_moment_joins_a_crew_and_the_joining_is_told(start: Start) -> None:
    running = await start(build, settings=GridPatrolSettings, volunteer_wait_max_ms=10_000)
    anna, clerk = uuid4(), running.client()
    body = {"community": COMMUNITY, "name": "样例一组", "kind": "volunteer", "members": [str(anna)]}
    event = registered(anna)
    told = publish(running.service, (event, envelope_of(event, f"volunteer-{anna}")))
    answer, _ = await asyncio.gather(clerk.post("/v1/crews", json=body), told)
    assert answer.status_code == 201, answer.text
    crew = answer.json()["crew_id"]
    topic = running.service.settings.topic("grid_patrol")
    servers = running.service.settings.kafka_bootstrap_servers
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            records = [await consumer.getone() for _ in range(2)]
    finally:
        await consumer.stop()
    assert {record.key for record in records} == {f"crew-{crew}".encode()}
    types = [dict(record.headers)["ce_type"].decode() for record in records]
    assert types == ["liuling.grid_patrol.CrewFormed.v1", "liuling.grid_patrol.CrewMemberAdded.v1"]


async def test_waiting_for_somebody_unknown_has_an_end_and_takes_few_connections(start: Start) -> None:
    running = await start(build, settings=GridPatrolSettings, working=False, volunteer_wait_max_ms=300)
    clerk = running.client()
    body = {"community": COMMUNITY, "name": "样例一组", "kind": "volunteer", "members": [str(uuid4())]}
    waiting = [asyncio.create_task(clerk.post("/v1/crews", json=body)) for _ in range(12)]
    reading = await clerk.get("/v1/crews")
    assert reading.status_code == 200
    answers = await asyncio.gather(*waiting)
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(422, "volunteer_unknown")}
