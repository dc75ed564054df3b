"""What service is worth: a record and the policy in force when the service began give the intended transfers. Pure.

A corrected record is worth the price of what it is now less the price of what it was, both under the policy of the
day on which the service began. So the worth of a record's events adds up to the price of its last state, in whatever
order they come.
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from services.points.earning.services import Service
from services.points.ledger.clauses import Clause
from services.points.policy.book import PolicyBook, Price
from services.points.units import EARNED_UNITS, Unit


class Intent(NamedTuple):
    """One transfer that an event calls for, between the volunteer and the community's account of issue."""

    unit: Unit
    amount: int
    """What the volunteer's account gains; negative when a correction takes back. Never zero."""
    policy_version: int
    clause: Clause


class Pricing:
    """Looks up prices in a policy book, and remembers them: the same places, kinds and days come again and again."""

    def __init__(self, book: PolicyBook) -> None:
        self._book = book
        self._prices: dict[tuple[str, str, int], Price] = {}

    def price(self, community: str, kind: str, day: int) -> Price:
        """The price of a kind of service in a community on a day (an ordinal). Raises `NoPolicyInForce`."""
        key = (community, kind, day)
        price = self._prices.get(key)
        if price is None:
            price = self._prices[key] = self._book.terms(community, date.fromordinal(day)).price(kind)
        return price


def intended_transfers(price: Price, service: Service) -> Iterator[Intent]:
    """The transfers of one service, before caps."""
    if service.evidence_before is None:
        for _, unit, amount, policy_version in price.earned(service.minutes, service.evidence):
            yield Intent(unit, amount, policy_version, Clause.RATE)
        return
    after = price.amounts(service.minutes, service.evidence)
    before = price.amounts(service.minutes_before, service.evidence_before)
    for unit, amount, amount_before in zip(EARNED_UNITS, after, before, strict=True):
        if amount != amount_before:
            now, was = (service.minutes, service.evidence), (service.minutes_before, service.evidence_before)
            yield Intent(
                unit, amount - amount_before, price.version_of(unit, *(now if amount else was)), Clause.CORRECTION
            )


def counted_minutes(price: Price, service: Service) -> int:
    """Minutes of a service that could bear on a cap; never less than either side of a correction, so sums only grow."""
    now = service.minutes if price.earns[service.evidence] else 0
    before = service.evidence_before
    return max(now, service.minutes_before if before is not None and price.earns[before] else 0)
