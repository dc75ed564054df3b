"""Routes of the grid's cells: define one or many, retire, list."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import Select, func, select

from services.grid_patrol.cells.model import Cell, DefineCell, RetireCell
from services.grid_patrol.cells.streams import CELLS
from services.grid_patrol.fields import CellCode, PathCell, PathCommunity
from services.grid_patrol.tables import cells, coverage
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, NotFound, Page, Paging, Read, Work, etag, narrowed
from shared.web.fields import Body, Moment, Out
from shared.web.nodes import Within, below

api = Api(tags=["cells 网格"])


class CellBody(Body):
    """A cell to define."""

    cell: CellCode
    area_m2: int = Field(ge=1, le=100_000_000, description="面积（平方米）area; about 10,000 by GB/T 30428.1")


def _once_each(cells: list[CellBody]) -> list[CellBody]:
    if len({cell.cell for cell in cells}) != len(cells):
        raise PydanticCustomError("repeated", "must not name a cell twice")
    return cells


class CellsBody(Body):
    """One cell or many of a community."""

    community: CommunityCode
    cells: Annotated[list[CellBody], Field(min_length=1, max_length=500), AfterValidator(_once_each)]


class CellsOut(Out):
    """What the definition changed."""

    defined: int
    unchanged: int = Field(description="Cells that the grid had already, with the same area.")


class CellOut(Out):
    """A cell of the grid."""

    community: str
    cell: str
    area_m2: int
    retired: bool
    last_covered_at: datetime | None = Field(description="When a logged shift last covered it.")


class CellRetiredOut(Out):
    """A cell that left the grid."""

    community: str
    cell: str
    retired: bool


@api.command("/v1/cells", permission="cells.manage", status=201)
async def define_cells(body: CellsBody, work: Work, caller: Caller) -> CellsOut:
    """定义一个或多个网格，全部生效或全不生效。Define one cell or many, all or none; saying it again is harmless."""
    caller.require(body.community)
    keys = {cell.cell: _key(body.community, cell.cell) for cell in body.cells}
    await work.load_many(CELLS, list(keys.values()))
    defined = 0
    for cell in body.cells:
        key = keys[cell.cell]
        before = (await work.load(CELLS, key)).version
        await work.execute(CELLS, key, DefineCell(cell.cell, body.community, cell.area_m2))
        defined += work.version(CELLS, key) - before
    return CellsOut(defined=defined, unchanged=len(body.cells) - defined)


@api.command("/v1/cells/{community}/{cell}/retirement", permission="cells.manage")
async def retire_cell(community: PathCommunity, cell: PathCell, work: Work, caller: Caller) -> CellRetiredOut:
    """停用网格；已安排的班次不变。Retire a cell; shifts planned over it stay as they are."""
    caller.require(community)
    if not (await work.load(CELLS, _key(community, cell))).version:
        raise NotFound("cell")
    state: Cell = await work.execute(CELLS, _key(community, cell), RetireCell())
    return CellRetiredOut(community=community, cell=cell, retired=state.retired)


@api.query("/v1/cells", permission="patrol.read")
async def list_cells(
    read: Read,
    caller: Caller,
    page: Paging,
    within: Within = None,
    retired: Annotated[bool | None, Query(description="只看停用的或在用的 only retired ones, or only others")] = None,
    not_covered_since: Annotated[
        Moment | None, Query(description="自此时起没有巡到的 not covered by a logged shift since then (零盲点)")
    ] = None,
) -> Page[CellOut]:
    """网格列表。The cells of a node and below."""
    query = narrowed(_cells().where(below(cells.c.community, within, caller)), (cells.c.retired, retired))
    if not_covered_since is not None:
        covered = select(coverage.c.cell).where(
            coverage.c.community == cells.c.community,
            coverage.c.cell == cells.c.cell,
            coverage.c.covered_at >= not_covered_since,
        )
        query = query.where(~covered.exists())
    return await page.fetch(read, query, [cells.c.community, cells.c.cell], CellOut.model_validate)


@api.query("/v1/cells/{community}/{cell}", permission="patrol.read")
async def get_cell(community: PathCommunity, cell: PathCell, read: Read, caller: Caller, response: Response) -> CellOut:
    """一个网格。One cell."""
    caller.require(community)
    row = (await read.execute(_cells().where(cells.c.community == community, cells.c.cell == cell))).first()
    if row is None:
        raise NotFound("cell")
    etag(response, row.version)
    return CellOut.model_validate(row)


def _key(community: str, cell: str) -> str:
    return f"{community}-{cell}"


def _cells() -> Select[Any]:
    last = (
        select(func.max(coverage.c.covered_at))
        .where(coverage.c.community == cells.c.community, coverage.c.cell == cells.c.cell)
        .scalar_subquery()
    )
    return select(cells, last.label("last_covered_at"))
