"""Which clauses of a policy a line of service rests on, with the place of each in its document. Pure."""

from typing import Any, NamedTuple

from services.points.earning.kinds import EVIDENCE, KINDS
from services.points.policy.terms import Terms


class Ground(NamedTuple):
    """A clause of a policy that a line rests on."""

    policy_version: int
    place: str
    """JSON pointer into the policy's document."""
    value: Any


def rate_grounds(kind: int | None, terms: Terms) -> list[Ground]:
    """What the points of service rest on: minutes for a point, and the weight of its kind."""
    assert kind is not None, "only service has a rate"
    name = KINDS[kind]
    rate, weight = terms.minutes_per_point, terms.weights_percent[name]
    return [
        Ground(rate.version, "/points/minutes_per_point", rate.value),
        Ground(weight.version, f"/points/weights_percent/{name}", weight.value),
    ]


def tier_ground(evidence: int | None, terms: Terms) -> Ground:
    """Which units service of this evidence brings."""
    tier = EVIDENCE[evidence or 0]
    units, version = terms.evidence[tier]
    return Ground(version, f"/evidence/{tier}", sorted(units))


def donate_only_ground(terms: Terms) -> Ground:
    """Which kinds of service bring minutes that are only given away."""
    said = terms.time_bank.donate_only_kinds
    return Ground(said.version, "/time_bank/donate_only_kinds", sorted(said.value))
