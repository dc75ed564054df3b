"""The tests' PostgreSQL and Kafka as containers of the official images, where a Docker engine is at hand.

`make test-containers` runs the kernel's suite on them: the same behaviour on both kinds of parts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from deploy.local.ports import free_port

POSTGRES_IMAGE, KAFKA_IMAGE = "postgres:18", "apache/kafka:4.3.1"


@contextmanager
def parts() -> Iterator[dict[str, str]]:
    """Start both; gives the variables by which the local stack takes them for its own parts."""
    # Both are ended here; the reaper would be a third image for what a context manager does.
    testcontainers_config.ryuk_disabled = True
    port = free_port()
    kafka = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, port)
    for name, value in {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }.items():
        kafka = kafka.with_env(name, value)
    kafka = kafka.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(120))
    with PostgresContainer(POSTGRES_IMAGE, driver=None) as postgres, kafka:
        yield {"DATABASE_URL": postgres.get_connection_url(), "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"}
