"""Overflow of one part of the people: through which day it was looked at what stands above the cap."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from shared.contracts import Event
from shared.contracts.points import MinutesPooled, SpentMinutes


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the people, as its events tell it."""

    community: str = ""
    through: date | None = None
    """The last day at whose end it was looked."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Let flow over what stood above the cap at the end of a day. Twice is no mistake: two may have noticed."""

    part: int
    through: date
    at: datetime
    spent: Mapping[UUID, int] = field(default_factory=dict)
    """By volunteer, what was spent since the end of the day."""


def decide(part: Part, command: Pool) -> list[Event]:
    """Which event a command leads to."""
    if part.through is not None and command.through <= part.through:
        return []
    spent = tuple(SpentMinutes(volunteer_id=one, minutes=minutes) for one, minutes in sorted(command.spent.items()))
    return [MinutesPooled(part=command.part, through=command.through, pooled_at=command.at, spent=spent)]


def evolve(part: Part, event: Event) -> Part:
    """The part after an event."""
    return replace(part, through=event.through) if isinstance(event, MinutesPooled) else part
