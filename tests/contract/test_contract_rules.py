"""What every event type keeps to, beside its own rules: nothing personal, whole numbers, moments with a zone."""

import datetime as dt
import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from shared.contracts.event import Event
from shared.contracts.schema import fields_of, published_types, schema_of
from tests.contract.records import GOLDEN, load

TYPES = published_types()

PERSONAL = re.compile(
    r"(^|_)(phone|telephone|tel|mobile|email|wechat|address|addr|residence|id_?number|id_?card|identity|passport|birth\w*"
    r"|age|gender|sex|ethnicity|surname|full_?name|nick_?name|contact\w*|guardian\w*|photo|portrait|face|fingerprint"
    r"|lat|latitude|lon|lng|longitude|gps|location|position|ip|health\w*|disability|religion|work_?unit|employer)(_|$)"
)
"""Words in a field's name that speak of a person."""
TOO_COARSE_TO_BE_PERSONAL = {"age_group_from"}
"""A group of five years, told by the month: docs/decisions/0024."""
FREE_TEXT = re.compile(
    r"(^|_)(text|note|notes|remark|remarks|comment|description|statement|content|message|summary)(_|$)"
)
"""Words that promise free text, in which people write names."""
NAMES_OF_THINGS = {
    "OrganisationNodeAdded.name",
    "OrganisationNodeRenamed.name",
    "TeamFormed.name",
    "CrewFormed.name",
    "CrewRenamed.name",
    "ActivityPublished.title",
    "ActivityChanged.title",
    "ItemListed.name",
    "ItemRenamed.name",
}
"""Names that are public because nobody bears them: of nodes, teams, crews, activities and goods."""

each_type = pytest.mark.parametrize("event_type", TYPES.values(), ids=TYPES)


@each_type
def test_no_field_is_called_like_personal_data(event_type: type[Event]) -> None:
    for name, _ in fields_of(schema_of(event_type)):
        assert not PERSONAL.search(name) or name in TOO_COARSE_TO_BE_PERSONAL, name
        assert not FREE_TEXT.search(name), name
        if re.search(r"(^|_)(name|title|names)(_|$)", name):
            assert f"{event_type.NAME}.{name}" in NAMES_OF_THINGS, name


def test_the_allowed_names_are_all_in_use() -> None:
    assert {name for t in TYPES.values() for name, _ in fields_of(schema_of(t))} >= TOO_COARSE_TO_BE_PERSONAL
    used = {f"{t.NAME}.{name}" for t in TYPES.values() for name, _ in fields_of(schema_of(t))}
    assert used >= NAMES_OF_THINGS


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_no_example_holds_something_that_looks_like_an_id_number_or_a_phone(path: Any) -> None:
    body = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", str(load(path)["body"]))
    assert not re.search(r"(?<!\d)\d{17}[\dXx](?!\d)", body)
    assert not re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", body)


@each_type
def test_numbers_are_whole(event_type: type[Event]) -> None:
    """Points, minutes and money are integers; a fraction on the wire is somebody's rounding error."""
    for name, field in fields_of(schema_of(event_type)):
        assert field.get("type") != "number", name


@each_type
def test_a_field_that_may_be_empty_may_be_absent(event_type: type[Event]) -> None:
    """The store leaves None out, so a nullable field without a default could be written but never read again."""
    for model in _models(event_type):
        for name, field in model.model_fields.items():
            if type(None) in typing.get_args(field.annotation):
                assert not field.is_required(), f"{model.__name__}.{name}"
                assert field.default is None, f"{model.__name__}.{name}"


@each_type
def test_moments_have_a_zone(event_type: type[Event]) -> None:
    for model in _models(event_type):
        for name, field in model.model_fields.items():
            assert dt.datetime not in _types_in(field.annotation), f"{model.__name__}.{name}: use AwareDatetime"


@each_type
def test_events_are_frozen_and_let_newer_producers_say_more(event_type: type[Event]) -> None:
    for model in _models(event_type):
        assert model.model_config.get("frozen") is True
        assert model.model_config.get("extra", "ignore") == "ignore"


@each_type
def test_it_says_what_it_means(event_type: type[Event]) -> None:
    assert (event_type.__doc__ or "").strip()


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for inner in _types_in(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _models(inner)


def _types_in(annotation: Any) -> set[Any]:
    """Every type that an annotation is made of."""
    parts = typing.get_args(annotation)
    return {annotation} | {inner for part in parts for inner in _types_in(part)} if parts else {annotation}
