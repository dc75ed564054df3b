"""A long day: approved by the office that may, taken back, approved anew."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.points.long_days.model import (
    Approve,
    Limit,
    LongDayAlreadyApproved,
    LongDayNeedsDistrict,
    LongDayNeedsNoApproval,
    LongDayNotApproved,
    LongDayTooFarAhead,
    OwnLongDay,
    Stage,
    Withdraw,
)
from services.points.long_days.views import LONG_DAYS
from shared.contracts.points import (
    LongDayApprovalWithdrawn,
    LongDayApproved,
    LongDayReason,
    LongDayWithdrawalReason,
)
from shared.contracts.registry import NodeLevel
from tests.conftest import COMMUNITY
from tests.specification import given

NOW = datetime(2026, 3, 6, 4, tzinfo=UTC)
DAY = date(2026, 3, 5)
LONG_DAY, ANNA, CLERK = (UUID(int=number) for number in range(1, 4))
DISTRICT = COMMUNITY[:6]


def approve(minutes: int = 600, **changed: Any) -> Approve:
    plain = {
        "long_day_id": LONG_DAY, "community": COMMUNITY, "volunteer_id": ANNA, "day": DAY, "today": date(2026, 3, 6),
        "minutes_max": minutes, "community_from": Limit(480, 1), "district_from": Limit(720, 3),
        "reason": LongDayReason.EMERGENCY, "office": COMMUNITY, "by": CLERK, "at": NOW,
    }  # fmt: skip
    return Approve(**{**plain, **changed})


def withdraw(**changed: Any) -> Withdraw:
    plain = {"reason": LongDayWithdrawalReason.MISTAKEN, "office": COMMUNITY, "by": CLERK, "at": NOW}
    return Withdraw(**{**plain, **changed})


def approved(minutes: int = 600, at: datetime = NOW, **changed: Any) -> LongDayApproved:
    high = minutes > 720
    plain = {
        "long_day_id": LONG_DAY, "community": COMMUNITY, "volunteer_id": ANNA, "day": DAY, "minutes_max": minutes,
        "level": NodeLevel.DISTRICT if high else NodeLevel.COMMUNITY, "limit_minutes": 720 if high else 480,
        "policy_version": 3 if high else 1, "reason": LongDayReason.EMERGENCY, "approved_by": CLERK, "approved_at": at,
    }  # fmt: skip
    return LongDayApproved(**{**plain, **changed})


def withdrawn(at: datetime = NOW) -> LongDayApprovalWithdrawn:
    return LongDayApprovalWithdrawn(
        long_day_id=LONG_DAY, community=COMMUNITY, volunteer_id=ANNA, day=DAY, level=NodeLevel.COMMUNITY,
        limit_minutes=480, policy_version=1, reason=LongDayWithdrawalReason.MISTAKEN, withdrawn_by=CLERK,
        withdrawn_at=at,
    )  # fmt: skip


def test_the_community_approves_up_to_the_second_number_of_the_policy() -> None:
    given(LONG_DAYS).when(approve(481)).then(approved(481))
    given(LONG_DAYS).when(approve(720)).then(approved(720))
    given(LONG_DAYS).when(approve(721)).then_refused(LongDayNeedsDistrict, limit=720, version=3)


def test_the_district_approves_any_long_day_and_the_event_names_what_it_went_over() -> None:
    given(LONG_DAYS).when(approve(721, office=DISTRICT)).then(approved(721))
    given(LONG_DAYS).when(approve(600, office=DISTRICT)).then(approved(600))


def test_what_counts_anyway_needs_no_approval() -> None:
    refused = given(LONG_DAYS).when(approve(480))
    refused.then_refused(LongDayNeedsNoApproval, minutes=480, limit=480, version=1)


def test_nobody_decides_on_a_day_of_their_own() -> None:
    given(LONG_DAYS).when(approve(by=ANNA)).then_refused(OwnLongDay)
    given(LONG_DAYS, approved()).when(withdraw(by=ANNA)).then_refused(OwnLongDay)


@pytest.mark.parametrize("ahead", [0, 31])
def test_a_planned_day_is_approved_a_month_ahead(ahead: int) -> None:
    day = date(2026, 3, 6) + timedelta(days=ahead)
    given(LONG_DAYS).when(approve(day=day)).then(approved(day=day))
    too_far = date(2026, 3, 6) + timedelta(days=32)
    given(LONG_DAYS).when(approve(day=too_far)).then_refused(LongDayTooFarAhead, latest="2026-04-06")


def test_an_approval_is_taken_back_once_and_can_be_given_anew() -> None:
    later = NOW + timedelta(hours=1)
    given(LONG_DAYS).when(withdraw()).then_refused(LongDayNotApproved)
    given(LONG_DAYS, approved()).when(withdraw(at=later)).then(withdrawn(later))
    twice = given(LONG_DAYS, approved(), withdrawn(later))
    twice.when(withdraw()).then_refused(LongDayNotApproved)
    twice.when(approve(at=later + timedelta(hours=1))).then(approved(at=later + timedelta(hours=1)))


def test_other_minutes_take_the_place_of_an_approval_and_the_same_are_refused() -> None:
    later = NOW + timedelta(hours=1)
    given(LONG_DAYS, approved()).when(approve(540, at=later)).then(approved(540, later))
    given(LONG_DAYS, approved()).when(approve()).then_refused(LongDayAlreadyApproved, minutes=600)


def test_what_the_district_approved_the_community_neither_takes_back_nor_makes_less_of() -> None:
    given(LONG_DAYS, approved(800)).when(withdraw()).then_refused(LongDayNeedsDistrict, limit=720, version=3)
    given(LONG_DAYS, approved(800)).when(approve(600)).then_refused(LongDayNeedsDistrict, limit=720, version=3)
    given(LONG_DAYS, approved(800)).when(withdraw(office=DISTRICT)).then_state(stage=Stage.WITHDRAWN)


def test_what_is_said_last_holds_though_its_clock_is_behind() -> None:
    behind = NOW - timedelta(minutes=1)
    given(LONG_DAYS, approved()).when(withdraw(at=behind)).then(withdrawn(NOW + timedelta(microseconds=1)))
