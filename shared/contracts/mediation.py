"""What mediation tells about dispute cases. Parties and what they said stay in mediation's vault."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.common import CommunityCode, CorrectionReason, Evidence, Minutes, ServiceRecord
from shared.contracts.event import Event
from shared.contracts.grid_patrol import RiskLevel


class DisputeKind(StrEnum):
    """What people quarrel about."""

    NEIGHBOUR = "neighbour"
    FAMILY = "family"
    PROPERTY_SERVICE = "property_service"
    HOUSING = "housing"
    DEBT = "debt"
    LABOUR = "labour"
    DAMAGE = "damage"
    OTHER = "other"


class CaseOrigin(StrEnum):
    """How the case came to the committee (人民调解法 17: applied for, or offered)."""

    APPLICATION = "application"
    OFFERED = "offered"
    PATROL_FINDING = "patrol_finding"


class AgreementForm(StrEnum):
    """人民调解法 28: a written agreement, or an oral one that is recorded."""

    WRITTEN = "written"
    ORAL = "oral"


class Remedy(StrEnum):
    """人民调解法 26: what the parties are pointed to when mediation fails."""

    LITIGATION = "litigation"
    """诉讼"""
    ARBITRATION = "arbitration"
    """仲裁"""
    ADMINISTRATIVE = "administrative"
    """行政途径"""


class CaseOutcome(StrEnum):
    """How a case ended in which mediators may have served."""

    RESOLVED = "resolved"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class CaseFiled(Event, context="mediation"):
    """A dispute became a case."""

    case_id: UUID
    community: CommunityCode
    kind: DisputeKind
    risk: RiskLevel
    origin: CaseOrigin
    finding_id: UUID | None = Field(default=None, description="The patrol finding that the case was opened from.")
    parties_count: int = Field(ge=0)
    filed_at: AwareDatetime


class PartyJoined(Event, context="mediation"):
    """A further party of the dispute is known; who it is stays in the vault under `party_id`."""

    case_id: UUID
    party_id: UUID
    parties_count: int = Field(ge=1)


class PartyDetailsChanged(Event, context="mediation"):
    """Details of a party in the vault were put right; which ones is told, their content is not."""

    case_id: UUID
    party_id: UUID
    fields: tuple[str, ...] = Field(description="Some of name, phone, address.")


class PartyErased(Event, context="mediation"):
    """Who a party is was erased; that there was one, and what others said, stays."""

    case_id: UUID
    party_id: UUID
    erased_at: AwareDatetime


class CaseClassified(Event, context="mediation"):
    """Kind and risk were set anew, for instance of a case that a patrol could only report."""

    case_id: UUID
    kind: DisputeKind
    risk: RiskLevel


class AccountWritten(Event, context="mediation"):
    """What the dispute is about was written down, or put right; the words themselves stay in the vault."""

    case_id: UUID
    written_at: AwareDatetime


class CaseDeclined(Event, context="mediation"):
    """The committee does not take the case, or a party refused mediation."""

    case_id: UUID
    community: CommunityCode
    reason: str = Field(description="Code: party_refused, not_mediable, duplicate, other_authority.")
    declined_at: AwareDatetime


class MediatorAssigned(Event, context="mediation"):
    """A mediator took the case; the case may have several."""

    case_id: UUID
    mediator_id: UUID
    assigned_at: AwareDatetime


class MediatorRecused(Event, context="mediation"):
    """A mediator stepped back from the case."""

    case_id: UUID
    mediator_id: UUID
    recused_at: AwareDatetime


class SessionHeld(Event, context="mediation"):
    """The mediators sat with the parties."""

    case_id: UUID
    session_id: UUID
    started_at: AwareDatetime
    minutes: int = Field(ge=1, le=12 * 60)
    mediators: tuple[UUID, ...]
    record_signed: bool = Field(
        default=True, description="The parties signed the record of the session, which is what attests the service."
    )


class DisputeResolved(Event, context="mediation"):
    """The parties agreed. Carries the mediators' service over all sessions: a record a day for each mediator, so that
    every day's service is priced, and capped, by itself.
    """

    case_id: UUID
    community: CommunityCode
    kind: DisputeKind
    agreement: AgreementForm
    resolved_at: AwareDatetime
    sessions_count: int = Field(ge=1)
    mediators: tuple[ServiceRecord, ...]
    confirmed_by: UUID | None = Field(
        default=None,
        description="Opaque id of whoever entered it: a volunteer's own, or one that stands for staff.",
    )


class MediationFailed(Event, context="mediation"):
    """No agreement; the parties were told of other remedies (人民调解法 26). The mediators' service still counts."""

    case_id: UUID
    community: CommunityCode
    kind: DisputeKind
    ended_at: AwareDatetime
    sessions_count: int = Field(ge=1)
    mediators: tuple[ServiceRecord, ...]
    remedies: tuple[Remedy, ...] = Field(default=(), description="What the parties were advised to turn to.")
    confirmed_by: UUID | None = Field(
        default=None,
        description="Opaque id of whoever entered it: a volunteer's own, or one that stands for staff.",
    )


class CaseWithdrawn(Event, context="mediation"):
    """The parties stopped the mediation, which they may at any time."""

    case_id: UUID
    community: CommunityCode
    withdrawn_at: AwareDatetime
    mediators: tuple[ServiceRecord, ...] = Field(default=(), description="Service in the sessions held until then.")
    confirmed_by: UUID | None = Field(
        default=None,
        description="Opaque id of whoever entered it: a volunteer's own, or one that stands for staff.",
    )


class MediationServiceCorrected(Event, context="mediation"):
    """A mediator's service of one day in an ended case was changed, voided, or added where it had been left out.
    Carries both sides, so that it can be priced by itself.
    """

    case_id: UUID
    community: CommunityCode
    outcome: CaseOutcome = Field(description="How the case ended, which prices both sides.")
    record_id: UUID
    volunteer_id: UUID
    started_at: AwareDatetime = Field(description="Start of the service as first recorded; its day prices both sides.")
    minutes_before: Minutes
    evidence_before: Evidence
    minutes: Minutes = Field(description="Minutes that now count; zero voids the record.")
    evidence: Evidence
    revision: int = Field(ge=1, description="1 for the first correction of this record, then 2, 3, …")
    reason: CorrectionReason
    corrected_at: AwareDatetime
    corrected_by: UUID | None = Field(default=None, description="Opaque id of whoever corrected it.")
