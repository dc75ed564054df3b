"""What the routes of the shifts take and give."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from services.grid_patrol.fields import CellCode, Volunteers
from services.grid_patrol.shifts.model import CancellationReason
from services.grid_patrol.shifts.state import Stage
from shared.contracts import CorrectionReason, Evidence
from shared.contracts.grid_patrol import CrewKind, ScanMark
from shared.web.fields import Body, Code, Moment, Out


class ShiftBody(Body):
    """A shift to plan, for some of a crew, over some cells of the crew's community."""

    crew_id: UUID
    cells: list[CellCode] = Field(min_length=1, max_length=200, description="责任片区 the beat")
    members: Annotated[Volunteers, Field(min_length=1, max_length=50)]
    planned_start: Moment
    planned_end: Moment


class StartBody(Body):
    """The crew set out."""

    started_at: Moment | None = Field(default=None, description="缺省为现在 now by default")


class ScanBody(Body):
    """A checkpoint scanned, as the phone tells it."""

    cell: CellCode
    volunteer_id: UUID
    device_id: Code = Field(description="手机的安装编号，只保存摘要 the app's installation id; only a digest is kept")
    device_time: Moment = Field(description="手机时钟 by the phone's own clock")


class ScansBody(Body):
    """Scans in any order, new ones and ones sent before."""

    scans: list[ScanBody] = Field(min_length=1, max_length=200)


class ServedBody(Body):
    """Somebody who served."""

    volunteer_id: UUID
    minutes: int | None = Field(default=None, ge=1, le=24 * 60, description="缺省为全程 the whole shift by default")


def _once_each(served: list[ServedBody]) -> list[ServedBody]:
    if len({entry.volunteer_id for entry in served}) != len(served):
        raise PydanticCustomError("repeated", "must not name anybody twice")
    return served


class LogBody(Body):
    """The shift is over."""

    ended_at: Moment | None = Field(default=None, description="缺省为现在 now by default")
    served: Annotated[list[ServedBody], Field(min_length=1, max_length=100), AfterValidator(_once_each)] | None = Field(
        default=None, description="缺省为全体队员全程 by default everybody planned, for the whole shift"
    )


class CorrectionBody(Body):
    """更正一名队员的服务记录：0 分钟即作废。Somebody's service put right; 0 minutes void the record."""

    volunteer_id: UUID
    minutes: int = Field(ge=0, le=24 * 60)
    evidence: Evidence
    reason: CorrectionReason


class CancellationBody(Body):
    """Why the shift is called off."""

    reason: CancellationReason


class ShiftStateOut(Out):
    """A shift after a command."""

    shift_id: UUID
    stage: Stage


class StartedOut(ShiftStateOut):
    """A shift that set out."""

    started_at: datetime
    late_minutes: int


class ScanOut(Out):
    """What became of a scan."""

    duplicate: bool
    marks: list[ScanMark]


class ScansOut(Out):
    """What became of the scans, in the order they were sent."""

    accepted: int
    duplicates: int
    scans: list[ScanOut]


class RecordOut(Out):
    """Service that was recorded."""

    record_id: UUID
    volunteer_id: UUID
    minutes: int
    evidence: Evidence
    revision: int = Field(description="更正过几次 how often the record was corrected")


class LoggedOut(ShiftStateOut):
    """A shift that was logged."""

    night: bool
    covered_cells: list[str]
    findings_count: int
    members: list[RecordOut]


class ShiftOut(Out):
    """A shift."""

    shift_id: UUID
    community: str
    crew_id: UUID
    crew_kind: CrewKind
    stage: Stage
    cells: list[str]
    planned_start: datetime
    planned_end: datetime
    started_at: datetime | None
    late_minutes: int | None
    ended_at: datetime | None
    night: bool | None
    covered_cells: list[str] | None
    minutes: int | None = Field(description="服务分钟合计 minutes of all members")
    findings_count: int
    scans_count: int
    marked_scans_count: int = Field(description="有疑点的扫码 scans that something is odd about")
    cancel_reason: str | None


class ShiftMemberOut(Out):
    """Somebody on a shift."""

    volunteer_id: UUID
    planned: bool
    minutes: int | None
    evidence: Evidence | None
    record_id: UUID | None
    revision: int = Field(description="更正过几次 how often the record was corrected")


class ShiftWithMembersOut(ShiftOut):
    """A shift and who was on it."""

    members: list[ShiftMemberOut]


class TrackOut(Out):
    """A scan that was kept."""

    cell: str
    volunteer_id: UUID
    device_id: str
    device_time: datetime
    received_at: datetime
    marks: list[ScanMark]


class FiguresOut(Out):
    """A month of one kind of crew."""

    month: str = Field(examples=["2026-03"])
    crew_kind: CrewKind
    planned: int = Field(description="全部班次 all shifts that were planned")
    logged: int
    cancelled: int
    missed: int
    late: int
    night: int
    minutes: int
    findings: int
    planned_cells: int = Field(description="已完成班次的责任网格 cells on the beats of logged shifts")
    covered_cells: int = Field(description="其中巡到的 those of them that were covered")
