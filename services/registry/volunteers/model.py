"""A volunteer (志愿者), from registration to being forgotten. Who the person is stays in the person vault.

Sources: 志愿服务条例 art. 10 and 注册管理办法 (registration with the real name, age and a guardian's consent);
个人信息保护法 14–15 (consent and its withdrawal), 28–31 (children), 47 (erasure).
"""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.registry import (
    ConsentRenewed,
    ConsentWithdrawn,
    PersonForgotten,
    VolunteerAgeGroupChanged,
    VolunteerDetailsChanged,
    VolunteerMoved,
    VolunteerRegistered,
)

AGE_OF_MAJORITY = 18
"""民法典 17."""
AGE_OWN_LABOUR = 16
"""民法典 18: whoever lives mainly on own labour from this age on counts as of full capacity."""
AGE_SEPARATE_CONSENT = 14
"""个人信息保护法 31: data of younger children are sensitive and need the guardian's separate consent."""
AGE_GROUP_YEARS = 5
"""What is told of a person's age is a group of so many years, and no more."""


class Standing(StrEnum):
    """登记状态: where a person stands with the register."""

    UNREGISTERED = "unregistered"
    REGISTERED = "registered"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    FORGOTTEN = "forgotten"


class GuardianConsent(StrEnum):
    """监护人同意: what the guardian agreed to."""

    NONE = "none"
    GIVEN = "given"
    """To volunteering."""
    SEPARATE = "separate"
    """To volunteering and, separately, to the handling of a child's personal data."""


class VolunteerAlreadyRegistered(Refusal):
    """The person is in the register already; one person has one number."""

    code = "volunteer_already_registered"


class VolunteerNotRegistered(Refusal):
    """There is no such volunteer."""

    code = "volunteer_not_registered"
    status = 404


class VolunteerForgotten(Refusal):
    """The person's data were erased at their wish; nothing more can be done with the record."""

    code = "volunteer_forgotten"
    status = 410


class VolunteerConsentWithdrawn(Refusal):
    """The person withdrew consent; no service is recorded until it is given again."""

    code = "volunteer_consent_withdrawn"


class ConsentMissing(Refusal):
    """Nobody is registered without informed consent."""

    code = "consent_missing"
    status = 422


class GuardianConsentMissing(Refusal):
    """14 to 17 years old (from 16 unless living on own labour): the guardian has to consent."""

    code = "guardian_consent_missing"
    status = 422


class GuardianSeparateConsentMissing(Refusal):
    """Under 14: the guardian has to consent separately to the handling of the child's data."""

    code = "guardian_separate_consent_missing"
    status = 422


class RegisteredInFuture(Refusal):
    """The registration is dated in the future."""

    code = "dated_in_future"
    status = 422


class RegisteredTooFarBack(Refusal):
    """The registration is dated further back than may be entered now, or before the person was born.

    Params: `earliest`.
    """

    code = "dated_too_far_back"
    status = 422


class VolunteerAtHomeAlready(Refusal):
    """The community that is to receive the person is their home already."""

    code = "volunteer_at_home_already"


class MovedInFuture(Refusal):
    """The move is dated in the future."""

    code = "dated_in_future"
    status = 422


class MovedTooFarBack(Refusal):
    """The move is dated further back than may be entered now, or before the person was at home where they leave.

    Params: `earliest`.
    """

    code = "dated_too_far_back"
    status = 422


@dataclass(frozen=True, slots=True)
class Volunteer:
    """What the rules need to know of a volunteer."""

    id: UUID | None = None
    community: str = ""
    """Home."""
    home_since: date = date.min
    number: str = ""
    party_member: bool = False
    standing: Standing = Standing.UNREGISTERED
    age_group_from: int | None = None
    """As it was told last; None for one registered before age groups were told."""


@dataclass(frozen=True, slots=True)
class RegisterVolunteer:
    """Register a person whose ID was checked and who is not in the register yet (the digest says so)."""

    volunteer_id: UUID
    number: str
    community: str
    party_member: bool
    born_on: date
    consent: bool
    guardian: GuardianConsent
    lives_on_own_labour: bool
    registered_on: date
    today: date
    earliest: date | None
    """How far back the registration may be dated; None for a paper register that is older than the platform."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """A person's age, and on what consent somebody of that age may be in the register."""

    born_on: date
    guardian: GuardianConsent
    lives_on_own_labour: bool
    today: date


@dataclass(frozen=True, slots=True)
class ChangeDetails:
    """Details in the vault change: which, not to what. `party_member` is what now holds.

    `grounds` where the ID number was put right: the person may be younger than was thought.
    """

    fields: tuple[str, ...]
    party_member: bool
    grounds: Grounds | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """The person lives in another community now; the office there has seen their document."""

    community: str
    moved_on: date
    today: date
    earliest: date


@dataclass(frozen=True, slots=True)
class LookAtAge:
    """A month has begun in which the person may be in another age group, or the birth date was put right."""

    born_on: date
    today: date


@dataclass(frozen=True, slots=True)
class WithdrawConsent:
    """The person takes the consent back."""


@dataclass(frozen=True, slots=True)
class RenewConsent:
    """The person consents again."""


@dataclass(frozen=True, slots=True)
class Forget:
    """The person wants to be forgotten; the key in the vault is destroyed in the same transaction."""


Command = RegisterVolunteer | ChangeDetails | Move | LookAtAge | WithdrawConsent | RenewConsent | Forget


def age_on(day: date, born_on: date) -> int:
    """Completed years of life on a day."""
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))


def age_group(day: date, born_on: date) -> int:
    """Lower bound of the age group on a day, in years.

    Everybody changes groups on the first of a month, as pensions begin on the first of the month after a birthday: told
    on the birthday itself, a group's lower bound would be the birth date.
    """
    age = age_on(day.replace(day=1), born_on)
    return max(0, age - age % AGE_GROUP_YEARS)


def next_age_group_on(day: date, born_on: date) -> date:
    """The first day after `day` on which the person is in the next age group: the first of a month."""
    year = born_on.year + age_group(day, born_on) + AGE_GROUP_YEARS
    if born_on.day == 1:
        return date(year, born_on.month, 1)
    # From 29 February, too, a year of life is complete when March begins.
    return date(year, born_on.month + 1, 1) if born_on.month < 12 else date(year + 1, 1, 1)


def check_age(command: RegisterVolunteer | Grounds) -> None:
    """18 and over freely; 16–17 on own labour; 14–17 with the guardian's consent; under 14 with separate consent."""
    age = age_on(command.today, command.born_on)
    if age < AGE_SEPARATE_CONSENT:
        refuse_unless(command.guardian is GuardianConsent.SEPARATE, GuardianSeparateConsentMissing())
    elif age < AGE_OWN_LABOUR or (age < AGE_OF_MAJORITY and not command.lives_on_own_labour):
        refuse_if(command.guardian is GuardianConsent.NONE, GuardianConsentMissing())


def check_standing(volunteer: Volunteer) -> None:
    """Refuse whatever needs a volunteer who is in the register, with consent."""
    match volunteer.standing:
        case Standing.UNREGISTERED:
            raise VolunteerNotRegistered
        case Standing.FORGOTTEN:
            raise VolunteerForgotten(volunteer=volunteer.number)
        case Standing.CONSENT_WITHDRAWN:
            raise VolunteerConsentWithdrawn(volunteer=volunteer.number)


def decide(volunteer: Volunteer, command: Command) -> list[Event]:
    """What follows from a command, by the rules of registration and consent."""
    match command:
        case RegisterVolunteer():
            return _register(volunteer, command)
        case ChangeDetails(fields=fields, party_member=party_member, grounds=grounds):
            check_standing(volunteer)
            if grounds is not None:
                check_age(grounds)
            if not fields and party_member == volunteer.party_member:
                return []
            return [
                VolunteerDetailsChanged(
                    volunteer_id=_id(volunteer), fields=tuple(sorted(fields)), party_member=party_member
                )
            ]
        case Move():
            return _move(volunteer, command)
        case LookAtAge(born_on=born_on, today=today):
            group = age_group(today, born_on)
            # Without consent nothing is told any more; a timer that comes late or twice is no mistake.
            if volunteer.standing is not Standing.REGISTERED or group == volunteer.age_group_from:
                return []
            return [
                VolunteerAgeGroupChanged(
                    volunteer_id=_id(volunteer), community=volunteer.community, age_group_from=group, on=today
                )
            ]
        case WithdrawConsent():
            if volunteer.standing is Standing.CONSENT_WITHDRAWN:
                return []
            check_standing(volunteer)
            return [ConsentWithdrawn(volunteer_id=_id(volunteer), community=volunteer.community)]
        case RenewConsent():
            if volunteer.standing is Standing.CONSENT_WITHDRAWN:
                return [ConsentRenewed(volunteer_id=_id(volunteer), community=volunteer.community)]
            check_standing(volunteer)
            return []
        case Forget():
            refuse_if(volunteer.standing is Standing.UNREGISTERED, VolunteerNotRegistered)
            if volunteer.standing is Standing.FORGOTTEN:
                return []
            return [PersonForgotten(volunteer_id=_id(volunteer), community=volunteer.community)]


def _id(volunteer: Volunteer) -> UUID:
    assert volunteer.id is not None, "a registered volunteer has an id"
    return volunteer.id


def _register(volunteer: Volunteer, command: RegisterVolunteer) -> list[Event]:
    refuse_if(volunteer.standing is not Standing.UNREGISTERED, VolunteerAlreadyRegistered(number=volunteer.number))
    refuse_unless(command.consent, ConsentMissing)
    refuse_if(command.registered_on > command.today, RegisteredInFuture())
    earliest = max(command.born_on, command.earliest or date.min)
    refuse_if(command.registered_on < earliest, RegisteredTooFarBack(earliest=earliest.isoformat()))
    check_age(command)
    return [
        VolunteerRegistered(
            volunteer_id=command.volunteer_id,
            volunteer_number=command.number,
            community=command.community,
            party_member=command.party_member,
            registered_on=command.registered_on,
            age_group_from=age_group(command.today, command.born_on),
        )
    ]


def _move(volunteer: Volunteer, command: Move) -> list[Event]:
    check_standing(volunteer)
    refuse_if(command.community == volunteer.community, VolunteerAtHomeAlready(volunteer=volunteer.number))
    refuse_if(command.moved_on > command.today, MovedInFuture)
    earliest = max(command.earliest, volunteer.home_since)
    refuse_if(command.moved_on < earliest, MovedTooFarBack(earliest=earliest.isoformat()))
    return [
        VolunteerMoved(
            volunteer_id=_id(volunteer),
            community=command.community,
            from_community=volunteer.community,
            moved_on=command.moved_on,
        )
    ]


def evolve(volunteer: Volunteer, event: Event) -> Volunteer:
    """The volunteer after an event of their own."""
    match event:
        case VolunteerRegistered():
            return Volunteer(
                id=event.volunteer_id,
                community=event.community,
                home_since=event.registered_on,
                number=event.volunteer_number,
                party_member=event.party_member,
                standing=Standing.REGISTERED,
                age_group_from=event.age_group_from,
            )
        case VolunteerMoved():
            return replace(volunteer, community=event.community, home_since=event.moved_on)
        case VolunteerAgeGroupChanged():
            return replace(volunteer, age_group_from=event.age_group_from)
        case VolunteerDetailsChanged():
            return replace(volunteer, party_member=event.party_member)
        case ConsentWithdrawn():
            return replace(volunteer, standing=Standing.CONSENT_WITHDRAWN)
        case ConsentRenewed():
            return replace(volunteer, standing=Standing.REGISTERED)
        case PersonForgotten():
            # Whether someone is a party member, and how old, are facts about the person, so they go too.
            return replace(volunteer, standing=Standing.FORGOTTEN, party_member=False, age_group_from=None)
    return volunteer
