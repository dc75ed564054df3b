"""`rebuild`: replay everything beside the live service, compare, and on demand put the result in its place.

The live service goes on while the replay runs. Only for a moment it is held still: no event can be consumed and no
account moved, the replay takes what came last, and both ledgers know exactly the same events. A comparison needs no
more than such a moment: whoever begins to read in it goes on seeing it while the service goes on, also where the
rebuilt ledger has taken the place of the live one. What is done in it depends on what came last, not on how much there
is.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from typing import Any, Literal

from aiokafka.errors import KafkaError, KafkaTimeoutError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.points.app import SOURCES, read_views
from services.points.ledger.schema import LIVE, REBUILT, RETIRED
from services.points.proof.checks import check_tables, sound
from services.points.proof.comparing import Comparison, compare
from services.points.proof.replay import Replay, RestatedMeanwhile
from services.points.proof.switching import REBUILDING, count_ahead, count_unheard, lay_ready, make_room, switch_ledgers
from services.points.proof.verify import print_checks
from services.points.restatements.rounds import RestatementRounds, parts_left
from shared.database import driver_connection
from shared.eventstore import keep_writers_out
from shared.service import Service
from shared.views import Beside

console = Console(highlight=False, soft_wrap=True)

_LIVE_CATCHES_UP_S_MAX = 120.0
_CATCH_UP_S_MAX = 120.0
_HELD_STILL_S_MAX = 60.0
_SHORT_S = 0.2
"""A round that took no longer is left to the moment in which the service is held still."""


Isolation = Literal["read_committed", "repeatable_read"]


class Pause:
    """How long those who write are kept waiting, and for what: for others who write, for the replay, for the switch."""

    def __init__(self) -> None:
        self._marks = [time.monotonic()]

    def mark(self) -> None:
        """A part of it is over."""
        self._marks.append(time.monotonic())

    def __str__(self) -> str:
        parts = [f"{end - start:.2f}" for start, end in pairwise(self._marks)]
        return f"{self._marks[-1] - self._marks[0]:.2f} s = {' + '.join(parts)}"


class HeldTooLong(Exception):
    """Kafka, or somebody who writes, kept the service still for longer than anybody should wait."""


async def rebuild(service: Service, *, switch: bool = False, stopped: bool = False) -> int:
    """Replay, compare, and with `switch` put the rebuilt tables in place of the live ones. The consumer of one that is
    known to be `stopped` is not waited for.

    0 when identical, 1 when not, 2 while another rebuild fills the tables beside the live ones.
    """
    await service.require_schema()
    first, second, third = [await service.database.dedicated() for _ in range(3)]
    try:
        if not await first.fetchval("SELECT pg_try_advisory_lock($1)", REBUILDING):
            console.print("[red]points: 另一个重建正在运行 another rebuild is running[/red]")
            return 2
        # What is being restated is in the replay as a whole.
        await RestatementRounds(service.database, interval_s=1).finish()
        replay = Replay((first, second, third), service.settings, SOURCES)
        await replay.prepare()
        try:
            return await _rebuild(service, replay, switch, stopped)
        except RestatedMeanwhile:
            console.print("[red]points: 重建期间又有追溯调整，请重新运行 restated meanwhile, please run again[/red]")
            return 1
        except (HeldTooLong, KafkaTimeoutError):
            console.print("[red]points: 没能及时补上最后的事件，在用的账本没有改动；请稍后重新运行[/red]")
            console.print(
                "[red]  the last events did not come in time, the live ledger is as it was; run again later[/red]"
            )
            gone = (
                f"；{RETIRED} 里更早换下的可能已删除 what an earlier switch left in {RETIRED} may be gone"
                if switch
                else ""
            )
            console.print(f"  重放的留在 {REBUILT}，下次删除 what was replayed is in {REBUILT} until then{gone}")
            return 1
        finally:
            await replay.close()
    finally:
        for mine in (first, second, third):
            await mine.close()


async def _rebuild(service: Service, replay: Replay, switch: bool, stopped: bool) -> int:
    started = time.monotonic()
    await _replay(service, replay)
    await lay_ready(replay.db)
    if switch and (switch := await _is_sound(replay)):
        await make_room(replay.db)
    async with _own_connection(service) as connection, AsyncExitStack() as seeing:
        read_tables = Beside(read_views, connection)
        differing = await _differing(read_tables, connection)
        if not stopped:
            await _until_live_knows(replay)
        await _catch_up(service, replay)
        pause = Pause()
        async with _transaction(connection) as db:
            unheard = await _take_the_last(connection, replay, pause)
            for one in replay.connections:
                await seeing.enter_async_context(_seeing_this_moment(one))
            pause.mark()
            switch = switch and not unheard
            if switch:
                await switch_ledgers(db)
                if differing:
                    await read_tables.catch_up()
                    await read_tables.put_in_place(differing)
        pause.mark()
        found = await compare(replay.connections, *((RETIRED, LIVE) if switch else (LIVE, REBUILT)))
        skipped, to_come = await replay.left_out()
    _report(found, differing, unheard)
    identical = found.identical and not differing and not unheard
    outcome = "重建一致 rebuild identical" if identical else "[red]重建不一致 rebuild differs[/red]"
    console.print(
        f"points: {outcome} — 事件 events {replay.applied}, 流水 transfers {found.transfers}, "
        f"合计 ledger sum {found.ledger_sum}, 跳过 skipped {skipped}, 尚未处理 not taken by live yet {to_come}, "
        f"哈希 hash {found.new_digest[:16]}, {time.monotonic() - started:.1f} s, 写入暂停 writers waited {pause}",
        soft_wrap=True,
    )
    if switch:
        console.print("points: 已切换到重建的账本 switched to the rebuilt ledger; 旧账本 the old one: schema retired")
    elif identical:
        await replay.db.execute(f"DROP SCHEMA {REBUILT} CASCADE")
    return 0 if identical else 1


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
            own, parked = await _own_events(connection, replay)
        await replay.topics(parked, lambda done, total: bar.update(task, completed=own + done, total=own + total))


async def _own_events(connection: AsyncConnection, replay: Replay) -> tuple[int, frozenset[tuple[str, int, int]]]:
    """Replay this service's own events so far. Returns how many, and where what live has parked of the others' lies."""
    count = await replay.own_events(connection)
    rows = await connection.execute(text("SELECT topic, partition, log_offset FROM parked"))
    return count, frozenset((row[0], row[1], row[2]) for row in rows)


async def _is_sound(replay: Replay) -> bool:
    """Whether the rebuilt ledger may take the place of the live one, which it need not be like."""
    checks = await check_tables(replay.db, REBUILT)
    if not sound(checks):
        console.print(
            "[red]points: 重建的账本自身有误，不切换 the rebuilt ledger is broken, not to be switched to[/red]"
        )
    return sound(checks)


async def _differing(read_tables: Beside, connection: AsyncConnection) -> list[str]:
    """Names of the read tables that differ, at any one moment: each command changes them along with its events."""
    async with _transaction(connection, isolation="repeatable_read"):
        await read_tables.set_up()
        await read_tables.catch_up()
        return await read_tables.differing()


async def _catch_up(service: Service, replay: Replay) -> None:
    """Take what came meanwhile, until there is little left for the moment in which nobody may write."""
    deadline = time.monotonic() + _CATCH_UP_S_MAX
    while True:
        began = time.monotonic()
        async with service.database.reading() as connection:
            _, parked = await _own_events(connection, replay)
        await replay.topics(parked, only_what_live_knows=True)
        if time.monotonic() - began < _SHORT_S or began > deadline:
            return


async def _until_live_knows(replay: Replay) -> None:
    """Wait, for a while, until the live consumer has taken what the replay took. A stopped one never will."""
    deadline = time.monotonic() + _LIVE_CATCHES_UP_S_MAX
    behind, moved_at = -1, time.monotonic()
    while time.monotonic() < deadline:
        missing = await count_ahead(replay.db)
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


@asynccontextmanager
async def _own_connection(service: Service) -> AsyncIterator[AsyncConnection]:
    """One for this command alone; temporary tables go with it."""
    async with service.database.engine.connect() as connection:
        try:
            yield connection
        finally:
            await connection.invalidate()


@asynccontextmanager
async def _transaction(connection: AsyncConnection, isolation: Isolation = "read_committed") -> AsyncIterator[Any]:
    db = await driver_connection(connection)
    transaction = db.transaction(isolation=isolation)
    await transaction.start()
    try:
        yield db
    except BaseException:
        # What was interrupted in the middle of a statement is closed, and rolled back by that.
        if not db.is_closed():
            await transaction.rollback()
        raise
    await transaction.commit()


@asynccontextmanager
async def _seeing_this_moment(db: Any) -> AsyncIterator[None]:
    """A transaction that goes on seeing what is committed now, whatever becomes of it."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        # One of them waits for the others; the server must not think that it has been forgotten.
        await db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await db.execute("SELECT")
        yield


async def _hold_still(connection: AsyncConnection) -> None:
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


async def _take_the_last(connection: AsyncConnection, replay: Replay, pause: Pause) -> int:
    """Hold the service still and let the replay take what came last. Returns how many events no topic holds any more.

    Raises `RestatedMeanwhile` and `HeldTooLong`; the end of the transaction then lets the service go on.
    """
    try:
        async with asyncio.timeout(_HELD_STILL_S_MAX):
            await _hold_still(connection)
            pause.mark()
            _, parked = await _own_events(connection, replay)
            await replay.topics(parked, only_what_live_knows=True)
            # Asked on another connection: on this one the names of read tables mean those beside.
            if await parts_left(replay.db):
                raise RestatedMeanwhile
            return await count_unheard(replay.db)
    except (TimeoutError, KafkaError) as error:
        raise HeldTooLong from error


def _report(found: Comparison, read_tables: list[str], unheard: int) -> None:
    print_checks(console, found.checks)
    for what, items in (
        ("余额不同 different balances", found.accounts),
        ("事件影响不同 events with different effects", found.effects),
        ("读模型不同 different read tables", read_tables),
    ):
        for item in items:
            console.print(f"[red]{what}: {item}[/red]")
    if unheard:
        console.print(f"[red]主题中缺少的事件 events missing in the topics: {unheard}[/red]")
        console.print("[red]  补发 `republish` 之后才能切换 no switch before they are there again[/red]")
