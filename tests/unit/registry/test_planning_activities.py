"""An activity is announced, and may be announced otherwise until it begins."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.registry.activities.model import (
    CheckedIn,
    Complete,
    RecordAttendance,
)
from services.registry.activities.planning import Change
from services.registry.activities.refusals import (
    ActivityAlreadyPublished,
    ActivityBegan,
    ActivityCancelledAlready,
    ActivityCompletedAlready,
    ActivityEndsBeforeStart,
    ActivityNotPublished,
    ActivityTooFarAhead,
    ActivityTooLong,
    DatedTooFarBack,
    FewerPlacesThanSignedUp,
    OutsideActivity,
)
from services.registry.activities.streams import ACTIVITIES
from shared.contracts.registry import (
    ActivityCategory,
    ActivityChanged,
)
from tests.specification import given
from tests.unit.registry.activity import (
    ACTIVITY,
    ANNA,
    BO,
    CANCELLED,
    END,
    PLAN,
    PUBLISH,
    PUBLISHED,
    START,
    after,
    arrived,
    attendance,
    completed,
    dating,
    left,
    signed_up,
)


def test_an_activity_is_published_once() -> None:
    given(ACTIVITIES).when(PUBLISH).then(PUBLISHED)
    given(ACTIVITIES, PUBLISHED).when(PUBLISH).then_refused(ActivityAlreadyPublished)


DAY_BEFORE = START - timedelta(days=1)


def otherwise(now: datetime = DAY_BEFORE, **values: object) -> Change:
    return Change(replace(PLAN, **values), dating(now))  # type: ignore[arg-type]


def changed(now: datetime = DAY_BEFORE, **values: object) -> ActivityChanged:
    told = {"title": PLAN.title, "category": PLAN.category, "planned_start": START, "planned_end": END, "places": 2}
    return ActivityChanged(activity_id=ACTIVITY, changed_at=now, **(told | values))  # type: ignore[arg-type]


def test_what_has_not_begun_can_be_changed() -> None:
    moved = {"planned_start": after(24 * 60), "planned_end": after(26 * 60)}
    given(ACTIVITIES, PUBLISHED).when(otherwise(**moved)).then(changed(**moved))
    words = {"title": "改到小区门口", "category": ActivityCategory.CARE, "meeting_place": "东门广场"}
    given(ACTIVITIES, PUBLISHED).when(otherwise(**words)).then(changed(**words))
    given(ACTIVITIES, PUBLISHED).when(otherwise(places=None)).then(changed(places=None))
    given(ACTIVITIES, PUBLISHED).when(otherwise()).then()
    given(ACTIVITIES, PUBLISHED, changed(**moved)).when(otherwise(**moved)).then()


def test_whoever_signed_up_remains_signed_up() -> None:
    state = ACTIVITIES.fold([PUBLISHED, signed_up(ANNA), changed(title="别的名称")])
    assert (state.signed_up, state.plan.title) == ({ANNA}, "别的名称")


def test_what_has_begun_or_is_over_is_not_changed() -> None:
    given(ACTIVITIES).when(otherwise(title="晚了")).then_refused(ActivityNotPublished)
    given(ACTIVITIES, PUBLISHED).when(otherwise(START, title="晚了")).then_refused(ActivityBegan)
    earlier = otherwise(after(-30), title="已有人签到")
    given(ACTIVITIES, PUBLISHED, arrived(ANNA, -60)).when(earlier).then_refused(ActivityBegan)
    given(ACTIVITIES, PUBLISHED, CANCELLED).when(otherwise(title="晚了")).then_refused(ActivityCancelledAlready)
    done = completed(attendance(ANNA, 60))
    given(ACTIVITIES, PUBLISHED, arrived(ANNA), done).when(otherwise(title="晚了")).then_refused(
        ActivityCompletedAlready
    )


def test_a_changed_plan_has_to_make_sense() -> None:
    given(ACTIVITIES, PUBLISHED).when(otherwise(planned_end=START)).then_refused(ActivityEndsBeforeStart)
    too_long = otherwise(planned_end=START + timedelta(hours=21))
    given(ACTIVITIES, PUBLISHED).when(too_long).then_refused(ActivityTooLong, hours=20)
    given(ACTIVITIES, PUBLISHED).when(
        otherwise(planned_start=DAY_BEFORE - timedelta(days=8), planned_end=DAY_BEFORE - timedelta(days=7, hours=23))
    ).then_refused(DatedTooFarBack)
    slip = otherwise(planned_start=START + timedelta(days=366), planned_end=END + timedelta(days=366))
    given(ACTIVITIES, PUBLISHED).when(slip).then_refused(ActivityTooFarAhead, days_max=366)
    full = given(ACTIVITIES, PUBLISHED, signed_up(ANNA), signed_up(BO))
    full.when(otherwise(places=1)).then_refused(FewerPlacesThanSignedUp, signed_up=2)
    given(ACTIVITIES, PUBLISHED, signed_up(ANNA)).when(otherwise(places=1)).then(changed(places=1))


def test_times_are_held_against_what_was_announced_last() -> None:
    moved = changed(planned_start=after(180), planned_end=after(300))
    late = RecordAttendance([CheckedIn(ANNA, after(290), after(400))], dating(after(420)))
    given(ACTIVITIES, PUBLISHED).when(late).then_refused(OutsideActivity)
    there = given(ACTIVITIES, PUBLISHED, moved)
    there.when(late).then(arrived(ANNA, 290, entered_at=after(420)), left(ANNA, 400))
    too_early = RecordAttendance([CheckedIn(ANNA, START, after(30))], dating(after(420)))
    there.when(too_early).then_refused(OutsideActivity)
    forgotten = given(ACTIVITIES, PUBLISHED, moved, arrived(ANNA, 200))
    forgotten.when(Complete(after(300), frozenset(), dating(after(300)))).then(
        completed(
            attendance(ANNA, 100, closed=True).model_copy(update={"started_at": after(200)}),
            at=after(300),
        )
    )


def test_the_planned_time_has_to_make_sense() -> None:
    given(ACTIVITIES).when(replace(PUBLISH, plan=replace(PLAN, planned_end=START))).then_refused(
        ActivityEndsBeforeStart
    )
    longest = replace(PUBLISH, plan=replace(PLAN, planned_end=START + timedelta(hours=20)))
    given(ACTIVITIES).when(longest).then(PUBLISHED.model_copy(update={"planned_end": START + timedelta(hours=20)}))
    too_long = replace(PUBLISH, plan=replace(PLAN, planned_end=START + timedelta(hours=20, seconds=1)))
    given(ACTIVITIES).when(too_long).then_refused(ActivityTooLong, hours=20)
    given(ACTIVITIES).when(replace(PUBLISH, dating=dating(START + timedelta(days=8)))).then_refused(DatedTooFarBack)
    given(ACTIVITIES).when(replace(PUBLISH, dating=dating(START - timedelta(days=366)))).then(PUBLISHED)
    slip = replace(PUBLISH, dating=dating(START - timedelta(days=366, seconds=1)))
    given(ACTIVITIES).when(slip).then_refused(ActivityTooFarAhead, days_max=366)
