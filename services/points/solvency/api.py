"""Routes of solvency: the numbers, the plot, and both on paper."""

from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.node_names import names_of
from services.points.policy.in_force import InForce, PoliciesInForce
from services.points.solvency.answers import SolvencyOut, answer
from services.points.solvency.model import Assumptions
from services.points.solvency.plot import age_words, in_words, place, plot
from services.points.solvency.reading import found_in
from shared.auth.tokens import Principal
from shared.clock import SHANGHAI, local_day, system_clock
from shared.contracts import NodeCode
from shared.database import driver_connection
from shared.printing import PDF, print_pdf
from shared.web import Api, Caller, Read
from shared.web.problems import Texts

api = Api(tags=["solvency 支付能力"])

_TEMPLATE: Final = Path(__file__).with_name("solvency.typ")
_SVG: Final = "image/svg+xml"

Node = Annotated[NodeCode, Query(description="组织节点 node")]
Draw = Annotated[
    int,
    Query(
        ge=0,
        le=100,
        description="尚无支取记录的年龄段，假定每年支取百分之几 percent drawn a year where nothing was observed yet",
    ),
]


@api.query("/v1/solvency", permission="solvency.read")
async def get_solvency(
    request: Request, read: Read, caller: Caller, in_force: InForce, node: Node, assumed_draw_percent: Draw = 10
) -> SolvencyOut:
    """时间银行支付能力：各年龄段持有多少，谁在服务，未来五年供给能否满足需求。

    Who holds minutes and who serves, by age, and whether supply meets demand in the next five years; with everything
    that is assumed.
    """
    return await _found(request, read, caller, in_force, node, assumed_draw_percent)


@api.query("/v1/solvency/plot.svg", permission="solvency.read", response_class=Response)
async def get_plot(
    request: Request, read: Read, caller: Caller, in_force: InForce, node: Node, assumed_draw_percent: Draw = 10
) -> Response:
    """同一结果的图。The same as a plot."""
    found = await _found(request, read, caller, in_force, node, assumed_draw_percent)
    return Response(
        plot(found),
        media_type=_SVG,
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
    )


@api.query("/v1/solvency/report.pdf", permission="solvency.read", response_class=Response)
async def get_report(
    request: Request, read: Read, caller: Caller, in_force: InForce, node: Node, assumed_draw_percent: Draw = 10
) -> Response:
    """图、数字和假定的打印件（PDF）。Plot, numbers and assumptions on paper."""
    found = await _found(request, read, caller, in_force, node, assumed_draw_percent)
    await read.close()  # nothing of the database is kept waiting for the press
    content = await print_pdf(_TEMPLATE, _on_paper(found))
    name = f"solvency-{found.node}-{found.day}.pdf"
    return Response(content, media_type=PDF, headers={"Content-Disposition": f'attachment; filename="{name}"'})


async def _found(
    request: Request,
    read: AsyncConnection,
    caller: Principal,
    in_force: PoliciesInForce,
    node: str,
    percent: int,
) -> SolvencyOut:
    caller.require(node)
    today = local_day(system_clock())
    db = await driver_connection(read)
    # A policy of the node itself, or of one above; its communities may have others, which the answer says.
    terms = await in_force.terms(read, node, today)
    found = await found_in(db, node, today)
    assumptions = Assumptions(terms.time_bank.spend_from_age.value, percent, found.earned_share)
    texts: Texts = request.app.state.texts
    name = (await names_of(read, [node])).get(node)
    return answer(node, name, today, found, assumptions, texts)


def _on_paper(found: SolvencyOut) -> dict[str, Any]:
    printed = system_clock().astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    return {
        "title": {"zh": "时间银行支付能力", "en": "Solvency of the time bank"},
        "about": f"{place(found)} · {found.day.isoformat()}",
        "foot": f"{place(found)} · {printed}",
        "plot": plot(found, titled=False),
        "alt": in_words(found),
        "years": {
            "head": ["至 until", "年末持有 held (h)", "需求 demand (h)", "可提供 supply (h)", "覆盖率 coverage"],
            "rows": [
                [
                    year.until.isoformat(),
                    _hours(year.outstanding_minutes),
                    _hours(year.demanded_minutes),
                    _hours(year.supplied_minutes),
                    "—" if year.coverage_percent is None else f"{year.coverage_percent:g}%",
                ]
                for year in found.years
            ],
        },
        "groups": {
            "head": [
                "年龄 age", "持有人 holders", "持有 held (h)", "年支取 drawn", "志愿者 volunteers", "年服务 served (h)",
            ],
            "rows": [
                [
                    age_words(group.age_from),
                    f"{group.holders:,}",
                    _hours(group.balance_minutes),
                    f"{group.draw_percent:g}%{'' if group.draw_observed or not group.draw_percent else ' *'}",
                    f"{group.volunteers:,}",
                    _hours(group.served_minutes),
                ]
                for group in found.groups
            ],
        },
        "assumed": "推算所依据的假定（* 为假定的比例） What is assumed (* marks assumed rates)",
        "assumptions": [assumption.model_dump() for assumption in found.assumptions],
    }  # fmt: skip


def _hours(minutes: int) -> str:
    return f"{minutes // 60:,}"
