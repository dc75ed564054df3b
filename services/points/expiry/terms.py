"""Which days' points have lapsed when: from the expiry rules of all policies. Pure."""

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta

from services.points.expiry.lots import Term, TermOf
from services.points.policy.book import PolicyBook
from services.points.policy.rules import ExpiryRule
from shared.clock import local_day

_A_DAY = timedelta(days=1)
_LONGEST = timedelta(days=366 * 21)
"""No rule lets points live longer than 20 years."""


def lapsed_until(rules: Collection[ExpiryRule], through: date) -> date | None:
    """The latest day whose points can have lapsed when everything through a day has; None when none can have.

    What was earned after it bears on nothing that has lapsed.
    """
    day = through
    while day > through - _LONGEST:
        if any((last := rule.last_day(day)) is not None and last <= through for rule in rules):
            return day
        day -= _A_DAY
    return None


def lapsing_days(rules: Collection[ExpiryRule], after: date | None, through: date) -> tuple[date, date] | None:
    """First and last of the days whose points have their last day after one day and not after another.

    Days in between may have it elsewhere; they are looked at in vain. None when there are no such days.
    """
    first, last = None, None
    day = through
    while day > through - _LONGEST:
        for rule in rules:
            ends = rule.last_day(day)
            if ends is not None and ends <= through and (after is None or ends > after):
                first, last = day, last or day
        day -= _A_DAY
    return None if first is None or last is None else (first, last)


def earning_days(rules: Collection[ExpiryRule], today: date, until: date) -> tuple[date, date] | None:
    """First and last of the days until today whose points have their last day from today until another; or None."""
    first, last = None, None
    for back in range(_LONGEST.days):
        day = today - back * _A_DAY
        if any((ends := rule.last_day(day)) is not None and today <= ends <= until for rule in rules):
            first, last = day, last or day
    return None if first is None or last is None else (first, last)


def term_of(book: PolicyBook, community_of: Callable[[int], str]) -> TermOf:
    """The term of points by the account of issue that they came from: the rule of the day on which they were earned."""

    def term(issuer: int, earned_at: datetime) -> Term:
        day = local_day(earned_at)
        rule = book.terms(community_of(issuer), day).expiry.rule
        return Term(rule.value.last_day(day), rule.version)

    return term
