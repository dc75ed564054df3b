"""Pieces as the ledger counts them."""

from collections.abc import Iterable
from uuid import UUID

from services.points.ledger.writing import Connection
from services.points.units import goods_code
from shared.contracts.love_market import GoodsLine


async def units_of(db: Connection, items: Iterable[UUID]) -> dict[UUID, int]:
    """Unit numbers of items, which were made when they were listed."""
    code_by_item = {item_id: goods_code(item_id) for item_id in items}
    rows = await db.fetch("SELECT code, id FROM units WHERE code = ANY($1::text[])", list(code_by_item.values()))
    numbers = {row[0]: row[1] for row in rows}
    return {item_id: numbers[code] for item_id, code in code_by_item.items()}


def pieces_of(lines: Iterable[GoodsLine]) -> dict[UUID, int]:
    """Pieces by item, over all lines."""
    pieces: dict[UUID, int] = {}
    for line in lines:
        pieces[line.item_id] = pieces.get(line.item_id, 0) + line.quantity
    return pieces
