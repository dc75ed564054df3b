"""Routes of imports: the roster of a community, the sign-in sheet of an activity, their results and files."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import File, Form, Query, Request, Response, UploadFile
from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.registry.activities.api import dating
from services.registry.activities.streams import ACTIVITIES
from services.registry.fields import Configured
from services.registry.importing.roster import read_roster
from services.registry.importing.signin import PlannedTime, read_sign_in_sheet
from services.registry.imports import results, roster, sign_in_sheet
from services.registry.organisation.views import require_community
from services.registry.tables import imports
from services.registry.volunteers.model import ConsentMissing
from shared.auth.permissions import PERMISSIONS
from shared.auth.tokens import OutsideNode, Principal
from shared.clock import local_day
from shared.contracts.common import CommunityCode
from shared.web import Api, Caller, NotFound, Page, Paging, Read, Vaulted, Work, narrowed
from shared.web.api import MissingPermission
from shared.web.fields import Out
from shared.web.nodes import of_caller

api = Api(tags=["imports 导入"])

_ROSTER = "roster"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class RowProblemOut(Out):
    """Why a row was not taken. Nothing of the row is repeated."""

    row: int
    column: str
    code: str
    zh: str
    en: str


class ImportOut(Out):
    """What an import did."""

    id: UUID
    kind: str = Field(examples=["roster", "sign_in_sheet"])
    counts: dict[str, int]
    problem_rows: int
    problems: list[RowProblemOut] = Field(description="最多 200 条 the first 200; all of them are in the file")
    has_file: bool = Field(description="有需要更正的行，可下载 there is a file to hand back, under `/file`")


class ImportSummaryOut(ImportOut):
    """A past import."""

    imported_at: datetime
    expires_at: datetime
    activity_id: UUID | None = Field(description="签到表所属的活动 the activity that a sign-in sheet was for")


@api.command("/v1/imports/roster", permission="imports.roster", status=201)
async def import_roster(
    request: Request,
    file: Annotated[UploadFile, File(description="花名册 .xlsx 或 .csv")],
    community: Annotated[CommunityCode, Form(description="社区代码")],
    work: Work,
    caller: Caller,
    settings: Configured,
    form_teams: Annotated[
        bool, Form(description="花名册里的服务队不存在时自动成立 form teams that are missing")
    ] = True,
    consent_on_file: Annotated[
        bool, Form(description="确认名册中各人的同意书均已留存，未确认则不导入 consent of all is on file; must be said")
    ] = False,
) -> ImportOut:
    """导入花名册：可导入的行全部导入，其余逐行说明原因；同一文件再次导入不产生变化。

    Import a roster: good rows go in, each bad row is told with its reason; the same file again changes nothing.
    Whoever is registered already is left as registered, and only joins the teams that the row names.
    """
    caller.require(community)
    await require_community(work.connection, community)
    if not consent_on_file:
        raise ConsentMissing
    content = await file.read()
    sheet, listed = await asyncio.to_thread(read_roster, content, local_day(work.now))
    taken = await roster.take(
        work,
        listed,
        community,
        request.app.state.texts,
        consent_on_file=consent_on_file,
        form_teams=form_teams,
    )
    result = await results.keep(
        work,
        kind=_ROSTER,
        node=caller.node,
        subject=None,
        counts=taken.counts(listed),
        sheet=sheet,
        problems=taken.problems,
        keep_hours=settings.import_file_keep_hours,
    )
    return _out(result)


@api.command("/v1/activities/{activity_id}/sign-in-sheet", permission="activities.attend", status=201)
async def import_sign_in_sheet(
    activity_id: UUID,
    request: Request,
    file: Annotated[UploadFile, File(description="签到表 .xlsx 或 .csv")],
    work: Work,
    caller: Caller,
    settings: Configured,
) -> ImportOut:
    """导入签到表，作为补录记录。Import a sign-in sheet, as backfilled evidence."""
    activity = await of_caller(work, caller, ACTIVITIES, activity_id)
    planned = PlannedTime(activity.plan.planned_start, activity.plan.planned_end)
    content = await file.read()
    sheet, signed = await asyncio.to_thread(read_sign_in_sheet, content, planned, local_day(work.now))
    taken = await sign_in_sheet.take(
        work, activity_id, activity, signed, dating(work, settings), request.app.state.texts
    )
    result = await results.keep(
        work,
        kind="sign_in_sheet",
        node=caller.node,
        subject=activity_id,
        counts=taken.counts(signed),
        sheet=sheet,
        problems=taken.problems,
        keep_hours=settings.import_file_keep_hours,
    )
    return _out(result)


@api.query("/v1/imports", permission="imports.read")
async def list_imports(
    read: Read,
    caller: Caller,
    page: Paging,
    activity_id: Annotated[UUID | None, Query(description="该活动的签到表 the sign-in sheets of an activity")] = None,
) -> Page[ImportSummaryOut]:
    """本节点的导入记录，最近的在前；队长只看到签到表。Imports of the caller's own node, latest first."""
    query = select(imports).where(imports.c.node == caller.node, imports.c.kind.in_(_kinds(caller)))
    query = narrowed(query, (imports.c.subject, activity_id))
    return await page.fetch(read, query, [imports.c.id], _summary, descending=True)


@api.query("/v1/imports/{import_id}", permission="imports.read")
async def get_import(import_id: UUID, read: Read, caller: Caller) -> ImportSummaryOut:
    """一次导入的结果。What an import did."""
    return _summary(await _row(read, caller, import_id))


@api.query(
    "/v1/imports/{import_id}/file",
    permission="imports.read",
    response_class=Response,
)
async def get_import_file(import_id: UUID, read: Read, caller: Caller, vault: Vaulted) -> Response:
    """需要更正的行和原因，可更正后再次导入；只给上传者所在节点，过期销毁。

    The rows that were not taken, with the reasons; for the uploader's own node only, and destroyed when it expires.
    """
    row = await _row(read, caller, import_id)
    content = await results.file_of(read, vault, import_id)
    disposition = f'attachment; filename="{row.kind}-{import_id}.xlsx"'
    return Response(content, media_type=_XLSX, headers={"Content-Disposition": disposition})


async def _row(read: AsyncConnection, caller: Principal, import_id: UUID) -> Any:
    """An import of the caller's own node. Raises `NotFound`, `OutsideNode` or `MissingPermission`."""
    row = await results.found(read, import_id)
    if row is None:
        raise NotFound("import")
    if row.node != caller.node:
        raise OutsideNode
    if row.kind not in _kinds(caller):
        rosters = PERMISSIONS["imports.roster"]
        raise MissingPermission(permission=rosters.zh, permission_en=rosters.en)
    return row


def _kinds(caller: Principal) -> tuple[str, ...]:
    """A roster's rows say who people are and how to reach them: that is for those who may import one."""
    office = caller.role in PERMISSIONS["imports.roster"].roles
    return (_ROSTER, "sign_in_sheet") if office else ("sign_in_sheet",)


def _out(result: results.Result) -> ImportOut:
    return ImportOut(id=result.import_id, kind=result.kind, has_file=result.has_file, **result.stored())


def _summary(row: Any) -> ImportSummaryOut:
    return ImportSummaryOut(
        id=row.id,
        kind=row.kind,
        has_file=row.has_file,
        imported_at=row.imported_at,
        expires_at=row.expires_at,
        activity_id=row.subject,
        **row.result,
    )
