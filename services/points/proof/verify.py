"""`verify`: the live ledger against itself, and the read tables against this service's own events."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from sqlalchemy import text

from services.points.app import read_views
from services.points.ledger.schema import LIVE
from services.points.proof.checks import Check, check_tables, ledger_sum, net_effects, sound
from services.points.seals.proving import broken_days, broken_links
from shared.database import driver_connection
from shared.service import Service
from shared.views import ONE_MOMENT, differing_read_tables

console = Console(highlight=False, soft_wrap=True)


async def verify(service: Service) -> int:
    """Look at everything that must hold, print each, and give 0 when all of it does. The service goes on meanwhile."""
    await service.require_schema()
    async with service.database.reading() as connection:
        await connection.execute(text(ONE_MOMENT))
        db = await driver_connection(connection)
        checks = [*await check_tables(db, LIVE), *await check_seals(db)]
        effects = await net_effects(db, LIVE)
        transfers = await db.fetchval(f"SELECT count(*) FROM {LIVE}.transfers")
        total = await ledger_sum(db, LIVE)
    async with service.database.reading() as connection:
        _, differing = await differing_read_tables(connection, read_views)
    print_checks(console, checks)
    for table in differing:
        console.print(f"[red]读模型与事件不一致 read table differs from the events: {table}[/red]")
    good = not differing and sound(checks)
    outcome = "账本正确 ledger verified" if good else "[red]账本有误 ledger is broken[/red]"
    console.print(
        f"points: {outcome} — 流水 transfers {transfers}, 合计 ledger sum {total}, 哈希 hash {effects.digest[:16]}"
    )
    return 0 if good else 1


async def check_seals(db: Any) -> list[Check]:
    """The chain of every community's seals, and every sealed day against the ledger."""
    return [
        Check("seal_chain", "封存首尾相接", "seals are one chain for each community", await broken_links(db)),
        Check("seals", "封存与账本一致", "sealed days are what they were when they were sealed", await broken_days(db)),
    ]


def print_checks(to: Console, checks: Sequence[Check]) -> None:
    """A line for each check."""
    for check in checks:
        verdict = "[green]✓[/green]" if check.breaks == 0 else f"[red]✗ {check.breaks}[/red]"
        to.print(f"  {verdict} {check.zh} {check.en}")
