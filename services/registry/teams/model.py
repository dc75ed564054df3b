"""A service team (志愿服务队): formed, joined and left, led by one of its members after another."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from uuid import UUID

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.registry import (
    TeamDissolved,
    TeamFormed,
    TeamLeaderAppointed,
    TeamMemberJoined,
    TeamMemberLeft,
    TeamOrigin,
)


class TeamAlreadyFormed(Refusal):
    """The community has a team of this name already."""

    code = "team_already_formed"


class TeamNotFormed(Refusal):
    """There is no such team."""

    code = "team_not_formed"
    status = 404


class TeamIsDissolved(Refusal):
    """The team is no more; nobody joins or leads it."""

    code = "team_dissolved"


class AlreadyMember(Refusal):
    """The volunteer is in the team already."""

    code = "already_team_member"


class NotMember(Refusal):
    """The volunteer is not in the team."""

    code = "not_team_member"


class TeamDatedInFuture(Refusal):
    """What is entered is dated in the future."""

    code = "dated_in_future"
    status = 422


class TeamDatedTooFarBack(Refusal):
    """What is entered is dated further back than may be entered now, or before what it follows on.

    Params: `earliest`.
    """

    code = "dated_too_far_back"
    status = 422


@dataclass(frozen=True, slots=True)
class Dated:
    """A day that something is said to have happened on, with the bounds it must keep."""

    on: date
    today: date
    earliest: date | None
    """How far back it may lie; None for what is taken over from an older register."""

    def check(self, not_before: date | None = None) -> None:
        """Refuse a day in the future, too far back, or before what it follows on."""
        refuse_if(self.on > self.today, TeamDatedInFuture())
        earliest = max(self.earliest or date.min, not_before or date.min)
        refuse_if(self.on < earliest, TeamDatedTooFarBack(earliest=earliest.isoformat()))


@dataclass(frozen=True, slots=True)
class Team:
    """What the rules need to know of a team."""

    id: UUID | None = None
    community: str = ""
    members: Mapping[UUID, date] = field(default_factory=lambda: MappingProxyType({}))
    """Who is in the team now, and since when."""
    leader: UUID | None = None
    leader_since: date | None = None
    dissolved: bool = False


@dataclass(frozen=True, slots=True)
class FormTeam:
    """A team comes into being."""

    team_id: UUID
    community: str
    name: str
    kind: str
    origin: TeamOrigin
    dated: Dated


@dataclass(frozen=True, slots=True)
class Join:
    """Volunteers in good standing join. With `skip_members`, those who are in already are passed over."""

    joiners: Mapping[UUID, Dated]
    skip_members: bool = False


@dataclass(frozen=True, slots=True)
class Leave:
    """A member leaves; whoever led the team no longer does."""

    volunteer_id: UUID
    dated: Dated


@dataclass(frozen=True, slots=True)
class AppointLeader:
    """A member takes the lead, in the place of an earlier leader."""

    volunteer_id: UUID
    dated: Dated


@dataclass(frozen=True, slots=True)
class Dissolve:
    """The team is no more, or was formed by mistake, as from a slip in a roster; whoever is in it leaves."""

    dated: Dated


Command = FormTeam | Join | Leave | AppointLeader | Dissolve


def decide(team: Team, command: Command) -> list[Event]:
    """What follows from a command, by the rules of membership."""
    if isinstance(command, FormTeam):
        refuse_if(team.id is not None, TeamAlreadyFormed())
        command.dated.check()
        return [
            TeamFormed(
                team_id=command.team_id,
                community=command.community,
                name=command.name,
                kind=command.kind,
                origin=command.origin,
                formed_on=command.dated.on,
            )
        ]
    if team.id is None:
        raise TeamNotFormed
    refuse_if(team.dissolved, TeamIsDissolved)
    match command:
        case Join(joiners=joiners, skip_members=skip_members):
            return _join(team, team.id, joiners, skip_members)
        case Leave(volunteer_id=volunteer_id, dated=dated):
            refuse_unless(volunteer_id in team.members, NotMember(volunteer_id=volunteer_id))
            dated.check(not_before=team.members[volunteer_id])
            return [TeamMemberLeft(team_id=team.id, volunteer_id=volunteer_id, left_on=dated.on)]
        case AppointLeader(volunteer_id=volunteer_id, dated=dated):
            refuse_unless(volunteer_id in team.members, NotMember(volunteer_id=volunteer_id))
            if volunteer_id == team.leader:
                return []
            dated.check(not_before=max(team.members[volunteer_id], team.leader_since or date.min))
            return [TeamLeaderAppointed(team_id=team.id, volunteer_id=volunteer_id, appointed_on=dated.on)]
        case Dissolve(dated=dated):
            dated.check(not_before=max([*team.members.values(), team.leader_since or date.min]))
            left = [TeamMemberLeft(team_id=team.id, volunteer_id=who, left_on=dated.on) for who in team.members]
            return [*left, TeamDissolved(team_id=team.id, dissolved_on=dated.on)]


def _join(team: Team, team_id: UUID, joiners: Mapping[UUID, Dated], skip_members: bool) -> list[Event]:
    joined: list[Event] = []
    for volunteer_id, dated in joiners.items():
        if volunteer_id in team.members:
            refuse_unless(skip_members, AlreadyMember(volunteer_id=volunteer_id))
            continue
        dated.check()
        joined.append(TeamMemberJoined(team_id=team_id, volunteer_id=volunteer_id, joined_on=dated.on))
    return joined


def evolve(team: Team, event: Event) -> Team:
    """The team after an event of its own."""
    match event:
        case TeamFormed():
            return Team(id=event.team_id, community=event.community)
        case TeamMemberJoined():
            return replace(team, members={**team.members, event.volunteer_id: event.joined_on})
        case TeamMemberLeft():
            remaining = {member: since for member, since in team.members.items() if member != event.volunteer_id}
            if team.leader == event.volunteer_id:
                return replace(team, members=remaining, leader=None, leader_since=None)
            return replace(team, members=remaining)
        case TeamLeaderAppointed():
            return replace(team, leader=event.volunteer_id, leader_since=event.appointed_on)
        case TeamDissolved():
            return replace(team, dissolved=True)
    return team
