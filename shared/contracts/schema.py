"""The JSON Schema of every event type, as subscribers get it."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

# The imports fill the register.
from shared.contracts import (  # noqa: F401
    anomalies,
    deaths,
    grid_patrol,
    honours,
    love_market,
    mediation,
    points,
    registry,
    reversals,
    settlement,
    supplies,
    time_bank,
)
from shared.contracts.compatibility import OPEN_ENUM
from shared.contracts.envelope import CONTEXTS, topic_of
from shared.contracts.event import Event, event_types, wire_type

FOLDER = Path(__file__).parent
BALANCES_TOPIC = topic_of("points.balances")
TOPICS = (*map(topic_of, CONTEXTS), BALANCES_TOPIC)
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def published_types() -> dict[str, type[Event]]:
    """The event classes of the four contexts by wire type: contexts in their order, names in the alphabet's."""
    known = [event_type for event_type in event_types().values() if event_type.CONTEXT in CONTEXTS]
    known.sort(key=lambda event_type: (CONTEXTS.index(event_type.CONTEXT), event_type.NAME, event_type.VERSION))
    return {wire_type(event_type): event_type for event_type in known}


def schema_of(event_type: type[Event]) -> dict[str, Any]:
    """The schema of an event's body as it is published, under an ``$id`` that never changes.

    Enumerations are published as open (``x-extensible-enum``): a subscriber who validates must let a value through
    that a newer producer has added.
    """
    schema = _opened(event_type.model_json_schema(mode="serialization"))
    name = wire_type(event_type)
    head = {"$schema": DIALECT, "$id": f"urn:liuling:schema:{name.removeprefix('liuling.')}"}
    head["title"] = " ".join(filter(None, (event_type.NAME, chinese_title(event_type))))
    head["description"] = schema.get("description", "")
    return {**head, **{key: value for key, value in schema.items() if key not in head}}


def topic_of_type(event_type: type[Event]) -> str:
    """The topic that an event type is published to."""
    return BALANCES_TOPIC if event_type is points.BalanceChanged else topic_of(event_type.CONTEXT)


def chinese_title(event_type: type[Event]) -> str | None:
    """The event's name in Chinese, from titles_zh.json; None where nobody has written one yet."""
    title: str | None = _titles().get(event_type.CONTEXT, {}).get(event_type.NAME)
    return title


def meaning(event_type: type[Event]) -> str:
    """The first sentence of what the event class says about itself."""
    text = " ".join((event_type.__doc__ or "").split())
    return text.partition(". ")[0].removesuffix(".") + "."


def path_of(event_type: type[Event]) -> str:
    """Where an event type's file stands below schemas/ and golden/."""
    return f"{event_type.CONTEXT}/{event_type.NAME}.v{event_type.VERSION}.json"


def fields_of(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every field that a schema describes, at any depth, with its own schema."""
    for part in _parts(schema):
        yield from part.get("properties", {}).items()


def as_json(document: Any) -> str:
    """The text of a committed document: readable, and always the same for the same content."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(schema, Mapping):
        yield schema
        for value in schema.values():
            yield from _parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _parts(value)


def _opened(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {OPEN_ENUM if key == "enum" and isinstance(value, list) else key: _opened(value)
                for key, value in schema.items()}  # fmt: skip
    if isinstance(schema, list):
        return [_opened(value) for value in schema]
    return schema


@cache
def _titles() -> dict[str, dict[str, str]]:
    titles: dict[str, dict[str, str]] = json.loads((FOLDER / "titles_zh.json").read_text("utf-8"))
    return titles
