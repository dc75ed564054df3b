"""How a process collects garbage: not while it is loaded, and rarely where batches are large."""

import gc

_YOUNG_OBJECTS_MAX = 200_000


def loaded() -> None:
    """The program is loaded: leave that part alone for ever, and collect what comes. Ends the `gc.disable` of a start.

    Nothing that is imported is garbage; looking for some again and again takes a fifth of the start.
    """
    gc.freeze()
    gc.enable()


def collect_rarely() -> None:
    """Look at young objects once per batch or so, because a batch is tens of thousands of them that all live as long.

    With Python's default (every 700 new objects) half the time of reading a batch goes into looking at objects that
    are all still needed. Nothing here makes cycles in number; memory stays bounded by the size of a batch.
    """
    loaded()
    gc.set_threshold(_YOUNG_OBJECTS_MAX, 10, 20)
