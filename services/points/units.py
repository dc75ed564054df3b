"""Units of account. Data, not code: goods get a unit each when they are listed; these few are always there."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final
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


EARNED_UNITS = (Unit.POINT, Unit.MINUTE, Unit.SERVICE_MINUTE, Unit.DONATION_MINUTE)
"""Units that service brings, in the order of a person's accounts."""

SLOTS: Final[Mapping[Unit, int]] = {unit: slot for slot, unit in enumerate(EARNED_UNITS)}
"""Where the account of a unit stands among a person's accounts."""

OPENED_UNITS = EARNED_UNITS[: SLOTS[Unit.DONATION_MINUTE]]
"""Everybody who serves has accounts of these; one of donation minutes only who earned some."""

CAPPED_TOGETHER = ((Unit.POINT,), (Unit.MINUTE, Unit.DONATION_MINUTE), (Unit.SERVICE_MINUTE,))
"""Units that share the caps of a policy, under the name of the first."""


_GOODS = "ITEM:"


def policy_unit(unit: Unit) -> Unit:
    """The unit by whose name a policy speaks of this one: what is only given away is time on the time bank, too."""
    return Unit.MINUTE if unit is Unit.DONATION_MINUTE else unit


def item_of(code: str) -> UUID:
    """The item whose pieces a unit counts."""
    return UUID(code.removeprefix(_GOODS))


def goods_code(item_id: UUID) -> str:
    """Code of the unit that counts the pieces of one item."""
    return f"{_GOODS}{item_id}"
