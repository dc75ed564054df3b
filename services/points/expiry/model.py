"""Expiry of one part of the people: which day's points have lapsed so far, and which were announced.

Points lapse when a run says so, not at midnight by themselves: until then they can be spent, and nobody's reservation
of the same minute turns into a debt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.contracts import Event
from shared.contracts.points import ExpiryNotice, PointsExpiryAnnounced, PointsLapsed


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the people, as its events tell it."""

    community: str = ""
    through: date | None = None
    """The last day that has lapsed."""
    announced_on: date | None = None
    """The day of the last announcement."""


@dataclass(frozen=True, slots=True)
class LetLapse:
    """Let points lapse whose last day is this one or an earlier one. Twice is no mistake: two may have noticed."""

    part: int
    through: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell on a day whose points lapse soon. Twice is no mistake."""

    part: int
    today: date
    notices: Sequence[ExpiryNotice]
    at: datetime


def decide(part: Part, command: LetLapse | Announce) -> list[Event]:
    """Which event a command leads to."""
    match command:
        case LetLapse(part=number, through=through, at=at):
            if part.through is not None and through <= part.through:
                return []
            return [PointsLapsed(part=number, through=through, lapsed_at=at)]
        case Announce(part=number, today=today, notices=notices, at=at):
            if part.announced_on is not None and today <= part.announced_on:
                return []
            return [PointsExpiryAnnounced(part=number, announced_on=today, notices=tuple(notices), announced_at=at)]


def evolve(part: Part, event: Event) -> Part:
    """The part after an event."""
    match event:
        case PointsLapsed(through=through):
            return replace(part, through=through)
        case PointsExpiryAnnounced(announced_on=day):
            return replace(part, announced_on=day)
        case _:
            return part
