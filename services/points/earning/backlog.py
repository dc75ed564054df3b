"""Whether a backlog is being booked, for what works beside the booking: it rests longer then.

Signs are looked for and balances told in the same process and on the same processors as booking. Nobody waits for
either while events of days ago come in; what they are about changes again with each batch.
"""

import time

from shared.batches import BACKLOG_RECORDS

_REST = 24
"""How many times as long as some work took is rested while a backlog is booked: it takes a twenty-fifth of the time."""
_LASTS_S = 2.0
"""How long after one large batch another is expected."""


class Backlog:
    """Hears of every batch, and tells others to be patient."""

    def __init__(self) -> None:
        self._until = float("-inf")

    def booking(self, records: int) -> None:
        """A batch of so many records is being booked."""
        if records >= BACKLOG_RECORDS:
            self._until = time.monotonic() + _LASTS_S

    def rest_s(self, took_s: float, times: int) -> float:
        """How long to rest after work that took so long: `times` as long, and longer while a backlog is booked."""
        return took_s * (max(times, _REST) if time.monotonic() < self._until else times)
