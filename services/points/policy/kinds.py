"""What a policy can speak of: the kinds of service that it weighs, and the units that service earns."""

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
