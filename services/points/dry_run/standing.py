"""Who stands where under two policy books: which star's threshold is met, what lies above the cap, who can spend.

The rules are those of an application (`Requirement.met_by`), of a night's overflow (`above`) and of an order
(`old_enough`). A document is never retroactive, so everything is as the ledger knows it today. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.points.overflow.pooling import above
from services.points.policy.book import PolicyBook
from services.points.policy.terms import TimeBankTerms
from services.points.stars.commands import Assessed, Requirement
from services.points.stars.standing import GRADES, requirement
from services.points.time_orders.model import old_enough


class WithRecord(NamedTuple):
    """Somebody with a service record, and the grade in force; 0 for none."""

    community: str
    volunteer_id: UUID
    minutes: int
    registered_on: date | None
    grade_held: int


class WithMinutes(NamedTuple):
    """Somebody with minutes at the time bank."""

    community: str
    volunteer_id: UUID
    minutes: int
    """Neither spent nor held for something."""
    age_group_from: int | None
    closed: bool
    """The holder died, or their data was erased."""


class StarsMove(NamedTuple):
    """The highest grade whose requirements somebody meets, before and after; 0 for none."""

    who: WithRecord
    before: int
    after: int

    @property
    def changes(self) -> bool:
        """Whether anything does."""
        return self.before != self.after


class BankMove(NamedTuple):
    """What would flow over of somebody's minutes at the end of today, and whether they can spend, before and after."""

    who: WithMinutes
    over_before: int
    over_after: int
    spends_before: bool
    spends_after: bool

    @property
    def changes(self) -> bool:
        """Whether anything does."""
        return self.over_before != self.over_after or self.spends_before != self.spends_after


class TwoBooks:
    """What both books say on one day."""

    def __init__(self, in_force: PolicyBook, proposed: PolicyBook, day: date) -> None:
        self._books, self._day = (in_force, proposed), day
        self._asked: dict[str, tuple[Sequence[Requirement], Sequence[Requirement]]] = {}

    def lowest_threshold(self, community: str) -> int:
        """Nobody with fewer minutes than this meets anything there under either book."""
        return min(asked[0].minutes for asked in self._of_stars(community))

    def asks_for_assessments(self, community: str) -> bool:
        """Whether either of them asks of stars how the service was assessed."""
        return any(asked[0].assessed_percent_min or asked[0].good_percent_min for asked in self._of_stars(community))

    def stars(self, who: WithRecord, said: Assessed) -> StarsMove:
        """Somebody's stars under both."""
        before, after = self._of_stars(who.community)
        return StarsMove(who, self._reached(before, who, said), self._reached(after, who, said))

    def bank(self, who: WithMinutes) -> BankMove:
        """Somebody's minutes under both."""
        before, after = (book.terms(who.community, self._day).time_bank for book in self._books)
        return BankMove(
            who,
            above(who.minutes, before.cap_minutes.value),
            above(who.minutes, after.cap_minutes.value),
            _spends(who, before),
            _spends(who, after),
        )

    def market(self, community: str) -> tuple[int, int, int, int]:
        """Pieces a household can have in a month, before and after, and hours to collect, before and after."""
        before, after = (book.terms(community, self._day) for book in self._books)
        return (
            before.market.pieces_per_household_per_month.value,
            after.market.pieces_per_household_per_month.value,
            before.redemption.collect_within_hours.value,
            after.redemption.collect_within_hours.value,
        )

    def _reached(self, asked: Sequence[Requirement], who: WithRecord, said: Assessed) -> int:
        met = (
            grade
            for grade in range(GRADES, 0, -1)
            if asked[grade - 1].met_by(who.minutes, who.registered_on, self._day, said)
        )
        return next(met, 0)

    def _of_stars(self, community: str) -> tuple[Sequence[Requirement], Sequence[Requirement]]:
        known = self._asked.get(community)
        if known is None:
            before, after = (
                [requirement(book.terms(community, self._day), grade) for grade in range(1, GRADES + 1)]
                for book in self._books
            )
            known = self._asked[community] = before, after
        return known


def _spends(who: WithMinutes, terms: TimeBankTerms) -> bool:
    return not who.closed and old_enough(who.age_group_from, terms.spend_from_age.value)


@dataclass(slots=True)
class StarsTally:
    """How many people meet what each grade asks for, the first one first."""

    before: list[int] = field(default_factory=lambda: [0] * GRADES)
    after: list[int] = field(default_factory=lambda: [0] * GRADES)
    newly: list[int] = field(default_factory=lambda: [0] * GRADES)
    no_longer: list[int] = field(default_factory=lambda: [0] * GRADES)
    kept: list[int] = field(default_factory=lambda: [0] * GRADES)
    """Of those who no longer meet it: who holds the grade, or a higher one, and keeps it."""

    def add(self, move: StarsMove) -> None:
        """Count one person."""
        for index in range(max(move.before, move.after)):
            meets_before, meets_after = index < move.before, index < move.after
            self.before[index] += meets_before
            self.after[index] += meets_after
            self.newly[index] += meets_after and not meets_before
            self.no_longer[index] += meets_before and not meets_after
            self.kept[index] += meets_before and not meets_after and index < move.who.grade_held


@dataclass(slots=True)
class BankTally:
    """How many people's minutes lie above the cap, how many minutes, and how many people can spend."""

    people: int = 0
    over_before: int = 0
    over_after: int = 0
    newly_over: int = 0
    no_longer_over: int = 0
    minutes_over_before: int = 0
    minutes_over_after: int = 0
    spend_before: int = 0
    spend_after: int = 0
    newly_spend: int = 0
    no_longer_spend: int = 0
    age_unknown: int = 0

    def add(self, move: BankMove) -> None:
        """Count one person."""
        self.people += 1
        self.over_before += move.over_before > 0
        self.over_after += move.over_after > 0
        self.newly_over += move.over_after > 0 == move.over_before
        self.no_longer_over += move.over_before > 0 == move.over_after
        self.minutes_over_before += move.over_before
        self.minutes_over_after += move.over_after
        self.spend_before += move.spends_before
        self.spend_after += move.spends_after
        self.newly_spend += move.spends_after and not move.spends_before
        self.no_longer_spend += move.spends_before and not move.spends_after
        self.age_unknown += move.who.age_group_from is None and not move.who.closed
