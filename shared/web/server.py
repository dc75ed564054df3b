"""The HTTP server's protocol, with a bound on the head of a request, which nobody has authenticated yet.

The parser keeps a header until its line ends, and copies it whole with every piece that comes: one without end took all
memory, and the process for minutes, from anybody who can reach the port.
"""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX: Final = 128 * 1024
"""Of the line, the headers, and what stands between the chunks of a body."""


class BoundedHttp(HttpToolsProtocol):
    """Counts what is not body, and ends the connection when it is too much."""

    _beside_body = 0

    def data_received(self, data: bytes) -> None:
        """Bytes from the socket."""
        self._beside_body += len(data)
        super().data_received(data)
        if self._beside_body <= HEAD_BYTES_MAX or self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.send_400_response("The head of the request is too large.")
        else:
            self.transport.close()  # an answer is under way already

    def on_body(self, body: bytes) -> None:
        """A piece of the body, which its route bounds."""
        self._beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next request on this connection begins."""
        self._beside_body = 0
        super().on_message_complete()
