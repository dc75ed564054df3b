"""The parts of docs/events.md that follow from the code: its tables, and one record as it stands on a topic."""

import re
from collections.abc import Mapping

from shared.contracts.envelope import CONTEXTS
from shared.contracts.event import Event
from shared.contracts.examples import golden
from shared.contracts.schema import BALANCES_TOPIC, TOPICS, as_json, chinese_title, meaning, path_of, topic_of_type

_EXAMPLE = "liuling.registry.ActivityCompleted.v1"


def with_generated_parts(text: str, types: Mapping[str, type[Event]]) -> str:
    """The text with what stands between its ``generated`` marks made anew. Raises `KeyError` for an unknown part."""
    parts = {"topics": _topics(types), "example": _example(types), "events": _events(types)}
    return re.sub(
        r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)",
        lambda match: f"{match[1]}\n{parts[match[2]]}\n{match[3]}",
        text,
        flags=re.DOTALL,
    )


def _topics(types: Mapping[str, type[Event]]) -> str:
    rows = ["| 主题 topic | 键 key | 保留 kept | 事件类型 event types |", "|---|---|---|---|"]
    for topic in TOPICS:
        count = sum(topic_of_type(event_type) == topic for event_type in types.values())
        if topic == BALANCES_TOPIC:
            key, kept = "账户 account, `holder/unit`", "压缩，每键最新一条 compacted, the newest per key"
        else:
            key, kept = "流 stream, = `ce_subject`", "永久 for ever"
        rows.append(f"| `{topic}` | {key} | {kept} | {count} |")
    return "\n".join(rows) + "\n"


def _example(types: Mapping[str, type[Event]]) -> str:
    record = golden(types[_EXAMPLE])
    headers = "\n".join(f"{name}: {value}" for name, value in record["headers"].items())
    return (
        f"```text\ntopic: {record['topic']}\nkey:   {record['key']}\n\n{headers}\n```\n\n"
        f"```json\n{as_json(record['body'])}```\n"
    )


def _events(types: Mapping[str, type[Event]]) -> str:
    blocks = []
    for context in CONTEXTS:
        rows = [f"**{context}**\n", "| 事件 event | 含义 | meaning |", "|---|---|---|"]
        rows += [
            f"| [`{event_type.NAME}.v{event_type.VERSION}`](../shared/contracts/schemas/{path_of(event_type)})"
            f" | {chinese_title(event_type) or ''} | {meaning(event_type)} |"
            for event_type in types.values()
            if context == event_type.CONTEXT
        ]
        blocks.append("\n".join(rows) + "\n")
    return "\n".join(blocks)
