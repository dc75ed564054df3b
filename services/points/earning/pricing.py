"""What service is worth: a record and the policy in force when the service began give the intended transfers. Pure.

A corrected record is worth the price of what it is now less the price of what it was, both under the policy of the
day on which the service began. So the worth of a record's events adds up to the price of its last state, in whatever
order they come.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple

from services.points.earning.services import Service
from services.points.ledger.clauses import Clause
from services.points.policy.book import PolicyBook, Restatement
from services.points.policy.terms import Price
from services.points.units import EARNED_UNITS, Unit


class Intent(NamedTuple):
    """One transfer that an event calls for, between the volunteer and the community's account of issue."""

    unit: Unit
    amount: int
    """What the volunteer's account gains; negative when a correction takes back. Never zero."""
    policy_version: int
    clause: Clause


class Step(NamedTuple):
    """A restatement that priced a service anew after it was told."""

    restatement: Restatement
    before: Price
    after: Price


class Pricing:
    """Looks up prices in a policy book, and remembers them: the same places, kinds and days come again and again.

    Prices are those in force on the day; with `known_at`, as they were known at a moment, restatements included.
    """

    def __init__(self, book: PolicyBook, known_at: datetime | None = None) -> None:
        self._book = book
        self._known_at = known_at
        self._prices: dict[tuple[str, str, int], Price] = {}

    def price(self, community: str, kind: str, day: int) -> Price:
        """The price of a kind of service in a community on a day (an ordinal). Raises `NoPolicyInForce`."""
        key = (community, kind, day)
        price = self._prices.get(key)
        if price is None:
            price = self._prices[key] = self._book.terms(community, date.fromordinal(day), self._known_at).price(kind)
        return price

    def course(self, service: Service) -> tuple[Price, list[Step]]:
        """The price of a service when it was told, and every time it was priced anew since then."""
        community, day = service.community, date.fromordinal(service.day)
        first = before = self._book.terms(community, day, service.told_at).price(service.kind)
        steps = []
        for restatement in self._book.restated(community, day):
            if restatement.at > service.told_at:
                after = self._book.terms(community, day, restatement.at).price(service.kind)
                steps.append(Step(restatement, before, after))
                before = after
        return first, steps


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


def restated_transfers(step: Step, service: Service) -> Iterator[Intent]:
    """What pricing anew changes about a service, before caps."""
    minutes, tier = service.minutes, service.evidence
    change = [a - b for a, b in zip(step.after.amounts(minutes, tier), step.before.amounts(minutes, tier), strict=True)]
    if service.evidence_before is not None:
        minutes, tier = service.minutes_before, service.evidence_before
        earlier = zip(step.after.amounts(minutes, tier), step.before.amounts(minutes, tier), strict=True)
        change = [now - (a - b) for now, (a, b) in zip(change, earlier, strict=True)]
    for unit, amount in zip(EARNED_UNITS, change, strict=True):
        if amount:
            version = step.after.version_of(unit, service.minutes, service.evidence)
            yield Intent(unit, amount, version, Clause.POLICY_RESTATED)


def counted_minutes(service: Service) -> int:
    """Minutes of a service that could bear on a cap; never less than either side of a correction, so sums only grow.

    Also of one that earns nothing: it may be priced anew.
    """
    return max(service.minutes, service.minutes_before)
