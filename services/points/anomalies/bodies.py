"""What the routes of flags take and give."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.points.anomalies.model import Stage
from shared.contracts.anomalies import DismissalReason, Measure, Sign, UpholdingReason
from shared.web.fields import Body


class DismissalBody(Body):
    """排除疑点 Why the flag means nothing."""

    reason: DismissalReason


class UpholdingBody(Body):
    """认定属实 What turned out."""

    reason: UpholdingReason


class HeldOut(BaseModel):
    """Points of one volunteer."""

    volunteer_id: UUID
    worth: int = Field(description="这些记录带来的积分 what the records brought")
    points: int = Field(description="冻结的积分 what is held of it")


class FlagStateOut(BaseModel):
    """The flag as the command left it."""

    id: UUID
    community: str
    sign: Sign
    stage: Stage
    points_held: bool = Field(description="积分是否冻结 whether points are held")


class FlagOut(FlagStateOut):
    """A flag, in words."""

    text: str = Field(description="疑点说明 the evidence in words; no names")
    measure: Measure
    measured: int
    limit: int
    policy_version: int
    since: datetime
    until: datetime
    records_count: int = Field(description="证据中的记录数 records in evidence")
    flagged_at: datetime
    taken_up_by: UUID | None
    reason: str | None
    decided_by: UUID | None = Field(description="处理人 opaque id; null while open, or where the correction did it")
    decided_at: datetime | None
    held: list[HeldOut] = Field(description="最近一次冻结 what is held, or was held last")


class SuspectOut(BaseModel):
    """A record of the evidence."""

    record_id: UUID
    volunteer_id: UUID
    event_id: UUID = Field(description="来源事件 the event that told it")
    started_at: datetime
    minutes: int
    text: str


class FlagDetailOut(FlagOut):
    """A flag with its evidence, record by record."""

    confirmed_by: list[UUID] = Field(description="确认人（不透明编号） who confirmed the records, as opaque ids")
    records: list[SuspectOut] = Field(
        description="前 500 条；全部见 `/v1/anomalies/{flag_id}/records` the first 500; all of them are there"
    )
