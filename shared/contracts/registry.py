"""What the registry tells: organisation, people as opaque ids, teams, activities and the service given in them."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.common import CommunityCode, CorrectionReason, Evidence, Minutes, NodeCode, ServiceRecord
from shared.contracts.event import Event

AgeGroup = Annotated[
    int,
    Field(ge=0, le=150, multiple_of=5, description="Lower bound of a five-year age group, in years: 60 is 60 to 64."),
]


class NodeLevel(StrEnum):
    """Level of a node in the organisation tree, from the national division codes."""

    PROVINCE = "province"
    CITY = "city"
    DISTRICT = "district"
    STREET = "street"
    COMMUNITY = "community"


class TeamOrigin(StrEnum):
    """Who brought a team into being; self-formed teams are what the mission document misses most."""

    APPOINTED = "appointed"
    SELF_FORMED = "self_formed"


class ActivityCategory(StrEnum):
    """Kind of service, as pricing policies distinguish it."""

    GENERAL = "general"
    PROFESSIONAL = "professional"
    CARE = "care"
    ENVIRONMENT = "environment"
    CULTURE = "culture"
    CHILDREN = "children"
    TRAINING = "training"
    CAMPAIGN = "campaign"
    MEETING = "meeting"


class ServiceQuality(StrEnum):
    """How well somebody served, as those who were there say."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


class AssessmentSide(StrEnum):
    """Who says so."""

    ORGANISER = "organiser"
    BENEFICIARY = "beneficiary"
    """Whom the service was for; asked in a follow-up (回访), and entered by the office."""


class OrganisationNodeAdded(Event, context="registry"):
    """A node joined the organisation tree."""

    node: NodeCode
    name: str
    level: NodeLevel
    parent: NodeCode | None = None
    source: str = Field(description="Which published division file the node came from.")


class OrganisationNodeRenamed(Event, context="registry"):
    """A division was renamed in the published codes."""

    node: NodeCode
    name: str
    source: str


class VolunteerRegistered(Event, context="registry"):
    """A person was registered as a volunteer; who they are stays in the person vault."""

    volunteer_id: UUID
    volunteer_number: str = Field(description="Public number: community code and a running number; not personal data.")
    community: CommunityCode
    party_member: bool = Field(description="Registered as a party member who reported in to the community.")
    registered_on: date
    age_group_from: AgeGroup | None = Field(
        default=None, description="Age group at registration; null for one registered before groups were told."
    )


class VolunteerAgeGroupChanged(Event, context="registry"):
    """A person is in another five-year age group (年龄段): a birthday has passed, or a wrong ID number was put right.

    The birth date is never told, and the day of this event does not give it away: ages are looked at as they are on the
    first of a month only, so all that follows is the month.
    """

    volunteer_id: UUID
    community: CommunityCode
    age_group_from: AgeGroup
    on: date = Field(description="Day from which on it holds, in Asia/Shanghai; of two, the later one is right.")


class VolunteerDetailsChanged(Event, context="registry"):
    """Details in the person vault changed; which ones is told, their content is not."""

    volunteer_id: UUID
    fields: tuple[str, ...]
    party_member: bool


class VolunteerMoved(Event, context="registry"):
    """A volunteer lives in another community now (迁居), which serves them from now on; the number stays.

    Accounts stay in the books of the community that registered the person: what was earned there and is spent elsewhere
    is settled between communities.
    """

    volunteer_id: UUID
    community: CommunityCode = Field(description="Home from now on.")
    from_community: CommunityCode = Field(description="Home until now.")
    moved_on: date = Field(description="Day of the move as the office entered it, in Asia/Shanghai.")


class ConsentWithdrawn(Event, context="registry"):
    """A person withdrew consent (个人信息保护法 15); no further service is recorded for them."""

    volunteer_id: UUID
    community: CommunityCode


class ConsentRenewed(Event, context="registry"):
    """A person who had withdrawn consent gave it again; service may be recorded again."""

    volunteer_id: UUID
    community: CommunityCode


class PersonForgotten(Event, context="registry"):
    """The person's key was destroyed (个人信息保护法 47). Whoever copied anything about the person drops it."""

    volunteer_id: UUID
    community: CommunityCode


class TeamFormed(Event, context="registry"):
    """A service team (志愿服务队) came into being."""

    team_id: UUID
    community: CommunityCode
    name: str
    kind: str = Field(description="Kind of team, e.g. women, culture, environment, health, mediation, patrol.")
    origin: TeamOrigin
    formed_on: date


class TeamMemberJoined(Event, context="registry"):
    """A volunteer joined a team. Membership in several teams is normal."""

    team_id: UUID
    volunteer_id: UUID
    joined_on: date


class TeamMemberLeft(Event, context="registry"):
    """A volunteer left a team."""

    team_id: UUID
    volunteer_id: UUID
    left_on: date


class TeamLeaderAppointed(Event, context="registry"):
    """A member became the team's leader, in the place of an earlier one."""

    team_id: UUID
    volunteer_id: UUID
    appointed_on: date


class TeamDissolved(Event, context="registry"):
    """A team is no more. Its members left before, each with an event of their own; its name is free again."""

    team_id: UUID
    dissolved_on: date


class ActivityPublished(Event, context="registry"):
    """An activity was announced and is open for sign-up."""

    activity_id: UUID
    community: CommunityCode
    team_id: UUID | None = None
    title: str
    category: ActivityCategory
    planned_start: AwareDatetime
    planned_end: AwareDatetime
    places: int | None = Field(default=None, ge=1, description="How many may sign up; None for no limit.")
    meeting_place: str | None = Field(default=None, description="A public place at which to meet; nobody's home.")


class ActivityChanged(Event, context="registry"):
    """An announced activity that had not begun was changed. All that now holds; whoever signed up remains signed up."""

    activity_id: UUID
    team_id: UUID | None = None
    title: str
    category: ActivityCategory
    planned_start: AwareDatetime
    planned_end: AwareDatetime
    places: int | None = Field(default=None, ge=1, description="How many may sign up; None for no limit.")
    meeting_place: str | None = Field(default=None, description="A public place at which to meet; nobody's home.")
    changed_by: UUID | None = Field(default=None, description="Opaque id of whoever changed it.")
    changed_at: AwareDatetime


class ActivityCancelled(Event, context="registry"):
    """An activity was called off before it was completed."""

    activity_id: UUID
    reason: str = Field(description="Code of the reason: weather, too_few, organiser, other.")


class VolunteerSignedUp(Event, context="registry"):
    """A volunteer signed up for an activity."""

    activity_id: UUID
    volunteer_id: UUID
    signed_up_at: AwareDatetime


class SignUpWithdrawn(Event, context="registry"):
    """A volunteer took the sign-up back."""

    activity_id: UUID
    volunteer_id: UUID
    withdrawn_at: AwareDatetime


class VolunteerCheckedIn(Event, context="registry"):
    """A volunteer checked in on site."""

    activity_id: UUID
    volunteer_id: UUID
    checked_in_at: AwareDatetime
    entered_at: AwareDatetime | None = Field(
        default=None, description="When it was entered, where that was later than `checked_in_at`; null at once."
    )


class VolunteerCheckedOut(Event, context="registry"):
    """A volunteer checked out on site."""

    activity_id: UUID
    volunteer_id: UUID
    checked_out_at: AwareDatetime


class AttendanceBackfilled(Event, context="registry"):
    """The organiser entered an attendance afterwards, by hand or from a sign-in sheet."""

    activity_id: UUID
    volunteer_id: UUID
    started_at: AwareDatetime
    minutes: Minutes


class AttendanceWithdrawn(Event, context="registry"):
    """An attendance entered by mistake was taken back before the activity was completed; it never counted."""

    activity_id: UUID
    volunteer_id: UUID
    withdrawn_at: AwareDatetime


class Attendance(ServiceRecord):
    """One volunteer's confirmed service in an activity."""

    closed_at_planned_end: bool = Field(
        default=False, description="The check-out was forgotten and set to the planned end."
    )
    entered_at: AwareDatetime | None = Field(
        default=None, description="When the check-in was entered, where that was later than the service began."
    )


class ActivityCompleted(Event, context="registry"):
    """The organiser confirmed the activity with every attendance. The source of points, hours and stars."""

    activity_id: UUID
    community: CommunityCode
    team_id: UUID | None = None
    category: ActivityCategory
    completed_at: AwareDatetime
    attendances: tuple[Attendance, ...]
    confirmed_by: UUID | None = Field(
        default=None,
        description="Opaque id of whoever confirmed it: a volunteer's own, or one that stands for staff.",
    )


class AttendanceCorrected(Event, context="registry"):
    """A confirmed attendance was changed or voided. Carries both sides, so that it can be priced by itself."""

    activity_id: UUID
    community: CommunityCode
    category: ActivityCategory
    record_id: UUID
    volunteer_id: UUID
    started_at: AwareDatetime = Field(description="Start of the service as first recorded; prices both sides.")
    minutes_before: Minutes
    evidence_before: Evidence
    minutes: Minutes = Field(description="Minutes that now count; zero voids the record.")
    evidence: Evidence
    revision: int = Field(ge=1, description="1 for the first correction of this record, then 2, 3, …")
    reason: CorrectionReason
    corrected_at: AwareDatetime
    corrected_by: UUID | None = Field(default=None, description="Opaque id of whoever corrected it.")


class ServiceAssessed(Event, context="registry"):
    """How well a confirmed service was given (服务质量评价); of several by the same side the last one counts."""

    activity_id: UUID
    community: CommunityCode
    record_id: UUID
    volunteer_id: UUID
    side: AssessmentSide
    quality: ServiceQuality
    assessed_by: UUID = Field(description="Opaque id of whoever entered it.")
    assessed_at: AwareDatetime
