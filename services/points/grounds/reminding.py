"""Flags that nobody decides on: whoever may is reminded, some days after, and then every week. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta

_AGAIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A flag that waits for somebody to decide, however often it was told anew."""

    since: date
    reminders: int = 0
    remind_on: date | None = None
    """The next reminder; None before the first."""


@dataclass(frozen=True, slots=True)
class Remind:
    """See whether it has waited for so long that somebody is to be reminded. Twice on a day is no mistake."""

    within_days: int
    """After so many days for the first time."""
    day: date

    def told(self, waiting: Waiting | None) -> dict[str, object] | None:
        """What a reminder says, if it is time for one."""
        if waiting is None:
            return None
        due = waiting.remind_on or waiting.since + timedelta(days=self.within_days)
        if self.day < due:
            return None
        again = {"waits_since": waiting.since, "reminder": waiting.reminders + 1, "remind_on": self.day + _AGAIN}
        return {**again, "reminded_on": self.day}
