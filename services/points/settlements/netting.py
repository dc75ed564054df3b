"""Multilateral netting: from many balances between communities to few payments. Pure.

Amounts are minutes; above zero a community owes, below zero it is owed.
"""

import heapq
from collections.abc import Mapping
from typing import NamedTuple


class Payment(NamedTuple):
    """What one community pays another."""

    debtor: str
    creditor: str
    minutes: int


class Flow(NamedTuple):
    """What people of one community paid to people of another."""

    debtor: str
    creditor: str
    minutes: int
    corrected_minutes: int = 0
    """Of these, corrections of what earlier runs have counted."""


class Standing(NamedTuple):
    """Where a community's clearing account stands."""

    community: str
    position: int
    """What happened through the last day of the run, less everything that was ever settled."""
    inflow: int
    outflow: int
    now: int
    """The balance at this moment, later days included."""
    corrected: int = 0
    """What was corrected of the flows of earlier runs; as the position, above zero it owes more."""

    @property
    def carried(self) -> int:
        """What was open before the flows of this run."""
        return self.position - self.inflow + self.outflow - self.corrected

    @property
    def settleable(self) -> int:
        """What can be settled of the position: as far as later days have not taken it back already.

        So a settlement never takes a clearing account past zero, neither as of its last day nor as it stands now.
        """
        if self.position > 0:
            return max(0, min(self.position, self.now))
        return min(0, max(self.position, self.now))


def net(owed: Mapping[str, int]) -> list[Payment]:
    """The payments that settle what is owed, as far as debtors and creditors balance.

    The largest debtor pays the largest creditor, again and again; of equals, the lower code. Each payment settles one
    of the two, so n communities need n - 1 payments at most. To find the fewest possible is a knapsack problem, and an
    order that everybody can check by hand is worth more than a payment saved.
    """
    debtors = [(-minutes, code) for code, minutes in owed.items() if minutes > 0]
    creditors = [(minutes, code) for code, minutes in owed.items() if minutes < 0]
    heapq.heapify(debtors)
    heapq.heapify(creditors)
    payments = []
    while debtors and creditors:
        (owes, debtor), (is_owed, creditor) = heapq.heappop(debtors), heapq.heappop(creditors)
        minutes = min(-owes, -is_owed)
        payments.append(Payment(debtor, creditor, minutes))
        if -owes > minutes:
            heapq.heappush(debtors, (owes + minutes, debtor))
        if -is_owed > minutes:
            heapq.heappush(creditors, (is_owed + minutes, creditor))
    return payments


def settled(payments: list[Payment]) -> dict[str, int]:
    """What payments move, by community: above zero it pays, below it is paid."""
    moved: dict[str, int] = {}
    for payment in payments:
        moved[payment.debtor] = moved.get(payment.debtor, 0) + payment.minutes
        moved[payment.creditor] = moved.get(payment.creditor, 0) - payment.minutes
    return moved
