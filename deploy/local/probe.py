"""Whether a server answers, asked with as little as possible: these questions are repeated every 20 ms."""

import http.client
import socket
import struct

_TIMEOUT_S = 3.0
_METADATA_REQUEST = struct.pack(">hhihi", 3, 1, 1, -1, 0)
"""Metadata (key 3) version 1, correlation id 1, no client id, no topics."""


def kafka_answers(bootstrap: str) -> bool:
    """Whether the cluster names at least one broker: an open port alone may still be a node that is fenced."""
    host, _, port = bootstrap.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), _TIMEOUT_S) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.sendall(struct.pack(">i", len(_METADATA_REQUEST)) + _METADATA_REQUEST)
            # Length, correlation id, and the array of brokers, which starts with its length.
            answer = connection.recv(12, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(answer) == 12 and struct.unpack(">iii", answer)[2] > 0


def http_ready(host: str, port: int) -> bool:
    """Whether a service says that it is ready."""
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
