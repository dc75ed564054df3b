"""Routes that read settlements: runs, their lists, the report as a workbook, and where a community stood."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.node_names import NamedPage, names_of, with_node_names
from services.points.settlements.bodies import FlowOut, ObligationOut, PositionOut, SettlementOut, StandingOut
from services.points.settlements.model import (
    ListedStage,
    Stage,
)
from services.points.settlements.sheet import Report, workbook
from services.points.tables import settlement_flows, settlement_obligations, settlement_positions, settlement_runs
from shared.auth.tokens import Principal
from shared.web import Api, Caller, NotFound, Paging, Read, etag
from shared.web.nodes import Within, below

api = Api(tags=["settlements 社区间结算"])

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@api.query("/v1/settlements", permission="settlements.read")
async def list_settlements(
    read: Read,
    caller: Caller,
    page: Paging,
    stage: Annotated[ListedStage | None, Query(description="状态 stage")] = None,
) -> NamedPage[SettlementOut]:
    """结算清单，新的在前。Settlements of the caller's node and below, the newest first."""
    query = select(settlement_runs).where(settlement_runs.c.node.startswith(caller.node))
    if stage is not None:
        query = query.where(settlement_runs.c.stage == stage.value)
    return await with_node_names(
        read,
        await page.fetch(read, query, [settlement_runs.c.proposed_at, settlement_runs.c.id], _run, descending=True),
    )


@api.query("/v1/settlements/positions", permission="settlements.read_positions")
async def list_standings(read: Read, caller: Caller, page: Paging, within: Within = None) -> NamedPage[StandingOut]:
    """各社区在已确认结算中的头寸，新的在前。Where communities stood in confirmed runs, the newest first."""
    p, r = settlement_positions.c, settlement_runs.c
    query = (
        select(settlement_positions, r.through, r.confirmed_at)
        .join(settlement_runs, r.id == p.settlement_id)
        .where(r.stage == Stage.CONFIRMED.value, below(p.community, within, caller))
    )
    return await with_node_names(
        read, await page.fetch(read, query, [r.confirmed_at, p.settlement_id, p.community], _standing, descending=True)
    )


@api.query("/v1/settlements/{settlement_id}", permission="settlements.read")
async def get_settlement(settlement_id: UUID, read: Read, caller: Caller, response: Response) -> SettlementOut:
    """一次结算：轧差前后的总额和笔数。One settlement: what was paid, against what it was before netting."""
    row = await _visible(read, caller, settlement_id)
    etag(response, row.version)
    return _run(row)


@api.query("/v1/settlements/{settlement_id}/positions", permission="settlements.read")
async def list_positions(settlement_id: UUID, read: Read, caller: Caller, page: Paging) -> NamedPage[PositionOut]:
    """各社区头寸。Where each community stands."""
    await _visible(read, caller, settlement_id)
    query = select(settlement_positions).where(settlement_positions.c.settlement_id == settlement_id)
    return await with_node_names(read, await page.fetch(read, query, [settlement_positions.c.community], _position))


@api.query("/v1/settlements/{settlement_id}/obligations", permission="settlements.read")
async def list_obligations(settlement_id: UUID, read: Read, caller: Caller, page: Paging) -> NamedPage[ObligationOut]:
    """轧差后的付款。The payments after netting."""
    await _visible(read, caller, settlement_id)
    o = settlement_obligations.c
    query = select(settlement_obligations).where(o.settlement_id == settlement_id)
    return await with_node_names(read, await page.fetch(read, query, [o.debtor, o.creditor], _obligation))


@api.query("/v1/settlements/{settlement_id}/flows", permission="settlements.read")
async def list_flows(settlement_id: UUID, read: Read, caller: Caller, page: Paging) -> NamedPage[FlowOut]:
    """轧差前的往来，最大的一千笔。What passed between communities before netting, the largest thousand."""
    await _visible(read, caller, settlement_id)
    f = settlement_flows.c
    query = select(settlement_flows).where(f.settlement_id == settlement_id)
    return await with_node_names(
        read, await page.fetch(read, query, [f.minutes, f.debtor, f.creditor], _flow, descending=True)
    )


@api.query("/v1/settlements/{settlement_id}/report.xlsx", permission="settlements.read", response_class=Response)
async def get_report(settlement_id: UUID, read: Read, caller: Caller) -> Response:
    """结算报告电子表格，中英对照。The report of a settlement as a workbook, Chinese and English."""
    row = await _visible(read, caller, settlement_id)
    positions = [_position(p) for p in await _all(read, settlement_positions, settlement_id, "community")]
    # Whoever pays, is paid or served others has a position.
    names = await names_of(read, [row.node, *(position.community for position in positions)])
    report = Report(
        _run(row),
        positions,
        [_obligation(o) for o in await _all(read, settlement_obligations, settlement_id, "debtor", "creditor")],
        [_flow(f) for f in await _all(read, settlement_flows, settlement_id, "debtor", "creditor")],
        names,
    )
    await read.close()  # nothing of the database is kept waiting for the file
    file = await asyncio.to_thread(workbook, report)
    name = f"settlement-{row.node}-{row.through}.xlsx"
    return Response(file, media_type=_XLSX, headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def _visible(read: AsyncConnection, caller: Principal, settlement_id: UUID) -> Any:
    row = (await read.execute(select(settlement_runs).where(settlement_runs.c.id == settlement_id))).first()
    if row is None:
        raise NotFound("settlement")
    caller.require(row.node)
    return row


async def _all(read: AsyncConnection, table: Any, settlement_id: UUID, *order: str) -> list[Any]:
    query = select(table).where(table.c.settlement_id == settlement_id).order_by(*(table.c[name] for name in order))
    return list((await read.execute(query)).all())


def _run(row: Any) -> SettlementOut:
    return SettlementOut(
        id=row.id,
        node=row.node,
        through=row.through,
        stage=Stage(row.stage),
        obligations=row.obligations,
        net_minutes=row.net_minutes,
        gross_minutes=row.gross_minutes,
        flows=row.flows,
        open_minutes=row.open_minutes,
        monthly=row.proposed_by is None,
        proposed_at=row.proposed_at,
        confirmed_at=row.confirmed_at,
        withdrawn_at=row.withdrawn_at,
    )


def _position(row: Any) -> PositionOut:
    return PositionOut(
        community=row.community,
        carried_minutes=row.carried_minutes,
        inflow_minutes=row.inflow_minutes,
        outflow_minutes=row.outflow_minutes,
        corrected_minutes=row.corrected_minutes,
        balance_minutes=row.balance_minutes,
        settled_minutes=row.settled_minutes,
        open_minutes=row.balance_minutes - row.settled_minutes,
    )


def _standing(row: Any) -> StandingOut:
    return StandingOut(
        **_position(row).model_dump(),
        settlement_id=row.settlement_id,
        through=row.through,
        confirmed_at=row.confirmed_at,
    )


def _obligation(row: Any) -> ObligationOut:
    return ObligationOut(debtor=row.debtor, creditor=row.creditor, minutes=row.minutes)


def _flow(row: Any) -> FlowOut:
    return FlowOut(
        debtor=row.debtor, creditor=row.creditor, minutes=row.minutes, corrected_minutes=row.corrected_minutes
    )
