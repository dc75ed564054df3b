"""A policy document: what it may say, and where exactly a bad one is wrong. Standard library only.

A document for the whole country (no node) is complete. One for a node says only what differs; everything else is
inherited from the nodes above. Numbers are integers: weights in percent, times in minutes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.points.policy.faults import (
    BadPolicy,
    Fault,
    is_list,
    refuse_faults,
    some_of,
    unknown_keys,
    whole_number,
)
from services.points.policy.kinds import EARNING_UNITS, SERVICE_KINDS
from services.points.policy.rules import LATER_REASONS, RULES, read_rules, rule_faults
from shared.contracts import Evidence

__all__ = ["SERVICE_KINDS", "BadPolicy", "PolicyDocument", "read_document"]

_WEIGHT_PERCENT_MAX = 1000
_MINUTES_PER_POINT_MAX = 24 * 60
_CAP_MAX = 100_000
_TITLE_LENGTH_MAX = 200


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
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What it says beside prices, by section and part (`rules.RULES`)."""


def read_document(raw: Mapping[str, Any], *, complete: bool, published: bool = False) -> PolicyDocument:
    """Read a document as it was sent; `complete` demands that nothing is left to inherit. Raises `BadPolicy`.

    One that was `published` is read as it was good then: a rule about documents that came later does not undo it.
    """
    refuse_faults(_faults(raw, complete, published))
    points = raw.get("points", {})
    return PolicyDocument(
        minutes_per_point=points.get("minutes_per_point"),
        weights_percent=dict(points.get("weights_percent", {})),
        evidence={tier: frozenset(units) for tier, units in raw.get("evidence", {}).items()},
        caps_per_day=dict(raw.get("caps_per_day", {})),
        rules=read_rules(raw),
    )


def _faults(raw: Mapping[str, Any], complete: bool, published: bool) -> Iterator[Fault]:
    sections = ("caps_per_day", "evidence", "points", *RULES)
    yield from unknown_keys(raw, {"title", *sections}, "")
    yield from _title_faults(raw)
    for name in sections:
        if name in raw and not isinstance(raw[name], Mapping):
            yield Fault(f"/{name}", "not_an_object")
        elif name not in raw and complete:
            yield Fault(f"/{name}", "missing")
    if isinstance(points := raw.get("points"), Mapping):
        yield from _points_faults(points, complete)
    if isinstance(evidence := raw.get("evidence"), Mapping):
        yield from _evidence_faults(evidence, complete, published)
    if isinstance(caps := raw.get("caps_per_day"), Mapping):
        yield from unknown_keys(caps, EARNING_UNITS, "/caps_per_day")
        for unit in EARNING_UNITS:
            if unit in caps:
                yield from whole_number(caps[unit], 0, _CAP_MAX, f"/caps_per_day/{unit}")
            elif complete:
                yield Fault(f"/caps_per_day/{unit}", "missing")
    for fault in rule_faults(raw, complete):
        if not (published and fault.reason in LATER_REASONS):
            yield fault


def _title_faults(raw: Mapping[str, Any]) -> Iterator[Fault]:
    title = raw.get("title")
    if not isinstance(title, Mapping):
        yield Fault("/title", "missing" if title is None else "not_an_object")
        return
    yield from unknown_keys(title, {"zh", "en"}, "/title")
    for language in ("zh", "en"):
        text = title.get(language)
        if not isinstance(text, str) or not text.strip() or len(text) > _TITLE_LENGTH_MAX or not text.isprintable():
            yield Fault(f"/title/{language}", "not_a_title")


def _points_faults(points: Mapping[str, Any], complete: bool) -> Iterator[Fault]:
    yield from unknown_keys(points, {"minutes_per_point", "weights_percent"}, "/points")
    if "minutes_per_point" in points:
        place = "/points/minutes_per_point"
        yield from whole_number(points["minutes_per_point"], 1, _MINUTES_PER_POINT_MAX, place)
    elif complete:
        yield Fault("/points/minutes_per_point", "missing")
    weights = points.get("weights_percent", {})
    if not isinstance(weights, Mapping):
        yield Fault("/points/weights_percent", "not_an_object")
        return
    yield from unknown_keys(weights, SERVICE_KINDS, "/points/weights_percent")
    for kind in sorted(SERVICE_KINDS):
        if kind in weights:
            yield from whole_number(weights[kind], 0, _WEIGHT_PERCENT_MAX, f"/points/weights_percent/{kind}")
        elif complete:
            yield Fault(f"/points/weights_percent/{kind}", "missing")


def _evidence_faults(evidence: Mapping[str, Any], complete: bool, published: bool) -> Iterator[Fault]:
    yield from unknown_keys(evidence, list(Evidence), "/evidence")
    for tier in sorted(Evidence):
        place = f"/evidence/{tier}"
        if tier not in evidence:
            if complete:
                yield Fault(place, "missing")
            continue
        units = evidence[tier]
        yield from some_of(units, EARNING_UNITS, place)
        # 0.1.0 let a document say otherwise; what was earned under it then stays as it was priced.
        if tier is Evidence.ESTIMATED and is_list(units) and units and not published:
            yield Fault(place, "never_counts")
