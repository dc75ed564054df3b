"""Routes that read stars: applications, candidates, one's own, the explanation, the report upwards."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.durations import grade_zh, in_words
from services.points.fields import Seen, own_id
from services.points.grounds.telling import with_causes
from services.points.node_names import NamedPage, names_of, with_node_names
from services.points.policy.in_force import InForce
from services.points.stars.assessments import assessed
from services.points.stars.bodies import (
    ApplicationOut,
    AssessmentsOut,
    CandidateOut,
    GradeNumber,
    IssuedReportOut,
    IssuedRowsOut,
    NextGradeOut,
    ReportOut,
    ReportRowOut,
    StarsExplanationOut,
    StarsOut,
)
from services.points.stars.candidates import candidates
from services.points.stars.commands import Assessed, Requirement
from services.points.stars.explanation import explain
from services.points.stars.report import ReportRow, canonical_hash
from services.points.stars.reporting import issued_rows, report_rows, workbook
from services.points.stars.standing import GRADES, Member, confirmed_minutes, member, requirement
from services.points.stars.views import IN_FORCE, OPEN, Stage
from services.points.tables import star_applications, star_reports
from shared.auth.permissions import Role
from shared.auth.tokens import Principal
from shared.clock import local_day, system_clock
from shared.contracts import NodeCode
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, LongPaging, NotFound, Paging, Read, etag
from shared.web.fields import Day
from shared.web.problems import Texts, language_of

api = Api(tags=["stars 星级"])


class Xlsx(Response):
    """A workbook."""

    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@api.query("/v1/stars/applications", permission="stars.read")
async def list_applications(
    request: Request,
    read: Read,
    caller: Caller,
    page: Paging,
    community: Annotated[CommunityCode | None, Query(description="社区 community")] = None,
    stage: Annotated[Stage | None, Query(description="状态 stage")] = None,
    grade: Annotated[GradeNumber | None, Query(description="星级 grade")] = None,
    undecided: Annotated[bool, Query(description="只看已催办、仍未处理的 only what was reminded of in vain")] = False,
) -> NamedPage[ApplicationOut]:
    """星级申请清单。Applications of the caller's node; a volunteer sees their own."""
    query = select(star_applications)
    if caller.role is Role.VOLUNTEER:
        query = query.where(star_applications.c.volunteer_id == own_id(caller))
    else:
        query = query.where(star_applications.c.community.startswith(caller.node))
    if community is not None:
        query = query.where(star_applications.c.community == community)
    if stage is not None:
        query = query.where(star_applications.c.stage == stage.value)
    if grade is not None:
        query = query.where(star_applications.c.grade == grade)
    if undecided:
        query = query.where(star_applications.c.reminders > 0)
    found = await page.fetch(read, query, [star_applications.c.id], _application)
    ids, texts = [one.application_id for one in found.items], request.app.state.texts
    found.items = await with_causes(read, ids, found.items, texts, language_of(request))
    return await with_node_names(read, found)


@api.query("/v1/stars/applications/{application_id}", permission="stars.read")
async def get_application(
    request: Request, application_id: UUID, read: Read, caller: Caller, response: Response
) -> ApplicationOut:
    """一次星级申请。One application."""
    row = (await read.execute(select(star_applications).where(star_applications.c.id == application_id))).first()
    if row is None:
        raise NotFound("star_application")
    caller.require(row.community, row.volunteer_id)
    etag(response, row.version)
    texts: Texts = request.app.state.texts
    (shown,) = await with_causes(read, [row.id], [_application(row)], texts, language_of(request))
    return shown


@api.query("/v1/stars/candidates", permission="stars.find_candidates")
async def list_candidates(
    read: Read,
    caller: Caller,
    page: Paging,
    policies: InForce,
    community: Annotated[CommunityCode, Query(description="社区 community")],
) -> NamedPage[CandidateOut]:
    """已达到更高星级而尚未申请的志愿者。Who reached a higher grade than they hold and has not applied for it."""
    caller.require(community)
    await read.execute(select(literal(1)))
    today = local_day(system_clock())
    terms = await policies.terms(read, community, today)
    query, order = candidates(community, terms.stars.minutes.value, terms.stars.membership_months_min.value, today)
    return await with_node_names(read, await page.fetch(read, query, order, _candidate))


@api.query("/v1/stars/report", permission="stars.report")
async def get_report(
    read: Read,
    caller: Caller,
    node: Annotated[NodeCode, Query(description="组织节点 node")],
    since: Annotated[Day, Query(description="评定日期自 granted on this day or later")],
    until: Annotated[Day | None, Query(description="评定日期至，默认今天 or before; today if not given")] = None,
) -> ReportOut:
    """三星及以上志愿者上报预览，不含姓名。The report of three stars and above as it would be issued now; no names."""
    caller.require(node)
    until = until or local_day(system_clock())
    rows = await report_rows(read, node, since, until)
    return ReportOut(
        node=node,
        since=since,
        until=until,
        rows_sha256=canonical_hash(rows),
        rows=[ReportRowOut(**row._asdict()) for row in rows],
        node_names=await names_of(read, {node, *(row.community for row in rows)}),
    )


@api.query("/v1/stars/report.xlsx", permission="stars.report", response_class=Xlsx)
async def get_report_workbook(
    read: Read,
    caller: Caller,
    node: Annotated[NodeCode, Query(description="组织节点 node")],
    since: Annotated[Day, Query(description="评定日期自 granted on this day or later")],
    until: Annotated[Day | None, Query(description="评定日期至，默认今天 or before; today if not given")] = None,
) -> Xlsx:
    """同一份上报名单的电子表格。The same report as a workbook."""
    caller.require(node)
    until = until or local_day(system_clock())
    return await _workbook(read, await report_rows(read, node, since, until), node, since, until)


@api.query("/v1/stars/reports", permission="stars.report")
async def list_reports(read: Read, caller: Caller, page: Paging) -> NamedPage[IssuedReportOut]:
    """已上报的名单。Reports that were issued."""
    query = select(star_reports).where(star_reports.c.node.startswith(caller.node))
    return await with_node_names(read, await page.fetch(read, query, [star_reports.c.id], _issued))


@api.query("/v1/stars/reports/{report_id}", permission="stars.report")
async def get_issued_report(report_id: UUID, read: Read, caller: Caller) -> IssuedRowsOut:
    """一份已上报的名单，照上报时的原样，不管此后撤销或更正了什么。What a report listed, whatever came after it."""
    issued = await _report(read, caller, report_id)
    rows = await issued_rows(read, report_id)
    return IssuedRowsOut(
        **_issued(issued).model_dump(),
        agrees=canonical_hash(rows) == issued.rows_sha256,
        rows=[ReportRowOut(**row._asdict()) for row in rows],
        node_names=await names_of(read, {issued.node, *(row.community for row in rows)}),
    )


@api.query("/v1/stars/reports/{report_id}/report.xlsx", permission="stars.report", response_class=Xlsx)
async def get_issued_workbook(report_id: UUID, read: Read, caller: Caller) -> Xlsx:
    """同一份已上报名单的电子表格。The same list as a workbook."""
    issued = await _report(read, caller, report_id)
    return await _workbook(read, await issued_rows(read, report_id), issued.node, issued.since, issued.until)


@api.query("/v1/stars/{volunteer_id}", permission="stars.read")
async def get_stars(request: Request, volunteer_id: UUID, read: Read, caller: Caller, policies: InForce) -> StarsOut:
    """某志愿者的星级：现有、待办、离下一星级还差多少。The grade held, the open application, what is missing."""
    caller.require_self(volunteer_id)
    who = await member(read, volunteer_id)
    caller.require(who.community, volunteer_id)
    minutes = await confirmed_minutes(read, volunteer_id)
    said = await assessed(read, volunteer_id)
    asked = requirement(await policies.terms(read, who.community, local_day(system_clock())), 1)
    held = await _one(read, volunteer_id, IN_FORCE)
    application = await _one(read, volunteer_id, OPEN)
    grade = 0 if held is None else held.grade
    following = None
    if grade < GRADES and not who.forgotten:
        following = await _next(request, read, policies, who, minutes, grade + 1, application is not None, said)
    shown = StarsOut(
        volunteer_id=volunteer_id,
        community=who.community,
        minutes=minutes,
        grade=grade,
        flagged=held is not None and held.stage == Stage.FLAGGED.value,
        review_on=None if held is None else held.review_on,
        assessments=_assessments(said, asked),
        application=None if application is None else _application(application),
        next=following,
    )
    if not shown.flagged:
        return shown
    (shown,) = await with_causes(read, [held.id], [shown], request.app.state.texts, language_of(request))
    return shown


@api.query("/v1/stars/{volunteer_id}/explanation", permission="stars.read")
async def get_explanation(
    request: Request, volunteer_id: UUID, read: Read, caller: Caller, page: LongPaging, sight: Seen, in_force: InForce
) -> StarsExplanationOut:
    """星级说明：各年时长、所依据的办法、谁在何时作了决定，哪些更正使它存疑，并逐笔列出服务记录；可问任一时刻。

    Why the grade is what it is, or was at a moment: hours, policy, decisions, which corrections flagged it, and the
    record of service line by line.
    """
    caller.require_self(volunteer_id)
    who = await member(read, volunteer_id)
    caller.require(who.community, volunteer_id)
    book = await in_force.book(read)
    return await explain(read, volunteer_id, who, sight, page, book, request.app.state.texts, language_of(request))


async def _report(read: AsyncConnection, caller: Principal, report_id: UUID) -> Any:
    row = (await read.execute(select(star_reports).where(star_reports.c.id == report_id))).first()
    if row is None:
        raise NotFound("star_report")
    caller.require(row.node)
    return row


async def _workbook(read: AsyncConnection, rows: Sequence[ReportRow], node: str, since: date, until: date) -> Xlsx:
    names = await names_of(read, {row.community for row in rows})
    await read.close()  # nothing of the database is kept waiting for the file
    file = await asyncio.to_thread(workbook, rows, canonical_hash(rows), names)
    name = f"stars-{node}-{since}-{until}.xlsx"
    return Xlsx(file, headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def _next(
    request: Request,
    read: AsyncConnection,
    policies: InForce,
    who: Member,
    minutes: int,
    grade: int,
    applied: bool,
    said: Assessed,
) -> NextGradeOut:
    today = local_day(system_clock())
    asked = requirement(await policies.terms(read, who.community, today), grade)
    missing = max(0, asked.minutes - minutes)
    member_from = asked.member_from(who.registered_on)
    can_apply = not applied and asked.met_by(minutes, who.registered_on, today, said)
    language = language_of(request)
    texts: Texts = request.app.state.texts
    if missing:
        code = "stars.next_hours"
    elif applied:
        code = "stars.next_applied"
    elif asked.months_min and (member_from is None or member_from > today):
        code = "stars.next_membership"
    else:
        code = "stars.next_can_apply" if can_apply else "stars.next_assessments"
    params: dict[str, Any] = {"assessed": said.assessed_percent, "assessed_min": asked.assessed_percent_min}
    params |= {"good": said.good_percent, "good_min": asked.good_percent_min}
    params |= {
        "grade": grade,
        "grade_zh": grade_zh(grade),
        "missing": in_words(language, missing),
        "earliest": member_from or "—",
    }
    return NextGradeOut(
        grade=grade,
        threshold_minutes=asked.minutes,
        missing_minutes=missing,
        granted_by=asked.granted_by,
        member_from=member_from,
        can_apply=can_apply,
        text=texts.get(language, code, params),
    )


def _assessments(said: Assessed, asked: Requirement) -> AssessmentsOut:
    return AssessmentsOut(
        records=said.records,
        assessed=said.assessed,
        assessed_percent=said.assessed_percent,
        assessed_percent_min=asked.assessed_percent_min,
        good=said.good,
        fair=said.fair,
        poor=said.poor,
        good_percent=said.good_percent,
        good_percent_min=asked.good_percent_min,
        reached=said.reaches(asked),
    )


async def _one(read: AsyncConnection, volunteer_id: UUID, stages: tuple[str, ...]) -> Any:
    a = star_applications.c
    return (
        await read.execute(select(star_applications).where(a.volunteer_id == volunteer_id, a.stage.in_(stages)))
    ).first()


def _application(row: Any) -> ApplicationOut:
    values = dict(row._mapping)
    return ApplicationOut(application_id=values.pop("id"), **values)


def _candidate(row: Any) -> CandidateOut:
    return CandidateOut.model_validate(row, from_attributes=True)


def _issued(row: Any) -> IssuedReportOut:
    values = dict(row._mapping)
    return IssuedReportOut(report_id=values.pop("id"), **values)
