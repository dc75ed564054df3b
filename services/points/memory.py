"""How this process collects garbage: rarely, because a batch is tens of thousands of objects that all live as long."""

import gc

_YOUNG_OBJECTS_MAX = 200_000


def collect_rarely() -> None:
    """Leave what was loaded at the start alone for ever, and look at young objects once per batch or so.

    With Python's default (every 700 new objects) half the time of reading a batch goes into looking at objects that
    are all still needed. Nothing here makes cycles in number; memory stays bounded by the size of a batch.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS_MAX, 10, 20)
