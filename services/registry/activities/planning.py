"""What is announced of an activity, and changed until it begins. Pure."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.registry.activities.refusals import (
    ActivityAlreadyPublished,
    ActivityBegan,
    ActivityEndsBeforeStart,
    ActivityTooFarAhead,
    ActivityTooLong,
    DatedInFuture,
    DatedTooFarBack,
    FewerPlacesThanSignedUp,
)
from services.registry.activities.state import Activity, Plan, Stage
from shared.contracts import Event, local_time, refuse_if, refuse_unless
from shared.contracts.registry import ActivityChanged, ActivityPublished

_DAY = timedelta(days=1)
_AHEAD_DAYS_MAX = 366


@dataclass(frozen=True, slots=True)
class Dating:
    """Bounds for every moment that is entered."""

    now: datetime
    earliest: datetime
    """How far back something may be dated that is entered now (`BACKDATING_MAX_DAYS`)."""
    tolerance: timedelta
    """How far before the planned start or after the planned end service may reach."""

    def happened(self, moment: datetime) -> None:
        """Refuse a moment in the future or too far back."""
        refuse_if(moment > self.now, DatedInFuture())
        if moment < self.earliest:
            raise DatedTooFarBack(earliest=local_time(self.earliest))


@dataclass(frozen=True, slots=True)
class Publish:
    """Announce an activity."""

    activity_id: UUID
    community: str
    plan: Plan
    dating: Dating


@dataclass(frozen=True, slots=True)
class Change:
    """Announce it otherwise, before it begins."""

    plan: Plan
    dating: Dating
    by: UUID | None = None
    """Opaque id of whoever changes it."""


def publish(activity: Activity, command: Publish) -> list[Event]:
    """The announcement. Raises the refusals of a time that cannot be."""
    refuse_if(activity.stage is not Stage.UNPUBLISHED, ActivityAlreadyPublished)
    _check_times(command.plan, command.dating)
    return [ActivityPublished(activity_id=command.activity_id, community=command.community, **_told(command.plan))]


def change(activity: Activity, activity_id: UUID, command: Change) -> list[Event]:
    """The event, or nothing where this is what was announced. Only what has not begun is changed.

    Whoever has checked in, which may be some time before the start, was there for what had been announced.
    """
    plan, before, now = command.plan, activity.plan, command.dating.now
    refuse_if(now >= before.planned_start or bool(activity.attended), ActivityBegan)
    if plan == before:
        return []
    if (plan.planned_start, plan.planned_end) != (before.planned_start, before.planned_end):
        _check_times(plan, command.dating)
    signed_up = len(activity.signed_up)
    refuse_if(plan.places is not None and plan.places < signed_up, FewerPlacesThanSignedUp(signed_up=signed_up))
    return [ActivityChanged(activity_id=activity_id, **_told(plan), changed_by=command.by, changed_at=now)]


def _check_times(plan: Plan, dating: Dating) -> None:
    refuse_unless(plan.planned_end > plan.planned_start, ActivityEndsBeforeStart)
    longest = _DAY - 2 * dating.tolerance
    refuse_if(
        plan.planned_end - plan.planned_start > longest,
        ActivityTooLong(hours=int(longest.total_seconds()) // 3600),
    )
    if plan.planned_start < dating.earliest:
        raise DatedTooFarBack(earliest=local_time(dating.earliest))
    too_far = plan.planned_start > dating.now + timedelta(days=_AHEAD_DAYS_MAX)
    refuse_if(too_far, ActivityTooFarAhead(days_max=_AHEAD_DAYS_MAX))


def _told(plan: Plan) -> dict[str, Any]:
    return {field.name: getattr(plan, field.name) for field in fields(plan)}
