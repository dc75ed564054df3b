"""The topics of the platform and how they are kept: for ever, in order, compressed."""

from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from shared.contracts.envelope import CONTEXTS
from shared.settings import Settings

_KEPT_FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
_LATEST_PER_KEY = {"cleanup.policy": "compact", "min.compaction.lag.ms": "0"}


def topic_configs(settings: Settings) -> Mapping[str, Mapping[str, str]]:
    """Every topic of this installation and its configuration."""
    topics: dict[str, Mapping[str, str]] = {settings.topic(context): _KEPT_FOR_EVER for context in CONTEXTS}
    return topics | {settings.topic("points.balances"): _LATEST_PER_KEY}


async def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; returns their names. Safe to run from several places at once."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)
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
        return missing
    finally:
        await admin.close()


def _compression(settings: Settings) -> str:
    return "producer" if settings.kafka_compression == "none" else settings.kafka_compression
