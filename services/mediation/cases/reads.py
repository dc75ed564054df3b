"""Routes that read cases: lists, figures by month, one with its mediators and sessions."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import select, text

from services.mediation.cases.bodies import (
    CaseMediatorOut,
    CaseOut,
    CaseWithSessionsOut,
    FiguresOut,
    RecordOut,
    SessionOut,
)
from services.mediation.cases.state import Stage
from services.mediation.tables import case_mediators, cases, service_records, sessions
from shared.clock import month_bounds
from shared.contracts.grid_patrol import RiskLevel
from shared.contracts.mediation import DisputeKind
from shared.web import Api, Caller, Page, Paging, Read, etag, narrowed
from shared.web.fields import Month
from shared.web.nodes import Within, below, row_of_caller

api = Api(tags=["cases 调解案件"])

InMonth = Annotated[Month | None, Query(description="立案月份 filed in this month, like 2026-03")]


@api.query("/v1/cases", permission="cases.read")
async def list_cases(
    read: Read,
    caller: Caller,
    page: Paging,
    within: Within = None,
    stage: Stage | None = None,
    kind: DisputeKind | None = None,
    risk: RiskLevel | None = None,
    month: InMonth = None,
    mediator_id: Annotated[UUID | None, Query(description="该调解员办理的 that this mediator has")] = None,
    finding_id: Annotated[UUID | None, Query(description="由该巡防发现立案的 opened from this finding")] = None,
) -> Page[CaseOut]:
    """案件列表，新的在前。The cases of a node and below, the latest first."""
    query = select(cases).where(below(cases.c.community, within, caller))
    query = narrowed(
        query, (cases.c.stage, stage), (cases.c.kind, kind), (cases.c.risk, risk), (cases.c.finding_id, finding_id)
    )
    if month is not None:
        first, following = month_bounds(month)
        query = query.where(cases.c.filed_at >= first, cases.c.filed_at < following)
    if mediator_id is not None:
        having = select(case_mediators.c.case_id).where(
            case_mediators.c.mediator_id == mediator_id, case_mediators.c.recused_at.is_(None)
        )
        query = query.where(cases.c.case_id.in_(having))
    return await page.fetch(read, query, [cases.c.filed_at, cases.c.case_id], CaseOut.model_validate, descending=True)


@api.query("/v1/cases/figures", permission="cases.read")
async def case_figures(
    read: Read, caller: Caller, within: Within = None, from_month: InMonth = None, to_month: InMonth = None
) -> list[FiguresOut]:
    """按立案月份和类型统计，首尾月份均包含。Figures by month of filing and kind, both months included."""
    node = within or caller.node
    caller.require(node)
    rows = await read.execute(
        text(
            "SELECT to_char(filed_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') AS month, kind, count(*) AS filed,"
            " count(*) FILTER (WHERE stage IN ('filed', 'assigned', 'in_session')) AS open,"
            " count(*) FILTER (WHERE agreement = 'written') AS resolved_written,"
            " count(*) FILTER (WHERE agreement = 'oral') AS resolved_oral,"
            " count(*) FILTER (WHERE stage = 'failed') AS failed,"
            " count(*) FILTER (WHERE stage = 'declined') AS declined,"
            " count(*) FILTER (WHERE stage = 'withdrawn') AS withdrawn,"
            " count(*) FILTER (WHERE risk = 'red') AS red, sum(sessions_count) AS sessions,"
            " sum(session_minutes) AS session_minutes"
            " FROM cases WHERE community >= :node AND community < :node || ':'"
            " AND (cast(:first AS timestamptz) IS NULL OR filed_at >= :first)"
            " AND (cast(:end AS timestamptz) IS NULL OR filed_at < :end)"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        {
            "node": node,
            "first": month_bounds(from_month)[0] if from_month else None,
            "end": month_bounds(to_month)[1] if to_month else None,
        },
    )
    return [FiguresOut.model_validate(row) for row in rows]


@api.query("/v1/cases/{case_id}", permission="cases.read")
async def get_case(case_id: UUID, read: Read, caller: Caller, response: Response) -> CaseWithSessionsOut:
    """一个案件，含调解员、历次调解和服务记录。One case with its mediators, sessions and service."""
    row = await row_of_caller(read, caller, cases.c.case_id, case_id, "case")
    etag(response, row.version)
    mediators = select(case_mediators).where(case_mediators.c.case_id == case_id)
    held = select(sessions).where(sessions.c.case_id == case_id)
    served = select(service_records).where(service_records.c.case_id == case_id)
    return CaseWithSessionsOut(
        **CaseOut.model_validate(row).model_dump(),
        mediators=[
            CaseMediatorOut.model_validate(mediator)
            for mediator in await read.execute(
                mediators.order_by(case_mediators.c.assigned_at, case_mediators.c.mediator_id)
            )
        ],
        sessions=[
            SessionOut.model_validate(session)
            for session in await read.execute(held.order_by(sessions.c.started_at, sessions.c.session_id))
        ],
        service=[
            RecordOut.model_validate(record)
            for record in await read.execute(served.order_by(service_records.c.started_at, service_records.c.record_id))
        ],
    )
