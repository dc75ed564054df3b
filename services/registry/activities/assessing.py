"""How well somebody served in an activity, as the organiser or whom it was for says afterwards (服务质量评价). Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.registry.activities.refusals import ActivityNotCompleted, NoSuchRecord, OwnServiceAssessed
from services.registry.activities.state import Activity, Stage, record_id
from shared.contracts import Event, refuse_if, refuse_unless
from shared.contracts.registry import AssessmentSide, ServiceAssessed, ServiceQuality


@dataclass(frozen=True, slots=True)
class Assess:
    """Say how well somebody served; anew where the same side said otherwise before."""

    volunteer_id: UUID
    side: AssessmentSide
    quality: ServiceQuality
    by: UUID
    at: datetime


def assess(activity: Activity, activity_id: UUID, command: Assess) -> list[Event]:
    """The event, or nothing where the side said just this. Only service that counts is assessed, and nobody's own."""
    refuse_unless(activity.stage is Stage.COMPLETED, ActivityNotCompleted)
    attended = activity.attended.get(command.volunteer_id)
    refuse_if(attended is None or not attended.minutes, NoSuchRecord)
    refuse_if(command.by == command.volunteer_id, OwnServiceAssessed)
    if activity.assessed.get((command.volunteer_id, command.side)) is command.quality:
        return []
    return [
        ServiceAssessed(
            activity_id=activity_id,
            community=activity.community,
            record_id=record_id(activity_id, command.volunteer_id),
            volunteer_id=command.volunteer_id,
            side=command.side,
            quality=command.quality,
            assessed_by=command.by,
            assessed_at=command.at,
        )
    ]
