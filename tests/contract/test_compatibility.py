"""Schema evolution: a table of allowed and refused changes, and generated schemas that test the comparison itself."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from shared.contracts.compatibility import OPEN_ENUM, REASONS, Incompatibility, compare

CASES = yaml.safe_load((Path(__file__).parent / "schema_evolution_cases.yaml").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_change_is_allowed_or_refused_as_the_table_says(case: dict[str, Any]) -> None:
    found = compare(case["before"], case["after"])
    assert [broken.code for broken in found] == case["refused"], case["reason"]


def test_the_table_shows_every_incompatibility() -> None:
    shown = {code for case in CASES for code in case["refused"]}
    assert shown == REASONS.keys() - {"event_type_removed"}  # that one is a matter of the whole catalogue


def test_a_place_is_told_so_that_it_can_be_found() -> None:
    def shift(minutes: dict[str, Any]) -> dict[str, Any]:
        record = {"type": "object", "properties": {"minutes": minutes}, "required": ["minutes"]}
        members = {"type": "array", "items": {"$ref": "#/$defs/Record"}}
        return {"type": "object", "properties": {"members": members}, "$defs": {"Record": record}}

    found = compare(shift({"type": "integer", "maximum": 1440}), shift({"type": "integer", "maximum": 60}))
    assert found == [Incompatibility("bounds_tightened", "members[].minutes", "maximum 1440 → 60")]
    assert str(found[0]).startswith("members[].minutes: 取值范围收窄 bounds were tightened")


# --- generated schemas ---------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c", "d"])
SCALARS = st.one_of(
    st.builds(lambda: {"type": "boolean"}),
    st.builds(
        lambda low, size: {"type": "integer", "minimum": low, "maximum": low + size},
        st.integers(-3, 3),
        st.integers(0, 5),
    ),
    st.builds(lambda size: {"type": "string", "maxLength": size}, st.integers(0, 3)),
    st.builds(lambda values: {"type": "string", OPEN_ENUM: values}, st.lists(NAMES, min_size=1, unique=True)),
    st.builds(lambda values: {"type": "string", "enum": values}, st.lists(NAMES, min_size=1, unique=True)),
)


def _objects(inner: st.SearchStrategy[dict[str, Any]], min_size: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(NAMES, inner, min_size=min_size, max_size=3).flatmap(
        lambda fields: st.builds(
            lambda required: {"type": "object", "properties": fields, "required": sorted(required)},
            st.sets(st.sampled_from(sorted(fields))) if fields else st.just(set()),
        )
    )


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return schema if "anyOf" in schema else {"anyOf": [schema, {"type": "null"}]}


VALUES = st.one_of(
    SCALARS,
    SCALARS.map(_nullable),
    st.builds(lambda items: {"type": "array", "items": items}, SCALARS | _objects(SCALARS)),
    _objects(SCALARS),
)
EVENTS = _objects(VALUES)


@st.composite
def documents(draw: st.DrawFn, schema: dict[str, Any]) -> Any:
    """A value that the schema allows."""
    if "anyOf" in schema:
        return draw(documents(draw(st.sampled_from(schema["anyOf"]))))
    values = schema.get("enum", schema.get(OPEN_ENUM))
    if values:
        return draw(st.sampled_from(values))
    match schema["type"]:
        case "null":
            return None
        case "boolean":
            return draw(st.booleans())
        case "integer":
            return draw(st.integers(schema["minimum"], schema["maximum"]))
        case "string":
            return draw(st.text("xyz", max_size=schema["maxLength"]))
        case "array":
            return draw(st.lists(documents(schema["items"]), max_size=2))
    fields = [name for name in schema["properties"] if name in schema["required"] or draw(st.booleans())]
    return {name: draw(documents(schema["properties"][name])) for name in fields}


@st.composite
def successors(draw: st.DrawFn, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema after a small change or two, allowed or not."""
    after = copy.deepcopy(schema)
    for _ in range(draw(st.sampled_from([1, 1, 2]))):
        parts = _all_parts(after)
        owner = draw(st.sampled_from([part for part in parts if part.get("type") == "object"]))
        name = draw(NAMES)
        scalars = [part for part in parts if part.get("type") in ("integer", "string", "boolean")]
        match draw(st.sampled_from(["tweak"] * 4 + ["nullable", "require", "add", "remove"])):
            case "tweak" if scalars:
                _tweak(draw, draw(st.sampled_from(scalars)))
            case "nullable" if name in owner["properties"]:
                owner["properties"][name] = _nullable(owner["properties"][name])
            case "require" if name in owner["properties"]:
                owner["required"] = sorted({*owner["required"]} ^ {name})
            case "remove" if name in owner["properties"]:
                del owner["properties"][name]
                owner["required"] = [field for field in owner["required"] if field != name]
            case _:
                owner["properties"].setdefault(name, draw(SCALARS))
    return after


def _tweak(draw: st.DrawFn, scalar: dict[str, Any]) -> None:
    """Move a bound, give or take a value, or change the type altogether."""
    keyword = draw(st.sampled_from(sorted(scalar)))
    match keyword:
        case "minimum" | "maximum" | "maxLength":
            scalar[keyword] = max(scalar[keyword] + draw(st.sampled_from([-1, 1])), scalar.get("minimum", 0))
            if keyword == "minimum":
                scalar["maximum"] = max(scalar["maximum"], scalar["minimum"])
        case "enum" | "x-extensible-enum":
            scalar[keyword] = scalar[keyword][1:] or [*scalar[keyword], "e"]
        case _:
            replacement = draw(SCALARS)
            scalar.clear()
            scalar |= replacement


def _all_parts(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [part for item in schema for part in _all_parts(item)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(part for value in schema.values() for part in _all_parts(value))]


def _valid(document: Any, schema: dict[str, Any]) -> bool:
    return Draft202012Validator(schema).is_valid(document)


@settings(max_examples=40)
@given(EVENTS)
def test_every_schema_is_compatible_with_itself(schema: dict[str, Any]) -> None:
    assert compare(schema, copy.deepcopy(schema)) == []


@settings(max_examples=40)
@given(EVENTS, st.data())
def test_texts_are_no_change(schema: dict[str, Any], data: st.DataObject) -> None:
    worded = copy.deepcopy(schema)
    for part in _all_parts(worded):
        if "type" in part and isinstance(part["type"], str):
            part |= {"title": data.draw(st.text(max_size=3)), "description": "…"}
    assert compare(schema, worded) == compare(worded, schema) == []


@settings(max_examples=80)
@given(st.data())
def test_what_is_allowed_can_be_read_on_both_sides(data: st.DataObject) -> None:
    """No incompatibility found means: what either schema allows, the other one accepts."""
    before = data.draw(_objects(VALUES, min_size=2))
    after = data.draw(successors(before))
    if compare(before, after):
        return
    for _ in range(4):
        assert _valid(data.draw(documents(before)), after)
        assert _valid(data.draw(documents(after)), before)


@settings(max_examples=40)
@given(EVENTS, EVENTS)
def test_the_comparison_always_answers(schema: dict[str, Any], other: dict[str, Any]) -> None:
    assert all(broken.code in REASONS for broken in compare(schema, other) + compare(other, schema))


@settings(max_examples=40)
@given(EVENTS, EVENTS)
def test_a_field_that_was_ever_required_may_not_go(before: dict[str, Any], after: dict[str, Any]) -> None:
    gone = set(before["required"]) - set(after["properties"])
    named = {broken.path for broken in compare(before, after) if broken.code == "field_removed_required"}
    assert gone <= named
