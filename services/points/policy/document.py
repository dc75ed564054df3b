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
from services.points.policy.rules import RULES, read_rules, rule_faults
from shared.contracts import Evidence

__all__ = ["SERVICE_KINDS", "BadPolicy", "PolicyDocument", "read_document"]

_WEIGHT_PERCENT_MAX = 1000
_MINUTES_PER_POINT_MAX = 24 * 60
_CAP_MAX = 100_000
_TITLE_LENGTH_MAX = 200
_OPTIONAL = ("caps_per_activity",)
"""Sections that even a document for everywhere may leave out."""

_LATER_REASONS = frozenset({"never_counts", "not_a_multiple_of_five", "lower_than_before", "not_deposited", "empty"})
"""Reasons that came after 0.1.0: they refuse new documents and leave published ones alone."""


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
    caps_per_activity: Mapping[str, int] = field(default_factory=dict)
    """The most that one service record can bring of a unit; no cap where nobody says one."""
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What it says beside prices, by section and part (`rules.RULES`)."""

    @property
    def says_nothing(self) -> bool:
        """Whether everything is inherited."""
        prices = (self.weights_percent, self.evidence, self.caps_per_day, self.caps_per_activity)
        return self.minutes_per_point is None and not any(prices) and not any(self.rules.values())


def read_document(raw: Mapping[str, Any], *, complete: bool, published: bool = False) -> PolicyDocument:
    """Read a document as it was sent; `complete` demands that nothing is left to inherit. Raises `BadPolicy`.

    One that was `published` is read as it was good then: a rule about documents that came later does not undo it.
    """
    faults = _faults(raw, complete)
    refuse_faults(fault for fault in faults if not (published and fault.reason in _LATER_REASONS))
    points = raw.get("points", {})
    return PolicyDocument(
        minutes_per_point=points.get("minutes_per_point"),
        weights_percent=dict(points.get("weights_percent", {})),
        evidence={tier: frozenset(units) for tier, units in raw.get("evidence", {}).items()},
        caps_per_day=dict(raw.get("caps_per_day", {})),
        caps_per_activity=dict(raw.get("caps_per_activity", {})),
        rules=read_rules(raw),
    )


def _faults(raw: Mapping[str, Any], complete: bool) -> Iterator[Fault]:
    sections = ("caps_per_day", "evidence", "points", *RULES)
    yield from unknown_keys(raw, {"title", *sections, *_OPTIONAL}, "")
    yield from _title_faults(raw)
    for name in (*sections, *_OPTIONAL):
        if name in raw and not isinstance(raw[name], Mapping):
            yield Fault(f"/{name}", "not_an_object")
        elif name in raw and not raw[name] and not complete:
            yield Fault(f"/{name}", "empty")
        elif name not in raw and complete and name not in _OPTIONAL:
            yield Fault(f"/{name}", "missing")
    if isinstance(points := raw.get("points"), Mapping):
        yield from _points_faults(points, complete)
    if isinstance(evidence := raw.get("evidence"), Mapping):
        yield from _evidence_faults(evidence, complete)
    if isinstance(caps := raw.get("caps_per_day"), Mapping):
        yield from _cap_faults(caps, complete, "/caps_per_day")
    if isinstance(caps := raw.get("caps_per_activity"), Mapping):
        yield from _cap_faults(caps, False, "/caps_per_activity")
    yield from rule_faults(raw, complete)


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
    if not weights and "weights_percent" in points and not complete:
        yield Fault("/points/weights_percent", "empty")
    yield from unknown_keys(weights, SERVICE_KINDS, "/points/weights_percent")
    for kind in sorted(SERVICE_KINDS):
        if kind in weights:
            yield from whole_number(weights[kind], 0, _WEIGHT_PERCENT_MAX, f"/points/weights_percent/{kind}")
        elif complete:
            yield Fault(f"/points/weights_percent/{kind}", "missing")


def _cap_faults(caps: Mapping[str, Any], complete: bool, place: str) -> Iterator[Fault]:
    yield from unknown_keys(caps, EARNING_UNITS, place)
    for unit in EARNING_UNITS:
        if unit in caps:
            yield from whole_number(caps[unit], 0, _CAP_MAX, f"{place}/{unit}")
        elif complete:
            yield Fault(f"{place}/{unit}", "missing")


def _evidence_faults(evidence: Mapping[str, Any], complete: bool) -> Iterator[Fault]:
    yield from unknown_keys(evidence, list(Evidence), "/evidence")
    for tier in sorted(Evidence):
        place = f"/evidence/{tier}"
        if tier not in evidence:
            if complete:
                yield Fault(place, "missing")
            continue
        units = evidence[tier]
        yield from some_of(units, EARNING_UNITS, place)
        if tier is Evidence.ESTIMATED and is_list(units) and units:
            yield Fault(place, "never_counts")
