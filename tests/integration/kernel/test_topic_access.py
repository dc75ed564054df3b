"""A broker that asks for names: services write their own topics, other systems read, and nobody else gets in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)

from deploy.local.kafka.broker import Kafka
from deploy.local.kafka.runtime import NoKafka, prepare
from deploy.local.ports import free_port
from deploy.local.processes import Warden
from shared.kafka import client_of, kafka_broker
from shared.topic_access import grant
from shared.topics import ensure_topics
from tests.integration.kernel import counting

USERS = ("admin", "registry", "points", "subscriber-police")
_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


def settings_of_broker(port: int, controller_port: int, named_port: int) -> dict[str, str]:
    """A node with a second listener that asks for names: each of `USERS`, by the password `of-<name>`."""
    users = " ".join(f'user_{name}="of-{name}"' for name in USERS)
    listeners = f"PLAINTEXT://127.0.0.1:{port},NAMED://127.0.0.1:{named_port}"
    return {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,NAMED:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.named.plain.sasl.jaas.config": f"{_LOGIN} {users};",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # The node itself, which asks its controller without a name.
        "super.users": "User:admin;User:ANONYMOUS",
    }


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a broker listens that asks for names."""
    folder: Path = tmp_path_factory.mktemp("bus")
    warden = Warden()
    try:
        runtime = prepare(warden, folder, lambda _: None)
    except NoKafka as reason:
        warden.close()
        pytest.skip(f"no Kafka here: {reason}")
    port, controller_port, named_port = (free_port() for _ in range(3))
    kafka = Kafka(
        runtime,
        folder / "kafka",
        folder,
        warden,
        port=port,
        controller_port=controller_port,
        settings=settings_of_broker(port, controller_port, named_port),
    )
    try:
        kafka.start()
        yield f"127.0.0.1:{named_port}"
    finally:
        kafka.kill()
        warden.close()


@pytest.fixture
async def settings_of(broker: str, start):
    """Settings of a service on that broker, under a name."""
    settings = (await start(counting.build, working=False)).service.settings

    def of(name: str | None):
        named = {"kafka_username": name, "kafka_password": name and f"of-{name}"}
        return type(settings).model_validate(settings.model_dump() | {"kafka_bootstrap_servers": broker} | named)

    return of


async def test_who_may_write_and_read_what(broker: str, settings_of) -> None:
    admin, registry = settings_of("admin"), settings_of("registry")
    assert await ensure_topics(admin)
    assert await grant(admin)
    assert await grant(admin), "twice is as once"
    own, other = registry.topic("registry"), registry.topic("points")

    service = kafka_broker(registry)
    await service.start()
    try:
        await service.publish(b"told", topic=own)
        with pytest.raises(TopicAuthorizationFailedError):
            await service.publish(b"forged", topic=other)
    finally:
        await service.stop()
    with pytest.raises(TopicAuthorizationFailedError):
        await written(broker, own, "points")
    # Nor does a service give itself rights, or make topics: `migrate` has a name of its own.
    with pytest.raises(ClusterAuthorizationFailedError):
        await grant(registry)
    with pytest.raises(TopicAuthorizationFailedError):
        await ensure_topics(registry.model_copy(update={"kafka_namespace": "another"}))

    assert await read(broker, own, "points", group=registry.group("points")) == b"told"
    assert await read(broker, own, "subscriber-police", group="subscriber-police") == b"told"
    assert await read(broker, own, "subscriber-police", group=None) == b"told"
    with pytest.raises(TopicAuthorizationFailedError):
        await written(broker, own, "subscriber-police")
    with pytest.raises(GroupAuthorizationFailedError):
        await read(broker, own, "subscriber-police", group=registry.group("points"))


@pytest.mark.parametrize(("name", "password"), [(None, None), ("nobody", "of-nobody"), ("registry", "of-points")])
async def test_nobody_else_gets_in(broker: str, name: str | None, password: str | None) -> None:
    admin = AIOKafkaAdminClient(**client_of(broker, name, password), request_timeout_ms=3000)
    with pytest.raises(KafkaConnectionError):
        await admin.start()
    await admin.close()


async def written(broker: str, topic: str, user: str) -> None:
    async with AIOKafkaProducer(**client_of(broker, user, f"of-{user}")) as producer:
        await producer.send_and_wait(topic, b"forged")


async def read(broker: str, topic: str, user: str, *, group: str | None) -> bytes | None:
    """The first record of a topic, read under a name, in a group."""
    consumer = AIOKafkaConsumer(
        topic, **client_of(broker, user, f"of-{user}"), group_id=group, auto_offset_reset="earliest"
    )
    async with consumer:
        value: bytes | None = (await consumer.getone()).value
        return value
