"""One record of every event type and version, as it stood on its topic: readable for ever."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from shared.contracts.envelope import Envelope
from shared.contracts.examples import golden
from shared.contracts.schema import FOLDER, path_of, published_types, topic_of_type
from shared.deliveries import read
from tests.contract.records import GOLDEN, load, name_of, record

TYPES = published_types()

each_golden_file = pytest.mark.parametrize("path", GOLDEN, ids=map(name_of, GOLDEN))


def test_every_event_type_has_a_golden_file() -> None:
    assert {f"{path.parent.name}/{path.name}" for path in GOLDEN} == {path_of(kind) for kind in TYPES.values()}


@each_golden_file
def test_it_is_readable(path: Path) -> None:
    content = load(path)
    delivery = read(record(content), frozenset(TYPES.values()))
    assert delivery is not None
    assert delivery.envelope.headers() == content["headers"]
    assert delivery.envelope.subject == content["key"]
    assert delivery.event.upcast() is delivery.event, "an old version is read as the newest one"


@each_golden_file
def test_it_comes_back_as_it_was_written(path: Path) -> None:
    """Nothing of the body is lost, and nothing but defaults of fields that came later is added."""
    content = load(path)
    event_type = TYPES[content["headers"]["ce_type"]]
    again = json.loads(event_type.model_validate(content["body"]).model_dump_json(exclude_none=True))
    _includes(again, content["body"])
    assert event_type.model_validate(again) == event_type.model_validate(content["body"])


def _includes(whole: Any, part: Any) -> None:
    if isinstance(part, dict):
        for name, value in part.items():
            _includes(whole[name], value)
    elif isinstance(part, list):
        assert len(whole) == len(part)
        for left, right in zip(whole, part, strict=True):
            _includes(left, right)
    else:
        assert whole == part


@each_golden_file
def test_it_fits_its_committed_schema(path: Path) -> None:
    content = load(path)
    schema = load(FOLDER / "schemas" / path.parent.name / path.name)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(content["body"])
    assert content["headers"]["ce_dataschema"] == schema["$id"]


@each_golden_file
def test_it_stands_on_the_topic_of_its_type(path: Path) -> None:
    content = load(path)
    assert content["topic"] == topic_of_type(TYPES[content["headers"]["ce_type"]])


def test_examples_are_the_same_every_time() -> None:
    for event_type in TYPES.values():
        assert golden(event_type) == golden(event_type)


def test_an_event_is_published_without_the_fields_that_have_no_value() -> None:
    """What the event store writes and the relay publishes leaves None out; the golden body reads the same without."""
    for event_type in TYPES.values():
        body = golden(event_type)["body"]
        bare = {name: value for name, value in body.items() if event_type.model_fields[name].is_required()}
        event = event_type.model_validate(bare)
        assert event_type.model_validate_json(event.model_dump_json(exclude_none=True)) == event


def test_newer_producers_may_say_more() -> None:
    """A record with fields, headers and a sender that this build has never heard of is read all the same."""
    for event_type in TYPES.values():
        content = golden(event_type)
        content["body"]["of_a_later_day"] = {"anything": [1, 2]}
        content["headers"] |= {"ce_somethingnew": "1", "other": "x"}
        delivery = read(record(content), frozenset({event_type}))
        assert delivery is not None
        assert isinstance(delivery.envelope, Envelope)
