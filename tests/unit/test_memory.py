"""Garbage goes a little at a time, and not all at once while somebody waits."""

import asyncio
import gc
import weakref

import pytest

from shared import memory


class _Part:
    """One of two that hold each other, as parts of a statement do."""

    other: "_Part"


def _leave_behind(pairs: int) -> "weakref.ref[_Part]":
    for _ in range(pairs):
        one, two = _Part(), _Part()
        one.other, two.other = two, one
    return weakref.ref(one)


@pytest.mark.parametrize(
    ("pairs", "collected"),
    [
        pytest.param(10, False, id="a few are not worth a look"),
        pytest.param(3000, True, id="a long answer"),
        pytest.param(90_000, False, id="a large batch"),
    ],
)
async def test_what_python_would_leave_for_long_is_collected_soon(
    monkeypatch: pytest.MonkeyPatch, pairs: int, *, collected: bool
) -> None:
    monkeypatch.setattr(memory, "_TIDY_INTERVAL_S", 0.01)
    gc.collect()
    gc.disable()
    tidying = asyncio.ensure_future(memory.tidy_up())
    try:
        left = _leave_behind(pairs)
        await asyncio.sleep(0.2)
        assert (left() is None) is collected
    finally:
        tidying.cancel()
        gc.enable()
