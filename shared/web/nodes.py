"""What the caller's node covers: one aggregate, or the part of the organisation tree that a list is about."""

from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from fastapi import Query
from sqlalchemy import Column, ColumnElement, Row, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.aggregate import Aggregate, State
from shared.auth.tokens import Principal
from shared.contracts import NodeCode
from shared.unit_of_work import UnitOfWork
from shared.web.problems import NotFound

S = TypeVar("S", bound=State)

COMMUNITY_DIGITS: Final = 12

Within = Annotated[
    NodeCode | None,
    Query(description="该节点及下级，默认本人所在节点 this node and below; by default the caller's own"),
]


def below(column: Column[str], within: str | None, caller: Principal) -> ColumnElement[bool]:
    """That a row lies on the node asked for or below it. Raises `OutsideNode`."""
    node = within or caller.node
    caller.require(node)
    if len(node) == COMMUNITY_DIGITS:
        return column == node  # so that an index on community and time gives a community's page in its order
    # One range of the index; ":" is the character after "9".
    return and_(column >= node, column < node + ":")


async def row_of_caller(
    read: AsyncConnection, caller: Principal, column: Column[UUID], key: UUID, what: str, person: UUID | None = None
) -> Row[Any]:
    """The row with this key, where the caller's node covers it. Raises `OutsideNode`, or `NotFound` of `what`."""
    row = (await read.execute(select(column.table).where(column == key))).first()
    if row is None:
        raise NotFound(what)
    caller.require(row.community, person)
    return row


async def of_caller(
    work: UnitOfWork, caller: Principal, aggregate: Aggregate[S], key: UUID, what: str | None = None
) -> S:
    """An aggregate that the caller's node covers. Raises `OutsideNode`, or `NotFound`: of its name, or of `what`."""
    loaded = await work.load(aggregate, key)
    if not loaded.version:
        raise NotFound(what or aggregate.name)
    caller.require(loaded.state.community)
    return loaded.state
