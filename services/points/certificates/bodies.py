"""What the routes of certificates take and give."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from services.points.certificates.model import Stage
from services.points.grounds.explaining import GroundedOut
from services.points.grounds.telling import Caused
from shared.contracts.honours import CertificateObjection, CertificateOverlapReason, CertificateVoidReason
from shared.web.fields import Body, Day, LongText, ShortText


class IssueBody(Body):
    """出具志愿服务记录证明 A certificate is made out. Who it is about, and who signs, is kept encrypted."""

    volunteer_id: UUID
    since: Annotated[Day, Field(description="服务期间自 first day of the period")]
    until: Annotated[Day, Field(description="服务期间至 last day of the period, today at the latest")]
    name: Annotated[ShortText, Field(description="志愿者姓名 name", examples=["张三（演示）"])]
    id_kind: Annotated[
        ShortText,
        Field(
            description="证件类型，写名称或登记系统的代码 kind of ID, by name or by the registry's code",
            examples=["居民身份证"],
        ),
    ]
    id_number: Annotated[str, Field(min_length=4, max_length=32, pattern=r"^[A-Za-z0-9()-]+$")]
    issuer: Annotated[ShortText, Field(description="出具单位 who issues it", examples=["祁连社区居民委员会"])]
    responsible_person: Annotated[ShortText, Field(description="负责人 responsible person")]
    handler: Annotated[ShortText, Field(description="经办人 handler")]
    contact: Annotated[ShortText, Field(description="联系方式 contact")]
    content: Annotated[LongText | None, Field(description="服务内容 content of the service, beside the hours")] = None
    overlap_reason: Annotated[
        CertificateOverlapReason | None,
        Field(
            description="同一期间已有证明时须说明为何再出具 why there is to be another one about some of the same days;"
            " needed where there is one: 409 `certificate_overlaps` names it"
        ),
    ] = None
    remarks: Annotated[LongText | None, Field(description="备注 remarks")] = None


class ObjectionBody(Body):
    """公示异议 What somebody objects to."""

    reason: CertificateObjection


class SettlementBody(Body):
    """异议处理 Whether the objection was right."""

    upheld: Annotated[bool, Field(description="异议成立 the objection was right; the certificate never takes effect")]


class VoidBody(Body):
    """作废 Why it is void."""

    reason: CertificateVoidReason


class StateOut(BaseModel):
    """The certificate as the command left it."""

    certificate_id: UUID
    stage: Stage
    flagged: bool


class IssuedOut(StateOut):
    """A certificate that was made out."""

    certificate_number: str
    check_code: str = Field(description="核验码 printed in the QR code; who holds it may verify")
    minutes: int
    public_until: date


class ServiceOut(BaseModel):
    """Minutes of one kind of service."""

    kind: str | None
    minutes: int


class CertificateOut(StateOut, Caused):
    """A certificate, without whom it is about."""

    community: str
    volunteer_id: UUID
    certificate_number: str
    since: date
    until: date
    minutes: int
    services: list[ServiceOut]
    publicity_days: int
    policy_version: int
    issued_on: date
    public_until: date
    waits_since: date | None = Field(description="存疑待处理自 flagged, and waiting for a decision, since")
    reminders: int = Field(description="已催办次数 how many times somebody was reminded")
    remind_on: date | None = Field(description="下次催办 the next reminder; null before the first")
    ended_on: date | None
    reason: str | None


class StepOut(Caused):
    """One thing that happened to a certificate."""

    event_id: UUID = Field(description="它引起的全部 what it caused: `/v1/events/{event_id}/effects`")
    event: str = Field(examples=["CertificateIssued"])
    on: date
    text: str


class YearOut(BaseModel):
    """The record of the period at the moment, by year."""

    year: int
    minutes: int
    text: str


class CertificateExplanationOut(GroundedOut):
    """Why a certificate says what it says, and whether its ground bears it; now, or at a moment."""

    certificate_id: UUID
    certificate_number: str
    stage: Stage
    flagged: bool
    minutes: int = Field(description="证明载明的 what it says; 0 while it was not issued")
    minutes_now: int = Field(description="该期间在该时刻的记录 the record of the period at the moment")
    summary: str
    policy_version: int | None = Field(
        description="公示期所依据的办法 says the days of publicity; null: not issued yet"
    )
    policy_title: str
    policy_place: str = Field(examples=["/certificates/publicity_days"], description="JSON pointer.")
    services: list[str]
    years: list[YearOut]
    history: list[StepOut]
