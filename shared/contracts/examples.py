"""One example of every event type, always the same: the golden files, and the examples in the documents.

The golden file of a released type is never written again: it is what the wire looked like then, and every later
program must still read it (tests/contract/test_golden.py).
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.contracts.compatibility import OPEN_ENUM, Schema
from shared.contracts.envelope import Envelope
from shared.contracts.event import Event, wire_type
from shared.contracts.schema import BALANCES_TOPIC, schema_of, topic_of_type

OCCURRED = datetime(2026, 3, 5, 3, 30, tzinfo=UTC)
"""学雷锋日, the day of volunteering."""

_COMMUNITY = "620201001004"
_VALUES: Mapping[str, Any] = {
    "community": _COMMUNITY,
    "node": _COMMUNITY,
    "parent": _COMMUNITY[:9],
    "source": "jiayuguan-divisions.csv",
    "volunteer_number": f"{_COMMUNITY}-000042",
    "place": _COMMUNITY,
    "payer_community": _COMMUNITY,
    "provider_community": "620201001005",
    "recipient_community": "620201001005",
    "from_community": "620201001005",
    "book": "620201001005",
    "planned_minutes": 120,
    "donation_minutes": 60,
    "fields": ["skills"],
    "cell": f"{_COMMUNITY}-G07",
    "cells": [f"{_COMMUNITY}-G07", f"{_COMMUNITY}-G08"],
    "covered_cells": [f"{_COMMUNITY}-G07"],
    "planned_cells": [f"{_COMMUNITY}-G07", f"{_COMMUNITY}-G08"],
    "device_id": "b1946ac92492d234",
    "reason": "other",
    "title": "学雷锋日楼院清扫",
    "unit": "POINT",
    "document": {"points": {"minutes_per_point": 6}},
    "minutes": 120,
    "age_group_from": 60,
    "minutes_before": 180,
    "area_m2": 9800,
    "price_points": 30,
    "quantity": 2,
    "night": False,
    "points": 60,
    "posted": 240,
    "pending": 60,
    "places": 20,
    "meeting_place": "祁连社区广场",
    "amount_fen": 250_000,
    "unit_price_fen": 1_250,
    "reference": "LS-2026-017",
    "receipt_reference": "FP-00012345",
    "receipt_number": f"{_COMMUNITY}-D000042",
    "category": "household",
    "piece": "瓶",
    "specification": "2 kg",
    "counted": 18,
    "expected": 20,
    "difference": -2,
    "people_reached": 80,
    "parties_count": 2,
    "authority": "620201",
    "assessed_at_node": _COMMUNITY,
    "threshold_minutes": 120,
    "certificate_number": f"{_COMMUNITY}-2026-00042",
    "debtor": _COMMUNITY,
    "creditor": "620201001005",
    "carried_minutes": 0,
    "inflow_minutes": 600,
    "outflow_minutes": 480,
    "balance_minutes": 120,
    "settled_minutes": 120,
    "gross_minutes": 1080,
    "sha256": hashlib.sha256(b"photo").hexdigest(),
    "media_type": "image/jpeg",
    "size_bytes": 184_320,
    "width_px": 1280,
    "height_px": 960,
    "rows_sha256": hashlib.sha256(b"").hexdigest(),
    "gained": 240,
    "given": 240,
    "lines_sha256": "9721b65a09ddab7dc55eab045aa2758a6f569d07b98d98835a4b9b51d28eec31",
    "previous_sha256": "0000000000000000000000000000000000000000000000000000000000000000",
    "seal_sha256": "67422648aa4d78365bd19fc50894b123100e94992d467356d3aed87d86b851d9",
}
"""What fields of these names hold in an example; other fields follow from their type."""
_NAMES: Mapping[str, str] = {
    "OrganisationNodeAdded": "祁连社区",
    "OrganisationNodeRenamed": "祁连社区",
    "TeamFormed": "环保志愿服务队",
    "CrewFormed": "志愿者巡逻队",
    "CrewRenamed": "夜间巡逻队",
    "ItemListed": "洗衣液 2 kg",
    "ItemRenamed": "洗衣液 2 kg 瓶装",
}
_TEAM_KIND = "environment"
_AT_THE_END = ("end", "ended", "completed", "checked_out", "resolved", "corrected", "collected", "handed_over")
_LATER = ("collect_by", "expired_at", "serve_by", "timed_out_at")


def golden(event_type: type[Event]) -> dict[str, Any]:
    """A record of this type as it stands on the topic: topic, key, headers and body."""
    schema = schema_of(event_type)
    body = _object(event_type.NAME, schema, schema)
    topic = topic_of_type(event_type)
    is_state = topic == BALANCES_TOPIC  # follows from many events at once, and so names none as its cause
    key = body["account"] if is_state else _stream(event_type, body)
    name = wire_type(event_type)
    envelope = Envelope(
        event_id=example_id("event", name),
        type=name,
        source=f"/liuling/{event_type.CONTEXT}",
        subject=key,
        time=OCCURRED,
        community=_COMMUNITY,
        sequence=1,
        correlation_id=None if is_state else str(example_id("correlation", event_type.CONTEXT)),
        causation_id=None if is_state else str(example_id("cause", name)),
        traceparent=None if is_state else "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )
    return {"topic": topic, "key": key, "headers": envelope.headers(), "body": body}


def example_id(*parts: str) -> UUID:
    """A UUIDv7 of the example day that always belongs to these parts."""
    milliseconds = int(OCCURRED.timestamp() * 1000)
    random = int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:10], "big")
    value = milliseconds << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def _stream(event_type: type[Event], body: Mapping[str, Any]) -> str:
    """The stream: an event's first field names the aggregate it belongs to."""
    field, value = next(iter(body.items()))
    if field == "volunteer_id" and event_type.CONTEXT == "points":
        # Points has several streams of a volunteer, each named after what it is about.
        return f"{'leaderboard' if event_type.NAME.startswith('Leaderboard') else 'stars'}-{value}"
    if field == "policy_version":
        return f"policies-{example_id('policies')}"  # one stream holds all policies
    if "seal_sha256" in body:
        return f"seals-{value}"  # a community is not the aggregate, its chain of seals is
    return f"{field.removesuffix('_id')}-{value}"


def _object(owner: str, schema: Schema, document: Schema) -> dict[str, Any]:
    return {name: _value(owner, name, field, document) for name, field in schema.get("properties", {}).items()}


def _value(owner: str, name: str, schema: Schema, document: Schema) -> Any:
    schema = _present(schema, document)
    if name == "name":
        return _NAMES.get(owner, "示例")
    if OPEN_ENUM in schema:
        return schema[OPEN_ENUM][0]
    if (owner, name) == ("LedgerSealed", "lines"):
        return 2
    if name in _VALUES:
        return _VALUES[name]
    match schema.get("type"):
        case "object":
            return _object(owner, schema, document) or {"example": 1}
        case "array":
            return [_value(owner, name.removesuffix("s"), schema["items"], document)]
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return bool(schema.get("default", True))
        case "string":
            return _text(owner, name, schema)
    raise ValueError(f"no example for the field {name} of {owner}")


def _text(owner: str, name: str, schema: Schema) -> str:
    match schema.get("format"):
        case "uuid":
            return str(example_id(name.removesuffix("_id")))
        case "date":
            return "2027-01-01" if name == "in_force_from" else "2026-03-05"
        case "date-time":
            return _moment(name)
    if owner == "BalanceChanged":
        holder = str(example_id("volunteer"))
        return {"account": f"{holder}/POINT", "holder": holder}.get(name, "示例")
    return _TEAM_KIND if (owner, name) == ("TeamFormed", "kind") else "示例"


def _moment(name: str) -> str:
    if name in _LATER:
        return "2026-03-12T03:30:00Z"
    at_the_end = any(word in name for word in _AT_THE_END)
    return "2026-03-05T03:30:00Z" if at_the_end else "2026-03-05T01:30:00Z"


def _present(schema: Schema, document: Schema) -> Schema:
    """The schema of the value itself: references followed, and of an optional field the side that is not null."""
    if "anyOf" in schema:
        schema = next(branch for branch in schema["anyOf"] if branch.get("type") != "null")
    if "$ref" in schema:
        schema = document["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema
