"""Long lists by day: from when until when, and which end first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query
from sqlalchemy import ColumnElement, Select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import day_start
from shared.web import Page, Paging
from shared.web.fields import Day

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Spanning:
    page: Paging
    since: date | None
    until: date | None
    newest_first: bool

    async def fetch(
        self,
        connection: AsyncConnection,
        query: Select[Any],
        order: tuple[ColumnElement[Any], ColumnElement[Any]],
        row_to_item: Callable[[Any], T],
    ) -> Page[T]:
        """A page of a query in the `order` of a moment and an id: there is an index on just these two."""
        moment, _ = order
        if self.since is not None:
            query = query.where(moment >= day_start(self.since))
        if self.until is not None:
            query = query.where(moment < day_start(self.until + timedelta(days=1)))
        return await self.page.fetch(connection, query, order, row_to_item, descending=self.newest_first)


async def _spanning(
    page: Paging,
    since: Annotated[Day | None, Query(description="首日 first day")] = None,
    until: Annotated[Day | None, Query(description="末日 last day")] = None,
    newest_first: Annotated[bool, Query(description="从新到旧，默认从旧到新 the newest first")] = False,
) -> _Spanning:
    return _Spanning(page, since, until, newest_first)


Spanning = Annotated[_Spanning, Depends(_spanning)]
"""In a query: a page of a list, by day."""
