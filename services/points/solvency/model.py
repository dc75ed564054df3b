"""A projection of the time bank, age group by age group: what will be asked for, and who is there to give it. Pure.

Minutes are whole, rounded down where a rate makes parts of one; heads of volunteers are fractions, since a group grows
older by a fifth of it each year.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import NamedTuple

GROUP_YEARS = 5
"""Age groups as the registry tells them."""
OLDEST_FROM = 95
"""The last group; nobody grows out of it."""
YEARS = 5


@dataclass(frozen=True, slots=True)
class AgeGroup:
    """The people of one age group, now. All minutes are zero or more."""

    age_from: int | None
    """Lower bound in years; None for those whose age is not known."""
    holders: int = 0
    """People who hold minutes."""
    balance_minutes: int = 0
    spent_minutes: int = 0
    """Paid for orders within the last twelve months."""
    volunteers: int = 0
    """People who served within the last twelve months."""
    served_minutes: int = 0
    """What they served in that time."""

    @property
    def draw_rate(self) -> Fraction:
        """The part of the balance that was spent in a year; at most all of it, zero where nothing was observed."""
        if not self.balance_minutes:
            return Fraction(int(self.spent_minutes > 0))
        return min(Fraction(1), Fraction(self.spent_minutes, self.balance_minutes))


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the projection takes for granted."""

    spend_from_age: int
    """Policy: from what age on minutes are spent."""
    assumed_draw_percent: int
    """Of the balance, a year, in groups of that age where nothing was spent yet."""
    earned_share: Fraction
    """Of the minutes served, what the time bank credits."""


class Year(NamedTuple):
    """One year of the projection."""

    year: int
    """1 for the twelve months from now on."""
    outstanding_minutes: int
    """Held at the end of the year."""
    demanded_minutes: int
    earned_minutes: int
    supplied_minutes: int
    """What volunteers serve, if everybody goes on as their age group does today."""

    @property
    def coverage(self) -> Fraction | None:
        """Supplied for each minute demanded; None where nothing is demanded."""
        return None if not self.demanded_minutes else Fraction(self.supplied_minutes, self.demanded_minutes)


@dataclass(frozen=True, slots=True)
class _Cohort:
    balance: int
    heads: Fraction


def draw_rate(group: AgeGroup, assumptions: Assumptions) -> Fraction:
    """What a group draws down in a year: as observed, or as assumed where it may spend and nothing was observed."""
    if group.spent_minutes:
        return group.draw_rate
    old_enough = group.age_from is not None and group.age_from >= assumptions.spend_from_age
    return Fraction(assumptions.assumed_draw_percent, 100) if old_enough else Fraction(0)


def project(groups: Sequence[AgeGroup], assumptions: Assumptions, years: int = YEARS) -> list[Year]:
    """The years to come.

    Each year every group draws down what it has at the beginning, earns what its volunteers serve, and a fifth of it
    passes into the next group. Rates belong to ages, not to people. The youngest group of volunteers stays as large as
    it is: as many join it as grow out of it.
    """
    known = {group.age_from: group for group in groups}
    ages = _ages(known)
    rates = {age: draw_rate(known.get(age, AgeGroup(age)), assumptions) for age in ages}
    per_head = {
        age: Fraction(group.served_minutes, group.volunteers) if group.volunteers else Fraction(0)
        for age, group in known.items()
    }
    cohorts = {
        age: _Cohort(known[age].balance_minutes, Fraction(known[age].volunteers)) if age in known else _NOBODY
        for age in ages
    }
    youngest = min((age for age in ages if age is not None and cohorts[age].heads), default=None)
    found = []
    for year in range(1, years + 1):
        demanded = earned = supplied = 0
        for age, cohort in cohorts.items():
            drawn = int(cohort.balance * rates[age])
            served = int(cohort.heads * per_head.get(age, Fraction(0)))
            gained = int(served * assumptions.earned_share)
            cohorts[age] = replace(cohort, balance=cohort.balance - drawn + gained)
            demanded, supplied, earned = demanded + drawn, supplied + served, earned + gained
        cohorts = _older(cohorts, youngest)
        outstanding = sum(cohort.balance for cohort in cohorts.values())
        found.append(Year(year, outstanding, demanded, earned, supplied))
    return found


_NOBODY = _Cohort(0, Fraction(0))


def _ages(known: dict[int | None, AgeGroup]) -> list[int | None]:
    """Every group from the youngest known one to the oldest there is, and the unknown."""
    told = [age for age in known if age is not None]
    ages: list[int | None] = list(range(min(told, default=OLDEST_FROM), OLDEST_FROM + 1, GROUP_YEARS))
    return [*ages, None]


def _older(cohorts: dict[int | None, _Cohort], youngest: int | None) -> dict[int | None, _Cohort]:
    """A year later. Whose age is not known stays where they are."""
    after: dict[int | None, _Cohort] = {}
    coming = _NOBODY
    for age, cohort in cohorts.items():
        if age is None:
            after[age] = cohort
            continue
        going = _NOBODY if age >= OLDEST_FROM else _Cohort(cohort.balance // GROUP_YEARS, cohort.heads / GROUP_YEARS)
        stay = cohort.heads - going.heads if age != youngest else cohort.heads
        after[age] = _Cohort(cohort.balance - going.balance + coming.balance, stay + coming.heads)
        coming = going
    return after
