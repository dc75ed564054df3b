"""What service is worth: a record and the policy in force when the service began give the intended transfers. Pure.

A corrected record is worth the price of what it is now less the price of what it was, both under the policy of the
day on which the service began. So the worth of a record's events adds up to the price of its last state, in whatever
order they come.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple

from services.points.earning.services import Service
from services.points.ledger.clauses import Clause
from services.points.policy.book import PolicyBook
from services.points.units import EARNED_UNITS, Unit
from shared.clock import local_day


class Intent(NamedTuple):
    """One transfer that an event calls for, between the volunteer and the community's account of issue."""

    service: Service
    unit: Unit
    amount: int
    """What the volunteer's account gains; negative when a correction takes back. Never zero."""
    policy_version: int
    clause: Clause


def intended_transfers(book: PolicyBook, services: Iterable[Service]) -> Iterator[Intent]:
    """The transfers of these services, before caps. Raises `NoPolicyInForce`."""
    days: dict[datetime, date] = {}
    for service in services:
        day = days.get(service.started_at)
        if day is None:
            day = days[service.started_at] = local_day(service.started_at)
        price = book.terms(service.community, day).price(service.kind)
        amounts = price.amounts(service.minutes, service.evidence)
        if service.evidence_before is None:
            for unit, amount in zip(EARNED_UNITS, amounts, strict=True):
                if amount:
                    version = price.version_of(unit, service.evidence)
                    yield Intent(service, unit, amount, version, Clause.RATE)
            continue
        before = price.amounts(service.minutes_before, service.evidence_before)
        for unit, amount, amount_before in zip(EARNED_UNITS, amounts, before, strict=True):
            if amount != amount_before:
                version = price.version_of(unit, service.evidence if amount else service.evidence_before)
                yield Intent(service, unit, amount - amount_before, version, Clause.CORRECTION)


def counted_minutes(book: PolicyBook, service: Service) -> int:
    """Minutes of a service that could bear on a cap; never less than either side of a correction, so sums only grow."""
    price = book.terms(service.community, local_day(service.started_at)).price(service.kind)
    now = service.minutes if price.earns[service.evidence] else 0
    before = service.evidence_before
    return max(now, service.minutes_before if before is not None and price.earns[before] else 0)
