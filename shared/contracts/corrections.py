"""The rule by which a service record is put right, alike wherever service is told (decision 0040). Pure."""

from typing import ClassVar, NamedTuple

from shared.contracts.common import CorrectionReason, Evidence
from shared.contracts.refusal import Refusal, refuse_if


class NothingToCorrect(Refusal):
    """The record says so already."""

    code: ClassVar[str] = "nothing_to_correct"


class ScannedNeedsEvidence(Refusal):
    """Only what vouches for it on site makes a record `scanned`, since that is what earns points."""

    code: ClassVar[str] = "scanned_needs_evidence"
    status: ClassVar[int] = 422


class Told(NamedTuple):
    """What a record says: minutes, of which 0 void it, and how well they are known."""

    minutes: int
    evidence: Evidence


NO_RECORD = Told(0, Evidence.ESTIMATED)
"""What a record that was missing is corrected from."""


def check_correction(before: Told, after: Told, reason: CorrectionReason, *, attested: bool = False) -> None:
    """Raises `NothingToCorrect` or `ScannedNeedsEvidence`. `attested` is what was vouched for on site besides."""
    same_evidence = after.evidence is before.evidence or after.minutes == 0
    refuse_if(after.minutes == before.minutes and same_evidence, NothingToCorrect)
    newly_scanned = Evidence.SCANNED is after.evidence is not before.evidence
    refuse_if(newly_scanned and not (attested or reason is CorrectionReason.EVIDENCE_ADDED), ScannedNeedsEvidence)
