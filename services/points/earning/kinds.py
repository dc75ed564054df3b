"""Kinds of service and tiers of evidence as the ledger stores them: small numbers, never reused."""

from collections.abc import Mapping
from typing import Final

KIND_NUMBERS: Final[Mapping[str, int]] = {
    "activity.general": 1,
    "activity.professional": 2,
    "activity.care": 3,
    "activity.environment": 4,
    "activity.culture": 5,
    "activity.children": 6,
    "activity.training": 7,
    "activity.campaign": 8,
    "activity.meeting": 9,
    "patrol.joint_defence.day": 20,
    "patrol.joint_defence.night": 21,
    "patrol.volunteer.day": 22,
    "patrol.volunteer.night": 23,
    "patrol.cadre.day": 24,
    "patrol.cadre.night": 25,
    "mediation.resolved": 40,
    "mediation.failed": 41,
}
"""By kind, as policies weigh it (`policy.document.SERVICE_KINDS`)."""

KINDS: Final[Mapping[int, str]] = {number: kind for kind, number in KIND_NUMBERS.items()}

EVIDENCE_NUMBERS: Final[Mapping[str, int]] = {"scanned": 1, "backfilled": 2, "estimated": 3}
"""By tier of evidence."""

EVIDENCE: Final[Mapping[int, str]] = {number: tier for tier, number in EVIDENCE_NUMBERS.items()}
