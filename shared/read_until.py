"""How far each topic was read, as the database itself knows it: restored from a backup, it says where to go on.

Noted after the transactions of the batches, so a place is never ahead of their effects. What lies behind it may have
been read before; event ids see to that.
"""

from collections.abc import Collection, Mapping

from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_NOTE = text(
    "INSERT INTO read_until (topic, partition, log_offset)"
    " SELECT * FROM unnest(cast(:topics AS text[]), cast(:partitions AS integer[]), cast(:offsets AS bigint[]))"
    " ON CONFLICT (topic, partition) DO UPDATE SET log_offset = excluded.log_offset"
)
_READ = text("SELECT topic, partition, log_offset FROM read_until WHERE topic = ANY(cast(:topics AS text[]))")


async def note(connection: AsyncConnection, offsets: Mapping[TopicPartition, int]) -> None:
    """Note how far partitions were applied: everything before these offsets."""
    rows = sorted((place.topic, place.partition, offset) for place, offset in offsets.items())
    topics, partitions, ends = zip(*rows, strict=True)
    await connection.execute(_NOTE, {"topics": list(topics), "partitions": list(partitions), "offsets": list(ends)})


async def places(connection: AsyncConnection, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """How far each of these was applied; not there where nothing was noted yet."""
    rows = await connection.execute(_READ, {"topics": sorted({place.topic for place in partitions})})
    return {place: row[2] for row in rows if (place := TopicPartition(row[0], row[1])) in partitions}


def beginning(noted: int | None, committed: int | None) -> int:
    """Where to begin to read a partition, by what the database and the broker say; either may be the older one.

    A restored database knows less than the broker; a topic that was made anew begins with less than the database knows.
    What one of them knows nothing of is read as a whole.
    """
    return min(noted or 0, committed or 0)
