"""The public page on which whoever holds a receipt sees what became of the gift: numbers, and nobody."""

from collections.abc import Mapping
from datetime import date
from html import escape
from typing import Annotated, Any, Final

from fastapi import Path, Query
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from services.points.donations.outcome import LineOutcomeOut, outcomes_of
from services.points.fields import Clocked
from services.points.market.tracing import Outcome
from services.points.node_names import named, names_of
from services.points.papers import Paper, code_is_right
from services.points.public_page import NOT_FOUND, listed, no_such_paper, public_page
from services.points.tables import donations
from shared.clock import local_day
from shared.web import Api, Read, Vaulted

api = Api(tags=["donations 捐赠"])

_TITLE: Final = ("捐赠物资的去向", "What became of a gift")

_VOID: Final = (
    "<p>登记有误，或物资已退回，这张收据已经作废，没有去向可查。有疑问请联系接收单位。</p>"
    '<p lang="en">It was entered wrongly, or the goods were given back: the receipt is void, and there is nothing to'
    " follow. Ask whom it says it was received by.</p>"
)

_WORDS: Final[Mapping[Outcome, str]] = {
    Outcome.ON_THE_SHELF: "在货架上 On the shelf",
    Outcome.GIVEN_IN_AID: "救助困难家庭 Given in aid",
    Outcome.REDEEMED: "志愿者兑换 Redeemed by volunteers",
    Outcome.SOLD: "售出 Sold",
    Outcome.HANDED_OUT: "服务队活动中发给居民 Handed out in an activity of",
    Outcome.USED_UP: "服务队活动使用 Used in an activity of",
    Outcome.WITH_TEAM: "在服务队手中 In the hands of",
    Outcome.LOST: "盘亏、损坏或变质 Lost, damaged or spoilt",
}
"""What has a team is told with its name, which is public."""


@api.public("/donations/{number}", permission="donations.follow", response_class=HTMLResponse, responses=NOT_FOUND)
async def follow(
    number: Annotated[str, Path(max_length=40, description="收据编号 receipt number")],
    read: Read,
    vault: Vaulted,
    clock: Clocked,
    code: Annotated[str, Query(max_length=40, description="核验码 check code, printed in the QR code")] = "",
) -> HTMLResponse:
    """捐赠物资的去向：各有多少，不显示任何人。What became of a gift; nobody is named, the donor included."""
    row = None
    if code_is_right(vault, Paper.RECEIPT, number, code):
        row = (await read.execute(select(donations).where(donations.c.receipt_number == number))).first()
    if row is None:
        return no_such_paper(*_TITLE)
    community = named(row.community, await names_of(read, [row.community]))
    return public_page(*_TITLE, _content(row, community, await outcomes_of(read, row), local_day(clock())))


def _content(row: Any, community: str, lines: list[LineOutcomeOut], day: date) -> str:
    about = [
        ("收据编号 Receipt", row.receipt_number),
        ("接收单位 Received by", community),
        ("收到日期 Received on", local_day(row.received_at)),
        ("去向截至 As of", day),
    ]
    if row.reversed_at is not None:
        return listed([*about, ("收据已作废 Receipt void since", local_day(row.reversed_at))]) + _VOID
    return listed(about) + "".join(_line(line) for line in lines)


def _line(line: LineOutcomeOut) -> str:
    pieces: dict[tuple[Outcome, str], int] = {}
    for found in line.outcomes:
        # Which team lost something is for the office.
        team = found.team_name if found.outcome is not Outcome.LOST else None
        pieces[found.outcome, team or ""] = pieces.get((found.outcome, team or ""), 0) + found.pieces
    order = {outcome: place for place, outcome in enumerate(_WORDS)}
    shown = [("捐赠 Given", f"{line.given} 件")]
    for (outcome, team), n in sorted(pieces.items(), key=lambda one: (order[one[0][0]], one[0][1])):
        shown.append((f"{_WORDS[outcome]}{f' {team}' if team else ''}", f"{n} 件"))
    return f"<section><h2>{escape(line.name)}</h2>{listed(shown)}</section>"
