"""Routes of what patrols found: report, list, and read the words, which lie in the vault."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import select, text

from services.grid_patrol.cells.views import known_cells
from services.grid_patrol.fields import CellCode, Configured, earliest
from services.grid_patrol.findings.model import OnShift, ReportFinding
from services.grid_patrol.findings.streams import FINDINGS
from services.grid_patrol.tables import findings
from shared.contracts.grid_patrol import FindingKind, RiskLevel
from shared.unit_of_work import UnitOfWork
from shared.web import Api, Caller, NotFound, Page, Paging, Read, Vaulted, Work, etag, narrowed
from shared.web.fields import Body, LongText, Moment, Out
from shared.web.nodes import Within, below, row_of_caller

api = Api(tags=["findings 发现"])


class FindingBody(Body):
    """Something that was found on a shift."""

    cell: CellCode
    kind: FindingKind
    risk: RiskLevel
    reported_by: UUID = Field(description="发现人 the member who found it")
    found_at: Moment | None = Field(default=None, description="缺省为现在 now by default")
    text: LongText = Field(description="情况说明，加密保存，不进入事件 kept encrypted, never in an event")


class ReportedOut(Out):
    """A finding that was reported."""

    finding_id: UUID


class FindingOut(Out):
    """A finding, without what was said about it."""

    finding_id: UUID
    shift_id: UUID
    community: str
    cell: str
    kind: FindingKind
    risk: RiskLevel
    reported_by: UUID
    found_at: datetime


class FindingTextOut(Out):
    """What was said about a finding."""

    finding_id: UUID
    text: str


@api.command("/v1/shifts/{shift_id}/findings", permission="findings.report", status=201)
async def report_finding(
    shift_id: UUID, body: FindingBody, work: Work, caller: Caller, settings: Configured
) -> ReportedOut:
    """上报发现；纠纷类的会转到调解。Report a finding; one of kind "dispute" travels on to mediation."""
    shift = await _shift(work, caller, shift_id)
    finding_id = work.new_id()
    known = await known_cells(work.connection, shift.community, [body.cell], retired_too=True)
    work.create(
        FINDINGS,
        finding_id,
        ReportFinding(
            finding_id=finding_id,
            shift=shift,
            cell=body.cell,
            cell_known=body.cell in known,
            kind=body.kind,
            risk=body.risk,
            reported_by=body.reported_by,
            found_at=body.found_at or work.now,
            now=work.now,
            earliest=earliest(work.now, settings),
        ),
    )
    await work.vault.put(work.connection, finding_id, {"text": body.text})
    return ReportedOut(finding_id=finding_id)


@api.query("/v1/findings", permission="patrol.read")
async def list_findings(
    read: Read,
    caller: Caller,
    page: Paging,
    within: Within = None,
    shift_id: UUID | None = None,
    kind: FindingKind | None = None,
    risk: RiskLevel | None = None,
    from_: Annotated[Moment | None, Query(alias="from", description="发现不早于 found at or after")] = None,
    to: Annotated[Moment | None, Query(description="发现早于 found before")] = None,
) -> Page[FindingOut]:
    """发现列表，新的在前。The findings of a node and below, the latest first."""
    query = select(findings).where(below(findings.c.community, within, caller))
    query = narrowed(query, (findings.c.shift_id, shift_id), (findings.c.kind, kind), (findings.c.risk, risk))
    if from_ is not None:
        query = query.where(findings.c.found_at >= from_)
    if to is not None:
        query = query.where(findings.c.found_at < to)
    order = [findings.c.found_at, findings.c.finding_id]
    return await page.fetch(read, query, order, FindingOut.model_validate, descending=True)


@api.query("/v1/findings/{finding_id}", permission="patrol.read")
async def get_finding(finding_id: UUID, read: Read, caller: Caller, response: Response) -> FindingOut:
    """一条发现。One finding."""
    row = await row_of_caller(read, caller, findings.c.finding_id, finding_id, "finding")
    etag(response, row.version)
    return FindingOut.model_validate(row)


@api.query("/v1/findings/{finding_id}/text", permission="findings.read_text")
async def get_finding_text(finding_id: UUID, read: Read, caller: Caller, vault: Vaulted) -> FindingTextOut:
    """情况说明。What was said about a finding."""
    await row_of_caller(read, caller, findings.c.finding_id, finding_id, "finding")
    kept = await vault.get(read, finding_id)
    if "text" not in kept:
        raise NotFound("finding_text")
    return FindingTextOut(finding_id=finding_id, text=kept["text"])


async def _shift(work: UnitOfWork, caller: Caller, shift_id: UUID) -> OnShift:
    """The shift as the finding has to agree with it; from the tables, since a shift may have many scans."""
    row = (
        await work.connection.execute(
            text(
                "SELECT s.community, s.started_at, s.ended_at,"
                " ARRAY(SELECT volunteer_id FROM shift_members m WHERE m.shift_id = s.shift_id"
                " UNION SELECT volunteer_id FROM scans c WHERE c.shift_id = s.shift_id) AS people"
                " FROM shifts s WHERE s.shift_id = :id"
            ),
            {"id": shift_id},
        )
    ).first()
    if row is None:
        raise NotFound("shift")
    caller.require(row.community)
    # A shift that was called off under way brought no service, but what was seen on it was seen.
    return OnShift(shift_id, row.community, row.started_at, row.ended_at, frozenset(row.people))
