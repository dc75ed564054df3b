"""Which part of the organisation tree a list is about: the node asked for, by default the caller's, and all below."""

from typing import Annotated, Final

from fastapi import Query
from sqlalchemy import Column, ColumnElement, and_

from shared.auth.tokens import Principal
from shared.contracts import NodeCode

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
