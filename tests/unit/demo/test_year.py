"""The planned year: one story for one seed, and nobody in it looks like an inventor of hours who is none."""

from collections import Counter
from datetime import date

from deploy.demo.teams import TEAMS
from deploy.demo.year import Team, plan_year
from services.points.policy.book import BEGINNING, PolicyBook
from services.points.policy.ready import national_default
from services.points.policy.views import read_published

LAST_DAY = date(2026, 3, 31)
ONE_TEAM_EACH = [
    Team(f"team-{n}", seed.name, seed.kind, tuple(f"{n}-{m}" for m in range(40))) for n, seed in enumerate(TEAMS)
]


def test_the_same_seed_tells_the_same_story() -> None:
    assert plan_year(ONE_TEAM_EACH, LAST_DAY) == plan_year(ONE_TEAM_EACH, LAST_DAY)


def test_no_leader_confirms_in_a_month_what_the_national_policy_calls_a_burst() -> None:
    book = PolicyBook([read_published(1, None, BEGINNING, national_default())])
    limit = book.terms("620201001004", LAST_DAY).anomalies.burst_activities.value
    for month in plan_year(ONE_TEAM_EACH, LAST_DAY):
        confirmed = Counter(activity.team_id for activity in month.activities if not activity.by_sheet)
        assert max(confirmed.values(), default=0) <= limit


def test_nobody_collects_anything_before_there_are_points() -> None:
    redemptions = [month.redemptions for month in plan_year(ONE_TEAM_EACH, LAST_DAY)]
    assert redemptions[:2] == [0, 0]
    assert all(redemptions[2:])


def test_the_year_ends_on_its_last_day_or_just_before() -> None:
    last = plan_year(ONE_TEAM_EACH, LAST_DAY)[-1].last
    assert last <= LAST_DAY
    assert (LAST_DAY - last).days < 7
