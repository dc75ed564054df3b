"""Expiry of one part of the people: which day's points have lapsed so far, and which were announced.

Points lapse when a run says so, not at midnight by themselves: until then they can be spent, and nobody's reservation
of the same minute turns into a debt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from shared.contracts import Event
from shared.contracts.points import ExpiryNotice, PointsExpiryAnnounced, PointsLapsed

_Told = tuple[UUID, str, date]
"""Whose points, of which community, after which last day."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the people, as its events tell it."""

    community: str = ""
    through: date | None = None
    """The last day that has lapsed."""
    announced_on: date | None = None
    """The day of the last announcement."""
    told: Mapping[_Told, int] = field(default_factory=dict)
    """Points that were announced, in all, for last days that were not over then."""


@dataclass(frozen=True, slots=True)
class LetLapse:
    """Let points lapse whose last day is this one or an earlier one. Twice is no mistake: two may have noticed."""

    part: int
    through: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell on a day whose points lapse soon, as far as it was not told before. Twice is no mistake."""

    part: int
    today: date
    lapsing: Sequence[ExpiryNotice]
    """All that lapses, whether told or not; one for each person, community and last day."""
    at: datetime


def decide(part: Part, command: LetLapse | Announce) -> list[Event]:
    """Which event a command leads to."""
    match command:
        case LetLapse(part=number, through=through, at=at):
            if part.through is not None and through <= part.through:
                return []
            return [PointsLapsed(part=number, through=through, lapsed_at=at)]
        case Announce(part=number, today=today, lapsing=lapsing, at=at):
            if part.announced_on is not None and today <= part.announced_on:
                return []
            # What was spoken for and came back, or became known late, is told when it is there; what was told is not
            # told again, even where it was spent and came back in between.
            more = ((one, one.points - part.told.get(_key(one), 0)) for one in lapsing)
            notices = tuple(one.model_copy(update={"points": points}) for one, points in more if points > 0)
            if not notices:
                return []
            return [PointsExpiryAnnounced(part=number, announced_on=today, notices=notices, announced_at=at)]


def evolve(part: Part, event: Event) -> Part:
    """The part after an event."""
    match event:
        case PointsLapsed(through=through):
            return replace(part, through=through)
        case PointsExpiryAnnounced(announced_on=day, notices=notices):
            told = {key: points for key, points in part.told.items() if key[2] >= day}
            for one in notices:
                told[_key(one)] = told.get(_key(one), 0) + one.points
            return replace(part, announced_on=day, told=told)
        case _:
            return part


def _key(notice: ExpiryNotice) -> _Told:
    return notice.volunteer_id, notice.community, notice.last_day
