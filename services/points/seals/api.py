"""Routes of the seals: the chains, and the lines behind a seal for who wants to compare."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.node_names import NamedPage, with_node_names
from services.points.seals.lines import CommunityDay, read_lines
from services.points.tables import seals
from shared.auth.tokens import Principal
from shared.contracts.common import CommunityCode
from shared.contracts.points import SealedSum
from shared.database import driver_connection
from shared.web import Api, Caller, NotFound, Paging, Read
from shared.web.fields import Day

api = Api(tags=["seals 账本封存"])

NEXT_AFTER = "Next-After"
"""Header of a page of lines: what to give as `after` for the next page; not there at the end."""

_LINES_USUAL, _LINES_MAX = 10_000, 50_000


class SealOut(BaseModel):
    """A seal, as it was published."""

    community: str
    day: date = Field(description="入账日 the day in Asia/Shanghai on which the sealed effects became known")
    revision: int = Field(description="第几次封存 the highest of a day is the one that holds")
    sequence: int = Field(description="链中序号 number in the community's chain")
    lines: int
    sums: list[SealedSum]
    lines_sha256: str
    previous_sha256: str
    seal_sha256: str
    format_version: int
    sealed_at: datetime


@api.query("/v1/seals", permission="seals.read")
async def list_seals(
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    day: Annotated[Day | None, Query(description="入账日 day")] = None,
) -> NamedPage[SealOut]:
    """封存清单，按社区成链。Seals of the caller's node, chain by chain, all revisions."""
    query = select(seals).where(seals.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(seals.c.community == community)
    if day is not None:
        query = query.where(seals.c.day == day)
    return await with_node_names(read, await page.fetch(read, query, [seals.c.community, seals.c.sequence], _seal))


@api.query("/v1/seals/{community}/{day}", permission="seals.read")
async def get_seal(community: CommunityCode, day: Day, read: Read, caller: Caller) -> SealOut:
    """某社区某日现行的封存。The seal of a community's day that holds: its latest revision."""
    return _seal(await _latest(read, caller, community, day))


@api.query(
    "/v1/seals/{community}/{day}/lines",
    permission="seals.read",
    response_class=Response,
)
async def get_lines(
    community: CommunityCode,
    day: Day,
    read: Read,
    caller: Caller,
    limit: Annotated[int, Query(ge=1, le=_LINES_MAX, description="每页行数 lines a page")] = _LINES_USUAL,
    after: Annotated[
        str | None,
        Query(
            pattern=r"^[0-9A-Za-z:|_-]{1,250}$",
            description="上一页响应头 Next-After 的值 the header Next-After of the page before",
        ),
    ] = None,
) -> Response:
    """封存所依据的净影响，逐行文本；各页相接即为所哈希的内容。

    The lines of a sealed day as text. All pages one after the other are just the bytes that were hashed.
    """
    await _latest(read, caller, community, day)
    lines = await read_lines(await driver_connection(read), CommunityDay(community, day), after, limit + 1)
    headers = {NEXT_AFTER: lines[limit - 1]} if len(lines) > limit else {}
    body = "".join(f"{line}\n" for line in lines[:limit])
    return Response(body, media_type="text/plain; charset=utf-8", headers=headers)


async def _latest(read: AsyncConnection, caller: Principal, community: str, day: date) -> Any:
    caller.require(community)
    query = select(seals).where(seals.c.community == community, seals.c.day == day)
    row = (await read.execute(query.order_by(seals.c.revision.desc()).limit(1))).first()
    if row is None:
        raise NotFound("seal")
    return row


def _seal(row: Any) -> SealOut:
    return SealOut.model_validate(row._mapping)
