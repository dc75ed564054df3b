"""Route of the account of a community's teams over a period (活动物资台账), as a workbook."""

import asyncio
from datetime import date, timedelta
from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import Column, Select, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.node_names import named, names_of
from services.points.statements.api import XLSX
from services.points.supplies.held import held
from services.points.supplies.model import Stage
from services.points.supplies.sheet import Report, Row, workbook
from services.points.tables import items, supply_requests, supply_returns, supply_uses, teams
from shared.clock import day_start, local_day
from shared.contracts import Refusal, refuse_if
from shared.contracts.common import CommunityCode
from shared.contracts.supplies import SupplyFate
from shared.web import Api, Caller, Read
from shared.web.fields import Day

api = Api(tags=["supplies 活动物资"])

_RECORDS_MAX = 5000
_PERIOD_MAX = timedelta(days=366)
_FATES = {
    SupplyFate.USED_UP: "消耗 used up",
    SupplyFate.HANDED_OUT: "发给居民 handed out",
    SupplyFate.LOST: "遗失、损坏 lost",
}


class SuppliesPeriod(Refusal):
    """An account is of one period: a year at most, and not ending before it begins."""

    code: ClassVar[str] = "supplies_period"
    status: ClassVar[int] = 422


class ReportTooLong(Refusal):
    """More records than a workbook carries. Params: `records_max`."""

    code: ClassVar[str] = "supplies_report_too_long"
    status: ClassVar[int] = 422


@api.query("/v1/supplies/report.xlsx", permission="supplies.read", response_class=Response)
async def get_report(
    read: Read,
    caller: Caller,
    community: Annotated[CommunityCode, Query(description="社区 community")],
    since: Annotated[Day, Query(description="首日 first day")],
    until: Annotated[Day, Query(description="末日 last day")],
) -> Response:
    """活动物资台账：在手、发放和退回、使用。What teams have, were issued, brought back and used, as a spreadsheet."""
    caller.require(community)
    refuse_if(not timedelta(0) <= until - since <= _PERIOD_MAX, SuppliesPeriod)
    having = (await read.execute(held(community).order_by(teams.c.name, items.c.name))).all()
    asked, back, used = supply_requests.c, supply_returns.c, supply_uses.c
    issued = _of_days(supply_requests, asked.ended_at, community, since, until).where(asked.stage == Stage.ISSUED.value)
    issues = await _found(read, issued)
    brought = _of_days(supply_returns, back.returned_at, community, since, until).where(back.withdrawn_at.is_(None))
    returns = await _found(read, brought)
    uses = _of_days(supply_uses, used.used_at, community, since, until).where(used.withdrawn_at.is_(None))
    uses_found = await _found(read, uses)
    item_names = await _item_names(read, [*issues, *returns, *uses_found])
    report = Report(
        named(community, await names_of(read, [community])),
        since,
        until,
        [(row.team_name, row.name, row.piece, row.quantity) for row in having],
        sorted(
            [*_moved(issues, "发放 issued", item_names), *_moved(returns, "退回 brought back", item_names)],
            key=lambda row: str(row[0]),
        ),
        _used(uses_found, item_names),
    )
    await read.close()  # nothing of the database is kept waiting for the file
    content = await asyncio.to_thread(workbook, report)
    name = f"supplies-{community}-{since.isoformat()}-{until.isoformat()}.xlsx"
    return Response(content, media_type=XLSX, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _of_days(table: Table, moment: Column[Any], community: str, since: date, until: date) -> Select[Any]:
    named = table.join(teams, teams.c.team_id == table.c.team_id, isouter=True)
    query = select(table, moment.label("at"), teams.c.name.label("team_name")).select_from(named)
    within = moment >= day_start(since), moment < day_start(until + timedelta(days=1))
    return query.where(table.c.community == community, *within).order_by(moment, table.c.id)


async def _found(read: AsyncConnection, query: Select[Any]) -> list[Any]:
    rows = list((await read.execute(query.limit(_RECORDS_MAX + 1))).all())
    refuse_if(len(rows) > _RECORDS_MAX, ReportTooLong(records_max=_RECORDS_MAX))
    return rows


async def _item_names(read: AsyncConnection, records: list[Any]) -> dict[str, str]:
    wanted = {UUID(line["item_id"]) for record in records for line in record.lines}
    rows = await read.execute(select(items.c.id, items.c.name).where(items.c.id.in_(wanted)))
    return {str(row.id): row.name for row in rows}


def _moved(records: list[Any], what: str, names: dict[str, str]) -> list[Row]:
    return [
        (
            local_day(record.at),
            record.team_name,
            what,
            names.get(line["item_id"], line["item_id"]),
            line["quantity"],
            _activity(record),
        )
        for record in records
        for line in record.lines
    ]


def _used(records: list[Any], names: dict[str, str]) -> list[Row]:
    rows: list[Row] = []
    for record in records:
        for number, line in enumerate(record.lines):
            # People are counted once for each use, so that the column can be summed.
            reached = record.people_reached if number == 0 else None
            name, fate = names.get(line["item_id"], line["item_id"]), _FATES[SupplyFate(line["fate"])]
            day = local_day(record.at)
            rows.append((day, record.team_name, _activity(record), name, line["quantity"], fate, reached))
    return rows


def _activity(record: Any) -> str | None:
    activity_id = getattr(record, "activity_id", None)
    return None if activity_id is None else str(activity_id)
