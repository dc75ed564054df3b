"""Amounts as people read them: money in yuan, everything else as it is counted."""

from decimal import Decimal

from services.points.units import Unit


def figure(unit: str, amount: int, form: str = "") -> str:
    """An amount of a unit, by its code; `form` is ``+`` for a sign, ``,`` for thousands apart, or both.

    In Chinese 分 is a point as well as a fen, so a price in fen is easily read as points.
    """
    return f"{Decimal(amount).scaleb(-2):{form}.2f}" if unit == Unit.FEN.name else f"{amount:{form}d}"
