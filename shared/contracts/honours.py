"""What the points service tells of honours: stars (星级) applied for, granted and reviewed; certificates of service."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts.common import CommunityCode, NodeCode
from shared.contracts.event import Event
from shared.contracts.registry import NodeLevel

Grade = Annotated[int, Field(ge=1, le=5, description="One to five stars.")]
ServedMinutes = Annotated[int, Field(ge=0, description="Confirmed minutes of service, caps and corrections included.")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Quality(StrEnum):
    """How the community judges the quality of somebody's service."""

    MET = "met"
    NOT_MET = "not_met"


class QualityReason(StrEnum):
    """Why the quality is not what the grade asks for."""

    COMPLAINTS = "complaints"
    UNRELIABLE = "unreliable"
    HOURS_DOUBTFUL = "hours_doubtful"
    OTHER = "other"


class StarDeclineReason(StrEnum):
    """Why a grade was not granted."""

    HOURS_SHORT = "hours_short"
    QUALITY_NOT_MET = "quality_not_met"
    MISCONDUCT = "misconduct"
    APPLICANT_WITHDREW = "applicant_withdrew"
    OTHER = "other"


class StarWithdrawalReason(StrEnum):
    """Why a grade was taken back."""

    HOURS_CORRECTED = "hours_corrected"
    QUALITY_NOT_MET = "quality_not_met"
    MISCONDUCT = "misconduct"
    GRANTED_BY_MISTAKE = "granted_by_mistake"
    OWN_REQUEST = "own_request"
    OTHER = "other"


class StarFlagReason(StrEnum):
    """Why a grade may no longer hold."""

    HOURS_BELOW_THRESHOLD = "hours_below_threshold"
    ASSESSMENTS_SHORT = "assessments_short"


class CorrectingEvent(BaseModel):
    """An event after which somebody's record of service had fewer minutes, and still has."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: UUID
    type: str = Field(description="As on the bus, e.g. `liuling.registry.AttendanceCorrected.v1`.")
    told_at: AwareDatetime = Field(description="Its time: since when it was known.")
    taken_minutes: int = Field(gt=0, description="How many fewer there were, caps included.")


CorrectedBy = Annotated[
    tuple[CorrectingEvent, ...],
    Field(
        description="What took minutes since the record last bore it and was not given back, in the order of the times."
        " Told anew when that changes. Empty where it was told before causes were."
    ),
]


class StarApplied(Event, context="points"):
    """A grade was applied for; hours and months of membership are reached under the policy of that day."""

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    grade: Grade
    minutes: ServedMinutes
    threshold_minutes: int = Field(ge=0, description="What the policy asks for.")
    granted_by: NodeLevel = Field(description="The level of the authority that grants it; higher ones may, too.")
    policy_version: int = Field(ge=1)
    applied_on: date
    assessed_percent: int | None = Field(default=None, description="Of a hundred records, how many were assessed.")
    good_percent: int | None = Field(default=None, description="Of a hundred assessments, how many were good.")


class StarQualityAssessed(Event, context="points"):
    """The quality of the service was judged where it was served; of several judgements the last one counts."""

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    quality: Quality
    reason: QualityReason | None = None
    assessed_at_node: NodeCode = Field(description="The office that judged.")
    assessed_on: date


class StarGranted(Event, context="points"):
    """A grade was granted by the authority for it."""

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    grade: Grade
    minutes: ServedMinutes
    threshold_minutes: int = Field(ge=0)
    policy_version: int = Field(ge=1)
    authority: NodeCode = Field(description="The office that granted it.")
    granted_on: date
    review_on: date | None = Field(default=None, description="When it is looked at again; absent for never.")


class StarDeclined(Event, context="points"):
    """A grade was not granted, or its applicant withdrew the application."""

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    grade: Grade
    reason: StarDeclineReason
    authority: NodeCode = Field(
        description="The office that declined it; with `applicant_withdrew` the node at which it was withdrawn."
    )
    declined_on: date


class StarReviewed(Event, context="points"):
    """The yearly look at a grade: it is kept, or flagged where hours or assessments no longer hold."""

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    grade: Grade
    minutes: ServedMinutes
    kept: bool
    reviewed_on: date
    review_on: date | None = Field(default=None, description="When it is looked at again; absent for never.")


class StarFlagged(Event, context="points"):
    """A grade may no longer hold; the authority confirms or withdraws it. Until then it stays in force.

    Told again of one that is flagged already when other events are the cause than before, or when hours are there again
    and assessments are short.
    """

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    grade: Grade
    reason: StarFlagReason
    minutes_before: int = Field(
        ge=0, description="Confirmed minutes when the grade was granted, or last found to hold."
    )
    minutes: ServedMinutes
    threshold_minutes: int = Field(ge=0)
    flagged_on: date
    corrected_by: CorrectedBy = ()
    assessed_percent: int | None = Field(default=None, description="Of a hundred records; with `assessments_short`.")
    assessed_percent_min: int | None = Field(default=None, description="What the policy of the application asks.")
    good_percent: int | None = Field(default=None, description="Of a hundred assessments; with `assessments_short`.")
    good_percent_min: int | None = Field(default=None, description="What the policy of the application asks.")


class StarBorneAgain(Event, context="points"):
    """The record bears a grade again that was flagged for hours: they came back, or others made up for them.

    The grade stays flagged until the authority confirms or withdraws it.
    """

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    grade: Grade
    minutes: ServedMinutes
    needed_minutes: int = Field(
        ge=0, description="The threshold, or fewer where the authority let it stand with fewer."
    )
    borne_on: date


class StarUndecided(Event, context="points"):
    """Nobody has decided on a flagged grade in time: the authority is to be asked to confirm or withdraw it.

    Told anew every week until then.
    """

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    grade: Grade
    granted_by: NodeLevel = Field(description="Level of the authority that decides.")
    waits_since: date = Field(description="The day on which it was flagged, and nobody has decided since.")
    reminder: int = Field(ge=1, description="How many times it was told, this one among them.")
    remind_on: date = Field(description="When it is told again, if nobody decides.")
    reminded_on: date


class StarApplicationUndecided(Event, context="points"):
    """Nobody has decided on an application in time: the community is to judge the quality where it has not, and the
    authority to grant or to decline it.

    Told anew every week until then.
    """

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    grade: Grade
    granted_by: NodeLevel = Field(description="Level of the authority that decides.")
    quality: Quality | None = Field(default=None, description="As it was judged; null while it was not.")
    waits_since: date = Field(description="The day of the application.")
    reminder: int = Field(ge=1, description="How many times it was told, this one among them.")
    remind_on: date = Field(description="When it is told again, if nobody decides.")
    reminded_on: date


class StarConfirmed(Event, context="points"):
    """The authority looked at a flagged grade and lets it stand with the hours and assessments that there are now."""

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    grade: Grade
    minutes: ServedMinutes
    authority: NodeCode
    confirmed_on: date
    assessed_percent: int | None = Field(default=None, description="Of a hundred records, how many were assessed.")
    good_percent: int | None = Field(default=None, description="Of a hundred assessments, how many were good.")


class StarWithdrawn(Event, context="points"):
    """A grade was taken back; an earlier, lower one comes into force again."""

    volunteer_id: UUID
    application_id: UUID
    community: CommunityCode
    grade: Grade
    grade_left: int = Field(ge=0, le=5, description="The grade in force from now on; 0 for none.")
    reason: StarWithdrawalReason
    authority: NodeCode
    withdrawn_on: date


class StarReportIssued(Event, context="points"):
    """Volunteers of three stars and above (三星志愿者上报) were reported upwards."""

    report_id: UUID
    node: NodeCode = Field(description="Whose volunteers the report lists.")
    since: date = Field(description="Granted on this day or later.")
    until: date = Field(description="Granted on this day or before.")
    rows_count: int = Field(ge=0)
    rows_sha256: Digest = Field(
        description="Hash of the rows, one `community|volunteer_id|grade|minutes|granted_on|policy_version` a line,"
        " each ended by a line feed, in order of granted_on, volunteer_id and grade."
    )
    issued_at: AwareDatetime


class LeaderboardOptedOut(Event, context="points"):
    """A volunteer does not want to be on leaderboards: they are not shown and take no rank."""

    volunteer_id: UUID
    community: CommunityCode
    opted_out_on: date


class LeaderboardOptedIn(Event, context="points"):
    """A volunteer wants to be on leaderboards again."""

    volunteer_id: UUID
    community: CommunityCode
    opted_in_on: date


class CertificateObjection(StrEnum):
    """What somebody objects to while a certificate is in publicity."""

    HOURS_WRONG = "hours_wrong"
    PERSON_WRONG = "person_wrong"
    OTHER = "other"


class CertificateVoidReason(StrEnum):
    """Why a certificate is void."""

    HOURS_CORRECTED = "hours_corrected"
    ISSUED_BY_MISTAKE = "issued_by_mistake"
    REISSUED = "reissued"
    OWN_REQUEST = "own_request"
    OTHER = "other"


class CertifiedService(BaseModel):
    """Minutes of one kind of service."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str | None = Field(default=None, description="As policies weigh it, e.g. `activity.care`; absent for others.")
    minutes: int = Field(ge=0)


class CertificateOverlapReason(StrEnum):
    """Why there is another certificate about some of the same days."""

    ANOTHER_PERIOD = "another_period"
    ANOTHER_USE = "another_use"
    LOST = "lost"
    OTHER = "other"


class CertificateIssued(Event, context="points"):
    """A certificate of service (志愿服务记录证明) was made out. Who it is about stays in the person vault."""

    certificate_id: UUID
    community: CommunityCode = Field(description="Who issued it: the community that keeps the record.")
    volunteer_id: UUID
    certificate_number: str = Field(description="Community code, year and running number; not personal data.")
    since: date = Field(description="First day of the certified period.")
    until: date = Field(description="Last day of the certified period.")
    minutes: ServedMinutes
    services: tuple[CertifiedService, ...]
    publicity_days: int = Field(ge=0, description="Days of publicity (公示) that the policy asks for.")
    policy_version: int = Field(ge=1, description="The policy that says so.")
    issued_on: date
    public_until: date = Field(description="Last day of publicity; the day of issue where there is none.")
    overlaps: str | None = Field(
        default=None, description="Number of the latest other certificate about some of the same days that stands."
    )
    overlap_reason: CertificateOverlapReason | None = Field(default=None, description="Why there are both.")


class CertificateObjected(Event, context="points"):
    """Somebody objected during publicity; it does not take effect until that is settled."""

    certificate_id: UUID
    community: CommunityCode
    reason: CertificateObjection
    objected_on: date
    objected_by: UUID | None = Field(default=None, description="Opaque id of whoever entered the objection.")


class CertificateTookEffect(Event, context="points"):
    """The certificate is valid: publicity is over, and no objection stands."""

    certificate_id: UUID
    community: CommunityCode
    effective_on: date
    settled_by: UUID | None = Field(
        default=None, description="Opaque id of whoever found an objection without ground; null where there was none."
    )


class CertificateObjectionDismissed(Event, context="points"):
    """An objection was found to have no ground while publicity was not over, or the record in doubt: it goes on."""

    certificate_id: UUID
    community: CommunityCode
    dismissed_on: date
    settled_by: UUID | None = Field(default=None, description="Opaque id of whoever found that.")


class CertificateRefused(Event, context="points"):
    """An objection was right; the certificate never takes effect."""

    certificate_id: UUID
    community: CommunityCode
    reason: CertificateObjection
    refused_on: date
    settled_by: UUID | None = Field(default=None, description="Opaque id of whoever found that.")


class CertificateFlagged(Event, context="points"):
    """Corrections took the record of the certified period below what the certificate says.

    Told again of one that is flagged already when other events are the cause than before.
    """

    certificate_id: UUID
    community: CommunityCode
    minutes_before: int = Field(ge=0, description="What the certificate says.")
    minutes: ServedMinutes
    flagged_on: date
    short_of: tuple[CertifiedService, ...] | None = Field(
        default=None,
        description="Kinds of which less was served than it says, caps aside; null where the sum alone is less.",
    )
    corrected_by: CorrectedBy = ()


class CertificateUndecided(Event, context="points"):
    """Nobody has decided on a flagged certificate in time: the community is to void it, or have the record put right.

    Told anew every week until then.
    """

    certificate_id: UUID
    community: CommunityCode
    waits_since: date = Field(description="The day on which it was flagged, and nobody has decided since.")
    reminder: int = Field(ge=1, description="How many times it was told, this one among them.")
    remind_on: date = Field(description="When it is told again, if nobody decides.")
    reminded_on: date


class CertificateFlagLifted(Event, context="points"):
    """The record bears the certificate again."""

    certificate_id: UUID
    community: CommunityCode
    minutes: ServedMinutes
    lifted_on: date


class CertificateVoided(Event, context="points"):
    """The certificate is void (作废), and shows it wherever it is verified or printed."""

    certificate_id: UUID
    community: CommunityCode
    reason: CertificateVoidReason
    voided_on: date
