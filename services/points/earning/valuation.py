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
from services.points.policy.book import PolicyBook, Said
from services.points.units import EARNED_UNITS, Unit


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
    """Values records under one policy book."""

    def __init__(self, book: PolicyBook) -> None:
        self._book = book
        self._pricing = Pricing(book)

    def of_day(self, records: Sequence[Served]) -> list[list[int]]:
        """Amounts of `EARNED_UNITS` for each record of one person on one day. Raises `NoPolicyInForce`."""
        price_of = self._pricing.price
        worth = [list(price_of(r.community, r.kind, r.day).amounts(r.minutes, r.evidence)) for r in records]
        if sum(record.minutes for record in records) > self._book.uncapped_minutes_per_day:
            for index, unit in enumerate(EARNED_UNITS):
                self._cut(records, worth, index, unit)
        return worth

    def _cut(self, records: Sequence[Served], worth: list[list[int]], index: int, unit: Unit) -> None:
        """Take from one unit what is over the caps. Records stand for the accounts of issue, by their place."""

        def cap_at(place: int) -> Said[int] | None:
            record = records[place]
            return self._book.terms(record.community, date.fromordinal(record.day)).caps_per_day.get(unit)

        places = {record.record_id: place for place, record in enumerate(records)}
        known_at = records[0].started_at  # all at once: a day is looked at when everything about it is known
        entries = [
            Entry(place, r.record_id, r.record_id, Clause.RATE, amounts[index], place, r.started_at, known_at)
            for place, (r, amounts) in enumerate(zip(records, worth, strict=True))
            if amounts[index]
        ]
        for cut in restate(entries, cap_at):
            worth[places[cut.record_id]][index] += cut.amount
