"""The client of the broker as every service uses it."""

import logging
from collections.abc import Mapping
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError
from faststream.kafka import KafkaBroker
from faststream.security import SASLPlaintext

from shared.settings import Settings


def kafka_broker(settings: Settings) -> KafkaBroker:
    """The broker as all services use it: keys respected, acknowledged by all replicas."""
    compression = None if settings.kafka_compression == "none" else settings.kafka_compression
    return KafkaBroker(
        settings.kafka_bootstrap_servers.split(","),
        security=_security(settings),
        enable_idempotence=settings.kafka_idempotent_producer,
        acks="all",
        compression_type=compression,
        linger_ms=0,
        apply_types=False,
        # Its own troubles (no permission, a corrupt record) are worth a line; every record is not.
        logger=logging.getLogger("faststream"),
        log_level=logging.DEBUG,
    )


def client_settings(settings: Settings) -> Mapping[str, Any]:
    """What a client is made with that is not `kafka_broker`'s own: where the broker is, and who asks."""
    return client_of(settings.kafka_bootstrap_servers, settings.kafka_username, _password(settings))


def client_of(servers: str, username: str | None = None, password: str | None = None) -> Mapping[str, Any]:
    """The same for whoever has no settings of a service; without a name where the broker asks for none."""
    client: dict[str, Any] = {"bootstrap_servers": servers.split(",")}
    if username is not None:
        client |= {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
        client |= {"sasl_plain_username": username, "sasl_plain_password": password}
    return client


def _security(settings: Settings) -> SASLPlaintext | None:
    username, password = settings.kafka_username, _password(settings)
    return None if username is None or password is None else SASLPlaintext(username, password)


def _password(settings: Settings) -> str | None:
    return None if settings.kafka_password is None else settings.kafka_password.get_secret_value()


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Not at each connection: deploy/README.md says that passwords go unencrypted over the containers' own network."""
    return record.msg != "Sending username and password in the clear"


logging.getLogger("aiokafka.conn").addFilter(_worth_a_line)


_send = AIOKafkaConnection.send


def _send_or_tell(self: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    """`send`, for which a connection that uvloop has just closed is a lost connection.

    aiokafka expects an OSError there. uvloop raises a RuntimeError, which nothing catches: it ends the task that keeps
    the client's metadata, and the client waits for metadata ever after (aio-libs/aiokafka issue 1038). It takes a
    broker that dies within a turn or two of the loop before something is sent.
    """
    try:
        return _send(self, request, expect_response)
    except RuntimeError as error:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error


AIOKafkaConnection.send = _send_or_tell
