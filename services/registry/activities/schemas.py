"""What goes in and out of the activities' routes."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from services.registry.activities.model import Activity, Backfilled, CancellationReason, CheckedIn, Entry, Stage
from services.registry.fields import VolunteerNumber, VolunteerReference
from shared.contracts import CorrectionReason, Evidence, NodeCode
from shared.contracts.common import CommunityCode
from shared.contracts.registry import ActivityCategory, AssessmentSide, ServiceQuality
from shared.web.fields import Body, Moment, Out, ShortText

_ServedMinutes = Annotated[int, Field(ge=1, le=24 * 60)]
_Places = Annotated[int, Field(ge=1, le=100_000)]
_MEETING_PLACE = "集合地点，写公共场所，不写住户门牌 a public place at which to meet, nobody's home"
_MAY_BE_EMPTY = frozenset({"team_id", "places", "meeting_place"})
_Volunteers = Annotated[list[VolunteerReference], Field(min_length=1, max_length=500)]


class PublishBody(Body):
    """发布活动 Announce an activity."""

    community: CommunityCode
    team_id: UUID | None = None
    title: ShortText
    category: ActivityCategory = ActivityCategory.GENERAL
    planned_start: Moment
    planned_end: Moment
    places: _Places | None = Field(default=None, description="名额，不填为不限")
    meeting_place: ShortText | None = Field(default=None, description=_MEETING_PLACE)


class ChangeBody(Body):
    """变更活动：只写要改的字段。Only what changes; null empties a field that may be empty."""

    team_id: UUID | None = None
    title: ShortText | None = None
    category: ActivityCategory | None = None
    planned_start: Moment | None = None
    planned_end: Moment | None = None
    places: _Places | None = Field(default=None, description="名额，清空为不限 null for no limit")
    meeting_place: ShortText | None = Field(default=None, description=_MEETING_PLACE)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing_to_change", "name at least one field")
        if any(getattr(self, name) is None for name in self.model_fields_set - _MAY_BE_EMPTY):
            raise PydanticCustomError("plan_not_emptied", "only team_id, places and meeting_place may be emptied")
        return self


class SignUpBody(Body):
    """报名：志愿者不填即为本人。Volunteers leave `volunteer` out: they sign up themselves."""

    volunteer: VolunteerReference | None = None
    signed_up_at: Moment | None = None


class WithdrawBody(Body):
    """退出报名 Take a sign-up back."""

    volunteer: VolunteerReference | None = None
    withdrawn_at: Moment | None = None


class CheckInBody(Body):
    """签到，可一次多人 On site, one or many."""

    volunteers: _Volunteers
    checked_in_at: Moment | None = Field(default=None, description="默认现在 now by default")


class CheckOutBody(Body):
    """签退，可一次多人 Leaving, one or many."""

    volunteers: _Volunteers
    checked_out_at: Moment | None = Field(default=None, description="默认现在 now by default")


class ScannedEntry(Body):
    """现场签到（和签退）的记录 Scanned on site."""

    volunteer: VolunteerReference
    checked_in_at: Moment
    checked_out_at: Moment | None = None

    def entry(self, volunteer_id: UUID, _: datetime) -> Entry:
        """As the model takes it."""
        return CheckedIn(volunteer_id, self.checked_in_at, self.checked_out_at)


class BackfilledEntry(Body):
    """事后补录 Entered afterwards; begins at the planned start unless told otherwise."""

    volunteer: VolunteerReference
    started_at: Moment | None = None
    minutes: _ServedMinutes

    def entry(self, volunteer_id: UUID, planned_start: datetime) -> Entry:
        """As the model takes it."""
        return Backfilled(volunteer_id, self.started_at or planned_start, self.minutes)


def _kind_of_entry(value: Any) -> str:
    backfilled = "minutes" in value if isinstance(value, dict) else isinstance(value, BackfilledEntry)
    return "backfilled" if backfilled else "scanned"


EntryBody = Annotated[
    Annotated[ScannedEntry, Tag("scanned")] | Annotated[BackfilledEntry, Tag("backfilled")],
    Discriminator(_kind_of_entry),
]
"""One or the other, decided first, so that a slip is told for the one that was meant."""


class AttendancesBody(Body):
    """一次提交多人的签到签退或补录；全部成功，或全部不成功。All of them, or none."""

    entries: Annotated[list[EntryBody], Field(min_length=1, max_length=500)]


class AttendanceWithdrawalBody(Body):
    """撤回误记的出勤 Take back what was entered by mistake."""

    volunteer: VolunteerReference


class CompletionBody(Body):
    """确认活动完成 Confirm completion."""

    completed_at: Moment | None = Field(default=None, description="默认现在 now by default")


class CorrectionBody(Body):
    """更正服务记录：0 分钟即作废。0 minutes void the record."""

    volunteer: VolunteerReference
    minutes: Annotated[int, Field(ge=0, le=24 * 60)]
    evidence: Evidence
    reason: CorrectionReason
    started_at: Moment | None = Field(default=None, description="仅用于补上遗漏的人 only to add somebody missing")


class AssessmentBody(Body):
    """评价服务质量 How well somebody served, and who says so."""

    volunteer: VolunteerReference
    side: AssessmentSide = Field(description="组织者或服务对象 the organiser, or whom it was for")
    quality: ServiceQuality


class CancellationBody(Body):
    """取消活动 Call the activity off."""

    reason: CancellationReason


class ActivityStateOut(Out):
    """The activity as the command left it."""

    id: UUID
    community: NodeCode
    stage: Stage
    signed_up_count: int
    attended_count: int = Field(description="有服务记录的人数 people with a record, void ones included")
    open_count: int = Field(description="已签到未签退的人数 checked in and not yet out")

    @classmethod
    def of(cls, activity: Activity) -> Self:
        """From the aggregate's state."""
        assert activity.id is not None
        return cls(
            id=activity.id,
            community=activity.community,
            stage=activity.stage,
            signed_up_count=len(activity.signed_up),
            attended_count=len(activity.attended),
            open_count=sum(entry.minutes is None for entry in activity.attended.values()),
        )


class AssessmentOut(Out):
    """What one side said last of somebody's service in an activity."""

    activity_id: UUID
    community: NodeCode
    volunteer_id: UUID
    record_id: UUID | None
    started_at: datetime | None
    minutes: int | None = Field(
        description="记录现有分钟，0 为已作废，评价不再计入 0 for a void record: it counts no more"
    )
    side: AssessmentSide = Field(description="组织者或服务对象 the organiser, or whom it was for")
    quality: ServiceQuality
    assessed_by: UUID = Field(description="评价人（不透明编号） who entered it, as an opaque id")
    assessed_at: datetime


class ParticipationOut(Out):
    """One person's part in an activity."""

    activity_id: UUID
    volunteer_id: UUID
    signed_up_at: datetime | None
    withdrawn_at: datetime | None
    started_at: datetime | None
    minutes: int | None = Field(description="null while checked in")
    evidence: Evidence | None
    record_id: UUID | None
    revision: int = Field(description="更正次数 corrections so far")
    closed_at_planned_end: bool = Field(description="忘记签退，按计划结束时间计 the check-out was forgotten")
    confirmed: bool


class ParticipantOut(ParticipationOut):
    """A participant as the organiser sees it; the name masked, and only where asked for."""

    number: VolunteerNumber
    name: str | None = None


class ActivityOut(Out):
    """An activity; others' identities are not in it."""

    id: UUID
    community: NodeCode
    team_id: UUID | None
    title: str
    category: ActivityCategory
    planned_start: datetime
    planned_end: datetime
    places: int | None
    meeting_place: str | None
    changed_at: datetime | None = Field(description="最近一次变更 when what was announced was changed last")
    stage: Stage
    cancel_reason: CancellationReason | None
    completed_at: datetime | None
    signed_up_count: int
    attended_count: int
    confirmed_minutes: int


class EarlierPlanOut(Out):
    """What was announced of an activity until it was changed."""

    until: datetime = Field(description="变更时间 when it was changed")
    team_id: UUID | None
    title: str
    category: ActivityCategory
    planned_start: datetime
    planned_end: datetime
    places: int | None
    meeting_place: str | None


class ActivityDetailOut(ActivityOut):
    """An activity with the caller's own part in it."""

    mine: ParticipationOut | None = Field(default=None, description="本人的报名和记录 the calling volunteer's own part")


class ServiceOut(Out):
    """One line of 我的时长 my hours."""

    activity_id: UUID
    title: str
    category: ActivityCategory
    community: NodeCode
    started_at: datetime
    minutes: int | None
    evidence: Evidence
    record_id: UUID | None
    revision: int
    closed_at_planned_end: bool
    confirmed: bool


class SignUpOut(Out):
    """One line of 我的报名 my sign-ups."""

    activity_id: UUID
    title: str
    category: ActivityCategory
    community: NodeCode
    planned_start: datetime
    planned_end: datetime
    meeting_place: str | None
    changed_at: datetime | None = Field(description="最近一次变更 when what was announced was changed last")
    stage: Stage
    signed_up_at: datetime
    attended: bool = Field(description="已有服务记录 there is a record of service")


class HoursOut(Out):
    """Confirmed service of a volunteer in minutes, by evidence. Hours count from `scanned` and `backfilled`."""

    volunteer_id: UUID
    scanned_minutes: int
    backfilled_minutes: int
    estimated_minutes: int = Field(description="不计入 never counts")
    activities_count: int
    unconfirmed_count: int
