"""The projection of the time bank: by hand for a few groups, and what holds of any."""

from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.points.solvency.answers import AssumptionOut, GroupOut, SolvencyOut, YearOut
from services.points.solvency.model import OLDEST_FROM, YEARS, AgeGroup, Assumptions, draw_rate, project
from services.points.solvency.plot import plot
from shared.clock import local_day, system_clock

USUAL = Assumptions(spend_from_age=60, assumed_draw_percent=10, earned_share=Fraction(1))


def test_a_group_draws_what_it_drew_and_what_is_assumed_where_it_drew_nothing() -> None:
    assert draw_rate(AgeGroup(65, balance_minutes=1000, spent_minutes=250), USUAL) == Fraction(1, 4)
    assert draw_rate(AgeGroup(65, balance_minutes=1000), USUAL) == Fraction(1, 10)
    assert draw_rate(AgeGroup(55, balance_minutes=1000), USUAL) == 0
    assert draw_rate(AgeGroup(55, balance_minutes=1000, spent_minutes=10), USUAL) == Fraction(1, 100)
    assert draw_rate(AgeGroup(65, balance_minutes=10, spent_minutes=250), USUAL) == 1, "never more than there is"
    assert draw_rate(AgeGroup(65, balance_minutes=0, spent_minutes=250), USUAL) == 1
    assert draw_rate(AgeGroup(None, balance_minutes=1000), USUAL) == 0


def test_two_groups_by_hand() -> None:
    groups = [
        AgeGroup(55, balance_minutes=1000, volunteers=10, served_minutes=600),
        AgeGroup(60, balance_minutes=2000, spent_minutes=400),
    ]
    first, second, *_ = project(groups, USUAL)
    # 55: earns 600, then a fifth of 1600 grows older. 60: a fifth of 2000 is drawn.
    assert (first.demanded_minutes, first.earned_minutes, first.supplied_minutes) == (400, 600, 600)
    assert (first.outstanding_minutes, first.coverage) == (3200, Fraction(3, 2))
    # 60 has 1600 - 320 + 320; 65 has 320 and draws a tenth, as assumed. Those who join 55 replace those who left it.
    assert (second.demanded_minutes, second.supplied_minutes) == (320 + 32, 600)


def test_whoever_grows_into_a_group_without_volunteers_stops() -> None:
    (year, after, *_) = project([AgeGroup(60, volunteers=5, served_minutes=500), AgeGroup(65)], USUAL)
    assert (year.supplied_minutes, after.supplied_minutes) == (500, 500)
    older = [AgeGroup(60, volunteers=5, served_minutes=500), AgeGroup(65, volunteers=5, served_minutes=1000)]
    # 65 keeps four of its five, and one of 60 comes.
    assert project(older, USUAL)[1].supplied_minutes == 500 + 1000


def test_without_demand_there_is_no_ratio_and_without_people_there_is_nothing() -> None:
    assert [year.coverage for year in project([AgeGroup(30, balance_minutes=500)], USUAL)] == [None] * YEARS
    assert {tuple(year)[1:] for year in project([], USUAL)} == {(0, 0, 0, 0)}


def test_only_a_part_of_the_service_is_earned() -> None:
    half = Assumptions(60, 10, Fraction(1, 2))
    (year, *_) = project([AgeGroup(30, volunteers=1, served_minutes=101)], half)
    assert (year.supplied_minutes, year.earned_minutes, year.outstanding_minutes) == (101, 50, 50)


amounts = st.integers(0, 10**9)
some_groups = st.lists(
    st.builds(
        AgeGroup,
        st.one_of(st.none(), st.integers(0, OLDEST_FROM // 5).map(lambda n: 5 * n)),
        balance_minutes=amounts,
        spent_minutes=amounts,
        volunteers=st.integers(0, 10**5),
        served_minutes=amounts,
    ),
    max_size=20,
    unique_by=lambda group: group.age_from,
)
any_assumptions = st.builds(
    Assumptions,
    st.integers(0, 24).map(lambda n: 5 * n),
    st.integers(0, 100),
    st.fractions(0, 1, max_denominator=1000),
)


@given(some_groups, any_assumptions)
def test_every_minute_is_accounted_for_and_nobody_falls_below_zero(
    groups: list[AgeGroup], assumptions: Assumptions
) -> None:
    outstanding = sum(group.balance_minutes for group in groups)
    for year in project(groups, assumptions):
        assert 0 <= year.demanded_minutes <= outstanding
        assert 0 <= year.earned_minutes <= year.supplied_minutes
        assert year.outstanding_minutes == outstanding - year.demanded_minutes + year.earned_minutes
        outstanding = year.outstanding_minutes


@given(some_groups, any_assumptions)
def test_the_order_of_the_groups_decides_nothing(groups: list[AgeGroup], assumptions: Assumptions) -> None:
    assert project(groups, assumptions) == project(groups[::-1], assumptions)


@given(some_groups)
def test_who_draws_more_has_less_left(groups: list[AgeGroup]) -> None:
    little, much = (project(groups, Assumptions(60, percent, Fraction(1))) for percent in (0, 100))
    assert little[0].demanded_minutes <= much[0].demanded_minutes
    assert little[-1].outstanding_minutes >= much[-1].outstanding_minutes


def shown(groups: int, minutes: int) -> SolvencyOut:
    day = local_day(system_clock())
    return SolvencyOut(
        node="620201", node_name="<演示>", day=day,
        outstanding_minutes=minutes, pools_minutes=0, clearing_minutes=0, forgotten_minutes=0,
        spend_from_age=60,
        groups=[
            GroupOut(
                age_from=None if n == groups - 1 else 5 * n, holders=1, balance_minutes=minutes, spent_minutes=0,
                draw_percent=0, draw_observed=False, volunteers=0, served_minutes=0,
            )
            for n in range(groups)
        ],
        years=[
            YearOut(
                year=n, until=day, outstanding_minutes=0, demanded_minutes=minutes, earned_minutes=0,
                supplied_minutes=minutes, coverage_percent=None,
            )
            for n in range(1, 6)
        ],
        assumptions=[AssumptionOut(code="a", zh="甲", en="a")],
    )  # fmt: skip


@pytest.mark.parametrize(("groups", "minutes", "titled"), [(0, 0, True), (1, 0, False), (21, 10**12, True)])
def test_the_plot_is_well_formed_says_what_it_shows_and_stays_within_its_frame(
    groups: int, minutes: int, titled: bool
) -> None:
    root = ET.fromstring(plot(shown(groups, minutes), titled=titled))
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("role") == "img"
    described = {root.find(f"{space}title").get("id"), root.find(f"{space}desc").get("id")}  # type: ignore[union-attr]
    assert set(str(root.get("aria-labelledby")).split()) == described
    width, height = float(str(root.get("width"))), float(str(root.get("height")))
    for bar in root.iter(f"{space}rect"):
        if bar.get("x") is not None:
            assert 0 <= float(str(bar.get("x"))) <= width - float(str(bar.get("width")))
            assert 0 <= float(str(bar.get("y"))) <= height - float(str(bar.get("height")))
