"""What the platform mends in its Kafka client."""

import asyncio

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

import shared.kafka  # noqa: F401 - mends the connection


def test_a_connection_that_has_just_gone_is_a_lost_connection_to_the_client() -> None:
    async def meet_the_moment() -> None:
        async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        connection = AIOKafkaConnection("127.0.0.1", server.sockets[0].getsockname()[1])
        connection._versions = {MetadataRequest.API_KEY: (0, 5)}
        connection._do_version_lookup = lambda: asyncio.sleep(0)
        await connection.connect()
        transport = connection._writer.transport
        transport.abort()
        await asyncio.sleep(0)
        assert connection._writer is not None, "the client has not noticed yet"
        with pytest.raises(KafkaConnectionError):
            connection.send(MetadataRequest([]))
        assert not connection.connected()
        server.close()

    uvloop.run(meet_the_moment())
