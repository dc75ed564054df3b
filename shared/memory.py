"""How a process collects garbage: not while it is loaded, and rarely where batches are large."""

import asyncio
import gc
from itertools import count

_YOUNG_OBJECTS_MAX = 600_000
_YOUNG_OBJECTS_FEW, _YOUNG_OBJECTS_MANY = 2_000, 40_000
_TIDY_INTERVAL_S = 1.0
_YOUNGER_PER_OLDER = (10, 200)
"""How many times young objects are looked at before older ones are, and before all are."""


def loaded() -> None:
    """The program is loaded: leave that part alone for ever, and collect what comes. Ends the `gc.disable` of a start.

    Nothing that is imported is garbage; looking for some again and again takes a fifth of the start.
    """
    gc.freeze()
    gc.enable()


def collect_rarely() -> None:
    """Look at young objects once in several batches: each is tens of thousands of them that all live as long.

    With Python's default (every 700 new objects) half the time of reading a batch goes into looking at objects that
    are all still needed, and up to three batches are at once. Nothing here makes cycles in number; memory stays
    bounded by the size of a batch.
    """
    loaded()
    gc.set_threshold(_YOUNG_OBJECTS_MAX, 10, 20)


async def tidy_up() -> None:
    """Look at the few young objects that questions leave behind, a little every second, until cancelled.

    Statements that are put together anew are made of parts that hold each other, thousands for one with subqueries.
    Left until `_YOUNG_OBJECTS_MAX`, they would go all at once, and whoever asks at that moment waits a quarter of a
    second. Where Python has looked by itself since the last time, or so many objects came in a second as only batches
    bring, there is nothing to do: those of a batch are in use, and looking at them every second takes a tenth of its
    time.
    """
    looked = _times_looked()
    for turn in count(1):
        await asyncio.sleep(_TIDY_INTERVAL_S)
        if _times_looked() == looked and _YOUNG_OBJECTS_FEW < gc.get_count()[0] < _YOUNG_OBJECTS_MANY:
            gc.collect(sum(turn % every == 0 for every in _YOUNGER_PER_OLDER))
        looked = _times_looked()


def _times_looked() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())
