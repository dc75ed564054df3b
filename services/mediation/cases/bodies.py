"""What the routes of the cases take and give."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.mediation.cases.model import PARTIES_MAX, DeclineReason
from services.mediation.cases.parties import PartyRole
from services.mediation.cases.state import Stage
from services.mediation.fields import Phone
from shared.contracts import CorrectionReason, Evidence
from shared.contracts.common import CommunityCode
from shared.contracts.grid_patrol import RiskLevel
from shared.contracts.mediation import AgreementForm, CaseOrigin, DisputeKind, Remedy
from shared.web.fields import Body, EachOnce, LongText, Moment, Out, ShortText

NowByDefault = "缺省为现在 now by default"

People = Annotated[list[UUID], Field(max_length=20), EachOnce]


class PartyBody(Body):
    """A party of the dispute. Name, phone and address are kept encrypted and never leave in an event."""

    role: PartyRole = PartyRole.APPLICANT
    name: ShortText
    phone: Phone | None = None
    address: ShortText | None = None
    volunteer_id: UUID | None = Field(default=None, description="当事人是志愿者时 where the party is a volunteer")
    relatives: People = Field(
        default_factory=list,
        description="志愿者中的近亲属，应当回避 relatives among the volunteers, who do not mediate",
    )


class PartyChangeBody(Body):
    """更正当事人信息：只写要改的。Only what changes; null empties phone or address."""

    name: ShortText | None = None
    phone: Phone | None = None
    address: ShortText | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing_to_change", "name at least one field")
        if "name" in self.model_fields_set and self.name is None:
            raise PydanticCustomError("name_needed", "a party has a name; only phone and address may be emptied")
        return self


class CaseBody(Body):
    """A case to file."""

    community: CommunityCode
    kind: DisputeKind
    risk: RiskLevel = RiskLevel.BLUE
    origin: Literal[CaseOrigin.APPLICATION, CaseOrigin.OFFERED] = CaseOrigin.APPLICATION
    parties: Annotated[list[PartyBody], Field(max_length=PARTIES_MAX)] = Field(default_factory=list)
    account: LongText | None = Field(
        default=None, description="纠纷简要情况，加密保存 what it is about, kept encrypted"
    )
    filed_at: Moment | None = Field(default=None, description=NowByDefault)


class RelativesBody(Body):
    """Relatives of a party among the volunteers."""

    volunteers: Annotated[People, Field(min_length=1)]


class ClassificationBody(Body):
    """Kind and risk as they are now seen."""

    kind: DisputeKind
    risk: RiskLevel


class AccountBody(Body):
    """What the dispute is about, as it is now known."""

    account: LongText = Field(
        description="纠纷简要情况，加密保存，替换原来的 kept encrypted, in the place of what was said"
    )


class DeclineBody(Body):
    """Why the case is not mediated."""

    reason: DeclineReason
    declined_at: Moment | None = Field(default=None, description=NowByDefault)


class MediatorBody(Body):
    """A mediator to assign."""

    mediator_id: UUID = Field(description="志愿者编号 the mediator's volunteer id")
    assigned_at: Moment | None = Field(default=None, description=NowByDefault)


class RecusalBody(Body):
    """When the mediator stepped back."""

    recused_at: Moment | None = Field(default=None, description=NowByDefault)


class SessionBody(Body):
    """A session that was held."""

    started_at: Moment
    minutes: int = Field(ge=1, le=12 * 60)
    mediators: Annotated[People, Field(min_length=1)] | None = Field(
        default=None, description="缺省为本案全体调解员 all who have the case by default"
    )
    record_signed: bool = Field(
        description="调解笔录已由当事人签字 the parties signed the record; only then the service is attested (scanned)"
    )


class ResolutionBody(Body):
    """The parties agreed."""

    agreement: AgreementForm
    content: LongText | None = Field(
        default=None, description="协议内容，口头协议必填，加密保存 what was agreed; required of an oral agreement"
    )
    resolved_at: Moment | None = Field(default=None, description=NowByDefault)

    @model_validator(mode="after")
    def _oral_is_recorded(self) -> Self:
        """人民调解法 28: of an oral agreement the content is recorded."""
        if self.agreement is AgreementForm.ORAL and self.content is None:
            raise PydanticCustomError("oral_needs_content", "an oral agreement needs its content recorded")
        return self


class FailureBody(Body):
    """There was no agreement."""

    remedies: list[Remedy] = Field(
        min_length=1, max_length=3, description="告知的其他途径 remedies the parties were told of"
    )
    advice: LongText | None = Field(
        default=None, description="告知的内容，加密保存 what they were told, kept encrypted"
    )
    ended_at: Moment | None = Field(default=None, description=NowByDefault)


class WithdrawalBody(Body):
    """The parties stopped."""

    withdrawn_at: Moment | None = Field(default=None, description=NowByDefault)


class CorrectionBody(Body):
    """更正一条服务记录，或补上遗漏的：0 分钟即作废。A record put right, or added; 0 minutes void it."""

    record_id: UUID | None = Field(default=None, description="要更正的记录 the record to correct")
    mediator_id: UUID | None = Field(default=None, description="仅用于补上遗漏的 only to add service that is missing")
    started_at: Moment | None = Field(
        default=None, description="补上的服务何时开始，须在本案某次调解期间 when added service began, in a session"
    )
    minutes: int = Field(ge=0, le=24 * 60)
    evidence: Evidence
    reason: CorrectionReason

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        named, added = self.record_id is not None, self.mediator_id is not None and self.started_at is not None
        if named == added or (named and (self.mediator_id or self.started_at)):
            raise PydanticCustomError(
                "record_or_missing", "name either the record, or mediator and start of service that is missing"
            )
        return self


class CaseStateOut(Out):
    """A case after a command."""

    case_id: UUID
    stage: Stage
    mediators: list[UUID]


class PartyJoinedOut(CaseStateOut):
    """A case that a party joined."""

    party_id: UUID


class SessionHeldOut(CaseStateOut):
    """A case that was sat on."""

    session_id: UUID


class RecordOut(Out):
    """A mediator's service on one day."""

    record_id: UUID
    volunteer_id: UUID
    started_at: datetime
    minutes: int
    evidence: Evidence
    revision: int = Field(description="更正过几次 how often the record was corrected")


class CaseEndedOut(CaseStateOut):
    """A case that ended after sessions."""

    service: list[RecordOut]


class CaseOut(Out):
    """A case, without who the parties are."""

    case_id: UUID
    community: str
    kind: DisputeKind
    risk: RiskLevel
    origin: CaseOrigin
    finding_id: UUID | None = Field(description="巡防发现 the patrol finding that it was opened from")
    stage: Stage
    parties_count: int
    sessions_count: int
    session_minutes: int
    filed_at: datetime
    ended_at: datetime | None
    agreement: AgreementForm | None
    decline_reason: DeclineReason | None
    remedies: list[Remedy] | None


class CaseMediatorOut(Out):
    """Somebody who has, or had, the case."""

    mediator_id: UUID
    assigned_at: datetime
    recused_at: datetime | None


class SessionOut(Out):
    """A session that was held."""

    session_id: UUID
    started_at: datetime
    minutes: int
    mediators: list[UUID]
    record_signed: bool


class CaseWithSessionsOut(CaseOut):
    """A case with its mediators and sessions, and the service that it came to."""

    mediators: list[CaseMediatorOut]
    sessions: list[SessionOut]
    service: list[RecordOut] = Field(description="结案后的服务记录，含更正 service since the end, as corrected")


class PartyOut(Out):
    """A party of the dispute; without a name where it was erased."""

    party_id: UUID
    role: PartyRole
    name: str | None
    phone: str | None
    address: str | None
    volunteer_id: UUID | None
    relatives: list[UUID]
    joined_at: datetime
    erased_at: datetime | None


class VolumeOut(Out):
    """What was written down about the case."""

    case_id: UUID
    account: str | None
    agreement: str | None
    advice: str | None


class FiguresOut(Out):
    """The cases filed in a month, and what has become of them."""

    month: str = Field(examples=["2026-03"])
    kind: DisputeKind
    filed: int
    open: int
    resolved_written: int
    resolved_oral: int
    failed: int
    declined: int
    withdrawn: int
    red: int = Field(description="红色风险 of red risk")
    sessions: int
    session_minutes: int
