"""The year as people want to see it: by team, by month, who gave most, what was handed out, the six zeros."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from deploy.demo.clients import Clerks
from shared.clock import SHANGHAI

STARS_NATIONAL_HOURS = (100, 300, 600, 1000, 1500)
"""National default (注册管理办法 18), one to five stars; granted on application and on quality besides."""
STARS_SMALL_HOURS = (10, 20, 30, 40, 50)
"""As some communities grade their own, after three months' membership."""
_BLIND_AFTER = timedelta(days=30)
_TEAMS_SHOWN = 12


@dataclass(slots=True)
class Figures:
    """What was read from the services for the report."""

    teams: list[dict[str, Any]]
    activities: list[dict[str, Any]]
    shifts: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    case_list: list[dict[str, Any]]
    redemptions: list[dict[str, Any]]
    items: dict[str, str]
    minutes: dict[str, int]
    """Minutes of confirmed service by volunteer."""
    points: dict[str, int]
    explained: dict[str, Any]
    """Why the points of one volunteer are what they are."""
    blind_cells: int
    cells: int
    team_places: list[dict[str, Any]]
    """The leaderboard of teams."""


async def collect(clerks: Clerks, community: str, people: set[str]) -> Figures:
    """Ask the four services."""

    async def balances(unit: str) -> dict[str, int]:
        accounts = clerks.every("points", "/v1/accounts", community=community, unit=unit)
        return {a["holder"]: a["posted"] async for a in accounts if a["holder"] in people}

    today = datetime.now(SHANGHAI).date()
    year = {"since": (today - timedelta(days=364)).isoformat(), "until": today.isoformat()}
    since = (datetime.now(UTC) - _BLIND_AFTER).isoformat()
    blind = [c async for c in clerks.every("grid_patrol", "/v1/cells", within=community, not_covered_since=since)]
    redemptions = [r async for r in clerks.every("points", "/v1/redemptions", community=community)]
    points = await balances("POINT")
    # Somebody who has redeemed something: the account with the most to tell.
    someone = max((r["volunteer_id"] for r in redemptions), key=lambda v: (points[v], v))
    return Figures(
        teams=[t async for t in clerks.every("registry", "/v1/teams", node=community)],
        activities=[a async for a in clerks.every("registry", "/v1/activities", node=community)],
        shifts=await clerks.get("grid_patrol", "/v1/shifts/figures", within=community),
        cases=await clerks.get("mediation", "/v1/cases/figures", within=community),
        case_list=[c async for c in clerks.every("mediation", "/v1/cases", within=community)],
        redemptions=redemptions,
        items={i["id"]: i["name"] async for i in clerks.every("points", "/v1/items", community=community)},
        minutes=await balances("SERVICE_MINUTE"),
        points=points,
        explained=await clerks.get("points", f"/v1/accounts/{someone}/POINT/explanation", limit=2000),
        blind_cells=len(blind),
        cells=len([c async for c in clerks.every("grid_patrol", "/v1/cells", within=community)]),
        team_places=(
            await clerks.get("points", "/v1/leaderboards/teams", community=community, **year, limit=_TEAMS_SHOWN)
        )["items"],
    )


def show(console: Console, figures: Figures, numbers: dict[str, str]) -> None:
    """Print it."""
    _by_team(console, figures)
    _by_month(console, figures)
    _people(console, figures, numbers)
    _market(console, figures)
    explained(console, figures.explained, numbers)


def _by_team(console: Console, figures: Figures) -> None:
    done = Counter(a["team_id"] for a in figures.activities if a["stage"] == "completed")
    table = Table(
        "名次 rank",
        "服务队 team",
        "人数 members",
        "活动 activities",
        "队员服务时长 hours of its members",
        title=f"服务队排行，前 {_TEAMS_SHOWN} 名 Leaderboard of teams",
    )
    for place in figures.team_places:
        activities = str(done[place["team_id"]] or "—")  # patrols go out in shifts, not activities
        hours = f"{place['minutes'] / 60:,.0f}"
        table.add_row(str(place["rank"]), place["name"], str(place["members"]), activities, hours)
    console.print(table)
    console.print(f"全部 {len(figures.teams)} 支 all teams; 一人可在几支队伍 people may belong to several\n")


def _by_month(console: Console, figures: Figures) -> None:
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for activity in figures.activities:
        if activity["stage"] == "completed":
            rows[_local_month(activity["planned_start"])]["activities"] += 1
    for shift in figures.shifts:
        month = rows[str(shift["month"])[:7]]
        month["shifts"] += shift["logged"]
        month["patrol"] += shift["minutes"]
    for case in figures.cases:
        month = rows[str(case["month"])[:7]]
        month["filed"] += case["filed"]
        month["resolved"] += case["resolved_written"] + case["resolved_oral"]
    table = Table(
        "月份 month",
        "活动 activities",
        "巡防班次 shifts",
        "巡防小时 patrol h",
        "纠纷立案 disputes",
        "化解 resolved",
        title="各月 By month",
    )
    for name in sorted(rows):
        row = rows[name]
        table.add_row(
            name,
            str(row["activities"]),
            str(row["shifts"]),
            f"{row['patrol'] / 60:.0f}",
            str(row["filed"]),
            str(row["resolved"]),
        )
    console.print(table)


def _people(console: Console, figures: Figures, numbers: dict[str, str]) -> None:
    ranked = sorted(figures.minutes.items(), key=lambda item: (-item[1], item[0]))
    table = Table(
        "志愿者编号 number", "服务时长 hours", "积分 points", title="服务时长前十 Top volunteers (合成 synthetic)"
    )
    for volunteer, minutes in ranked[:10]:
        table.add_row(numbers[volunteer], f"{minutes / 60:.1f}", str(figures.points.get(volunteer, 0)))
    console.print(table)
    stars = Table("星级标准 standard", "★", "★★", "★★★", "★★★★", "★★★★★", title="按时长可申请 By hours alone")
    standards = {"全国默认 national default": STARS_NATIONAL_HOURS, "小社区 small community": STARS_SMALL_HOURS}
    for name, thresholds in standards.items():
        reached = [sum(minutes >= hours * 60 for _, minutes in ranked) for hours in thresholds]
        exactly = [many - more for many, more in zip(reached, [*reached[1:], 0], strict=True)]
        stars.add_row(name, *map(str, exactly))
    console.print(stars)


def _market(console: Console, figures: Figures) -> None:
    stages = Counter(r["stage"] for r in figures.redemptions)
    collected = Counter(figures.items[r["item_id"]] for r in figures.redemptions if r["stage"] == "collected")
    points = sum(r["points"] for r in figures.redemptions if r["stage"] == "collected")
    table = Table("物品 item", "领取 collected", title="爱心超市兑换 Redemptions")
    for name, count in collected.most_common():
        table.add_row(name, str(count))
    console.print(table)
    console.print(
        f"共兑换 collected {stages['collected']} 次，{points} 积分 points；取消 cancelled {stages['cancelled']} 次\n"
    )


def explained(console: Console, found: dict[str, Any], numbers: dict[str, str]) -> None:
    """One account in words: of every reason on it the latest line, so the balances do not follow each other."""
    table = Table(
        "增减 change",
        "当时余额 balance then",
        Column("说明 why", overflow="fold"),
        title="为什么是这么多：每种原因各举一例 Why a balance is what it is: an example of each reason",
    )
    by_reason: dict[str, dict[str, Any]] = {}
    for line in reversed(found["items"]):
        by_reason[line["reason"]] = line
    for line in sorted(by_reason.values(), key=lambda line: (line["occurred_at"], line["id"])):
        table.add_row(f"{line['amount']:+d}" if line["amount"] else "0", str(line["balance_after"]), line["text"])
    console.print(table)
    console.print(
        f"以上是从 {len(found['items'])} 笔中挑出的例子，不是连续的流水 "
        f"picked from {len(found['items'])} lines, which do not follow each other"
    )
    console.print(f"志愿者 volunteer {numbers[found['holder']]}: {found['text']}\n")


def zeros(console: Console, figures: Figures, corrections: int) -> None:
    """The community's six promises, as far as they can be told from what is recorded."""
    totals: Counter[str] = Counter()
    for case in figures.cases:
        for name in ("filed", "open", "resolved_written", "resolved_oral", "failed", "withdrawn", "declined"):
            totals[name] += case[name]
    resolved = totals["resolved_written"] + totals["resolved_oral"]
    from_patrol = sum(case["origin"] == "patrol_finding" for case in figures.case_list)
    months = Counter(_local_month(a["planned_start"]) for a in figures.activities if a["stage"] == "completed")
    halves = [sum(months[m] for m in part) for part in _halves(sorted(months))]
    table = Table("六零 six zeros", "数字 figure", "由何而来 from", title="六零指标 What can be computed so far")
    later = "—"
    table.add_row("零距离", later, "需求与走访尚未登记 needs and visits are not recorded yet")
    table.add_row(
        "零盲点",
        f"{figures.blind_cells} / {figures.cells} 网格 cells",
        f"{_BLIND_AFTER.days} 天内没有巡到 not covered within {_BLIND_AFTER.days} days",
    )
    table.add_row("零缺失", later, "重点人群需求尚未登记 needs of key groups are not recorded yet")
    table.add_row(
        "零激化",
        f"{totals['failed']} / {totals['filed']} 未达成 failed",
        f"化解 resolved {resolved}，撤回 withdrawn {totals['withdrawn']}，未结 open {totals['open']}，"
        f"巡防发现 from patrols {from_patrol}",
    )
    table.add_row("零差错", f"{corrections} 次更正 corrections", "已确认服务记录的更正 corrected service records")
    change = f"{(halves[1] - halves[0]) / halves[0]:+.0%}" if halves[0] else later
    table.add_row("零起点", change, f"下半年活动比上半年 activities, second half ({halves[1]}) on first ({halves[0]})")
    console.print(table)
    console.print(f"矛盾纠纷化解 disputes resolved: {resolved}\n")


def _halves(months: list[str]) -> tuple[list[str], list[str]]:
    middle = len(months) // 2
    return months[:middle], months[len(months) - middle :]


def _local_month(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(SHANGHAI).strftime("%Y-%m")
