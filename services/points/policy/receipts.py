"""Receipts of dry runs: what is published was tried, exactly as it stands, not long ago, beside what holds now.

A dry run changes nothing, so nothing is kept of it: its answer carries a receipt that only this installation can make,
and every process of it can check.
"""

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from services.points.policy.book import PolicyBook
from services.points.policy.model import Tried
from shared.contracts import Refusal, local_time, refuse_if
from shared.privacy import Vault

_RECEIPT = re.compile(r"([0-9]{1,12})-([0-9]{1,3})-([0-9]{1,9})-([0-9a-f]{64})")


class PolicyNotTried(Refusal):
    """No receipt of a dry run, or that of another document, node or first day."""

    code: ClassVar[str] = "policy_not_tried"
    status: ClassVar[int] = 422


class RestatementNotTried(Refusal):
    """No receipt of a dry run, or that of other days, or of another node or policy."""

    code: ClassVar[str] = "restatement_not_tried"
    status: ClassVar[int] = 422


class DryRunTooOld(Refusal):
    """The dry run was too long ago. Params: `tried`, `days`."""

    code: ClassVar[str] = "dry_run_too_old"


class DryRunOvertaken(Refusal):
    """What holds there is not what it was at the dry run: something that concerns the node was published, withdrawn or
    restated since. Params: `tried`.
    """

    code: ClassVar[str] = "dry_run_overtaken"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was tried, or is to be published: every word of it counts."""

    node: str
    said: str
    not_tried: type[Refusal]

    @classmethod
    def policy(cls, node: str, in_force_from: date, document: Mapping[str, Any]) -> "Proposal":
        """A document for a node, from a day."""
        return cls(node, _canonical("policy", node, in_force_from.isoformat(), document), PolicyNotTried)

    @classmethod
    def restatement(cls, node: str, policy_version: int, since: date, until: date) -> "Proposal":
        """Days that are to be priced anew."""
        days = since.isoformat(), until.isoformat()
        return cls(node, _canonical("restatement", node, policy_version, *days), RestatementNotTried)

    def receipt(self, vault: Vault, book: PolicyBook, tried: Tried) -> str:
        """What the answer of its dry run carries."""
        return self._sealed(vault, int(tried.at.timestamp()), tried.months or 0, book.concerning(self.node))

    def require_tried(self, vault: Vault, book: PolicyBook, receipt: str | None, now: datetime, days_max: int) -> Tried:
        """The dry run that a receipt is of. Raises `not_tried`, `DryRunTooOld` or `DryRunOvertaken`."""
        parts = _RECEIPT.fullmatch(receipt or "")
        if parts is None:
            raise self.not_tried
        at, months, concerning = (int(part) for part in parts.groups()[:3])
        if not hmac.compare_digest(self._sealed(vault, at, months, concerning), parts[0]):
            raise self.not_tried
        tried = Tried(datetime.fromtimestamp(at, UTC), months or None)
        shown = local_time(tried.at)
        refuse_if(now - tried.at > timedelta(days=days_max), DryRunTooOld(tried=shown, days=days_max))
        refuse_if(book.concerning(self.node) != concerning, DryRunOvertaken(tried=shown))
        return tried

    def _sealed(self, vault: Vault, at: int, months: int, concerning: int) -> str:
        open_part = f"{at}-{months}-{concerning}"
        return f"{open_part}-{vault.digest('dry run', f'{open_part} {self.said}').hex()}"


def _canonical(*said: object) -> str:
    return json.dumps(said, sort_keys=True, separators=(",", ":"))
