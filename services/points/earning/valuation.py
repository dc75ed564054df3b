"""What records are worth under a policy book, daily caps included, without a ledger. Pure.

The prices are `Pricing`'s and the caps `day_caps.restate`'s, as in a booking: what this room says is what the ledger
would come to if these records, as they stand, were all there is of a person's day.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from services.points.earning.day_caps import Entry, restate
from services.points.earning.pricing import Pricing
from services.points.ledger.clauses import Clause
from services.points.policy.book import SINCE_THEN, PolicyBook, Said
from services.points.units import EARNED_UNITS

_NO_CAP = 2**62


class Served(NamedTuple):
    """A service record as it stands after its corrections."""

    record_id: UUID
    community: str
    kind: str
    started_at: datetime
    day: int
    """The day in Asia/Shanghai on which the service began, as an ordinal."""
    minutes: int
    evidence: str


class Valuation:
    """Values records under one policy book, as it is known now: restatements included."""

    def __init__(self, book: PolicyBook) -> None:
        self._book = book
        self._price = Pricing(book, SINCE_THEN).price
        self._caps: dict[tuple[str, int], tuple[int, ...]] = {}

    def of_day(self, records: Sequence[Served]) -> list[list[int]]:
        """Amounts of `EARNED_UNITS` for each record of one person on one day. Raises `NoPolicyInForce`."""
        price_of = self._price
        worth = [list(price_of(r.community, r.kind, r.day).amounts(r.minutes, r.evidence)) for r in records]
        lowest = self._lowest_caps(records)
        for index, total in enumerate(map(sum, zip(*worth, strict=True))):
            # Most days stay below every cap, and `restate` would find nothing to cut.
            if total > lowest[index]:
                self._cut(records, worth, index)
        return worth

    def _lowest_caps(self, records: Sequence[Served]) -> Sequence[int]:
        first = records[0]
        lowest = self._caps_in(first.community, first.day)
        for record in records:
            if record.community != first.community:
                lowest = tuple(map(min, lowest, self._caps_in(record.community, record.day)))
        return lowest

    def _caps_in(self, community: str, day: int) -> tuple[int, ...]:
        place = (community, day)
        caps = self._caps.get(place)
        if caps is None:
            said = self._book.terms(community, date.fromordinal(day), SINCE_THEN).caps_per_day
            caps = self._caps[place] = tuple(said[u].value if u in said else _NO_CAP for u in EARNED_UNITS)
        return caps

    def _cut(self, records: Sequence[Served], worth: list[list[int]], index: int) -> None:
        """Take from one unit what is over the caps. Records stand for the accounts of issue, by their place."""
        unit = EARNED_UNITS[index]

        def cap_at(place: int, _: datetime) -> Said[int] | None:
            record = records[place]
            day = date.fromordinal(record.day)
            return self._book.terms(record.community, day, SINCE_THEN).caps_per_day.get(unit)

        places = {record.record_id: place for place, record in enumerate(records)}
        known_at = records[0].started_at  # all at once: a day is looked at when everything about it is known
        entries = [
            Entry(place, r.record_id, r.record_id, Clause.RATE, amounts[index], place, r.started_at, known_at)
            for place, (r, amounts) in enumerate(zip(records, worth, strict=True))
            if amounts[index]
        ]
        for cut in restate(entries, cap_at):
            worth[places[cut.record_id]][index] += cut.amount
