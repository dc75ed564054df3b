"""Records on a topic, and what the counting service heard of them."""

import asyncio
import json
import uuid
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from typer.testing import CliRunner

from shared.contracts.envelope import Envelope
from shared.settings import Settings
from tests.conftest import COMMUNITY, environment_of, until
from tests.integration.kernel import counting


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


def invoke(running, monkeypatch, *arguments: str):
    """Run a command of the service's own program against the same database and broker."""
    from shared.cli import service_cli

    environment = {**environment_of(running), "COLUMNS": "200"}
    return CliRunner().invoke(service_cli("counting", counting.build, Settings), list(arguments), env=environment)
