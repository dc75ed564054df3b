"""Names beside the rows of a list, for the office: whoever comes again is found, and not entered twice."""

from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.auth.permissions import PERMISSIONS
from shared.auth.tokens import Principal
from shared.privacy import Vault
from shared.web import Page
from shared.web.api import MissingPermission

NamesAsked = Annotated[bool, Query(description="附名称，仅社区和区可见 with names; for the office only")]


class Named(BaseModel):
    """A row that has a name in the vault."""

    id: UUID
    name: str | None = Field(default=None, description="名称，仅在要求时给出 where names were asked for")


Row = TypeVar("Row", bound=Named)


async def with_names(
    page: Page[Row], read: AsyncConnection, vault: Vault, caller: Principal, permission: str
) -> Page[Row]:
    """The page with the names of its rows. Raises `MissingPermission` unless the caller may see each by itself."""
    needed = PERMISSIONS[permission]
    if caller.role not in needed.roles:
        raise MissingPermission(permission=needed.zh, permission_en=needed.en)
    known = await vault.get_many(read, [row.id for row in page.items], ["name"])
    rows = [row.model_copy(update={"name": known.get(row.id, {}).get("name")}) for row in page.items]
    return Page(items=rows, next_cursor=page.next_cursor)
