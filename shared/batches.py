"""What was read and is not yet written, and what is being written."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from aiokafka import ConsumerRecord, TopicPartition

from shared.deliveries import Delivery

BACKLOG_RECORDS = 500
"""After a batch of this many another may start beside it; after fewer, what comes meanwhile comes together."""
_WEIGHT_MAX = 24 * 1024 * 1024
"""What one read may bring: 2 MiB of each of a topic's 12 partitions. Large records are not put together beyond it."""


@dataclass(slots=True)
class Batch:
    """A batch, read and sorted, on its way to the database."""

    understood: list[tuple[ConsumerRecord, Delivery]]
    malformed: list[tuple[ConsumerRecord, str]]
    offsets: dict[TopicPartition, int]
    ignored: int
    size: int
    weight: int = 0
    """Bytes of the bodies."""

    def add(self, later: "Batch") -> None:
        """Put a later batch behind this one."""
        self.understood += later.understood
        self.malformed += later.malformed
        self.offsets |= later.offsets
        self.ignored += later.ignored
        self.size += later.size
        self.weight += later.weight

    def keys(self) -> set[bytes]:
        """The keys of all records that touch the database."""
        return {record.key or b"" for record, _ in (*self.understood, *self.malformed)}


class Waiting:
    """The batch that is written next. What is read meanwhile is put together, so that the slower the writing, the more
    each transaction carries; a full one makes the reading wait, for more would only cost memory.
    """

    def __init__(self, size_max: int) -> None:
        self._size_max = size_max
        self._changed = asyncio.Condition()
        self._batch: Batch | None = None
        self._error: Exception | None = None

    async def add(self, batch: Batch) -> None:
        """Put a batch behind what waits, as soon as there is room."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._batch is None or self._fit(self._batch, batch))
            if self._batch is None:
                self._batch = batch
            else:
                self._batch.add(batch)
            self._changed.notify_all()

    def _fit(self, waiting: Batch, batch: Batch) -> bool:
        return waiting.size + batch.size <= self._size_max and waiting.weight + batch.weight <= _WEIGHT_MAX

    async def fail(self, error: Exception) -> None:
        """Let `take` raise."""
        async with self._changed:
            self._error = error
            self._changed.notify_all()

    async def take(self) -> Batch:
        """All that waits, as soon as there is something."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._batch is not None or self._error is not None)
            if self._error is not None:
                raise self._error
            batch, self._batch = self._batch, None
            self._changed.notify_all()
        assert batch is not None
        return batch


class Abreast:
    """Batches that are being written side by side, with no key in two of them: what follows a record of its key comes
    after it.
    """

    def __init__(self, tasks: asyncio.TaskGroup, most: int) -> None:
        self._tasks = tasks
        self._most = most
        self._under_way: deque[tuple[asyncio.Task[None], AbstractSet[bytes]]] = deque()

    async def room_for(self, keys: AbstractSet[bytes]) -> asyncio.Task[None] | None:
        """Wait until a batch with these keys may begin. Returns the one that began last, if it is still under way."""
        while self._under_way and (
            len(self._under_way) == self._most or any(keys & others for _, others in self._under_way)
        ):
            await self._under_way.popleft()[0]
        return self._under_way[-1][0] if self._under_way else None

    def begin(self, writing: Coroutine[None, None, None], keys: AbstractSet[bytes]) -> None:
        """Write one for which there is room."""
        self._under_way.append((self._tasks.create_task(writing), keys))

    async def finish(self) -> None:
        """Wait until all are written."""
        while self._under_way:
            await self._under_way.popleft()[0]
