"""What the points service tells of signs of invented hours: flags with their evidence, who decided, points held."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.common import CommunityCode, Minutes
from shared.contracts.event import Event


class Sign(StrEnum):
    """What looked as if hours had been invented. A sign proves nothing; a person decides."""

    BURST = "burst"
    """One person confirmed very many records, or activities, within minutes."""
    BACK_OFFICE = "back_office"
    """Check-ins on site that were entered, many at once, only when the service was over."""
    IMPOSSIBLE_DAY = "impossible_day"
    """More service on one day than counts without approval."""
    ROUND_THE_CLOCK = "round_the_clock"
    """Hardly a pause within 24 hours."""
    OVERLAP = "overlap"
    """One person in two places at once."""
    RING = "ring"
    """Volunteers who confirm each other's hours, and hardly have others."""


class Measure(StrEnum):
    """What the number of a sign counts."""

    RECORDS = "records"
    ACTIVITIES = "activities"
    MINUTES = "minutes"
    PERCENT = "percent"


class DismissalReason(StrEnum):
    """Why a flag means nothing."""

    IN_ORDER = "in_order"
    """Looked into: the hours were served as told."""
    APPROVED = "approved"
    """The office that may has approved so many hours."""
    CLERICAL = "clerical"
    """Entered late or clumsily; the hours are right."""
    RECORDS_CORRECTED = "records_corrected"
    """The records were corrected, and nothing is odd about them any more."""
    OTHER = "other"


class UpholdingReason(StrEnum):
    """What turned out. The records are then corrected in the registry; nothing here changes hours."""

    NOT_PRESENT = "not_present"
    TIMES_INVENTED = "times_invented"
    CONFIRMED_FOR_EACH_OTHER = "confirmed_for_each_other"
    OTHER = "other"


class ReleaseReason(StrEnum):
    """Why held points are free again."""

    DISMISSED = "dismissed"
    RECORDS_CORRECTED = "records_corrected"
    """The correction has taken back what it takes back."""
    RELEASED = "released"
    """Somebody decided so."""


class SuspectRecord(BaseModel):
    """A service record that a flag is about, as it was known then."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    record_id: UUID
    volunteer_id: UUID
    event_id: UUID = Field(description="The event that told it.")
    started_at: AwareDatetime
    minutes: Minutes


class HeldPoints(BaseModel):
    """What is held of one volunteer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    volunteer_id: UUID
    worth: int = Field(ge=0, description="Points that the records brought.")
    points: int = Field(ge=0, description="Points held: as many of these as were not spent yet.")


class AnomalyEvidence(BaseModel):
    """What a flag shows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sign: Sign
    records: tuple[SuspectRecord, ...] = Field(
        description="The records, by start and id; of very many, the first, and `AnomalyEvidenceContinued` the others."
    )
    confirmed_by: tuple[UUID, ...] = Field(
        default=(), description="Opaque ids of those who confirmed the records, where the events say so."
    )
    since: AwareDatetime = Field(description="Beginning of the time that the evidence covers.")
    until: AwareDatetime
    measure: Measure
    measured: int = Field(description="What was found, as `measure` counts it.")
    limit: int = Field(description="What the policy has for it.")
    policy_version: int = Field(ge=1, description="The policy that says the limit.")


class AnomalyFlagged(Event, context="points"):
    """Something looks as if hours had been invented. Nothing is refused or changed; somebody is to look into it."""

    flag_id: UUID = Field(description="Derived from the evidence: looking twice flags once.")
    community: CommunityCode
    evidence: AnomalyEvidence
    flagged_at: AwareDatetime


class AnomalyEvidenceChanged(Event, context="points"):
    """Late records or corrections changed what a flag rests on; one that was decided is open again."""

    flag_id: UUID
    community: CommunityCode
    evidence: AnomalyEvidence
    changed_at: AwareDatetime


class AnomalyEvidenceContinued(Event, context="points"):
    """More records of the evidence that was just told, of very many: no event tells more of them than fit in it."""

    flag_id: UUID
    community: CommunityCode
    records: tuple[SuspectRecord, ...] = Field(description="The next ones, by start and id.")


class AnomalyTakenUp(Event, context="points"):
    """Somebody looks into it."""

    flag_id: UUID
    community: CommunityCode
    taken_up_by: UUID
    taken_up_at: AwareDatetime


class AnomalyPointsHeld(Event, context="points"):
    """What the records brought is held until somebody decides, as far as it was not spent."""

    flag_id: UUID
    community: CommunityCode
    hold_id: UUID
    held: tuple[HeldPoints, ...]
    held_by: UUID | None = Field(
        default=None, description="Null where the policy has it so, and where it takes over from another flag."
    )
    held_at: AwareDatetime
    records: tuple[UUID, ...] | None = Field(
        default=None, description="The records whose points these are; null in old events: all that the flag showed."
    )
    held_elsewhere: tuple[UUID, ...] = Field(
        default=(),
        description="Records whose points another flag holds already; when that one lets go, this one takes over.",
    )
    taken_over_from: UUID | None = Field(
        default=None, description="The flag that let go of these points, where this one keeps them held."
    )


class AnomalyPointsReleased(Event, context="points"):
    """The held points are free again."""

    flag_id: UUID
    community: CommunityCode
    hold_id: UUID
    reason: ReleaseReason
    released_by: UUID | None = Field(
        default=None, description="Null where the correction of the records, or the approval of the day, did it."
    )
    released_at: AwareDatetime


class AnomalyDismissed(Event, context="points"):
    """The flag means nothing."""

    flag_id: UUID
    community: CommunityCode
    reason: DismissalReason
    dismissed_by: UUID | None = Field(
        default=None, description="Null where the correction of the records, or the approval of the day, did it."
    )
    dismissed_at: AwareDatetime


class AnomalyUpheld(Event, context="points"):
    """The hours were invented. The registry's correction takes them back; what is held stays held until then."""

    flag_id: UUID
    community: CommunityCode
    reason: UpholdingReason
    upheld_by: UUID
    upheld_at: AwareDatetime
