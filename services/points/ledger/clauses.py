"""Why a transfer was made: the clause it was priced or posted under. Stored as a number; numbers are never reused."""

from enum import IntEnum


class Clause(IntEnum):
    """The reason of a transfer."""

    RATE = 1
    """Service at the policy's rate, before any cap."""
    CORRECTION = 2
    """A service record was changed: the price of the new record less the price of the old one."""
    DAY_CAP = 3
    """What is over the policy's cap for the day goes back."""
    RESTATEMENT = 4
    """A cap fell differently once a late or corrected record was known; the difference is posted."""
    POLICY_RESTATED = 5
    """Days that were over were priced anew under another policy; the difference is posted."""
    LONG_DAY = 6
    """An office approved a long day, or took that back: what the day's cap takes is less, or as before."""
    REDEMPTION = 10
    """Points paid for goods that were handed over."""
    STOCK_RECEIVED = 20
    """Pieces that were there before the system came into a market's stock."""
    GOODS_HANDED_OVER = 21
    """Pieces went from stock to the person who redeemed them."""
    DONATED = 22
    """Pieces came from a donor (有捐)."""
    BOUGHT = 23
    """Pieces came from a supplier (有买)."""
    PAID_FOR_GOODS = 24
    """Fen went from the budget to a supplier."""
    GIVEN_IN_AID = 25
    """Pieces went to a household in need (有助)."""
    SOLD = 26
    """Pieces went to a buyer at the counter (有卖)."""
    SALE_PROCEEDS = 27
    """Fen went from a buyer into the till."""
    STOCK_COUNTED = 28
    """A stock-taking (盘点) missed or found pieces, on a shelf or of what a team has."""
    BUDGET_GRANTED = 29
    """Fen were set aside to buy goods with."""
    EXPIRY = 30
    """Points whose last day is over lapse, as far as they were not spent."""
    EXPIRY_RESTATED = 31
    """What lapses fell differently once a late or corrected record was known; the difference is posted."""
    TAKEN_BACK = 33
    """What was entered wrongly goes back the way it came: the counter-transfer of the one that it corrects."""
    POOLED = 40
    """Time above a person's cap at the end of a day goes to the public pool of the community that registered them."""
    POOLED_RESTATED = 41
    """What flows over fell differently once a late or corrected record was known; the difference is posted."""
    POOL_MADE_GOOD = 42
    """What a correction brings back out of a pool that has given it away already, the community makes up for."""
    ORDER_PAID = 45
    """Minutes paid for a service in the time bank, to whoever gave it."""
    ORDER_PAID_ACROSS = 46
    """The same between communities: from the payer to what their community owes, and from what the other is owed."""
    MINUTES_GIVEN = 47
    """Minutes given to a relative."""
    MINUTES_GIVEN_ACROSS = 48
    """Minutes given to a relative whose account stands in another community's book."""
    DONATED_TO_POOL = 49
    """Minutes given to the public pool."""
    DONATION_TURNED = 50
    """Donate-only minutes that were given go back where they were issued, and the pool is issued as many to spend."""
    INHERITED = 51
    """Minutes of somebody who died, left to a relative."""
    INHERITED_ACROSS = 52
    """Minutes of somebody who died, left to a relative whose account stands in another community's book."""
    ESTATE_TO_POOL = 53
    """Minutes of somebody who died, left to the public pool."""
    ESTATE_LAPSED = 54
    """Minutes of somebody who died, lapsed."""
    SETTLED = 55
    """Minutes of the time bank went from one community's clearing account to another's: what was owed was paid."""
    ESTATE_MADE_GOOD = 56
    """What a correction takes from somebody who died, after their minutes went, the community makes up for."""
    ORDER_CORRECTED = 57
    """An order was confirmed with the wrong minutes: the difference goes back, or on to whoever served."""
    GIFT_REVERSED = 58
    """A gift to a relative that was entered by mistake goes back."""
    DONATION_REVERSED = 59
    """A gift to the public pool that was entered by mistake goes back, donate-only minutes as such."""
    SUSPECTED = 60
    """Points held while somebody looks into a sign of invented hours. Only ever held: what was invented is taken back
    by the correction of its record, never under this clause."""
    SUPPLIES_ISSUED = 61
    """Pieces went from stock to a team, for its activities (活动物资)."""
    SUPPLIES_RETURNED = 62
    """Pieces that a team did not need went back into stock."""
    SUPPLIES_USED_UP = 63
    """Pieces that a team used up in an activity."""
    SUPPLIES_HANDED_OUT = 64
    """Pieces that a team handed out to residents in an activity."""


EARNED = frozenset({Clause.RATE, Clause.CORRECTION, Clause.POLICY_RESTATED})
"""Clauses that say what a record is worth by itself."""

EXPIRED = frozenset({Clause.EXPIRY, Clause.EXPIRY_RESTATED})
"""Clauses of what has lapsed."""

POOLED = frozenset({Clause.POOLED, Clause.POOLED_RESTATED})
"""Clauses of what has flowed over."""

TIME_BANK_SPENT = frozenset(
    {
        Clause.ORDER_PAID,
        Clause.ORDER_PAID_ACROSS,
        Clause.MINUTES_GIVEN,
        Clause.MINUTES_GIVEN_ACROSS,
        Clause.DONATED_TO_POOL,
        Clause.DONATION_TURNED,
        Clause.INHERITED,
        Clause.INHERITED_ACROSS,
        Clause.ESTATE_TO_POOL,
        Clause.ESTATE_LAPSED,
        Clause.ESTATE_MADE_GOOD,
    }
)
"""Clauses of spending in the time bank."""

REVERSED = frozenset({Clause.ORDER_CORRECTED, Clause.GIFT_REVERSED, Clause.DONATION_REVERSED})
"""Clauses of counter-transfers. Each names in `corrects` the transfer that was wrong, and has its moment."""

CUTS = frozenset({Clause.DAY_CAP, Clause.RESTATEMENT, Clause.LONG_DAY})
"""Clauses that say what the day's cap takes from it."""
