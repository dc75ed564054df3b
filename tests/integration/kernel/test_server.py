"""What reaches the socket before anybody is authenticated is bounded; requests as they are get through."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from shared.web.server import HEAD_BYTES_MAX, BoundedHttp


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Tells how much body came, and how long the path was."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    answer = f"{size} {len(scope['path'])}".encode()
    length = (b"content-length", str(len(answer)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": answer})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = uvicorn.Config(echo, port=0, http=BoundedHttp, lifespan="off", loop="none", log_config=None)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def send(port: int, *pieces: bytes) -> bytes:
    """Everything that comes back before the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65536):
                answer += piece
    writer.close()
    return answer


_CLOSE = b"Host: x\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\r\nX-Long: ", b"GET /", b"GET / HTTP/1.1\r\nX-Many: 1\r\n", b"GET / HTTP/1.1\r\n"],
)
async def test_a_head_without_end_is_refused(port: int, head: bytes) -> None:
    endless = b"X: 1\r\n" if head.endswith(b"\n") else b"a"
    answer = await send(port, head, *[endless * (65536 // len(endless))] * 500)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert (await send(port, b"GET / HTTP/1.1\r\n" + _CLOSE + b"\r\n")).endswith(b"0 1"), "and the next one is served"


async def test_trailers_without_end_are_refused(port: int) -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    answer = await send(port, chunked, *[b"X: 1\r\n" * 10_000] * 100)
    assert b" 200 " not in answer[:20]


async def test_requests_as_they_are_get_through(port: int) -> None:
    long = b"GET /" + b"p" * 4000 + b" HTTP/1.1\r\nX-Long: " + b"a" * (HEAD_BYTES_MAX // 2) + b"\r\n"
    assert (await send(port, long + _CLOSE + b"\r\n")).endswith(b"0 4001")
    large = b"POST / HTTP/1.1\r\nContent-Length: 8000000\r\n" + _CLOSE + b"\r\n"
    assert (await send(port, large, *[b"b" * 100_000] * 80)).endswith(b"8000000 1")
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + _CLOSE + b"\r\n"
    chunks = [b"1000\r\n" + b"c" * 4096 + b"\r\n"] * 2000
    assert (await send(port, chunked, *chunks, b"0\r\n\r\n")).endswith(b"8192000 1")
    again = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nX-Long: " + b"a" * 50_000 + b"\r\n\r\nb"
    kept = await send(port, *[again] * 20, b"GET / HTTP/1.1\r\n" + _CLOSE + b"\r\n")
    assert kept.count(b"1 1") == 20, "twenty on one connection, each bounded by itself"
