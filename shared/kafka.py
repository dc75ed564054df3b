"""The client of the broker as every service uses it."""

import logging
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError
from faststream.kafka import KafkaBroker

from shared.settings import Settings


def kafka_broker(settings: Settings) -> KafkaBroker:
    """The broker as all services use it: keys respected, acknowledged by all replicas."""
    compression = None if settings.kafka_compression == "none" else settings.kafka_compression
    return KafkaBroker(
        settings.kafka_bootstrap_servers.split(","),
        enable_idempotence=settings.kafka_idempotent_producer,
        acks="all",
        compression_type=compression,
        linger_ms=0,
        apply_types=False,
        # Its own troubles (no permission, a corrupt record) are worth a line; every record is not.
        logger=logging.getLogger("faststream"),
        log_level=logging.DEBUG,
    )


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
