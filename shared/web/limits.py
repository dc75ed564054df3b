"""How often strangers may ask: a bounded number of times a minute, from one place and altogether, in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from shared.contracts import Refusal

_WINDOW_S: Final = 60.0


class TooManyRequests(Refusal):
    """Asked too often within a minute."""

    code = "too_many_requests"
    status = 429


class RateLimit:
    """Counts requests in minutes, per process. Addresses are forgotten with the minute, and kept nowhere else.

    Behind a proxy every stranger has the proxy's address unless the server is told to trust its headers; then the
    limit is one for all of them.
    """

    def __init__(
        self,
        from_one_max: int = 60,
        altogether_max: int = 1200,
        addresses_max: int = 10_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._from_one_max = from_one_max
        self._altogether_max = altogether_max
        self._addresses_max = addresses_max
        self._monotonic = monotonic
        self._began = float("-inf")
        self._altogether = 0
        self._by_address: OrderedDict[str, int] = OrderedDict()

    def take(self, address: str) -> None:
        """Count one request. Raises `TooManyRequests` when it is one too many; that one is not counted."""
        now = self._monotonic()
        if now - self._began >= _WINDOW_S:
            self._began, self._altogether = now, 0
            self._by_address.clear()
        count = self._by_address.get(address, 0)
        if count >= self._from_one_max or self._altogether >= self._altogether_max:
            raise TooManyRequests
        self._altogether += 1
        self._by_address[address] = count + 1
        self._by_address.move_to_end(address)
        if len(self._by_address) > self._addresses_max:
            self._by_address.popitem(last=False)
