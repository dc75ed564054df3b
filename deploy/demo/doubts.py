"""Signs of invented hours: what the year raised, one of them decided, and what still waits for somebody to decide."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from deploy.demo.clients import Clerks

_PATIENCE_S = 20.0
_PAUSE_S = 0.5
_SIGNS = {
    "burst": "短时间内大量确认 confirmed in a burst",
    "back_office": "结束后集中补录签到 entered after the end",
    "impossible_day": "一日时长过多 too much for a day",
    "round_the_clock": "昼夜连续服务 round the clock",
    "overlap": "同时在两处 in two places at once",
    "ring": "互相确认时长 for each other",
}


@dataclass(frozen=True, slots=True)
class Doubts:
    """Flags as they stand, and what was done about two of them."""

    flags: list[Mapping[str, Any]]
    dismissed: Mapping[str, Any] | None
    held: Mapping[str, Any] | None


async def decide(clerks: Clerks, community: str) -> Doubts:
    """Another clerk than who confirmed looks: lists on paper typed in one go are in order, a long day is not yet."""
    flags = {flag["sign"]: flag for flag in await _flags(clerks, community)}
    another = clerks.signed_in("community", "auditing-desk")
    seen: dict[str, Any] = {}
    for sign, command, body in (("burst", "dismissal", {"reason": "clerical"}), ("impossible_day", "hold", None)):
        if sign in flags:
            path = f"/v1/anomalies/{flags[sign]['id']}"
            await clerks.post("points", f"{path}/review", token=another)
            await clerks.post("points", f"{path}/{command}", body, token=another)
            seen[sign] = await clerks.get("points", path)
    now = [flag async for flag in clerks.every("points", "/v1/anomalies", limit=100, node=community)]
    return Doubts(now, seen.get("burst"), seen.get("impossible_day"))


async def _flags(clerks: Clerks, community: str) -> list[Any]:
    """They are looked for beside the ledger, so a moment later than it."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        flags = [flag async for flag in clerks.every("points", "/v1/anomalies", limit=100, node=community)]
        if {"burst", "impossible_day"} <= {flag["sign"] for flag in flags} or time.monotonic() > deadline:
            return flags
        await asyncio.sleep(_PAUSE_S)


def show(console: Console, found: Doubts) -> None:
    """Print it."""
    waiting = [flag for flag in found.flags if flag["stage"] in ("raised", "under_review")]
    counted = Counter(flag["sign"] for flag in waiting)
    table = Table(
        "疑点 sign",
        "待决定 waiting",
        Column("例如 for example", overflow="fold"),
        title="时长疑点 Signs of invented hours",
    )
    for sign, count in counted.most_common():
        example = next(flag for flag in waiting if flag["sign"] == sign)
        table.add_row(_SIGNS.get(sign, sign), str(count), example["text"])
    if not waiting:
        table.add_row("—", "0", "没有待决定的疑点 nothing waits for a decision")
    console.print(table)
    if found.held is not None:
        points = sum(held["points"] for held in found.held["held"])
        console.print(f"核查中，已冻结 under review, held：{points} 积分 points（{_SIGNS['impossible_day']}）")
    if found.dismissed is not None:
        console.print(
            f"已排除 dismissed：{_SIGNS['burst']}，{found.dismissed['records_count']} 条记录 records。"
            "纸质签到表由一人集中录入，另一人核查属实 lists on paper typed in one go, looked into by somebody else"
        )
    console.print("疑点只是提示，不扣时长；是否冻结由人决定。A sign takes nothing away; people decide.\n")
