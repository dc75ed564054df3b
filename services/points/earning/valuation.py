"""What records are worth under a policy book, daily caps included, without a ledger. Pure.

The prices are `Pricing`'s and the caps `day_caps.restate`'s, as in a booking: what this room says is what the ledger
would come to if these records, as they stand, were all there is of a person's day.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from services.points.earning.day_caps import raised, restate
from services.points.earning.pricing import Pricing
from services.points.ledger.clauses import Clause
from services.points.ledger.postings import Posting
from services.points.policy.book import SINCE_THEN, PolicyBook
from services.points.policy.terms import Said
from services.points.units import CAPPED_TOGETHER, EARNED_UNITS, SLOTS, Unit

_NO_CAP = 2**62
_TOGETHER = tuple(tuple(SLOTS[unit] for unit in units) for units in CAPPED_TOGETHER)


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
    approved_minutes: int | None = None
    """That an office lets count of the day at most, where it approved a long one."""


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
        totals = list(map(sum, zip(*worth, strict=True)))
        for together in _TOGETHER:
            # Most days stay below every cap, and `restate` would find nothing to cut.
            if sum(totals[index] for index in together) > lowest[together[0]]:
                self._cut(records, worth, together)
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
            said = map(self._book.terms(community, date.fromordinal(day), SINCE_THEN).cap_per_day, EARNED_UNITS)
            caps = self._caps[place] = tuple(_NO_CAP if cap is None else cap.value for cap in said)
        return caps

    def _cut(self, records: Sequence[Served], worth: list[list[int]], together: Sequence[int]) -> None:
        """Take from units that are capped together what is over. Records stand for the accounts of issue, by place."""
        unit = EARNED_UNITS[together[0]]

        def cap_at(place: int, _: datetime) -> Said[int] | None:
            record = records[place]
            day = date.fromordinal(record.day)
            cap = self._book.terms(record.community, day, SINCE_THEN).cap_per_day(unit)
            return cap if unit is Unit.POINT else raised(cap, record.approved_minutes)

        places = {record.record_id: place for place, record in enumerate(records)}
        known_at = records[0].started_at  # all at once: a day is looked at when everything about it is known
        entries = [
            Posting(place, r.record_id, r.record_id, Clause.RATE, amounts[index], place, r.started_at, known_at)
            for place, (r, amounts) in enumerate(zip(records, worth, strict=True))
            for index in together
            if amounts[index]
        ]
        for cut in restate(entries, cap_at):
            amounts = worth[places[cut.record_id]]
            # One record brings one of them: its kind decides which.
            amounts[next(index for index in together if amounts[index])] += cut.amount
