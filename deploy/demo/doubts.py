"""Signs of invented hours: what the year raised, one of them decided, and what still waits for somebody to decide."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

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
    """Flags as they stand, and the one that was decided."""

    flags: list[Mapping[str, Any]]
    decided: Mapping[str, Any] | None


async def decide(clerks: Clerks, community: str) -> Doubts:
    """The desk that entered every list on paper in one go is looked into by another clerk: clumsy, but in order."""
    decided = None
    flags = await _flags(clerks, community)
    if burst := next((flag for flag in flags if flag["sign"] == "burst"), None):
        another, path = clerks.signed_in("community", "auditing-desk"), f"/v1/anomalies/{burst['id']}"
        await clerks.post("points", f"{path}/review", token=another)
        await clerks.post("points", f"{path}/dismissal", {"reason": "clerical"}, token=another)
        decided = await clerks.get("points", path)
        flags = [flag async for flag in clerks.every("points", "/v1/anomalies", node=community)]
    return Doubts(flags, decided)


async def _flags(clerks: Clerks, community: str) -> list[Any]:
    """They are looked for beside the ledger, so a moment later than it."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        flags = [flag async for flag in clerks.every("points", "/v1/anomalies", node=community)]
        if any(flag["sign"] == "burst" for flag in flags) or time.monotonic() > deadline:
            return flags
        await asyncio.sleep(_PAUSE_S)


def show(console: Console, found: Doubts) -> None:
    """Print it."""
    waiting = [flag for flag in found.flags if flag["stage"] in ("raised", "under_review")]
    counted = Counter(flag["sign"] for flag in waiting)
    table = Table("疑点 sign", "待决定 waiting", "例如 for example", title="时长疑点 Signs of invented hours")
    for sign, count in counted.most_common():
        example = next(flag for flag in waiting if flag["sign"] == sign)
        table.add_row(_SIGNS.get(sign, sign), str(count), example["text"])
    if not waiting:
        table.add_row("—", "0", "没有待决定的疑点 nothing waits for a decision")
    console.print(table)
    if found.decided is not None:
        console.print(
            f"已处理 decided：{_SIGNS['burst']}，{found.decided['records_count']} 条记录 records，"
            "纸质签到表由一人集中录入，经另一人核查属实，予以排除 "
            "paper lists typed in one go, looked into by somebody else and dismissed"
        )
    console.print("疑点只是提示，不扣时长；是否冻结由人决定。A sign takes nothing away; people decide.\n")
