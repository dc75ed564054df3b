"""The AsyncAPI 3.0 document of the platform's topics, for subscribers and their code generators.

Self-contained: every schema is inside, so that one file can be handed on. Source: https://www.asyncapi.com/docs/
reference/specification/v3.0.0, the Kafka bindings 0.5.0, and the CloudEvents Kafka protocol binding 1.0.2.
"""

from collections.abc import Mapping
from typing import Any

from shared.contracts.envelope import CONTENT_TYPE, SPEC_VERSION, topic_of
from shared.contracts.event import Event
from shared.contracts.examples import golden
from shared.contracts.schema import BALANCES_TOPIC, TOPICS, chinese_title, meaning, schema_of, topic_of_type

PARTITIONS = 12
_BINDING = "0.5.0"
_DESCRIPTION = """\
社区志愿服务平台“六零”的事件。每个事件是一条 CloudEvents 1.0 消息（Kafka 二进制模式）；同一流的事件同键、按序；
可能重复投递，请按 ce_id 去重。事件不含个人信息。详见 docs/events.md。

The events of Liuling, a platform for community volunteering. Every event is a CloudEvent 1.0 in Kafka's binary mode;
events of one stream have one key and come in order; deliveries may repeat: deduplicate by ce_id. There is no personal
data in them. See docs/events.md."""
_CHANNELS: Mapping[str, tuple[str, str]] = {
    topic_of("registry"): ("组织、志愿者、服务队与活动", "Organisation, volunteers, teams and activities."),
    topic_of("points"): ("积分办法、爱心超市与兑换", "Pricing policies, the love market and redemptions."),
    topic_of("grid_patrol"): ("网格、巡逻队、班次与发现", "Grid cells, crews, shifts and findings."),
    topic_of("mediation"): ("矛盾纠纷调解案件", "Dispute cases."),
    BALANCES_TOPIC: (
        "每个账户的最新余额；压缩主题，每个键只保留最新一条",
        "The latest balance of every account. Compacted: only the newest record of a key is kept.",
    ),
}


def document(types: Mapping[str, type[Event]]) -> dict[str, Any]:
    """The whole document, as JSON-compatible values."""
    schemas: dict[str, Any] = {"cloudEventHeaders": _headers()}
    messages: dict[str, Any] = {}
    for name, event_type in types.items():
        schemas |= _hoisted(_key(name), schema_of(event_type))
        messages[_key(name)] = _message(name, event_type)
    return {
        "asyncapi": "3.0.0",
        "id": "urn:liuling:events",
        "info": {"title": "六零 Liuling — events", "version": "1.0.0", "description": _DESCRIPTION},
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "Apache Kafka, 4 or later.",
                "variables": {
                    "bootstrap": {"default": "localhost:9092", "description": "Host and port of any broker."}
                },
            }
        },
        "channels": {topic: _channel(topic, types) for topic in TOPICS},
        "operations": {
            f"publish_{topic.removeprefix('liuling.').replace('.', '_')}": {
                "action": "send",
                "title": " ".join(_CHANNELS[topic]),
                "channel": {"$ref": f"#/channels/{topic}"},
            }
            for topic in TOPICS
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _channel(topic: str, types: Mapping[str, type[Event]]) -> dict[str, Any]:
    compacted = topic == BALANCES_TOPIC
    kept: dict[str, Any] = {"cleanup.policy": ["compact"]}
    if not compacted:
        kept = {"cleanup.policy": ["delete"], "retention.ms": -1, "retention.bytes": -1}
    zh, en = _CHANNELS[topic]
    return {
        "address": topic,
        "title": zh,
        "description": en,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {
            _key(name): {"$ref": f"#/components/messages/{_key(name)}"}
            for name, event_type in types.items()
            if topic_of_type(event_type) == topic
        },
        "bindings": {
            "kafka": {
                "topic": topic,
                "partitions": PARTITIONS,
                "topicConfiguration": kept,
                "bindingVersion": _BINDING,
            }
        },
    }


def _message(name: str, event_type: type[Event]) -> dict[str, Any]:
    example = golden(event_type)
    compacted = topic_of_type(event_type) == BALANCES_TOPIC
    key = "The account, `holder/unit`." if compacted else "The stream, same as ce_subject."
    return {
        "name": name,
        "title": chinese_title(event_type) or event_type.NAME,
        "summary": meaning(event_type),
        "contentType": CONTENT_TYPE,
        "correlationId": {
            "description": "What belongs to one request, across all services.",
            "location": "$message.header#/ce_correlationid",
        },
        "headers": {
            "type": "object",
            "allOf": [
                {"$ref": "#/components/schemas/cloudEventHeaders"},
                {
                    "properties": {
                        "ce_type": {"const": name},
                        "ce_dataschema": {"const": example["headers"]["ce_dataschema"]},
                    }
                },
            ],
        },
        "payload": {"$ref": f"#/components/schemas/{_key(name)}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": _BINDING}},
        "examples": [{"name": "golden", "headers": example["headers"], "payload": example["body"]}],
    }


def _headers() -> dict[str, Any]:
    """Headers of every record: CloudEvents attributes, our extensions, and the W3C trace."""

    def text(description: str, **rules: Any) -> dict[str, Any]:
        return {"type": "string", **rules, "description": description}

    return {
        "type": "object",
        "title": "CloudEvents 1.0, Kafka binary mode",
        "required": [
            *("content-type", "ce_specversion", "ce_id", "ce_type", "ce_source"),
            *("ce_subject", "ce_time", "ce_dataschema", "ce_community", "ce_sequence"),
        ],
        "properties": {
            "content-type": text("Media type of the body.", const=CONTENT_TYPE),
            "ce_specversion": text("Version of CloudEvents.", const=SPEC_VERSION),
            "ce_id": text("Identifies the event for ever; deduplicate by it.", format="uuid"),
            "ce_type": text("`liuling.<context>.<Name>.v<version>`"),
            "ce_source": text("The service that tells it, `/liuling/<context>`.", format="uri-reference"),
            "ce_subject": text("The stream that the event belongs to; also the record's key."),
            "ce_time": text("When it happened, in UTC.", format="date-time"),
            "ce_dataschema": text("Identifies the JSON Schema of the body.", format="uri"),
            "ce_community": text("Extension. The division code that the event is filed under; may be empty."),
            "ce_sequence": text("Extension. Version of the event in its stream: 1, 2, 3 …", pattern="^[0-9]+$"),
            "ce_correlationid": text("Extension. Shared by everything that one request led to."),
            "ce_causationid": text("Extension. The ce_id of the event that this one follows from."),
            "traceparent": text("W3C Trace Context of the request."),
            "ce_position": text(
                "Extension. Where the event stands in the store of the service that tells it; with gaps.",
                pattern="^[0-9]+$",
            ),
        },
    }


def _key(name: str) -> str:
    return name.removeprefix("liuling.")


def _hoisted(key: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema and its ``$defs`` as neighbours among the document's components, with references to match.

    Without ``$schema`` and ``$id``: a parser would take the references below an ``$id`` as relative to it.
    """
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    body = {name: value for name, value in schema.items() if name not in ("$schema", "$id", "$defs")}
    parts = {key: body} | {f"{key}.{name}": part for name, part in definitions.items()}
    return {name: _repointed(key, part) for name, part in parts.items()}


def _repointed(key: str, schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            name: f"#/components/schemas/{key}.{value.rpartition('/')[2]}"
            if name == "$ref" and isinstance(value, str)
            else _repointed(key, value)
            for name, value in schema.items()
        }
    if isinstance(schema, list):
        return [_repointed(key, value) for value in schema]
    return schema
