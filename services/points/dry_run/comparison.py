"""Before and after: the same records valued under two policy books, and tallied. Pure; keeps sums, not people."""

import heapq
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from services.points.earning.valuation import Served, Valuation
from services.points.policy.book import PolicyBook
from services.points.units import EARNED_UNITS, Unit

SHOWN_MAX = 50
"""People shown with the largest differences, each way."""

EDGES_PERCENT = (-50, -20, -5, 0, 5, 20, 50, 100)
"""Between the steps of the distribution, in percent of what a person had before; an edge belongs to the step below."""

_day_of = attrgetter("day")


@dataclass(slots=True)
class Sums:
    """Amounts of `EARNED_UNITS` before and after, and how many records they are of."""

    records: int = 0
    before: list[int] = field(default_factory=lambda: [0] * len(EARNED_UNITS))
    after: list[int] = field(default_factory=lambda: [0] * len(EARNED_UNITS))

    def add(self, before: Sequence[int], after: Sequence[int], records: int = 1) -> None:
        """Count one record, or the sums of several."""
        self.records += records
        for index, amount in enumerate(before):
            self.before[index] += amount
        for index, amount in enumerate(after):
            self.after[index] += amount


@dataclass(slots=True)
class Spread:
    """How the differences in one unit are spread over people."""

    more: int = 0
    less: int = 0
    same: int = 0
    steps: list[int] = field(default_factory=lambda: [0] * (len(EDGES_PERCENT) + 1))
    """People by step of the distribution; those for whom nothing changes are in none."""
    _gains: list[tuple[int, bytes, int, int]] = field(default_factory=list)
    _losses: list[tuple[int, bytes, int, int]] = field(default_factory=list)

    def add(self, person: UUID, before: int, after: int) -> None:
        """Count one person."""
        difference = after - before
        if difference == 0:
            self.same += 1
            return
        percent = difference * 100 / before if before else float("inf")
        self.steps[bisect_left(EDGES_PERCENT, percent)] += 1
        if difference > 0:
            self.more += 1
        else:
            self.less += 1
        heap = self._gains if difference > 0 else self._losses
        # The id decides between equals, so that the same ledger gives the same list.
        entry = (abs(difference), person.bytes, before, after)
        if len(heap) < SHOWN_MAX:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)

    def gains(self) -> list[tuple[UUID, int, int]]:
        """Who gains most: person, before, after."""
        return _shown(self._gains)

    def losses(self) -> list[tuple[UUID, int, int]]:
        """Who loses most: person, before, after."""
        return _shown(self._losses)


def _shown(heap: list[tuple[int, bytes, int, int]]) -> list[tuple[UUID, int, int]]:
    return [(UUID(bytes=person), before, after) for _, person, before, after in sorted(heap, reverse=True)]


class Comparison:
    """A tally that people are added to, one after the other."""

    def __init__(self, node: str, in_force: PolicyBook, proposed: PolicyBook) -> None:
        self._node = node
        self._before, self._after = Valuation(in_force), Valuation(proposed)
        self.people = 0
        self._sums: dict[tuple[str | None, str], Sums] = {}
        self.spread: dict[Unit, Spread] = {unit: Spread() for unit in EARNED_UNITS}

    def add(self, person: UUID, records: Sequence[Served]) -> None:
        """Value one person's records. Days without service below the node are left out: nothing changes on them."""
        of_person = Sums()
        for day in self._days_here(records):
            worth = zip(day, self._before.of_day(day), self._after.of_day(day), strict=True)
            for record, before, after in worth:
                place = (record.community if record.community.startswith(self._node) else None, record.kind)
                sums = self._sums.get(place)
                if sums is None:
                    sums = self._sums[place] = Sums()
                sums.add(before, after)
                of_person.add(before, after)
        if of_person.records:
            self.people += 1
            for index, unit in enumerate(EARNED_UNITS):
                self.spread[unit].add(person, of_person.before[index], of_person.after[index])

    @property
    def total(self) -> Sums:
        """All records."""
        total = Sums()
        for sums in self._sums.values():
            total.add(sums.before, sums.after, sums.records)
        return total

    @property
    def by_community(self) -> dict[str | None, Sums]:
        """None for communities outside the node: a cap is one person's, so it may fall differently there."""
        found: dict[str | None, Sums] = {}
        for (community, _), sums in self._sums.items():
            found.setdefault(community, Sums()).add(sums.before, sums.after, sums.records)
        return found

    @property
    def by_kind(self) -> dict[str, Sums]:
        """By kind of service."""
        found: dict[str, Sums] = {}
        for (_, kind), sums in self._sums.items():
            found.setdefault(kind, Sums()).add(sums.before, sums.after, sums.records)
        return found

    def _days_here(self, records: Sequence[Served]) -> Iterator[list[Served]]:
        for _, of_day in groupby(sorted(records, key=_day_of), key=_day_of):
            day = list(of_day)
            if any(record.community.startswith(self._node) for record in day):
                yield day
