"""What the demo looks at from outside before it says ok: the topics, the logs, and the points service's own proof."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.demo.platform import Platform
from shared.contracts.envelope import CONTEXTS, topic_of

GROUP = "liuling-points"
_CAUGHT_UP_S_MAX = 120.0


@dataclass(slots=True)
class TopicFacts:
    """What the topics hold."""

    events: int = 0
    """Distinct event ids."""
    records: int = 0
    types: Counter[str] = field(default_factory=Counter)
    leaks: list[str] = field(default_factory=list)
    """Where something personal was found: topic and kind, never the value."""


async def caught_up(bus: Mapping[str, Any], group: str = GROUP, contexts: Sequence[str] = CONTEXTS) -> float:
    """Wait until nothing more arrives and the group has committed all there is; returns the seconds waited."""
    started = time.monotonic()
    consumer = AIOKafkaConsumer(**bus, enable_auto_commit=False)
    admin = AIOKafkaAdminClient(**bus)
    await consumer.start()
    await admin.start()
    try:
        partitions = await _partitions(bus, [topic_of(context) for context in contexts])
        before: dict[TopicPartition, int] = {}
        while True:
            ends = await consumer.end_offsets(partitions)
            committed = await admin.list_consumer_group_offsets(group)
            behind = sum(
                end - (committed[partition].offset if partition in committed else 0)
                for partition, end in ends.items()
                if partition.topic != topic_of("points")
            )
            if behind <= 0 and ends == before:
                return time.monotonic() - started
            if time.monotonic() - started > _CAUGHT_UP_S_MAX:
                raise TimeoutError(f"积分服务仍落后 points is still {behind} records behind")
            before = ends
            await asyncio.sleep(0.3)
    finally:
        await admin.close()
        await consumer.stop()


async def read_topics(bus: Mapping[str, Any], personal: frozenset[str]) -> TopicFacts:
    """Read every topic from the beginning, count distinct events, and look for anything personal."""
    facts, seen = TopicFacts(), set[str]()
    consumer = AIOKafkaConsumer(**bus, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        topics = [topic_of(context) for context in (*CONTEXTS, "points.balances")]
        partitions = await _partitions(bus, topics)
        ends = await consumer.end_offsets(partitions)
        open_ = {partition for partition in partitions if ends[partition] > 0}
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        while open_:
            for partition, records in (await consumer.getmany(timeout_ms=1000, max_records=5000)).items():
                for record in records:
                    _look_at(record, personal, facts, seen)
                if records and records[-1].offset >= ends[partition] - 1:
                    open_.discard(partition)
            for partition in list(open_):
                if await consumer.position(partition) >= ends[partition]:
                    open_.discard(partition)
    finally:
        await consumer.stop()
    facts.events = len(seen)
    return facts


def _look_at(record: "object", personal: frozenset[str], facts: TopicFacts, seen: set[str]) -> None:
    headers = dict(record.headers)  # type: ignore[attr-defined]
    value = record.value or b""  # type: ignore[attr-defined]
    topic = record.topic  # type: ignore[attr-defined]
    facts.records += 1
    if not topic.endswith(".balances.v1"):
        seen.add(headers["ce_id"].decode())
        facts.types[headers["ce_type"].decode().split(".")[-2]] += 1
    whole = (value + b" ".join(headers.values())).decode("utf-8", "replace")
    if holds_personal(whole, personal):
        facts.leaks.append(topic)


_NUMBERS = re.compile(r"\d{11,17}[\dX]?", re.IGNORECASE)
_CHINESE = re.compile(r"[\u4e00-\u9fff]{2,}")
_NAME_LENGTHS = (2, 3, 4)


def holds_personal(text: str, personal: frozenset[str]) -> bool:
    """Whether any of the register's names or numbers stands in the text, also inside a longer run."""
    for run in _NUMBERS.findall(text):
        if run.upper() in personal or any(run[start : start + 11] in personal for start in range(len(run) - 10)):
            return True
    for run in _CHINESE.findall(text):
        for length in _NAME_LENGTHS:
            if any(run[start : start + length] in personal for start in range(len(run) - length + 1)):
                return True
    return False


def leaks_in_logs(platform: Platform, personal: frozenset[str]) -> list[str]:
    """Names of logs that hold something personal."""
    return [name for name, text in platform.logs() if holds_personal(text, personal)]


async def _partitions(bus: Mapping[str, Any], topics: Sequence[str]) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**bus)
    await admin.start()
    try:
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    return [TopicPartition(topic["topic"], part["partition"]) for topic in described for part in topic["partitions"]]
