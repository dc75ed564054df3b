"""Supplies of a team: a gift of medicines goes through the free clinic's team to residents, and the donor is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.demo.clients import Clerks, Refused
from deploy.demo.year import Team

_ITEM, _PRICE = "常用药品包（演示）", 30
_GIVEN, _ISSUED, _HANDED_OUT, _USED_UP, _BACK, _REACHED = 120, 110, 96, 4, 6, 83
_FATES = {
    "handed_out": "活动中发给居民 handed out in the activity",
    "used_up": "活动消耗 used up in the activity",
    "with_team": "仍在服务队手中 still with the team",
    "on_the_shelf": "在货架上 on the shelf",
}


@dataclass(frozen=True, slots=True)
class Supplies:
    """What there is to show."""

    team: str
    activity: str
    refused: str
    lines: Sequence[Mapping[str, Any]]
    """The team's account, explained, oldest first."""
    outcomes: Sequence[Mapping[str, Any]]
    """What the donor is told."""


async def issue(clerks: Clerks, community: str, teams: Sequence[Team]) -> Supplies:
    """Through the public API: donated, asked for, approved by a second person, issued, used, the rest brought back."""
    team, activity = await _clinic(clerks, teams)
    donor = {"community": community, "kind": "firm", "name": "演示药房（合成）"}
    donor_id = (await clerks.post("points", "/v1/donors", donor))["id"]
    listed = {"community": community, "name": _ITEM, "price_points": _PRICE}
    item = (await clerks.post("points", "/v1/items", listed))["id"]
    gift = {"donor_id": donor_id, "lines": [{"item_id": item, "quantity": _GIVEN}]}
    donation = (await clerks.post("points", "/v1/donations", gift))["id"]

    asked = {"team_id": team.id, "activity_id": activity["id"], "lines": [{"item_id": item, "quantity": _ISSUED}]}
    path = f"/v1/supplies/requests/{(await clerks.post('points', '/v1/supplies/requests', asked))['id']}"
    try:
        await clerks.post("points", f"{path}/approval")
    except Refused as refused:
        if not refused.detail:
            raise
        own = refused.detail
    else:
        raise Refused("申领人竟批准了自己的申领 somebody approved a request of their own")
    await clerks.post("points", f"{path}/approval", token=clerks.signed_in("community", "supplies-desk"))
    await clerks.post("points", f"{path}/issue")
    used = [
        {"item_id": item, "quantity": _HANDED_OUT, "fate": "handed_out"},
        {"item_id": item, "quantity": _USED_UP, "fate": "used_up"},
    ]
    use = {"team_id": team.id, "activity_id": activity["id"], "people_reached": _REACHED, "lines": used}
    await clerks.post("points", "/v1/supplies/uses", use)
    back = {"team_id": team.id, "lines": [{"item_id": item, "quantity": _BACK}]}
    await clerks.post("points", "/v1/supplies/returns", back)

    account = await clerks.get("points", f"/v1/accounts/team:{team.id}/ITEM:{item}/explanation")
    outcome = await clerks.get("points", f"/v1/donations/{donation}/outcome")
    return Supplies(team.name, activity["title"], own, account["items"][::-1], outcome["lines"][0]["outcomes"])


async def _clinic(clerks: Clerks, teams: Sequence[Team]) -> tuple[Team, Mapping[str, Any]]:
    """A team that sees to people's health, and its last activity."""
    for team in teams:
        if team.kind == "health":
            held = await clerks.get("registry", "/v1/activities", team_id=team.id, stage="completed", limit=1)
            if held["items"]:
                return team, held["items"][0]
    raise Refused("没有办过活动的卫生服务队 no team for health has held an activity")


def show(console: Console, found: Supplies) -> None:
    """Print it."""
    title = f"活动物资 Supplies：{found.team}，活动 activity“{found.activity}”"
    table = Table("说明 in words", "增减 change", "在手 has", title=title)
    for line in found.lines:
        table.add_row(line["text"], f"{line['amount']:+d}", str(line["balance_after"]))
    console.print(table)
    console.print(f"申领人自己批准，不予受理 refused：{found.refused}")
    told = "；".join(f"{_FATES.get(one['outcome'], one['outcome'])} {one['pieces']}" for one in found.outcomes)
    console.print(f"捐赠人看到的去向 what the donor is told（{_GIVEN} 件 pieces）：{told}\n", soft_wrap=True)
