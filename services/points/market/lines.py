"""Lines of goods in requests and answers: some pieces of some items, each item once."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.fields import Quantity
from services.points.tables import items
from shared.contracts import Refusal
from shared.contracts.love_market import GoodsLine
from shared.web import NotFound
from shared.web.fields import Body

LINES_MAX = 50


class ItemOfAnotherMarket(Refusal):
    """The item belongs to another community's market."""

    code: ClassVar[str] = "item_of_another_market"


class LineBody(Body):
    """件数 Pieces of one item."""

    item_id: UUID
    quantity: Quantity


class LineOut(BaseModel):
    """Pieces of one item."""

    item_id: UUID
    quantity: int


L = TypeVar("L", bound=LineBody)


def _each_item_once(lines: list[L]) -> list[L]:
    if len({line.item_id for line in lines}) != len(lines):
        raise PydanticCustomError("repeated", "must not name any item twice")
    return lines


EachItemOnce = AfterValidator(_each_item_once)
Lines = Annotated[list[LineBody], Field(min_length=1, max_length=LINES_MAX), EachItemOnce]


def goods(lines: Iterable[LineBody]) -> tuple[GoodsLine, ...]:
    """The lines of a request as contracts tell them."""
    return tuple(GoodsLine(item_id=line.item_id, quantity=line.quantity) for line in lines)


def as_json(lines: Iterable[GoodsLine]) -> list[dict[str, Any]]:
    """The lines as a column keeps them."""
    return [line.model_dump(mode="json") for line in lines]


async def require_items(connection: AsyncConnection, community: str, wanted: Sequence[UUID]) -> None:
    """Refuse unless all these items are of the community's own market, listed or not: goods also come and go unlisted.

    Raises `NotFound` or `ItemOfAnotherMarket`.
    """
    rows = await connection.execute(select(items.c.id, items.c.community).where(items.c.id.in_(wanted)))
    community_by_item = {row.id: row.community for row in rows}
    if len(community_by_item) != len(set(wanted)):
        raise NotFound("item")
    if set(community_by_item.values()) != {community}:
        raise ItemOfAnotherMarket
