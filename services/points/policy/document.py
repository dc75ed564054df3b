"""A policy document: what it may say, and where exactly a bad one is wrong. Standard library only.

A document for the whole country (no node) is complete. One for a node says only what differs; everything else is
inherited from the nodes above. Numbers are integers: weights in percent, times in minutes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.contracts import Evidence, Refusal
from shared.contracts.grid_patrol import CrewKind
from shared.contracts.registry import ActivityCategory

EARNING_UNITS = ("POINT", "MINUTE", "SERVICE_MINUTE")
"""Units a policy can let service earn."""

SERVICE_KINDS: frozenset[str] = frozenset(
    [f"activity.{category}" for category in ActivityCategory]
    + [f"patrol.{crew}.{time}" for crew in CrewKind for time in ("day", "night")]
    + ["mediation.resolved", "mediation.failed"]
)
"""Kinds of service that a policy weighs."""

_WEIGHT_PERCENT_MAX = 1000
_MINUTES_PER_POINT_MAX = 24 * 60
_CAP_MAX = 100_000
_TITLE_LENGTH_MAX = 200


class BadPolicy(Refusal):
    """The document cannot be a policy. Params: `place` (JSON pointer) and `reason` of the first fault, all `faults`."""

    code = "bad_policy"
    status = 422


_REASONS = {
    "unknown": "没有这一项 unknown",
    "missing": "缺少 missing",
    "repeated": "重复 repeated",
    "negative": "不能为负 negative",
    "too_small": "太小 too small",
    "too_large": "太大 too large",
    "not_a_whole_number": "应为整数 not a whole number",
    "not_an_object": "应为对象 not an object",
    "not_a_list": "应为列表 not a list",
    "not_a_title": "应为 1 到 200 字的标题 not a title",
}
_FAULTS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, as a JSON pointer, and why, as a code."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A document that was read and found good. What it does not say is inherited."""

    minutes_per_point: int | None = None
    weights_percent: Mapping[str, int] = field(default_factory=dict)
    """Percent of the plain rate by kind of service."""
    evidence: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Units that a record earns, by its evidence tier."""
    caps_per_day: Mapping[str, int] = field(default_factory=dict)
    """The most that one person can earn of a unit on one day."""


def read_document(raw: Mapping[str, Any], *, complete: bool) -> PolicyDocument:
    """Read a document as it was sent; `complete` demands that nothing is left to inherit. Raises `BadPolicy`."""
    faults = list(_faults(raw, complete))
    if faults:
        raise BadPolicy(
            place=faults[0].place,
            reason=faults[0].reason,
            faults="; ".join(f"{fault.place} {_REASONS[fault.reason]}" for fault in faults[:_FAULTS_SHOWN_MAX]),
        )
    points = raw.get("points", {})
    return PolicyDocument(
        minutes_per_point=points.get("minutes_per_point"),
        weights_percent=dict(points.get("weights_percent", {})),
        evidence={tier: frozenset(units) for tier, units in raw.get("evidence", {}).items()},
        caps_per_day=dict(raw.get("caps_per_day", {})),
    )


def _faults(raw: Mapping[str, Any], complete: bool) -> Iterator[Fault]:
    sections = {"title", "points", "evidence", "caps_per_day"}
    yield from _unknown_keys(raw, sections, "")
    yield from _title_faults(raw)
    for name in sorted(sections - {"title"}):
        if name in raw and not isinstance(raw[name], Mapping):
            yield Fault(f"/{name}", "not_an_object")
        elif name not in raw and complete:
            yield Fault(f"/{name}", "missing")
    if isinstance(points := raw.get("points"), Mapping):
        yield from _points_faults(points, complete)
    if isinstance(evidence := raw.get("evidence"), Mapping):
        yield from _evidence_faults(evidence, complete)
    if isinstance(caps := raw.get("caps_per_day"), Mapping):
        yield from _unknown_keys(caps, set(EARNING_UNITS), "/caps_per_day")
        for unit in EARNING_UNITS:
            if unit in caps:
                yield from _whole_number(caps[unit], 0, _CAP_MAX, f"/caps_per_day/{unit}")
            elif complete:
                yield Fault(f"/caps_per_day/{unit}", "missing")


def _title_faults(raw: Mapping[str, Any]) -> Iterator[Fault]:
    title = raw.get("title")
    if not isinstance(title, Mapping):
        yield Fault("/title", "missing" if title is None else "not_an_object")
        return
    yield from _unknown_keys(title, {"zh", "en"}, "/title")
    for language in ("zh", "en"):
        text = title.get(language)
        if not isinstance(text, str) or not text.strip() or len(text) > _TITLE_LENGTH_MAX or not text.isprintable():
            yield Fault(f"/title/{language}", "not_a_title")


def _points_faults(points: Mapping[str, Any], complete: bool) -> Iterator[Fault]:
    yield from _unknown_keys(points, {"minutes_per_point", "weights_percent"}, "/points")
    if "minutes_per_point" in points:
        place = "/points/minutes_per_point"
        yield from _whole_number(points["minutes_per_point"], 1, _MINUTES_PER_POINT_MAX, place)
    elif complete:
        yield Fault("/points/minutes_per_point", "missing")
    weights = points.get("weights_percent", {})
    if not isinstance(weights, Mapping):
        yield Fault("/points/weights_percent", "not_an_object")
        return
    yield from _unknown_keys(weights, set(SERVICE_KINDS), "/points/weights_percent")
    for kind in sorted(SERVICE_KINDS):
        if kind in weights:
            yield from _whole_number(weights[kind], 0, _WEIGHT_PERCENT_MAX, f"/points/weights_percent/{kind}")
        elif complete:
            yield Fault(f"/points/weights_percent/{kind}", "missing")


def _evidence_faults(evidence: Mapping[str, Any], complete: bool) -> Iterator[Fault]:
    tiers = {tier.value for tier in Evidence}
    yield from _unknown_keys(evidence, tiers, "/evidence")
    for tier in sorted(tiers):
        if tier not in evidence:
            if complete:
                yield Fault(f"/evidence/{tier}", "missing")
            continue
        units = evidence[tier]
        if not isinstance(units, (list, tuple)):
            yield Fault(f"/evidence/{tier}", "not_a_list")
            continue
        seen: set[str] = set()
        for index, unit in enumerate(units):
            if unit not in EARNING_UNITS:
                yield Fault(f"/evidence/{tier}/{index}", "unknown")
            elif unit in seen:
                yield Fault(f"/evidence/{tier}/{index}", "repeated")
            else:
                seen.add(unit)


def _unknown_keys(raw: Mapping[str, Any], known: set[str], place: str) -> Iterator[Fault]:
    for key in raw:
        if key not in known:
            # The key may be anything a caller typed. A pointer escapes "/" and "~" (RFC 6901).
            harmless = str(key)[:80].encode("unicode_escape").decode() if not str(key).isprintable() else str(key)[:80]
            escaped = harmless.replace("~", "~0").replace("/", "~1")
            yield Fault(f"{place}/{escaped}", "unknown")


def _whole_number(value: Any, low: int, high: int, place: str) -> Iterator[Fault]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield Fault(place, "not_a_whole_number")
    elif value < low:
        yield Fault(place, "negative" if value < 0 else "too_small")
    elif value > high:
        yield Fault(place, "too_large")
