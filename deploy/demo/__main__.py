"""`make demo`: one community's year of volunteering, from a spreadsheet to a ledger that is proven.

Everything goes through the public HTTP APIs and the bus. Its last line is ``demo: ok — …`` with true numbers, and
the exit code is 0 only if all of it holds.
"""

import asyncio
import re
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import httpx
import typer
import uvloop
from python_calamine import CalamineWorkbook
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.demo import doubts, evidence, honours, report, supplies, time_bank
from deploy.demo.clients import Clerks, Refused
from deploy.demo.platform import ComposePlatform, LocalPlatform, Platform
from deploy.demo.register import RegisterFacts, write_register
from deploy.demo.replay import Replay
from deploy.demo.teams import TEAMS
from deploy.demo.year import Team, plan_year
from deploy.local.folder import default_data_dir
from deploy.local.stack import DEFAULT_PORTS, ROOT, SERVICES, LocalStack, StackError
from shared.clock import SHANGHAI

COMMUNITY, CITY_DISTRICT = "620201001004", "620201"
DIVISIONS = ROOT / "services" / "registry" / "organisation" / "data" / "jiayuguan-divisions.csv"
SETTINGS = {"BACKDATING_MAX_DAYS": "400", "ANOMALIES_CHECK_INTERVAL_S": "1"}
"""A year is entered in a minute: things may be dated further back than the week that is the default, and nobody waits
for the next look at what was confirmed.
"""

_VERIFIED = ("registry", "grid_patrol", "mediation")

_WIDTH = 120
"""Columns where nobody's terminal says how many there are."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)


class NotOk(RuntimeError):
    """Something that the demo promises does not hold."""


@dataclass(slots=True)
class Outcome:
    """The numbers of the last line."""

    volunteers: int = 0
    events: int = 0
    transfers: int = 0
    ledger_sum: int = -1
    identical: bool = False
    failures: list[str] = field(default_factory=list)


@contextmanager
def _bar() -> Iterator[Progress]:
    columns = [TextColumn("{task.description:<34}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=console) as progress:
        yield progress


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    external: Annotated[bool, typer.Option(help="在已运行的容器平台上 against the running compose platform")] = False,
    issuer: Annotated[Path, typer.Option(help="开发签发方文件夹 folder of the development issuer")] = ROOT
    / "deploy/secrets/issuer",
    keep: Annotated[Path | None, typer.Option(help="数据文件夹，保留 keep the data in this folder")] = None,
) -> None:
    """一个社区的一年 One community's year."""
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        if external:
            outcome = uvloop.run(_demo(ComposePlatform(issuer)))
        else:
            with _folder(keep) as folder:
                console.print("启动 PostgreSQL、Kafka 和四个服务 starting PostgreSQL, Kafka and the four services …")
                # A year that stays is shown by `make up`, at its addresses.
                ports = DEFAULT_PORTS if keep is not None else {}
                with LocalStack(folder, services=SERVICES, settings=SETTINGS, ports=ports, say=console.print) as stack:
                    console.print(f"已启动 up ({time.monotonic() - started:.1f} s, broker: {stack.broker_kind})")
                    outcome = uvloop.run(_demo(LocalPlatform(stack)))
    except KeyboardInterrupt:
        console.print("已中断 interrupted")
        raise typer.Exit(130) from None
    except (NotOk, Refused, StackError) as error:
        console.print(f"[red]{error}[/red]", markup=True)
        print("demo: failed")
        raise typer.Exit(1) from None
    for failure in outcome.failures:
        console.print(f"[red]✗ {failure}[/red]")
    if keep is not None and not external:
        console.print(
            f"数据已保留，查看 the year is kept, look at it: {_to_look_at(keep)}", soft_wrap=True, markup=False
        )
    verdict = "ok" if not outcome.failures else "failed"
    print(
        f"demo: {verdict} — volunteers {outcome.volunteers}, events {outcome.events}, transfers {outcome.transfers}, "
        f"ledger sum {outcome.ledger_sum}, rebuild {'identical' if outcome.identical else 'differs'}, "
        f"{time.monotonic() - started:.0f} s"
    )
    raise typer.Exit(0 if not outcome.failures else 1)


def _to_look_at(folder: Path) -> str:
    """What opens a folder that was kept, as it can be typed here."""
    if folder.resolve() == default_data_dir().resolve():
        return "make up"
    return f"LIULING_DATA={shlex.quote(str(folder.resolve()))} make up"


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise NotOk(
                f"{keep} 里已有数据，请换一个文件夹，或先删除 holds data already; name another folder, or delete it "
                "(python -m deploy.local reset)"
            )
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="liuling-demo-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as another user when we are root, and has to get in
        yield Path(folder)


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


async def _demo(platform: Platform) -> Outcome:
    clerks, outcome = Clerks(platform, COMMUNITY), Outcome()
    try:
        with tempfile.TemporaryDirectory() as folder:
            register = Path(folder) / "祁连社区志愿者花名册.xlsx"
            facts = write_register(register)
            personal = _personal(register) | set(time_bank.HELPED)
            await _import(platform, clerks, register, facts, outcome)
        teams, numbers = await _people(clerks)
        corrections = await _live(platform, clerks, teams, numbers)
        waited = await evidence.caught_up(platform.bus)
        console.print(f"积分服务已跟上 points has caught up ({waited:.1f} s)\n")
        await _points(platform, clerks, teams, numbers, corrections)
        await _prove(platform, personal, outcome)
    finally:
        await clerks.close()
    return outcome


async def _import(platform: Platform, clerks: Clerks, register: Path, facts: RegisterFacts, outcome: Outcome) -> None:
    token = {"authorization": f"Bearer {platform.token('district', CITY_DISTRICT)}"}
    async with httpx.AsyncClient(base_url=platform.urls["registry"], headers=token, timeout=60) as district:
        answer = await district.post(
            "/v1/organisation/imports",
            files={"file": (DIVISIONS.name, DIVISIONS.read_bytes(), "text/csv")},
            data={"source": "国家统计局区划代码 NBS division codes, china-division 2.7.0"},
            headers={"Idempotency-Key": "demo-divisions"},
        )
        if not answer.is_success:
            raise NotOk(f"行政区划导入失败 division import failed: {answer.text[:300]}")
        console.print(f"行政区划 division codes: {answer.json()['added']} 个节点 nodes added")
    files = {"file": (register.name, register.read_bytes(), "application/octet-stream")}
    started = time.monotonic()
    form = {"community": COMMUNITY, "consent_on_file": "true"}
    imported = await clerks.post("registry", "/v1/imports/roster", files=files, data=form)
    console.print(
        f"花名册 roster: {imported['counts']} ，需更正 {imported['problem_rows']} 行 rows to correct "
        f"({time.monotonic() - started:.1f} s)"
    )
    again = await clerks.post("registry", "/v1/imports/roster", files=files, data=form)
    console.print(f"再次导入同一文件 the same file again: {again['counts']}")
    volunteers = [v async for v in clerks.every("registry", "/v1/volunteers", node=COMMUNITY)]
    members = sum(v["party_member"] for v in volunteers)
    outcome.volunteers = len(volunteers)
    if (len(volunteers), members) != (facts.volunteers, facts.party_members):
        outcome.failures.append(
            f"志愿者 volunteers {len(volunteers)}, 党员 party members {members}; "
            f"应为 expected {facts.volunteers}, {facts.party_members}"
        )
    console.print(f"志愿者 volunteers {len(volunteers)}，其中党员 of whom party members {members}（合成 synthetic）\n")


async def _people(clerks: Clerks) -> tuple[list[Team], dict[str, str]]:
    numbers = {v["id"]: v["number"] async for v in clerks.every("registry", "/v1/volunteers", node=COMMUNITY)}
    # What a team does is not in the register; the story knows it by the team's name.
    kinds, teams = {seed.name: seed.kind for seed in TEAMS}, []
    async for team in clerks.every("registry", "/v1/teams", node=COMMUNITY):
        members = [m["volunteer_id"] async for m in clerks.every("registry", f"/v1/teams/{team['id']}/members")]
        kind = kinds.get(team["name"], team["kind"])
        teams.append(Team(team["id"], team["name"], kind, tuple(sorted(members, key=numbers.__getitem__))))
    # By name, since ids differ from run to run and the same seed should tell the same story.
    return sorted(teams, key=lambda team: team.name), numbers


async def _live(platform: Platform, clerks: Clerks, teams: list[Team], numbers: dict[str, str]) -> int:
    plan = plan_year(teams, datetime.now(SHANGHAI).date() - timedelta(days=2))
    replay = Replay(clerks, COMMUNITY, teams, numbers)
    await replay.prepare(plan)
    await replay.long_day(plan[-1].last + timedelta(days=1))
    killed_in, restart, owed = len(plan) // 2, None, 0
    with _bar() as progress:
        year = progress.add_task("全年 the year", total=sum(month.size for month in plan))
        for index, month in enumerate(plan):
            bar = progress.add_task(f"  {month.first:%Y-%m}", total=month.size - month.redemptions)

            def step(bar: Any = bar) -> None:
                progress.advance(bar)
                progress.advance(year)

            if index == killed_in:
                platform.kill_points()
                progress.console.print("  积分服务被 SIGKILL，其他服务照常 points was killed; the others go on")
            await replay.month(month, step)
            progress.remove_task(bar)
            owed += month.redemptions
            if index == killed_in:
                # It comes back while the others live the next month; what people want to collect waits so long.
                restart = asyncio.create_task(asyncio.to_thread(platform.start_points))
                continue
            if restart is not None:
                await restart
                restart = None
                progress.console.print("  积分服务已重启，正在补上 points is back and catches up")
            await replay.redeem(owed, lambda: progress.advance(year))
            owed = 0
    corrected = [activity.corrected for month in plan for activity in month.activities]
    corrected += [shift.corrected for month in plan for shift in month.shifts]
    return len(corrected) - corrected.count(None)


async def _points(
    platform: Platform, clerks: Clerks, teams: list[Team], numbers: dict[str, str], corrections: int
) -> None:
    """What people do with a year of service, and the year as a report."""
    helpers = next(team.members for team in teams if team.kind == "housekeeping")
    figures = await report.collect(clerks, COMMUNITY, set(numbers))
    honoured, spent, doubted, supplied = await asyncio.gather(
        honours.honour(clerks, COMMUNITY, CITY_DISTRICT, figures.minutes, platform.urls["points"]),
        time_bank.save_and_spend(clerks, COMMUNITY, helpers, numbers),
        doubts.decide(clerks, COMMUNITY),
        supplies.issue(clerks, COMMUNITY, teams),
    )
    report.show(console, figures, numbers)
    honours.show(console, honoured, numbers)
    time_bank.show(console, spent)
    supplies.show(console, supplied)
    doubts.show(console, doubted)
    report.zeros(console, figures, corrections)


async def _prove(platform: Platform, personal: frozenset[str], outcome: Outcome) -> None:
    console.print("重放全部事件重建账本并比较 rebuilding the ledger from the events …")
    # All at once: each looks at its own database, and this process at the topics.
    checks = [("points", "rebuild"), *((service, "verify") for service in _VERIFIED)]
    facts, answers = await asyncio.gather(
        evidence.read_topics(platform.bus, personal),
        asyncio.gather(*[asyncio.to_thread(platform.command, *check) for check in checks]),
    )
    (code, output), *verdicts = answers
    console.print(output.strip(), markup=False)
    outcome.identical = code == 0
    if code != 0:
        outcome.failures.append("重建的账本与现账不一致 the rebuilt ledger differs")
    outcome.transfers = _number(r"transfers\D{0,3}(\d+)", output)
    outcome.ledger_sum = _number(r"ledger sum (-?\d+)", output)
    if outcome.ledger_sum != 0:
        outcome.failures.append("账本合计不为零 the ledger does not sum to zero")
    for service, (code, output) in zip(_VERIFIED, verdicts, strict=True):
        console.print(output.strip(), markup=False)
        if code != 0:
            outcome.failures.append(f"{service}: 读模型与事件不一致 read tables differ from the events")
    outcome.events = facts.events
    leaks = [*facts.leaks, *evidence.leaks_in_logs(platform, personal)]
    if leaks:
        outcome.failures.append(f"主题或日志中出现个人信息 personal data found in: {sorted(set(leaks))}")
    console.print(f"主题与日志中没有姓名、证件号、电话 no name, ID number or phone in topics or logs: {not leaks}\n")


def _number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else -1


def _personal(register: Path) -> frozenset[str]:
    """Every name, ID number and phone of the register, to look for where they must not be."""
    rows = CalamineWorkbook.from_path(str(register)).get_sheet_by_index(0).to_python()
    found: set[str] = set()
    title = next(row for row in rows if "姓 名" in row).index("姓 名")
    for row in rows:
        # Two characters are too often a word; three together are somebody's name.
        found |= {name for name in [re.sub(r"\s", "", str(row[title]))] if len(name) > 2 and name != "姓名"}
        for cell in row:
            text = re.sub(r"\s", "", str(cell)).translate({0xFF10 + n: 0x30 + n for n in range(10)})
            if re.fullmatch(r"\d{17}[\dXx]|1\d{10}", text):
                found.add(text)
    return frozenset(found)


if __name__ == "__main__":
    app()
