"""What goes in and out of the routes of orders."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from services.points.time_orders.order import Order, Stage
from shared.contracts.common import CommunityCode
from shared.contracts.time_bank import TimeBankCorrectionReason, TimeOrderCancelReason, TimePayer, TimeService
from shared.web.fields import Body, Moment

Planned = Annotated[int, Field(ge=1, le=480, description="分钟，六十分钟为一个时间币 minutes; 60 are one coin")]


class OrderBody(Body):
    """下时间订单 A service for a beneficiary, and who pays with minutes."""

    beneficiary_id: UUID
    service: TimeService
    planned_minutes: Planned
    payer: TimePayer
    payer_volunteer_id: Annotated[
        UUID | None, Field(description="仅用于亲属赠付 only with `gift`: the relative who gives")
    ] = None
    place: Annotated[
        CommunityCode | None,
        Field(description="由哪个社区派人，默认服务对象所在社区 which community looks for a provider"),
    ] = None
    agreed: Annotated[
        bool, Field(description="账户本人已同意（由工作人员代办时） the holder told the office that they agree")
    ] = False
    kin_asked: Annotated[
        bool, Field(description="已问过亲属，不愿赠付（公共池支付时） relatives were asked, and do not give")
    ] = False
    requested_at: Annotated[
        Moment | None,
        Field(description="何时提出，默认现在；电话里说好、事后录入的填当时 when it was asked for; now by default"),
    ] = None

    @model_validator(mode="after")
    def _a_gift_has_a_giver(self) -> Self:
        if (self.payer is TimePayer.GIFT) != (self.payer_volunteer_id is not None):
            raise PydanticCustomError("giver", "`payer_volunteer_id` goes with `gift`, and only with it")
        return self


class AcceptanceBody(Body):
    """接单 Who will serve; a volunteer accepts for themselves."""

    provider_id: UUID


class ServiceBody(Body):
    """登记服务 When the service began, and how long it took, travel excluded."""

    started_at: Moment
    minutes: Planned


class CancellationBody(Body):
    """撤销 Why."""

    reason: TimeOrderCancelReason


class OrderStateOut(BaseModel):
    """The order as the command left it."""

    id: UUID
    community: str
    place: str
    beneficiary_id: UUID
    planned_minutes: int
    payer: TimePayer
    payer_volunteer_id: UUID | None
    payer_community: str
    provider_id: UUID | None
    stage: Stage
    serve_by: datetime

    @classmethod
    def of(cls, order: Order) -> Self:
        """From the aggregate's state."""
        assert order.id is not None
        assert order.beneficiary_id is not None
        assert order.serve_by is not None
        return cls(
            id=order.id,
            community=order.community,
            place=order.place,
            beneficiary_id=order.beneficiary_id,
            planned_minutes=order.planned_minutes,
            payer=order.payer,
            payer_volunteer_id=order.payer_volunteer_id,
            payer_community=order.payer_community,
            provider_id=order.provider_id,
            stage=order.stage,
            serve_by=order.serve_by,
        )


class ProposedCorrectionOut(BaseModel):
    """What somebody says was right."""

    minutes: int
    service: TimeService | None
    reason: TimeBankCorrectionReason
    proposed_by: UUID
    proposed_at: datetime


class OrderOut(OrderStateOut):
    """An order."""

    service: TimeService
    provider_community: str | None
    minutes: int | None = Field(description="实际服务分钟，更正后为更正的 minutes that were served, as corrected")
    started_at: datetime | None
    requested_at: datetime
    confirm_by: datetime | None = Field(
        description="应在此前确认，逾期催办 to be confirmed until then; somebody is reminded afterwards, every week"
    )
    reminders: int = Field(description="已催办次数 how many times somebody was reminded")
    ended_at: datetime | None
    cancel_reason: TimeOrderCancelReason | None
    correction: ProposedCorrectionOut | None = Field(
        description="已提出、待另一人确认的更正 a correction that waits for a second person"
    )
    confirmed_minutes: int | None = Field(
        description="更正过的，当初确认的分钟 of what was corrected, the minutes that were confirmed at first"
    )
    correction_reason: TimeBankCorrectionReason | None
    corrected_at: datetime | None
    correction_event_id: UUID | None = Field(
        description="最近一次更正的流水见 what the last one moved: `/v1/events/{event_id}/effects`"
    )

    @classmethod
    def of_row(cls, row: Any) -> Self:
        """From the read table."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})
