"""The topics of the platform and how they are kept: for ever, in order, compressed."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, TopicAlreadyExistsError, for_code

from shared.contracts.envelope import CONTEXTS
from shared.kafka import client_settings
from shared.settings import Settings

_KEPT_FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
_GROUPS_WITHIN_S = 10.0
_LATEST_PER_KEY = {"cleanup.policy": "compact", "min.compaction.lag.ms": "0"}


def topic_configs(settings: Settings) -> Mapping[str, Mapping[str, str]]:
    """Every topic of this installation and its configuration."""
    topics: dict[str, Mapping[str, str]] = {settings.topic(context): _KEPT_FOR_EVER for context in CONTEXTS}
    return topics | {settings.topic("points.balances"): _LATEST_PER_KEY}


async def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; returns their names. Safe to run from several places at once."""
    admin = AIOKafkaAdminClient(**client_settings(settings))
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        configs = topic_configs(settings)
        missing = [topic for topic in configs if topic not in existing]
        if not missing:
            return []
        response = await admin.create_topics(
            [
                NewTopic(
                    name,
                    settings.kafka_partitions,
                    settings.kafka_replication_factor,
                    topic_configs={"compression.type": _compression(settings), **configs[name]},
                )
                for name in missing
            ]
        )
        for name, code, *_ in response.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise for_code(code)(name)
        await _have_groups(admin)
        return missing
    finally:
        await admin.close()


async def _have_groups(admin: AIOKafkaAdminClient) -> None:
    """Wait until a fresh broker has its own topic of groups, which the first question for one has it make."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_GROUPS_WITHIN_S):
            while True:
                try:
                    await admin.find_coordinator("liuling")
                    return
                except GroupCoordinatorNotAvailableError:
                    await asyncio.sleep(0.05)


def _compression(settings: Settings) -> str:
    return "producer" if settings.kafka_compression == "none" else settings.kafka_compression
