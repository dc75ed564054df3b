"""A long day: an office approves that more minutes of a volunteer's day count, and can take that back.

At most 8 hours a day count without approval; 8 to 12 need the community's, more the district's. Both numbers are the
policy's of that day.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Literal
from uuid import UUID

from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.points import (
    LongDayApprovalWithdrawn,
    LongDayApproved,
    LongDayReason,
    LongDayWithdrawalReason,
)
from shared.contracts.registry import NodeLevel

AHEAD_MAX = timedelta(days=31)
"""A long day can be approved this long before it: when an event is planned."""
_DISTRICT_DIGITS_MAX = 6
_A_MOMENT = timedelta(microseconds=1)


class Stage(StrEnum):
    """Where it stands."""

    NONE = "none"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


ListedStage = Literal[
    Stage.APPROVED,
    Stage.WITHDRAWN,
]
"""Where one can stand that is there: what a list can be asked for."""


@dataclass(frozen=True, slots=True)
class Limit:
    """More minutes than these on a day need an approval, as a policy has it."""

    minutes: int
    policy_version: int


@dataclass(frozen=True, slots=True)
class LongDay:
    """A person's day as its events tell it."""

    id: UUID | None = None
    community: str = ""
    volunteer_id: UUID | None = None
    day: date | None = None
    stage: Stage = Stage.NONE
    minutes_max: int = 0
    level: NodeLevel = NodeLevel.COMMUNITY
    limit: Limit | None = None
    """What the approval went over."""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Approve:
    """Let so many minutes of the day count; also in the place of an earlier approval."""

    long_day_id: UUID
    community: str
    """The volunteer's home."""
    volunteer_id: UUID
    day: date
    today: date
    minutes_max: int
    community_from: Limit
    """More than this needs the community's approval."""
    district_from: Limit
    """More than this needs the district's."""
    reason: LongDayReason
    office: str
    """The node of whoever approves."""
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the approval back."""

    reason: LongDayWithdrawalReason
    office: str
    by: UUID
    at: datetime


Command = Approve | Withdraw


class LongDayNeedsNoApproval(Refusal):
    """So many minutes count anyway. Params: `minutes`, `limit`, `version`."""

    code: ClassVar[str] = "long_day_needs_no_approval"
    status: ClassVar[int] = 422


class LongDayNeedsDistrict(Refusal):
    """So many minutes are for the district to approve, or to take back. Params: `limit`, `version`."""

    code: ClassVar[str] = "long_day_needs_district"
    status: ClassVar[int] = 403


class LongDayTooFarAhead(Refusal):
    """The day lies too far in the future. Params: `latest`."""

    code: ClassVar[str] = "long_day_too_far_ahead"
    status: ClassVar[int] = 422


class OwnLongDay(Refusal):
    """Nobody decides on a day of their own."""

    code: ClassVar[str] = "long_day_own"


class LongDayAlreadyApproved(Refusal):
    """Just these minutes are approved. Params: `minutes`."""

    code: ClassVar[str] = "long_day_already_approved"


class LongDayNotApproved(Refusal):
    """There is no approval that stands."""

    code: ClassVar[str] = "long_day_not_approved"


def decide(long_day: LongDay, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above."""
    if isinstance(command, Approve):
        return [_approved(long_day, command)]
    refuse_unless(long_day.stage is Stage.APPROVED, LongDayNotApproved)
    refuse_if(command.by == long_day.volunteer_id, OwnLongDay)
    assert long_day.limit is not None
    _require(long_day.level, long_day.limit, command.office)
    return [
        LongDayApprovalWithdrawn(
            long_day_id=long_day.id,
            community=long_day.community,
            volunteer_id=long_day.volunteer_id,
            day=long_day.day,
            level=long_day.level,
            limit_minutes=long_day.limit.minutes,
            policy_version=long_day.limit.policy_version,
            reason=command.reason,
            withdrawn_by=command.by,
            withdrawn_at=_later(long_day, command.at),
        )
    ]


def _approved(long_day: LongDay, command: Approve) -> LongDayApproved:
    latest = command.today + AHEAD_MAX
    refuse_if(command.day > latest, LongDayTooFarAhead(latest=latest.isoformat()))
    refuse_if(command.by == command.volunteer_id, OwnLongDay)
    level, limit = NodeLevel.COMMUNITY, command.community_from
    refuse_unless(
        command.minutes_max > limit.minutes,
        LongDayNeedsNoApproval(minutes=command.minutes_max, limit=limit.minutes, version=limit.policy_version),
    )
    if command.minutes_max > command.district_from.minutes:
        level, limit = NodeLevel.DISTRICT, command.district_from
    _require(level, limit, command.office)
    if long_day.stage is Stage.APPROVED:
        refuse_if(long_day.minutes_max == command.minutes_max, LongDayAlreadyApproved(minutes=command.minutes_max))
        # What the district approved, the community neither takes back nor makes less of.
        assert long_day.limit is not None
        _require(long_day.level, long_day.limit, command.office)
    return LongDayApproved(
        long_day_id=command.long_day_id,
        community=command.community,
        volunteer_id=command.volunteer_id,
        day=command.day,
        minutes_max=command.minutes_max,
        level=level,
        limit_minutes=limit.minutes,
        policy_version=limit.policy_version,
        reason=command.reason,
        approved_by=command.by,
        approved_at=_later(long_day, command.at),
    )


def _require(level: NodeLevel, limit: Limit, office: str) -> None:
    too_low = level is NodeLevel.DISTRICT and len(office) > _DISTRICT_DIGITS_MAX
    refuse_if(too_low, LongDayNeedsDistrict(limit=limit.minutes, version=limit.policy_version))


def _later(long_day: LongDay, at: datetime) -> datetime:
    """What is said last holds, whatever two clocks make of it: the ledger goes by the moments."""
    return at if long_day.changed_at is None else max(at, long_day.changed_at + _A_MOMENT)


def evolve(long_day: LongDay, event: Event) -> LongDay:
    """The day after an event."""
    match event:
        case LongDayApproved():
            return LongDay(
                event.long_day_id,
                event.community,
                event.volunteer_id,
                event.day,
                Stage.APPROVED,
                event.minutes_max,
                event.level,
                Limit(event.limit_minutes, event.policy_version),
                event.approved_at,
            )
        case LongDayApprovalWithdrawn():
            return replace(long_day, stage=Stage.WITHDRAWN, changed_at=event.withdrawn_at)
        case _:
            return long_day
