"""Compares two JSON Schemas of one event type and names what breaks between them.

Both directions count, because topics are kept for ever and consumers are updated on their own days: today's program
must read every event that the earlier schema allowed, and a program built on the earlier schema must read every event
of today. So only optional fields may come and go. One thing more is allowed: a new value in an enumeration that is
published as open (``x-extensible-enum``); docs/decisions/0007-how-event-schemas-evolve.md says why.

Whatever this module does not know about is refused rather than let through (`keyword_changed`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

OPEN_ENUM = "x-extensible-enum"
"""Keyword of an enumeration that may grow, as in Zalando's API guidelines; validators take it for an annotation."""

REASONS: Mapping[str, tuple[str, str]] = {
    "field_removed_required": ("删除了必填字段", "a required field was removed; older consumers need it"),
    "field_added_required": ("新增了必填字段", "a required field was added; events already recorded lack it"),
    "field_became_required": ("可选字段变为必填", "an optional field became required; recorded events may lack it"),
    "field_became_optional": ("必填字段变为可选", "a required field became optional; older consumers need it"),
    "type_changed": ("类型改变", "the type changed"),
    "format_changed": ("格式改变", "the format changed"),
    "pattern_changed": ("字符模式改变", "the pattern changed"),
    "default_changed": (
        "默认值改变",
        "the default changed, and with it the meaning of recorded events that lack the field",
    ),
    "nullable_removed": ("不再允许空值", "null is no longer allowed; recorded events may hold it"),
    "nullable_added": ("新允许空值", "null is newly allowed; older consumers do not expect it"),
    "bounds_tightened": ("取值范围收窄", "bounds were tightened; recorded events may lie outside"),
    "bounds_loosened": ("取值范围放宽", "bounds were loosened; older consumers refuse what lies outside the old ones"),
    "enum_value_removed": ("删除了枚举值", "an enumeration value was removed; recorded events may hold it"),
    "enum_value_added": ("封闭枚举新增了值", "a value was added to a closed enumeration; older consumers refuse it"),
    "enum_introduced": ("自由取值改为枚举", "free values became an enumeration; recorded events may hold others"),
    "enum_dropped": ("枚举改为自由取值", "an enumeration became free values; older consumers refuse what is not in it"),
    "enum_closed": ("开放枚举改为封闭", "an open enumeration was closed"),
    "enum_opened": ("封闭枚举改为开放", "a closed enumeration was opened; older consumers refuse new values"),
    "items_changed": ("数组元素改变", "the array has its items described on one side only"),
    "tuple_changed": ("定长数组改变", "the number of positions in an array changed"),
    "map_changed": ("额外字段的规定改变", "what further properties may hold changed"),
    "union_changed": ("可选类型的集合改变", "the set of alternatives changed"),
    "keyword_changed": ("规定改变", "a rule changed that the comparison does not know to be harmless"),
    "event_type_removed": (
        "删除了已发布的事件类型",
        "a released event type is gone; recorded events become unreadable",
    ),
}
"""Every incompatibility by its stable code, in Chinese and English."""

_ANNOTATIONS = frozenset({"$id", "$schema", "$comment", "$defs", "title", "description", "examples", "deprecated"})
_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_ENUM_KEYWORDS = ("enum", "const", OPEN_ENUM)
_COMPARED = frozenset(
    {"type", "format", "pattern", "default", "anyOf", "oneOf", "allOf", "$ref"}
    | {"properties", "required", "additionalProperties", "items", "prefixItems", "uniqueItems"}
    | {*_LOWER_BOUNDS, *_UPPER_BOUNDS, *_ENUM_KEYWORDS}
)
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """One way in which two schemas of an event type do not get along."""

    code: str
    """A key of `REASONS`."""
    path: str
    """Where, e.g. ``attendances[].minutes``; empty for the event itself."""
    detail: str = ""

    def __str__(self) -> str:
        zh, en = REASONS[self.code]
        place = self.path or "·"
        detail = f" ({self.detail})" if self.detail else ""
        return f"{place}: {zh} {en} [{self.code}]{detail}"


def compare(before: Schema, after: Schema) -> list[Incompatibility]:
    """What breaks between an earlier and a later schema of the same event type; empty where nothing does."""
    return list(_Comparison(before, after).node("", before, after))


class _Comparison:
    """The two documents whose ``$defs`` references point into, and the pairs that are being compared already."""

    def __init__(self, before: Schema, after: Schema) -> None:
        self._before = before
        self._after = after
        self._open: set[tuple[str, str]] = set()

    def node(self, path: str, before: Schema, after: Schema) -> Iterable[Incompatibility]:
        """Compare what two schemas say about the same place."""
        pair = (str(before.get("$ref")), str(after.get("$ref")))
        if pair != ("None", "None"):
            if pair in self._open:
                return  # a schema that refers to itself has been compared here already
            self._open.add(pair)
        try:
            yield from self._resolved(path, _resolve(before, self._before), _resolve(after, self._after))
        finally:
            self._open.discard(pair)

    def _resolved(self, path: str, before: Schema, after: Schema) -> Iterable[Incompatibility]:
        old_branches, old_null = _branches(before, self._before)
        new_branches, new_null = _branches(after, self._after)
        if old_null != new_null:
            yield Incompatibility("nullable_removed" if old_null else "nullable_added", path)
        if len(old_branches) == 1 and len(new_branches) == 1:
            yield from self._single(path, old_branches[0], new_branches[0])
        else:
            yield from self._union(path, old_branches, new_branches)

    def _union(self, path: str, before: list[Schema], after: list[Schema]) -> Iterable[Incompatibility]:
        """Each alternative needs its own counterpart on the other side, in whatever order they stand."""
        left = list(after)
        for old in before:
            match = next((new for new in left if not list(self._single(path, old, new))), None)
            if match is None:
                yield Incompatibility("union_changed", path, f"{_kind(old)} −")
            else:
                left.remove(match)
        for new in left:
            yield Incompatibility("union_changed", path, f"{_kind(new)} +")

    def _single(self, path: str, before: Schema, after: Schema) -> Iterable[Incompatibility]:
        if before.get("type") != after.get("type"):
            yield Incompatibility("type_changed", path, f"{_kind(before)} → {_kind(after)}")
            return  # everything else would only repeat it
        for keyword in ("format", "pattern"):
            if before.get(keyword) != after.get(keyword):
                detail = f"{before.get(keyword)} → {after.get(keyword)}"
                yield Incompatibility(f"{keyword}_changed", path, detail)
        yield from _enumerations(path, before, after)
        yield from _bounds(path, before, after)
        yield from self._object(path, before, after)
        yield from self._array(path, before, after)
        for keyword in sorted((before.keys() | after.keys()) - _ANNOTATIONS - _COMPARED):
            if before.get(keyword, _ABSENT) != after.get(keyword, _ABSENT):
                yield Incompatibility("keyword_changed", path, keyword)

    def _object(self, path: str, before: Schema, after: Schema) -> Iterable[Incompatibility]:
        old_fields: Schema = before.get("properties", {})
        new_fields: Schema = after.get("properties", {})
        old_required, new_required = set(before.get("required", ())), set(after.get("required", ()))
        for name in sorted(old_fields.keys() | new_fields.keys() | old_required | new_required):
            place = f"{path}.{name}" if path else name
            if name not in new_fields:
                if name in old_required:
                    yield Incompatibility("field_removed_required", place)
            elif name not in old_fields:
                if name in new_required:
                    yield Incompatibility("field_added_required", place)
            else:
                if (name in old_required) != (name in new_required):
                    code = "field_became_optional" if name in old_required else "field_became_required"
                    yield Incompatibility(code, place)
                elif name not in old_required:
                    yield from self._default(place, old_fields[name], new_fields[name])
                yield from self.node(place, old_fields[name], new_fields[name])
        yield from self._map(path, before.get("additionalProperties", True), after.get("additionalProperties", True))

    def _default(self, path: str, before: Schema, after: Schema) -> Iterable[Incompatibility]:
        old = _resolve(before, self._before).get("default", _ABSENT)
        new = _resolve(after, self._after).get("default", _ABSENT)
        # JSON's true is not 1, although Python's is.
        if old is not new and (old, type(old)) != (new, type(new)):
            texts = ["—" if value is _ABSENT else repr(value) for value in (old, new)]
            yield Incompatibility("default_changed", path, " → ".join(texts))

    def _map(self, path: str, before: Any, after: Any) -> Iterable[Incompatibility]:
        place = f"{path}.*" if path else "*"
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from self.node(place, before, after)
        elif before != after:
            yield Incompatibility("map_changed", place)

    def _array(self, path: str, before: Schema, after: Schema) -> Iterable[Incompatibility]:
        old_items, new_items = before.get("items", True), after.get("items", True)
        if isinstance(old_items, Mapping) and isinstance(new_items, Mapping):
            yield from self.node(f"{path}[]", old_items, new_items)
        elif old_items != new_items:
            yield Incompatibility("items_changed", f"{path}[]")
        old_places, new_places = before.get("prefixItems", ()), after.get("prefixItems", ())
        if len(old_places) != len(new_places):
            yield Incompatibility("tuple_changed", path, f"{len(old_places)} → {len(new_places)}")
        for index, (old, new) in enumerate(zip(old_places, new_places, strict=False)):
            yield from self.node(f"{path}[{index}]", old, new)


def _resolve(schema: Schema, document: Schema) -> Schema:
    """Follow references, and unwrap an ``allOf`` of one, keeping what stands beside them (e.g. a default)."""
    while True:
        if "$ref" in schema:
            inner = _definition(schema["$ref"], document)
            beside = {key: value for key, value in schema.items() if key != "$ref"}
        elif len(schema.get("allOf", ())) == 1:
            inner = schema["allOf"][0]
            beside = {key: value for key, value in schema.items() if key != "allOf"}
        else:
            return schema
        schema = {**inner, **beside}


def _definition(reference: str, document: Schema) -> Schema:
    found: Any = document
    for step in reference.removeprefix("#/").split("/") if reference != "#" else ():
        found = found[step.replace("~1", "/").replace("~0", "~")]
    schema: Schema = found
    return schema


def _branches(schema: Schema, document: Schema) -> tuple[list[Schema], bool]:
    """The alternatives of a schema without null, and whether null is one of them."""
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            around = {key: value for key, value in schema.items() if key not in (keyword, "default")}
            alternatives: list[Schema] = [{**around, **_resolve(branch, document)} for branch in schema[keyword]]
            rest = [branch for branch in alternatives if branch.get("type") != "null"]
            return rest, len(rest) < len(alternatives)
    types = schema.get("type")
    if isinstance(types, list):
        split: list[Schema] = [{**schema, "type": name} for name in types if name != "null"]
        return split, len(split) < len(types)
    return [schema], False


def _enumerations(path: str, before: Schema, after: Schema) -> Iterable[Incompatibility]:
    old, new = _values(before), _values(after)
    if old is None and new is None:
        return
    if old is None or new is None:
        yield Incompatibility("enum_introduced" if old is None else "enum_dropped", path)
        return
    old_open, new_open = OPEN_ENUM in before, OPEN_ENUM in after
    if old_open != new_open:
        yield Incompatibility("enum_closed" if old_open else "enum_opened", path)
    for value in old:
        if value not in new:
            yield Incompatibility("enum_value_removed", path, str(value))
    for value in new:
        # Subscribers were told that an open enumeration may grow.
        if value not in old and not (old_open and new_open):
            yield Incompatibility("enum_value_added", path, str(value))


def _values(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum", schema.get(OPEN_ENUM))
    return values


def _bounds(path: str, before: Schema, after: Schema) -> Iterable[Incompatibility]:
    for keyword in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
        old, new = before.get(keyword), after.get(keyword)
        if old == new:
            continue
        if keyword in _LOWER_BOUNDS:
            tightened = old is None or (new is not None and new > old)
        else:
            tightened = old is None or (new is not None and new < old)
        code = "bounds_tightened" if tightened else "bounds_loosened"
        yield Incompatibility(code, path, f"{keyword} {'—' if old is None else old} → {'—' if new is None else new}")
    if bool(before.get("uniqueItems")) != bool(after.get("uniqueItems")):
        code = "bounds_tightened" if after.get("uniqueItems") else "bounds_loosened"
        yield Incompatibility(code, path, "uniqueItems")


def _kind(schema: Schema) -> str:
    return str(schema.get("type") or schema.get("$ref") or "any")
