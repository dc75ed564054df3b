"""Whether a volunteer is on leaderboards: they are, until they say otherwise, and may change their mind."""

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from shared.contracts import Event
from shared.contracts.honours import LeaderboardOptedIn, LeaderboardOptedOut


@dataclass(frozen=True, slots=True)
class Appearance:
    """A volunteer's wish."""

    community: str = ""
    opted_out: bool = False


@dataclass(frozen=True, slots=True)
class Choose:
    """Be on leaderboards, or not."""

    volunteer_id: UUID
    community: str
    opted_out: bool
    day: date


def decide(appearance: Appearance, command: Choose) -> list[Event]:
    """A wish that is known already is nothing new."""
    if command.opted_out == appearance.opted_out:
        return []
    whose = {"volunteer_id": command.volunteer_id, "community": command.community}
    if command.opted_out:
        return [LeaderboardOptedOut(**whose, opted_out_on=command.day)]
    return [LeaderboardOptedIn(**whose, opted_in_on=command.day)]


def evolve(appearance: Appearance, event: Event) -> Appearance:
    """The wish after an event."""
    match event:
        case LeaderboardOptedOut(community=community):
            return replace(appearance, community=community, opted_out=True)
        case LeaderboardOptedIn(community=community):
            return replace(appearance, community=community, opted_out=False)
        case _:
            return appearance
