"""Lists page by cursor: opaque, and stable while rows come and go."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import BigInteger, ColumnElement, Select, SmallInteger, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from shared.web.problems import InvalidCursor

T = TypeVar("T")
R = TypeVar("R")


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next_cursor: str | None = Field(default=None, description="Give it as `cursor` for the next page; null at the end.")


@dataclass(frozen=True, slots=True)
class _Paging:
    limit: int
    cursor: str | None

    async def fetch(
        self,
        connection: AsyncConnection,
        query: Select[Any],
        order: Sequence[ColumnElement[Any]],
        row_to_item: Callable[[Any], T],
        *,
        descending: bool = False,
        params: Mapping[str, Any] = {},
    ) -> "Page[T]":
        """Run a query, with its parameters, for this page. `order` must be unique over the rows, its columns selected.

        The condition is a row comparison ``(a, b) > (x, y)``, which an index on the same columns answers.
        """
        columns = list(order)
        values = self.after(columns)
        if values is not None:
            edge = tuple_(*columns)
            query = query.where(edge < values if descending else edge > values)
        query = query.order_by(*(c.desc() if descending else c.asc() for c in columns)).limit(self.limit + 1)
        rows = (await connection.execute(query, params)).all()
        return self.cut(rows, lambda row: [getattr(row, column.key or "") for column in columns], row_to_item)

    def after(self, order: Sequence[ColumnElement[Any]]) -> tuple[Any, ...] | None:
        """Where the page before ended; None for the first page. Raises `InvalidCursor`."""
        return None if self.cursor is None else _decode(self.cursor, list(order))

    def cut(self, rows: Sequence[R], edge_of: Callable[[R], Sequence[Any]], row_to_item: Callable[[R], T]) -> "Page[T]":
        """The page of rows that came after the edge: one more than `limit` of them says that there is a next page."""
        page = rows[: self.limit]
        cursor = _encode(edge_of(page[-1])) if len(rows) > self.limit else None
        return Page(items=[row_to_item(row) for row in page], next_cursor=cursor)


def narrowed(query: Select[Any], *asked: tuple[ColumnElement[Any], Any]) -> Select[Any]:
    """The rows of a query that have the values asked for; None asks for nothing."""
    return query.where(*(column == value for column, value in asked if value is not None))


def _pages(usual: int, most: int) -> Callable[..., Awaitable[_Paging]]:
    async def paging(
        limit: Annotated[int, Query(ge=1, le=most, description="每页条数 rows a page")] = usual,
        cursor: Annotated[
            str | None, Query(max_length=500, description="上一页给出的游标 from the page before")
        ] = None,
    ) -> _Paging:
        return _Paging(limit=limit, cursor=cursor)

    return paging


Paging = Annotated[_Paging, Depends(_pages(50, 500))]
LongPaging = Annotated[_Paging, Depends(_pages(500, 2000))]
"""For lists whose rows are short and wanted all at once."""
ShortPaging = Annotated[_Paging, Depends(_pages(20, 100))]
"""For lists of which each row takes long to read: whoever asks for more of them holds up everybody else."""


def _encode(values: Sequence[Any]) -> str:
    plain = [v.isoformat() if isinstance(v, (date, datetime)) else str(v) if isinstance(v, UUID) else v for v in values]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _decode(cursor: str, columns: Sequence[ColumnElement[Any]]) -> tuple[Any, ...]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(columns):
            raise InvalidCursor
        return tuple(_typed(value, column.type) for value, column in zip(values, columns, strict=True))
    except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
        raise InvalidCursor from None


def _typed(value: Any, column_type: TypeEngine[Any]) -> Any:
    python_type = column_type.python_type
    if python_type is int:
        bits = 63 if isinstance(column_type, BigInteger) else 15 if isinstance(column_type, SmallInteger) else 31
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**bits:
            raise ValueError
        return value
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError
    if python_type is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)  # the first and the last day overflow here, and not on the way to the database
    if python_type is date:
        return date.fromisoformat(value)
    if python_type is UUID:
        return UUID(value)
    if python_type is str:
        return value.encode().decode()
    raise ValueError
