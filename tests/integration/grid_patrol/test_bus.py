"""The patrol grid on the real bus: it hears of volunteers, and what it tells can be heard."""

import asyncio
from uuid import uuid4

from aiokafka import AIOKafkaConsumer

from services.grid_patrol.app import build
from services.grid_patrol.settings import GridPatrolSettings
from tests.conftest import COMMUNITY, Start, until
from tests.integration.grid_patrol.telling import envelope_of, publish, registered


async def test_a_volunteer_heard_of_can_join_a_crew_and_the_joining_is_told(start: Start) -> None:
    running = await start(build, settings=GridPatrolSettings)
    anna, clerk = uuid4(), running.client()
    body = {"community": COMMUNITY, "name": "样例一组", "kind": "volunteer", "members": [str(anna)]}
    assert (await clerk.post("/v1/crews", json=body)).status_code == 422
    event = registered(anna)
    await publish(running.service, (event, envelope_of(event, f"volunteer-{anna}")))

    async def formed() -> str | None:
        answer = await clerk.post("/v1/crews", json=body)
        return answer.json()["crew_id"] if answer.status_code == 201 else None

    crew = await until(formed)
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
