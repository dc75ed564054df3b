"""The HTTP server's protocol, with bounds on what nobody has authenticated yet: the size of a request's head, and how
long a client may take over head, body and answer.

The parser keeps a header until its line ends, and copies it whole with every piece that comes: one without end took all
memory, and the process for minutes, from anybody who can reach the port. And a client that sends a byte every second,
or reads none, would keep its connection for ever; there are only as many as there are file descriptors.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.settings import Settings

HEAD_BYTES_MAX: Final = 128 * 1024
"""Of the line, the headers, and what stands between the chunks of a body."""

_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def bounded_http(settings: Settings) -> Callable[..., asyncio.Protocol]:
    """What makes a protocol for every connection, under these settings."""
    return partial(BoundedHttp, head_s_max=settings.request_head_s_max, body_s_max=settings.request_body_s_max)


class BoundedHttp(HttpToolsProtocol):
    """Counts what is not body, and the time that the client takes; ends the connection when it is too much."""

    def __init__(self, *args: Any, head_s_max: float, body_s_max: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_s_max = head_s_max
        self._body_s_max = body_s_max
        self._beside_body = 0
        self._in_body = False
        self._deadline: asyncio.TimerHandle | None = None
        self._reading_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The client has connected, and is to ask for something."""
        super().connection_made(transport)
        self._await_client(self._head_s_max)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._await_nothing()
        if self._reading_deadline is not None:
            self._reading_deadline.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes from the socket."""
        self._beside_body += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._beside_body > HEAD_BYTES_MAX:
            if self._answering:
                self.transport.close()
            else:
                self.send_400_response("The head of the request is too large.")
        elif self._deadline is None and self._in_body:
            self._await_client(self._body_s_max)
        elif self._deadline is None and not self._answering:
            # The server waits for the next request only from an answer on; these bytes came after it.
            self._await_client(self._head_s_max if self._beside_body else self.timeout_keep_alive)

    def on_headers_complete(self) -> None:
        """The head is there, and the body begins."""
        self._await_nothing()
        self._in_body = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, which its route bounds."""
        self._beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next request on this connection begins."""
        self._await_nothing()
        self._in_body = False
        self._beside_body = 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client takes its answer slowly. As long as an idle connection is kept, it may take none of it."""
        super().pause_writing()
        self._await_reading()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        if self._reading_deadline is not None:
            self._reading_deadline.cancel()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing was asked since the last answer, of which a rest may still be on its way."""
        super().timeout_keep_alive_handler()
        if not self.flow.write_paused:
            self._reading_deadline = self.loop.call_later(self.timeout_keep_alive, self.transport.abort)

    def _await_reading(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._reading_deadline = self.loop.call_later(self.timeout_keep_alive, self._look_at_reading, left)

    def _look_at_reading(self, left: int) -> None:
        if self.transport.get_write_buffer_size() > left - HIGH_WATER_LIMIT:
            self.transport.abort()
        else:
            self._await_reading()

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _await_client(self, seconds: float) -> None:
        self._deadline = self.loop.call_later(seconds, self._end_waiting, seconds)

    def _await_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_waiting(self, seconds: float) -> None:
        self._deadline = None
        if self.flow.read_paused:
            self._await_client(seconds)  # it is our own turn: nothing is read before the route asks for more
        elif not self.transport.is_closing():
            asked = self._in_body or self._beside_body > 0
            if asked and not (self._in_body and self.cycle.response_started):
                self.transport.write(_TOO_SLOW)
            self.transport.close()
