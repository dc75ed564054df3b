"""`python -m deploy.local`: up · status · env · down · reset."""

import os
import shlex
import signal
import sys
import time
from types import FrameType
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.folder import DataFolder, Record, default_data_dir
from deploy.local.probe import http_ready, kafka_answers
from deploy.local.processes import Child, StackError, tail
from deploy.local.stack import DEFAULT_PORTS, SERVICES, LocalStack
from shared.auth.issuer import Issuer
from shared.auth.permissions import Role

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="六零 Liuling: 在本机以进程运行整个平台 the platform as processes on this machine",
)
console = Console(highlight=False)

COMMUNITY, DISTRICT = "620201001004", "620201"
TOKENS = {
    "district": DISTRICT,
    "auditor": DISTRICT,
    "system": DISTRICT,
    "community": COMMUNITY,
    "team_leader": COMMUNITY,
    "patrol_leader": COMMUNITY,
    "mediator": COMMUNITY,
}
_FOLDER = shlex.quote(os.path.relpath(default_data_dir()))
_OF_FOLDER = f"LIULING_DATA={_FOLDER} " if os.environ.get("LIULING_DATA") else ""
"""Before a command that another terminal is to run: only this one may know of the folder."""
_COMMAND = f"{_OF_FOLDER}{os.path.relpath(sys.executable)} -m deploy.local"
"""As it can be typed here, whether or not the virtual environment is active."""
_WATCH_INTERVAL_S = 0.2
_DOWN_WITHIN_S = 90.0


@app.command()
def up(
    services: Annotated[
        list[str] | None, typer.Argument(help="只启动这些服务 only these services; the others by hand, with `env`")
    ] = None,
) -> None:
    """启动平台并保持运行，直到 Ctrl-C Start everything and keep it running until Ctrl-C."""
    chosen = tuple(services or SERVICES)
    if unknown := [name for name in chosen if name not in SERVICES]:
        _fail(f"没有此服务 no such service: {', '.join(unknown)} ({', '.join(SERVICES)})")
        raise typer.Exit(2)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    begun = time.monotonic()
    stack = LocalStack(services=chosen, ports=DEFAULT_PORTS, say=_say)
    dead: Child | None = None
    _say("正在启动 starting PostgreSQL, Kafka, " + ", ".join(chosen) + " …")
    try:
        with stack:
            stack.offer_environments()
            _welcome(stack, time.monotonic() - begun)
            while (dead := stack.dead()) is None:
                time.sleep(_WATCH_INTERVAL_S)
            code, log = dead.process.returncode, dead.log_path
            _fail(f"{dead.name} 意外退出 ended unexpectedly ({code}), 日志 log: {log}\n{tail(log, 5)}")
            _say("正在停止其余部分 stopping the rest …")
    except StackError as error:
        _fail(str(error))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _say("已停止 stopped")
    if dead is not None:
        raise typer.Exit(1)


@app.command()
def status() -> None:
    """查看各部分及其地址 Show what runs and where. Exits with 1 when nothing does, or a part does not answer."""
    folder, record = _recorded()
    if not folder.in_use():
        _say(f"没有在运行 nothing is running ({folder.path})")
        raise typer.Exit(1)
    if record.pid is None or record.pid != folder.holder():
        _say(f"正在启动或停止 starting or stopping (process {folder.holder() or '?'})")
        raise typer.Exit(1)
    answers = {key: http_ready("127.0.0.1", int(s.url.rpartition(":")[2])) for key, s in record.services.items()}
    bus = record.kafka_bootstrap is not None and kafka_answers(record.kafka_bootstrap.split(",")[0])
    table = Table("部分 part", "状态 state", "地址 address", "进程 pid")
    table.add_row("PostgreSQL", _state(_runs(record, "PostgreSQL")), record.postgres or "", _pid(record, "PostgreSQL"))
    table.add_row(record.broker_kind or "", _state(bus), record.kafka_bootstrap or "", _pid(record, "Kafka", "Tansu"))
    for key, service in record.services.items():
        table.add_row(key, _state(answers[key]), f"{service.url}/docs", str(service.pid))
    console.print(table)
    since = f"{record.started_at.astimezone():%F %T}" if record.started_at else "?"
    _say(f"进程 process {record.pid}, 自 since {since}; 数据 data: {folder.path}")
    if not (bus and all(answers.values())):
        raise typer.Exit(1)


@app.command()
def env(service: Annotated[str, typer.Argument(help="服务名 name of the service")]) -> None:
    """打印服务的环境变量 Print a running service's variables: eval "$(python -m deploy.local env points)"."""
    folder, record = _recorded()
    if not folder.in_use() or service not in record.environments:
        Console(stderr=True).print(f"没有在运行，或没有此服务 not running, or no such service: {service}", markup=False)
        raise typer.Exit(1)
    for name, value in record.environments[service].items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def down() -> None:
    """停止正在运行的平台 Stop the running stack and wait until it has ended."""
    folder, _ = _recorded()
    if not folder.in_use():
        _say("没有在运行 nothing is running")
        return
    holder = folder.holder()
    if holder is not None and psutil.pid_exists(holder):
        os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_WITHIN_S
    while folder.in_use():
        if time.monotonic() > deadline:
            _fail(f"进程 process {holder} 在 {_DOWN_WITHIN_S:g} 秒内没有结束 did not end in time")
            raise typer.Exit(1)
        time.sleep(0.05)
    _say("已停止 stopped")


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="不再询问 do not ask")] = False) -> None:
    """删除数据文件夹及其中一切 Delete the data folder and all that is in it."""
    folder, _ = _recorded()
    if not folder.path.exists():
        _say(f"没有数据 there is no data: {folder.path}")
        return
    if not yes:
        typer.confirm(f"永久删除 delete for good: {folder.path}?", abort=True)
    try:
        folder.delete()
    except StackError as error:
        _fail(str(error))
        raise typer.Exit(1) from None
    _say(f"已删除 deleted: {folder.path}")


@app.command()
def token(
    role: Annotated[Role, typer.Argument(help="角色 role")],
    node: Annotated[
        str | None, typer.Option(help="组织节点代码，默认同 up 所列 organisation node; as `up` lists it if not given")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="人员编号 id of the person; a volunteer's own")] = None,
) -> None:
    """打印一个令牌 Print a token for the stack in the data folder."""
    if role is Role.VOLUNTEER and subject is None:
        _fail("志愿者的令牌需要 a volunteer's token needs --subject <志愿者 id>")
        raise typer.Exit(2)
    issuer = Issuer.open(default_data_dir() / "issuer")
    node = node or TOKENS.get(role.value, COMMUNITY)
    console.print(issuer.token(role.value, node, subject), soft_wrap=True, markup=False)


def _end(_: int, __: FrameType | None) -> None:
    # Once is enough: a second Ctrl-C must not interrupt the orderly end that the first one began.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _say("\n正在停止 stopping …")
    raise KeyboardInterrupt


def _welcome(stack: LocalStack, seconds: float) -> None:
    console.rule("令牌 tokens")
    for role, node in TOKENS.items():
        console.print(f"[bold]{role}[/bold] @ {node}")
        console.print(stack.token(role, node), soft_wrap=True, markup=False)
    _say(
        "志愿者只能看本人的记录，令牌要写明是谁 a volunteer sees their own records, so the token names the person:\n"
        f"  {_COMMAND} token volunteer --subject <志愿者 id, from GET /v1/volunteers>"
    )
    console.rule()
    table = Table("部分 part", "地址 address", "接口文档 API docs")
    table.add_row("PostgreSQL", stack.postgres.address, "")
    table.add_row(f"Kafka ({stack.broker_kind})", stack.kafka_bootstrap, "")
    for handle in stack.handles:
        table.add_row(handle.name, handle.url, f"{handle.url}/docs")
    console.print(table)
    _say(f"数据与日志 data and logs: {stack.folder}")
    if points := next((handle.url for handle in stack.handles if handle.name == "points"), None):
        _say(
            "试一试 try it, 令牌 12 小时有效 tokens are good for 12 hours:\n"
            f"  TOKEN=$({_COMMAND} token community)\n"
            f'  curl -H "Authorization: Bearer $TOKEN" '
            f"'{points}/v1/accounts?community={COMMUNITY}&unit=POINT&limit=3'"
        )
    _say(
        "还是空的？停止后 empty still? stop it, then: "
        f"{_COMMAND} reset && make demo KEEP={_FOLDER}  (一个社区的一年 one community's year)"
    )
    _say(f"已就绪 ready in {seconds:.1f} s。停止 stop: Ctrl-C, `{_OF_FOLDER}make down`")


def _recorded() -> tuple[DataFolder, Record]:
    folder = DataFolder(default_data_dir())
    return folder, folder.read_record()


def _runs(record: Record, name: str) -> bool:
    return name not in record.processes or psutil.pid_exists(record.processes[name].pid)


def _pid(record: Record, *names: str) -> str:
    return next((str(record.processes[name].pid) for name in names if name in record.processes), "")


def _state(answers: bool) -> str:
    return "[green]正常 up[/green]" if answers else "[red]无应答 no answer[/red]"


def _say(line: str) -> None:
    console.print(line, markup=False, soft_wrap=True)


def _fail(text: str) -> None:
    console.print(text, markup=False, soft_wrap=True, style="red")


if __name__ == "__main__":
    app()
