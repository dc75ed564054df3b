"""Moments that people enter about a case, and the bounds that they must keep."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.mediation.cases.refusals import CaseDatedInFuture, CaseDatedTooFarBack, DatedBeforeFiling
from shared.contracts import local_time, refuse_if


@dataclass(frozen=True, slots=True)
class Dated:
    """A moment that something is said to have happened at, with the bounds it must keep."""

    at: datetime
    now: datetime
    earliest: datetime
    """How far back something may be dated that is entered now (`BACKDATING_MAX_DAYS`)."""

    def check(self, *, filed_at: datetime | None = None, ends: timedelta = timedelta()) -> datetime:
        """The moment, unless it (or its end) lies in the future, too far back, or before the filing."""
        refuse_if(self.at + ends > self.now, CaseDatedInFuture)
        refuse_if(self.at < self.earliest, CaseDatedTooFarBack(earliest=local_time(self.earliest)))
        refuse_if(filed_at is not None and self.at < filed_at, DatedBeforeFiling)
        return self.at
