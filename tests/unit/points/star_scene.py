"""Commands and events of one volunteer's stars, each with what a test does not change."""

import uuid
from datetime import UTC, date, datetime
from typing import Any

from services.points.stars.commands import (
    Apply,
    Grant,
    Requirement,
)
from shared.contracts.honours import (
    CorrectingEvent,
    Quality,
    QualityReason,
    StarApplied,
    StarConfirmed,
    StarFlagged,
    StarFlagReason,
    StarGranted,
    StarQualityAssessed,
    StarWithdrawalReason,
    StarWithdrawn,
)
from shared.contracts.registry import NodeLevel

COMMUNITY, DISTRICT, CITY, PROVINCE = "620201001004", "620201", "6202", "62"
DAY = date(2026, 3, 20)
PERSON, FIRST, SECOND = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
ONE = Requirement(6000, NodeLevel.DISTRICT, 0, 1)
THREE = Requirement(36_000, NodeLevel.CITY, 0, 1)


def apply(**changed: Any) -> Apply:
    plain = {
        "application_id": FIRST, "volunteer_id": PERSON, "community": COMMUNITY, "grade": 1, "minutes": 6000,
        "requirement": ONE, "member_since": date(2026, 1, 31), "forgotten": False, "day": DAY,
    }  # fmt: skip
    return Apply(**{**plain, **changed})


def grant(application: uuid.UUID = FIRST, **changed: Any) -> Grant:
    plain = {
        "minutes": 6000, "authority": DISTRICT, "granter": "officer", "assessors": frozenset({"clerk"}),
        "judge_lost": False,
        "review_months": 12, "forgotten": False, "day": DAY, "requirement": ONE,
    }  # fmt: skip
    return Grant(application, **{**plain, **changed})


def applied(application: uuid.UUID = FIRST, grade: int = 1, asked: Requirement = ONE) -> StarApplied:
    return StarApplied(
        volunteer_id=PERSON, application_id=application, community=COMMUNITY, grade=grade, minutes=asked.minutes,
        threshold_minutes=asked.minutes, granted_by=asked.granted_by, policy_version=1, applied_on=DAY,
    )  # fmt: skip


def assessed(
    quality: Quality = Quality.MET, application: uuid.UUID = FIRST, reason: QualityReason | None = None
) -> StarQualityAssessed:
    return StarQualityAssessed(
        volunteer_id=PERSON, application_id=application, community=COMMUNITY, quality=quality, reason=reason,
        assessed_at_node=COMMUNITY, assessed_on=DAY,
    )  # fmt: skip


def granted(application: uuid.UUID = FIRST, grade: int = 1, minutes: int = 6000, authority: str = DISTRICT) -> Any:
    return StarGranted(
        volunteer_id=PERSON, application_id=application, community=COMMUNITY, grade=grade, minutes=minutes,
        threshold_minutes=minutes, policy_version=1, authority=authority, granted_on=DAY,
        review_on=date(2027, 3, 20),
    )  # fmt: skip


def flagged(minutes: int = 5990) -> StarFlagged:
    return StarFlagged(
        volunteer_id=PERSON, application_id=FIRST, community=COMMUNITY, grade=1,
        reason=StarFlagReason.HOURS_BELOW_THRESHOLD, minutes_before=6000, minutes=minutes, threshold_minutes=6000,
        flagged_on=DAY,
    )  # fmt: skip


def confirmed(minutes: int = 5990) -> StarConfirmed:
    return StarConfirmed(
        volunteer_id=PERSON, application_id=FIRST, community=COMMUNITY, grade=1, minutes=minutes, authority=DISTRICT,
        confirmed_on=DAY, assessed_percent=0, good_percent=0,
    )  # fmt: skip


def withdrawn(application: uuid.UUID, grade: int, left: int, authority: str = DISTRICT) -> StarWithdrawn:
    return StarWithdrawn(
        volunteer_id=PERSON, application_id=application, community=COMMUNITY, grade=grade, grade_left=left,
        reason=StarWithdrawalReason.MISCONDUCT, authority=authority, withdrawn_on=DAY,
    )  # fmt: skip


ONE_STAR = (applied(), assessed(), granted())
CAUSE = CorrectingEvent(
    event_id=uuid.uuid4(), type="liuling.registry.AttendanceCorrected.v1", told_at=datetime(2026, 3, 19, tzinfo=UTC),
    taken_minutes=10,
)  # fmt: skip
OTHER = CAUSE.model_copy(update={"event_id": uuid.uuid4()})
