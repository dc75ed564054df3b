"""Units of account. Data, not code: goods get a unit each when they are listed; these few are always there."""

from enum import IntEnum
from uuid import UUID


class Unit(IntEnum):
    """The fixed units; numbers are stored and never reused."""

    POINT = 1
    """积分. Earned by service, spent in the love market."""
    MINUTE = 2
    """Time bank (时间银行), in minutes; 60 are one coin."""
    SERVICE_MINUTE = 3
    """The service record that stars are made of. Not spendable."""
    FEN = 4
    """Money, in fen."""
    DONATION_MINUTE = 5
    """Minutes of group activities: on the time bank too, but only to be given away."""


EARNED_UNITS = (Unit.POINT, Unit.MINUTE, Unit.SERVICE_MINUTE)
"""Units that service brings, in the order in which a person's accounts are opened."""

GOODS_FROM = 100
"""Goods have unit numbers from here on."""


def goods_code(item_id: UUID) -> str:
    """Code of the unit that counts the pieces of one item."""
    return f"ITEM:{item_id}"
