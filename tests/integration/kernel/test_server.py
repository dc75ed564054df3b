"""What reaches the socket before anybody is authenticated is bounded; requests as they are get through."""

import asyncio
import contextlib
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from functools import partial
from time import perf_counter
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs

from shared.web.server import HEAD_BYTES_MAX, BoundedHttp
from tests.conftest import COMMUNITY, ROOT, environment_of, until
from tests.integration.kernel import counting

LARGE = 30_000_000


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Tells how much body came, and how long the path was. `/large` is long, `/deaf` does not wait for a body."""
    if scope["path"] in ("/large", "/deaf"):
        answer = b"x" * (LARGE if scope["path"] == "/large" else 1)
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": answer})
        return
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    answer = f"{size} {len(scope['path'])}".encode()
    length = (b"content-length", str(len(answer)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": answer})


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[uvicorn.Server]:
    http = partial(BoundedHttp, head_s_max=1, body_s_max=2)
    config = uvicorn.Config(app, port=0, http=http, lifespan="off", loop="none", log_config=None, timeout_keep_alive=3)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    yield server
    server.should_exit = True
    await task


def port_of(server: uvicorn.Server) -> int:
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


@pytest.fixture
async def server() -> AsyncIterator[uvicorn.Server]:
    async with serving(echo) as server:
        yield server


@pytest.fixture
def port(server: uvicorn.Server) -> int:
    return port_of(server)


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


_HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("begin", "drip", "seconds", "answer"),
    [
        (b"", b"", 1, b""),
        (b"", b"\r\n", 1, b"HTTP/1.1 408"),
        (b"GET / HTTP/1.1\r\nX: ", b"a", 1, b"HTTP/1.1 408"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n", 1, b"HTTP/1.1 200"),
        (_HEAD + b"Content-Length: 1000\r\n\r\n", b"a", 2, b"HTTP/1.1 408"),
        (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", 2, b"HTTP/1.1 408"),
        (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ", b"b", 2, b"HTTP/1.1 408"),
        (_HEAD.replace(b"/ ", b"/deaf ") + b"Content-Length: 1000\r\n\r\n", b"a", 2, b"HTTP/1.1 200"),
    ],
    ids=["nothing", "empty lines", "head", "next head", "body", "chunks", "trailer", "body that nobody wants"],
)
async def test_a_client_that_sends_a_little_every_now_and_then_is_let_go(
    port: int, begin: bytes, drip: bytes, seconds: int, answer: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = perf_counter()

    async def dribble() -> None:
        while True:
            await asyncio.sleep(0.1)
            writer.write(drip)

    writer.write(begin)
    dribbling = asyncio.create_task(dribble())
    async with asyncio.timeout(10):
        came = b""
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65536):
                came += piece
    dribbling.cancel()
    writer.close()
    assert came.startswith(answer) if answer else came == b""
    assert seconds - 0.5 < perf_counter() - began < seconds + 5


async def test_a_client_that_does_not_take_its_answer_is_let_go(server: uvicorn.Server, port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")

    async def connected() -> bool:
        return bool(server.server_state.connections)

    async def let_go() -> bool:
        return not server.server_state.connections

    await until(connected)
    await until(let_go, 10)
    came = 0
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(1_000_000):
            came += len(piece)
    writer.close()
    assert came < LARGE, "the rest was not kept for it"


@pytest.mark.parametrize("then", [_CLOSE, b"Host: x\r\n"], ids=["closed", "kept"])
async def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(port: int, then: bytes) -> None:
    """A statement over a bad line: longer than an idle connection is kept, and still moving."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /large HTTP/1.1\r\n" + then + b"\r\n")
    came, began = 0, perf_counter()
    while piece := await reader.read(1_000_000):
        came += len(piece)
        await asyncio.sleep(len(piece) / 4_000_000)
    writer.close()
    assert came > LARGE
    assert perf_counter() - began > 6


async def test_slow_but_steady_is_served_and_a_connection_is_kept_for_the_next_request(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        for piece in (b"POST / HTTP/1.1\r\n", b"Host: x\r\nContent-Length: 3\r\n\r\n", b"a", b"b", b"c"):
            await asyncio.sleep(0.2)
            writer.write(piece)
        async with asyncio.timeout(5):
            assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(3) == b"3 1"
        await asyncio.sleep(1.5)
    writer.close()


async def test_a_client_that_goes_away_in_the_middle_of_its_request_is_no_fault_of_ours(start, caplog) -> None:
    running = await start(counting.build, working=False)
    token = running.client().headers["authorization"]
    head = f"POST /v1/counters/{uuid.uuid4()} HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    head += "Idempotency-Key: of-a-phone\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    with capture_logs() as said:
        async with serving(running.service.app) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            writer.write(head.encode() + b'{"community": "' + COMMUNITY.encode())

            async def asked() -> bool:
                return bool(server.server_state.tasks)

            async def done() -> bool:
                return not server.server_state.tasks

            await until(asked)
            writer.close()
            await until(done)
    assert said == []
    assert [line.getMessage() for line in caplog.records if line.name.startswith("uvicorn")] == []


FAILING = """
import uvloop
from shared.settings import Settings
from tests.integration.kernel import counting


async def fail():
    raise ValueError("合成·甲")


service = counting.build(Settings.from_environment())
service.background = [fail]
uvloop.run(service.run())
"""


async def test_a_part_that_fails_ends_the_service_and_the_log_says_where(start) -> None:
    running = await start(counting.build, working=False)
    ended = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", FAILING),
        env={**os.environ, **environment_of(running)},
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(ended.communicate(), 60)
    told = [json.loads(line) for line in said.decode().splitlines()]
    assert ended.returncode == 1
    [failed] = [line for line in told if line["event"] == "failed"]
    assert "in fail" in failed["exception"]
    assert "builtins.ValueError" in failed["exception"]
    assert "合成" not in said.decode()
