"""A moment that was entered by hand, within bounds: not in the future, and not further back than books stay open."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from shared.contracts import Refusal, local_time, refuse_if


class DatedInFuture(Refusal):
    """Nothing can be entered before it has happened."""

    code: ClassVar[str] = "goods_dated_in_future"


class DatedTooFarBack(Refusal):
    """It lies further back than can be entered. Params: `earliest`, local time."""

    code: ClassVar[str] = "goods_dated_too_far_back"


@dataclass(frozen=True, slots=True)
class Dated:
    """A moment that something is said to have happened at, with the bounds it must keep."""

    at: datetime
    now: datetime
    earliest: datetime

    def within_bounds(self) -> datetime:
        """The moment. Raises `DatedInFuture` or `DatedTooFarBack`."""
        refuse_if(self.at > self.now, DatedInFuture)
        refuse_if(self.at < self.earliest, DatedTooFarBack(earliest=local_time(self.earliest)))
        return self.at
