"""`rebuild`: replay everything beside the live service, compare, and on demand put the result in its place.

The live service goes on while the replay runs. For the last stretch it is held still: no event can be consumed and no
account moved, the replay catches up with what came in the meantime, and both ledgers know exactly the same events.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import text

from services.points.app import SOURCES, read_views
from services.points.ledger.schema import LIVE, REBUILT, TABLES, switch_to_rebuilt
from services.points.proof.checks import Check, check_tables, ledger_sum, net_effects
from services.points.proof.replay import Replay
from services.points.proof.verify import differing_read_tables, print_checks
from services.points.restatements.rounds import RestatementRounds, parts_left
from shared.database import driver_connection
from shared.eventstore import keep_writers_out
from shared.service import Service

console = Console(highlight=False, soft_wrap=True)

_LOCK = 4995421788
_LIVE_CATCHES_UP_S_MAX = 120.0
_SHOWN_MAX = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the two ledgers have in common, and what not."""

    live_digest: str
    rebuilt_digest: str
    accounts: list[str]
    """Accounts with different balances, the first few."""
    effects: list[str]
    """Events with different net effects, the first few."""
    read_tables: list[str]
    checks: list[Check]
    """What was looked at in the rebuilt ledger."""
    transfers: int
    ledger_sum: int
    """Credits less debits of the live ledger, of the unit where they differ most; 0 is good."""
    unheard: int
    """Events that live has consumed and no topic holds any more."""

    @property
    def identical(self) -> bool:
        """Nothing differs, and the rebuilt ledger is sound in itself."""
        same = self.live_digest == self.rebuilt_digest and not self.accounts and not self.read_tables
        return same and not self.unheard and all(check.breaks == 0 for check in self.checks)


async def rebuild(service: Service, *, switch: bool = False) -> int:
    """Replay, compare, and with `switch` put the rebuilt tables in place of the live ones.

    0 when identical, 1 when not, 2 while another rebuild fills the tables beside the live ones.
    """
    await service.require_schema()
    first, second, third = [await service.database.dedicated() for _ in range(3)]
    started = time.monotonic()
    try:
        if not await first.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            console.print("[red]points: 另一个重建正在运行 another rebuild is running[/red]")
            return 2
        # What is being restated is in the replay as a whole.
        await RestatementRounds(service.database, interval_s=1).finish()
        replay = Replay((first, second, third), service.settings, SOURCES)
        await replay.prepare()
        await _replay(service, replay)
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(service.database.transaction())
            live = await _hold_still(connection)
            async with service.database.reading() as reading:
                await replay.own_events(reading)
            await replay.topics(await _parked(live), only_what_live_knows=True)
            await replay.db.execute(f"ANALYZE {', '.join(f'{REBUILT}.{table}' for table in TABLES)}")
            if await parts_left(live):
                console.print(
                    "[red]points: 重建期间又有追溯调整，请重新运行 restated meanwhile, please run again[/red]"
                )
                return 1
            found = await _compare(connection, live, replay)
            _report(found, replay, time.monotonic() - started)
            if switch and found.unheard:
                console.print("[red]points: 主题不完整，没有切换 topics incomplete, not switched: `republish`[/red]")
            elif switch:
                await _switch(connection, live)
        if not switch and found.identical:
            await replay.db.execute(f"DROP SCHEMA {REBUILT} CASCADE")
        return 0 if found.identical else 1
    finally:
        for mine in (first, second, third):
            await mine.close()


async def _replay(service: Service, replay: Replay) -> None:
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("points: 重放事件 replaying", total=None)
        async with service.database.reading() as connection:
            own = await replay.own_events(connection)
            parked = await _parked(await driver_connection(connection))
        await replay.topics(parked, lambda done, total: bar.update(task, completed=own + done, total=own + total))
        # What came meanwhile, so that little is left to do while nobody may write.
        async with service.database.reading() as connection:
            await replay.own_events(connection)
    await _until_live_knows(service)


async def _parked(db: Any) -> frozenset[tuple[str, int, int]]:
    rows = await db.fetch("SELECT topic, partition, log_offset FROM parked")
    return frozenset((row[0], row[1], row[2]) for row in rows)


async def _until_live_knows(service: Service) -> None:
    """Wait, for a while, until the live consumer has taken what the replay took. A stopped one never will."""
    deadline = time.monotonic() + _LIVE_CATCHES_UP_S_MAX
    query = text(
        f"SELECT count(*) FROM {REBUILT}.consumed AS r"
        " WHERE NOT EXISTS (SELECT FROM public.consumed AS c WHERE c.event_id = r.event_id)"
    )
    behind, moved_at = -1, time.monotonic()
    while time.monotonic() < deadline:
        async with service.database.reading() as connection:
            missing = int(await connection.scalar(query) or 0)
        if missing == 0:
            return
        if missing != behind:
            behind, moved_at = missing, time.monotonic()
        elif time.monotonic() - moved_at > 10:
            break
        await asyncio.sleep(0.2)
    console.print(
        f"[yellow]在线服务还有 {behind} 个事件没有处理 the live service has not taken {behind} events yet[/yellow]"
    )


async def _hold_still(connection: Any) -> Any:
    """Let no event be consumed, no account be moved, and no event be appended, until the transaction ends.

    In this order: whoever consumes locks `consumed` before accounts, and whoever commands locks accounts before it
    appends. Taken the other way round, we and they would wait for each other.
    """
    await keep_writers_out(connection)
    # Catching up takes as long as it takes; the server must not think that we have been forgotten.
    await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    await connection.execute(text("LOCK TABLE public.consumed IN SHARE MODE"))
    await connection.execute(text(f"LOCK TABLE {LIVE}.accounts IN EXCLUSIVE MODE"))
    await connection.execute(text("SELECT pg_advisory_xact_lock(append_lock())"))
    return await driver_connection(connection)


async def _compare(connection: Any, db: Any, replay: Replay) -> Comparison:
    one, other, _ = replay.connections
    async with asyncio.TaskGroup() as side_by_side:
        of_live = side_by_side.create_task(net_effects(db, LIVE))
        of_rebuilt = side_by_side.create_task(net_effects(one, REBUILT))
        checks = side_by_side.create_task(check_tables(other, REBUILT))
    live, rebuilt = of_live.result(), of_rebuilt.result()
    buckets = live.buckets.keys() | rebuilt.buckets.keys()
    differing = [b for b in sorted(buckets) if live.buckets.get(b) != rebuilt.buckets.get(b)]
    return Comparison(
        live_digest=live.digest,
        rebuilt_digest=rebuilt.digest,
        accounts=[f"{r[0]}/{r[1]}: {r[2]} ≠ {r[3]}" for r in await db.fetch(_DIFFERENT_BALANCES, _SHOWN_MAX)],
        effects=[str(r[0]) for r in await db.fetch(_DIFFERENT_EFFECTS, differing, _SHOWN_MAX)] if differing else [],
        read_tables=await differing_read_tables(connection, read_views),
        checks=checks.result(),
        transfers=await db.fetchval(f"SELECT count(*) FROM {REBUILT}.transfers"),
        ledger_sum=await ledger_sum(db, REBUILT),
        unheard=await db.fetchval(
            f"SELECT count(*) FROM public.consumed AS c LEFT JOIN {REBUILT}.consumed AS r USING (event_id)"
            " WHERE r.event_id IS NULL"
        ),
    )


def _report(found: Comparison, replay: Replay, seconds: float) -> None:
    print_checks(console, found.checks)
    for what, items in (
        ("余额不同 different balances", found.accounts),
        ("事件影响不同 events with different effects", found.effects),
        ("读模型不同 different read tables", found.read_tables),
    ):
        for item in items:
            console.print(f"[red]{what}: {item}[/red]")
    if found.unheard:
        console.print(f"[red]主题中缺少的事件 events missing in the topics: {found.unheard}[/red]")
    outcome = "重建一致 rebuild identical" if found.identical else "[red]重建不一致 rebuild differs[/red]"
    console.print(
        f"points: {outcome} — 事件 events {replay.applied}, 流水 transfers {found.transfers}, "
        f"合计 ledger sum {found.ledger_sum}, 跳过 skipped {replay.skipped}, "
        f"哈希 hash {found.rebuilt_digest[:16]}, {seconds:.1f} s"
    )


async def _switch(connection: Any, db: Any) -> None:
    """Swap the two sets of tables, with versions that go on counting, so that subscribers keep the newest."""
    await db.execute(
        f"UPDATE {REBUILT}.accounts AS r SET version = greatest(r.version, l.version) + 1"
        f"  FROM {LIVE}.accounts AS l WHERE l.holder = r.holder AND l.unit = r.unit"
    )
    # What the replay knew and live had not taken yet is to be looked at for signs of invented hours, and must not be
    # taken again.
    await db.execute(
        "INSERT INTO public.fresh_tellings (event_ids) SELECT array_agg(event_id)"
        "  FROM (SELECT r.event_id, row_number() OVER (ORDER BY r.event_id) / 100 AS piece"
        f"         FROM {REBUILT}.tellings AS r WHERE NOT EXISTS"
        f"              (SELECT FROM {LIVE}.tellings AS l WHERE l.event_id = r.event_id)) AS missed GROUP BY piece"
    )
    await db.execute(f"INSERT INTO public.consumed SELECT event_id FROM {REBUILT}.consumed ON CONFLICT DO NOTHING")
    await db.execute(f"DROP TABLE {REBUILT}.consumed")
    await db.execute(f"TRUNCATE {REBUILT}.balance_changes")
    await db.execute(
        f"INSERT INTO {REBUILT}.balance_changes (accounts)"
        f" SELECT array_agg(id) FROM (SELECT id, row_number() OVER (ORDER BY id) / 10000 AS part"
        f"   FROM {REBUILT}.accounts WHERE id > 0) AS a GROUP BY part"
    )
    for statement in switch_to_rebuilt():
        await db.execute(statement)
    await read_views.rebuild(connection)
    console.print("points: 已切换到重建的账本 switched to the rebuilt ledger; 旧账本 the old one: schema retired")


_DIFFERENT_BALANCES = f"""
    SELECT coalesce(l.holder, r.holder), u.code,
           l.credits - l.debits || ' / ' || l.pending_debits || ' / ' || l.owed,
           r.credits - r.debits || ' / ' || r.pending_debits || ' / ' || r.owed
      FROM (SELECT * FROM {LIVE}.accounts WHERE credits <> debits OR pending_debits <> 0) AS l
      FULL JOIN (SELECT * FROM {REBUILT}.accounts WHERE credits <> debits OR pending_debits <> 0) AS r
        ON r.holder = l.holder AND r.unit = l.unit
      JOIN units AS u ON u.id = coalesce(l.unit, r.unit)
     WHERE l.id IS NULL OR r.id IS NULL OR l.credits - l.debits <> r.credits - r.debits
        OR l.pending_debits <> r.pending_debits OR l.owed <> r.owed
     ORDER BY 1, 2 LIMIT $1
"""

_DIFFERENT_EFFECTS = f"""
    WITH effects AS (
        SELECT side.which, side.event_id, a.holder, a.unit, sum(side.amount) AS net
          FROM (SELECT 'live' AS which, event_id, credit_account AS account, amount FROM {LIVE}.transfers
                UNION ALL SELECT 'live', event_id, debit_account, -amount FROM {LIVE}.transfers
                UNION ALL SELECT 'rebuilt', event_id, credit_account, amount FROM {REBUILT}.transfers
                UNION ALL SELECT 'rebuilt', event_id, debit_account, -amount FROM {REBUILT}.transfers) AS side
          JOIN (SELECT id, holder, unit FROM {LIVE}.accounts
                UNION ALL SELECT id, holder, unit FROM {REBUILT}.accounts) AS a ON a.id = side.account
         WHERE get_byte(uuid_send(side.event_id), 15) = ANY($1::int[])
         GROUP BY 1, 2, 3, 4 HAVING sum(side.amount) <> 0
    )
    SELECT DISTINCT coalesce(l.event_id, r.event_id)
      FROM (SELECT * FROM effects WHERE which = 'live') AS l
      FULL JOIN (SELECT * FROM effects WHERE which = 'rebuilt') AS r USING (event_id, holder, unit)
     WHERE l.net IS DISTINCT FROM r.net
     LIMIT $2
"""
