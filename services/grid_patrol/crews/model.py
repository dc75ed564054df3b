"""A patrol crew (巡逻队) of one of the three kinds: formed, joined and left, disbanded."""

from dataclasses import dataclass, replace
from uuid import UUID

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.grid_patrol import (
    CrewDisbanded,
    CrewFormed,
    CrewKind,
    CrewMemberAdded,
    CrewMemberRemoved,
    CrewRenamed,
)

MEMBERS_MAX = 500
"""A crew larger than this is several crews."""


class CrewNotFormed(Refusal):
    """There is no such crew."""

    code = "crew_not_formed"
    status = 404


class CrewAlreadyFormed(Refusal):
    """A crew is formed once."""

    code = "crew_already_formed"


class CrewNameTaken(Refusal):
    """Another crew of the community has this name; people could not tell the two apart."""

    code = "crew_name_taken"


class CrewIsDisbanded(Refusal):
    """The crew no longer exists."""

    code = "crew_disbanded"


class AlreadyCrewMember(Refusal):
    """The volunteer is in the crew already."""

    code = "already_crew_member"


class NotCrewMember(Refusal):
    """The volunteer is not in the crew."""

    code = "not_crew_member"


class CrewTooLarge(Refusal):
    """The crew would have more members than one crew may have."""

    code = "crew_too_large"


class CrewHasOpenShifts(Refusal):
    """Shifts of the crew are planned or under way; they are cancelled or logged first."""

    code = "crew_has_open_shifts"


@dataclass(frozen=True, slots=True)
class Crew:
    """What the rules need to know of a crew."""

    id: UUID | None = None
    community: str = ""
    name: str = ""
    kind: CrewKind = CrewKind.VOLUNTEER
    members: frozenset[UUID] = frozenset()
    disbanded: bool = False


@dataclass(frozen=True, slots=True)
class FormCrew:
    """A crew comes into being, with or without members."""

    crew_id: UUID
    community: str
    name: str
    kind: CrewKind
    members: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class RenameCrew:
    """The crew has another name from now on."""

    name: str


@dataclass(frozen=True, slots=True)
class AddMembers:
    """Volunteers in good standing join."""

    volunteers: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """A member leaves."""

    volunteer_id: UUID


@dataclass(frozen=True, slots=True)
class ForgetMember:
    """A person was forgotten: whether a member or not, they are none afterwards."""

    volunteer_id: UUID


@dataclass(frozen=True, slots=True)
class Disband:
    """The crew ends. `open_shifts` is how many of its shifts are planned or under way."""

    open_shifts: int


Command = FormCrew | RenameCrew | AddMembers | RemoveMember | ForgetMember | Disband


def decide(crew: Crew, command: Command) -> list[Event]:
    """What follows from a command. Raises the refusals of this module."""
    match command:
        case FormCrew(crew_id=crew_id, community=community, name=name, kind=kind, members=members):
            refuse_if(crew.id is not None, CrewAlreadyFormed)
            formed = CrewFormed(crew_id=crew_id, community=community, name=name, kind=kind)
            return [formed, *_join(evolve(crew, formed), members)]
        case ForgetMember(volunteer_id=volunteer_id):
            if crew.id is None or volunteer_id not in crew.members:
                return []
            return [CrewMemberRemoved(crew_id=crew.id, volunteer_id=volunteer_id)]
        case RenameCrew(name=name):
            crew_id = _standing(crew)
            return [] if name == crew.name else [CrewRenamed(crew_id=crew_id, name=name)]
        case AddMembers(volunteers=volunteers):
            _standing(crew)
            return _join(crew, volunteers)
        case RemoveMember(volunteer_id=volunteer_id):
            crew_id = _standing(crew)
            refuse_unless(volunteer_id in crew.members, NotCrewMember(volunteer_id=str(volunteer_id)))
            return [CrewMemberRemoved(crew_id=crew_id, volunteer_id=volunteer_id)]
        case Disband(open_shifts=open_shifts):
            crew_id = _standing(crew)
            refuse_if(open_shifts > 0, CrewHasOpenShifts(count=open_shifts))
            return [CrewDisbanded(crew_id=crew_id)]


def evolve(crew: Crew, event: Event) -> Crew:
    """The crew after an event of its own."""
    match event:
        case CrewFormed(crew_id=crew_id, community=community, name=name, kind=kind):
            return Crew(id=crew_id, community=community, name=name, kind=kind)
        case CrewRenamed(name=name):
            return replace(crew, name=name)
        case CrewMemberAdded(volunteer_id=volunteer_id):
            return replace(crew, members=crew.members | {volunteer_id})
        case CrewMemberRemoved(volunteer_id=volunteer_id):
            return replace(crew, members=crew.members - {volunteer_id})
        case CrewDisbanded():
            return replace(crew, disbanded=True)
        case _:
            return crew


def _standing(crew: Crew) -> UUID:
    if crew.id is None:
        raise CrewNotFormed
    refuse_if(crew.disbanded, CrewIsDisbanded)
    return crew.id


def _join(crew: Crew, volunteers: tuple[UUID, ...]) -> list[Event]:
    assert crew.id is not None, "only a formed crew is joined"
    joined = dict.fromkeys(volunteers)  # naming someone twice in one request is one joining
    for volunteer_id in joined:
        refuse_if(volunteer_id in crew.members, AlreadyCrewMember(volunteer_id=str(volunteer_id)))
    refuse_if(len(crew.members) + len(joined) > MEMBERS_MAX, CrewTooLarge(members_max=MEMBERS_MAX))
    return [CrewMemberAdded(crew_id=crew.id, volunteer_id=volunteer_id) for volunteer_id in joined]
