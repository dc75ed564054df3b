"""The AsyncAPI document: complete, self-contained, true to the topics as they are made and the records on them."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from shared.contracts import asyncapi
from shared.contracts.catalogue import DOCS
from shared.contracts.schema import TOPICS, published_types
from shared.settings import Settings
from shared.topics import topic_configs
from tests.contract.records import GOLDEN, load, name_of

TYPES = published_types()
DOCUMENT: dict[str, Any] = json.loads((DOCS / "api" / "asyncapi.json").read_text("utf-8"))
SETTINGS = Settings(
    database_url="postgresql://nobody@localhost/none",
    kafka_bootstrap_servers="localhost:9092",
    jwks_url="file:///dev/null",
    token_issuer="none",
    vault_master_key=base64.b64encode(bytes(32)).decode(),
    actor_key=base64.b64encode(bytes(32)).decode(),
)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _at(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_the_committed_document_is_what_the_classes_give() -> None:
    assert asyncapi.document(TYPES) == DOCUMENT


def test_it_is_self_contained() -> None:
    references = set(_references(DOCUMENT))
    assert references
    for reference in references:
        assert reference.startswith("#/"), reference
        assert _at(reference), reference


def test_every_topic_is_a_channel_and_told_as_it_is_created() -> None:
    configs = topic_configs(SETTINGS)
    assert set(DOCUMENT["channels"]) == set(TOPICS) == set(configs)
    for topic, channel in DOCUMENT["channels"].items():
        binding = channel["bindings"]["kafka"]
        assert channel["address"] == binding["topic"] == topic
        assert binding["partitions"] == SETTINGS.kafka_partitions
        told = binding["topicConfiguration"]
        made = configs[topic]
        assert told["cleanup.policy"] == made["cleanup.policy"].split(",")
        for name in ("retention.ms", "retention.bytes"):
            assert str(told.get(name, "-")) == made.get(name, "-")


def test_every_event_type_is_a_message_of_exactly_one_channel() -> None:
    messages = [name for channel in DOCUMENT["channels"].values() for name in channel["messages"]]
    assert sorted(messages) == sorted(DOCUMENT["components"]["messages"])
    assert {f"liuling.{name}" for name in messages} == set(TYPES)


def test_every_channel_has_an_operation() -> None:
    channels = {operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()}
    assert channels == {f"#/channels/{topic}" for topic in TOPICS}
    assert {operation["action"] for operation in DOCUMENT["operations"].values()} == {"send"}


@pytest.mark.parametrize("path", GOLDEN, ids=map(name_of, GOLDEN))
def test_a_golden_record_is_a_message_of_its_channel(path: Any) -> None:
    """Headers and body of each golden file fit what the document says about its type, and no other type's headers."""
    golden = load(path)
    key = golden["headers"]["ce_type"].removeprefix("liuling.")
    assert key in DOCUMENT["channels"][golden["topic"]]["messages"]
    message = DOCUMENT["components"]["messages"][key]
    for part, value in (("headers", golden["headers"]), ("payload", golden["body"])):
        _validator(message[part]).validate(value)
    others = {**golden["headers"], "ce_type": "liuling.registry.Other.v1"}
    assert not _validator(message["headers"]).is_valid(others)


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    whole = {**schema, "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def test_all_headers_that_are_written_are_told() -> None:
    told = set(DOCUMENT["components"]["schemas"]["cloudEventHeaders"]["properties"])
    written = {name for path in GOLDEN for name in load(path)["headers"]}
    # Golden files are as the first release told them; the relay has told the place in the store only since.
    assert written | {"ce_position"} == told
