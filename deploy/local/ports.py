"""Free TCP ports on loopback."""

import random
import socket

# Below the range that Linux hands to outgoing connections: a port chosen here is not taken by a client's socket
# between the moment we find it free and the moment the server listens.
_FIRST, _LAST = 20_000, 32_700
_ATTEMPTS_MAX = 500


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: sockets of a server that has just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(*, preferred: int | None = None, taken: frozenset[int] = frozenset()) -> int:
    """The preferred port when it is free, else any free one that is not in `taken`."""
    if preferred is not None and preferred not in taken and is_free(preferred):
        return preferred
    for _ in range(_ATTEMPTS_MAX):
        port = random.randint(_FIRST, _LAST)
        if port not in taken and is_free(port):
            return port
    raise OSError("没有空闲端口 no free port on loopback")
