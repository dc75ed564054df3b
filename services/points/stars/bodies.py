"""What the routes of stars take and give."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from services.points.grounds.explaining import GroundedOut
from services.points.grounds.telling import Caused
from services.points.stars.views import Stage
from shared.contracts.honours import Quality, QualityReason, StarDeclineReason, StarWithdrawalReason
from shared.contracts.registry import NodeLevel
from shared.web.fields import Body, Day

GradeNumber = Annotated[int, Field(ge=1, le=5)]


class ApplyBody(Body):
    """申请星级 A grade is applied for, by the volunteer or for somebody without a phone."""

    volunteer_id: UUID
    grade: Annotated[GradeNumber, Field(description="一至五星 one to five stars")]


class AssessBody(Body):
    """服务质量评定 The quality of the service; a reason where it is not met."""

    quality: Quality
    reason: QualityReason | None = None


class DeclineBody(Body):
    """不予评定 Why the grade is not granted."""

    reason: StarDeclineReason


class WithdrawBody(Body):
    """撤销 Why the grade is taken back."""

    reason: StarWithdrawalReason


class ReportBody(Body):
    """三星及以上志愿者上报 Whose volunteers are reported, for grades granted in a period."""

    node: Annotated[str, Field(pattern=r"^(\d{2}|\d{4}|\d{6}|\d{9}|\d{12})$", description="组织节点 node")]
    since: Day
    until: Day


class DecidedOut(BaseModel):
    """The application as the command left it."""

    application_id: UUID
    volunteer_id: UUID
    grade: int = Field(description="申请的星级 the grade that was applied for")
    grade_held: int = Field(description="现有星级 the grade in force; 0 for none")
    stage: Stage


class HeldOut(BaseModel):
    """The grade in force as the command left it."""

    volunteer_id: UUID
    grade: int = Field(description="现有星级 the grade in force; 0 for none")
    flagged: bool


class ApplicationOut(Caused):
    """An application and what became of it."""

    application_id: UUID
    volunteer_id: UUID
    community: str
    grade: int = Field(description="申请的星级 the grade that was applied for")
    stage: Stage
    minutes: int = Field(description="最近核对的服务分钟数 confirmed minutes when somebody last looked")
    threshold_minutes: int
    granted_by: NodeLevel
    policy_version: int
    applied_on: date
    quality: Quality | None
    quality_reason: str | None
    granted_on: date | None
    review_on: date | None
    flagged_on: date | None
    waits_since: date | None = Field(
        description="待处理自：申请或存疑之日 waiting for a decision since: applied for, or flagged"
    )
    reminders: int = Field(description="已催办次数 how many times somebody was reminded")
    remind_on: date | None = Field(description="下次催办 the next reminder; null before the first")
    ended_on: date | None
    reason: str | None


class CandidateOut(BaseModel):
    """Somebody who reached a grade and has not applied for it."""

    volunteer_id: UUID
    volunteer_number: str | None
    minutes: int
    grade_held: int
    grade_reached: int


class NextGradeOut(BaseModel):
    """The grade after the one that is held, and what is missing for it."""

    grade: int
    threshold_minutes: int
    missing_minutes: int
    granted_by: NodeLevel
    member_from: date | None = Field(description="最早可申请日 first day on which membership is long enough")
    can_apply: bool
    text: str = Field(description="还差什么 what is missing, in words")


class AssessmentsOut(BaseModel):
    """What registry's assessments say of the service; both sides of one record count."""

    records: int = Field(description="服务记录 records that count")
    assessed: int = Field(description="已评价的记录 of these, assessed")
    assessed_percent: int
    assessed_percent_min: int = Field(description="办法要求 what the policy asks for; 0 for none")
    good: int
    fair: int
    poor: int
    good_percent: int = Field(description="评价中好评占比 share of the assessments")
    good_percent_min: int = Field(description="办法要求 what the policy asks for; 0 for none")
    reached: bool = Field(description="是否达到要求 whether this is what the policy asks for")


class StarsOut(Caused):
    """A volunteer's stars."""

    volunteer_id: UUID
    community: str
    minutes: int = Field(description="已确认的服务分钟数 confirmed minutes of service")
    grade: int = Field(description="现有星级 the grade in force; 0 for none")
    flagged: bool = Field(description="待复核 the hours no longer hold; the authority decides")
    review_on: date | None
    assessments: AssessmentsOut
    application: ApplicationOut | None = Field(description="待办申请 the open application")
    next: NextGradeOut | None = Field(description="下一星级 null for five stars")


class ReportRowOut(BaseModel):
    """A row of the report."""

    community: str
    volunteer_id: UUID
    volunteer_number: str | None
    grade: int
    minutes: int
    granted_on: date
    policy_version: int


class ReportOut(BaseModel):
    """The report as it would be issued now."""

    node: str
    since: date
    until: date
    rows_sha256: str
    rows: list[ReportRowOut]
    node_names: dict[str, str] = Field(description="各节点的名称 names of the nodes, by code")


class IssuedReportOut(BaseModel):
    """A report that was issued."""

    report_id: UUID
    node: str
    since: date
    until: date
    rows_count: int
    rows_sha256: str
    issued_at: datetime


class IssuedRowsOut(IssuedReportOut):
    """A report that was issued, with what it listed then."""

    agrees: bool = Field(
        description="名单与上报时的哈希相符 the rows are those of `rows_sha256`;"
        " 不相符时请运维人员运行 `verify` where they are not, the operator looks with `verify`"
    )
    rows: list[ReportRowOut]
    node_names: dict[str, str] = Field(description="各节点的名称 names of the nodes, by code")


class KindOut(BaseModel):
    """The service of one kind in a year."""

    kind: str | None = Field(examples=["activity.care"])
    minutes: int
    text: str


class YearOut(BaseModel):
    """The service of one year, and what was taken from it."""

    year: int
    minutes: int
    served_minutes: int = Field(description="服务 as served and corrected")
    over_cap_minutes: int = Field(description="超出每日上限 taken by the cap of a day")
    kinds: list[KindOut]
    text: str


class StepOut(Caused):
    """One thing that happened."""

    event_id: UUID = Field(description="它引起的全部 what it caused: `/v1/events/{event_id}/effects`")
    event: str = Field(examples=["StarGranted"])
    on: date
    office: str | None = Field(description="作出决定的机关 the office that decided; nobody's name")
    text: str


class GroundOut(BaseModel):
    """What the grade in force, or the open application, rests on."""

    grade: int
    threshold_minutes: int
    granted_by: NodeLevel
    policy_version: int
    policy_title: str
    place: str = Field(examples=["/stars/minutes"], description="JSON pointer.")


class StarsExplanationOut(GroundedOut):
    """Why somebody holds a grade, or does not; now, or at a moment."""

    volunteer_id: UUID
    community: str
    grade: int
    flagged: bool
    minutes: int
    summary: str
    years: list[YearOut]
    ground: GroundOut | None
    history: list[StepOut]
