"""Batches side by side: as many as may be, and none beside another with a key of its own."""

import asyncio

import pytest

from shared.batches import Abreast


class Writing:
    """Writes that end when they are told to."""

    def __init__(self) -> None:
        self.begun, self.ended = list[str](), list[str]()
        self._gates: dict[str, asyncio.Event] = {}

    async def write(self, name: str) -> None:
        self.begun.append(name)
        self._gates[name] = gate = asyncio.Event()
        await gate.wait()
        self.ended.append(name)

    async def let_end(self, name: str) -> None:
        await asyncio.sleep(0)
        self._gates[name].set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def _waits(waiting: "asyncio.Task[object]") -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return not waiting.done()


async def test_two_with_keys_of_their_own_are_written_side_by_side_and_a_third_waits_for_the_oldest() -> None:
    writing = Writing()
    async with asyncio.TaskGroup() as tasks:
        abreast = Abreast(tasks, 2)
        for name, key in (("one", b"a"), ("two", b"b")):
            await abreast.room_for({key})
            abreast.begin(writing.write(name), {key})
        third = tasks.create_task(abreast.room_for({b"c"}))
        assert await _waits(third)
        assert writing.begun == ["one", "two"]
        await writing.let_end("one")
        before = await third
        assert before is not None
        assert not before.done()
        await writing.let_end("two")
        await abreast.finish()
        assert before.done()
    assert writing.ended == ["one", "two"]


async def test_a_batch_with_a_key_of_one_under_way_waits_for_it() -> None:
    writing = Writing()
    async with asyncio.TaskGroup() as tasks:
        abreast = Abreast(tasks, 2)
        await abreast.room_for({b"a", b"b"})
        abreast.begin(writing.write("one"), {b"a", b"b"})
        second = tasks.create_task(abreast.room_for({b"b", b"c"}))
        assert await _waits(second)
        await writing.let_end("one")
        assert await second is None


async def test_a_failure_is_raised_where_the_batches_come_from() -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def write_all() -> None:
        async with asyncio.TaskGroup() as tasks:
            abreast = Abreast(tasks, 2)
            await abreast.room_for(set())
            abreast.begin(fail(), set())
            await abreast.finish()

    with pytest.raises(ExceptionGroup) as caught:
        await write_all()
    assert caught.group_contains(ValueError)
