"""Taking back what was entered wrongly: what every room asks before it does. Pure.

How the ledger does it is in `ledger.reversing`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from shared.contracts import Refusal, local_time, refuse_if
from shared.contracts.reversals import ReversalReason


@dataclass(frozen=True, slots=True)
class Reverse:
    """Take back, as a whole, what was entered."""

    reason: ReversalReason
    at: datetime
    earliest: datetime
    """What happened before stays as it was entered: the books of that time are closed."""


class AlreadyReversed(Refusal):
    """It was taken back before."""

    code: ClassVar[str] = "already_reversed"


class TooFarBackToReverse(Refusal):
    """It was entered for a time whose books are closed. Params: `happened`, `earliest`, local times."""

    code: ClassVar[str] = "too_far_back_to_reverse"


def reversed_as(command: Reverse, happened_at: datetime, *, before: bool) -> dict[str, Any]:
    """What the event of a reversal says of it. Raises the refusals above."""
    refuse_if(before, AlreadyReversed)
    refuse_if(
        happened_at < command.earliest,
        TooFarBackToReverse(happened=local_time(happened_at), earliest=local_time(command.earliest)),
    )
    return {"reason": command.reason, "reversed_at": command.at}
