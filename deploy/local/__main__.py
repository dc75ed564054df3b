"""`python -m deploy.local`: up · status · env · down · reset."""

import json
import os
import shlex
import shutil
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from deploy.local.stack import ROOT, SERVICES, LocalStack, ServiceHandle, StackInUse, StartFailed, tail

app = typer.Typer(no_args_is_help=True, add_completion=False, help="六零 Liuling: 本机运行 the local stack")
console = Console(highlight=False)

COMMUNITY, DISTRICT = "620201001004", "620201"
ROLES = {
    "district": DISTRICT,
    "community": COMMUNITY,
    "team_leader": COMMUNITY,
    "patrol_leader": COMMUNITY,
    "mediator": COMMUNITY,
    "auditor": DISTRICT,
    "system": DISTRICT,
}


def _folder() -> Path:
    return Path(os.environ.get("LIULING_DATA", ROOT / ".liuling"))


def _running() -> dict[str, Any] | None:
    path = _folder() / "running.json"
    if not path.exists():
        return None
    state: dict[str, Any] = json.loads(path.read_text())
    return state if Path(f"/proc/{state['pid']}").exists() else None


@app.command()
def up() -> None:
    """启动平台并保持运行 Start everything and keep it running until Ctrl-C."""
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    try:
        with LocalStack(services=(), say=console.print) as stack:
            for name in SERVICES:
                console.print(f"  准备 preparing {name} …")
                stack.migrate(name)
            for name in SERVICES:
                stack.start_service(name)
            stack.announce()
            _welcome(stack, time.monotonic() - started)
            dead = _watch(stack)
    except (StackInUse, StartFailed) as error:
        console.print(f"[red]{error}[/red]", markup=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("已停止 stopped")
        return
    console.print(f"[red]{dead.name} 意外退出 ended unexpectedly[/red]\n{tail(dead.log_path)}")
    raise typer.Exit(1)


@app.command()
def status() -> None:
    """显示地址 Show what runs and where."""
    state = _running()
    if state is None:
        console.print("没有在运行 nothing is running; 启动 start with `make up`")
        raise typer.Exit(1)
    table = Table("服务 service", "地址 address")
    for name, url in state["services"].items():
        table.add_row(name, f"{url}/docs")
    table.add_row(f"Kafka ({state['broker']})", state["kafka"])
    console.print(table)


@app.command()
def env(service: Annotated[str, typer.Argument(help="服务名 name of the service")]) -> None:
    """打印环境变量 Print the variables of a service, to run its commands: eval "$(… env points)"."""
    state = _running()
    if state is None or service not in state["environment"]:
        console.print("没有在运行，或没有这个服务 nothing is running, or there is no such service")
        raise typer.Exit(1)
    for name, value in state["environment"][service].items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def down() -> None:
    """停止 Stop the running stack and wait until it has ended."""
    state = _running()
    if state is None:
        console.print("没有在运行 nothing is running")
        return
    os.kill(state["pid"], signal.SIGTERM)
    deadline = time.monotonic() + 60
    while Path(f"/proc/{state['pid']}").exists():
        if time.monotonic() > deadline:
            console.print(f"进程 {state['pid']} 在 60 秒内没有结束 did not end within 60 s")
            raise typer.Exit(1)
        time.sleep(0.1)
    console.print("已停止 stopped")


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="不再询问 do not ask")] = False) -> None:
    """删除本机数据 Delete the data folder with all that is in it."""
    if _running() is not None:
        console.print("请先停止 stop it first: `make down`")
        raise typer.Exit(1)
    folder = _folder()
    if not folder.exists():
        console.print("没有数据 there is no data")
        return
    if not yes:
        typer.confirm(f"删除 delete {folder}?", abort=True)
    elsewhere = folder / "postgres-home"
    if elsewhere.exists():
        shutil.rmtree(Path(elsewhere.read_text()), ignore_errors=True)
    shutil.rmtree(folder)
    console.print("已删除 deleted")


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def _watch(stack: LocalStack) -> ServiceHandle:
    """Wait until a service ends by itself, which nobody wants."""
    while True:
        for handle in stack.handles:
            if not handle.is_alive():
                return handle
        time.sleep(0.5)


def _welcome(stack: LocalStack, seconds: float) -> None:
    console.print(f"\n[bold]六零平台已启动 Liuling is up[/bold] ({seconds:.1f} s)\n")
    table = Table("服务 service", "接口文档 API docs", "指标 metrics")
    for handle in stack.handles:
        table.add_row(handle.name, f"{handle.url}/docs", f"{handle.url}/metrics")
    console.print(table)
    console.print(f"Kafka ({stack.broker_kind}): {stack.kafka_bootstrap}")
    console.print(f"数据与日志 data and logs: {stack.folder}\n")
    console.print("[bold]令牌 tokens[/bold] (12 小时 hours, Authorization: Bearer …)")
    for role, node in ROLES.items():
        console.print(f"\n{role} @ {node}")
        console.print(stack.token(role, node), soft_wrap=True, markup=False)
    console.print("\n停止 stop: Ctrl-C 或 or `make down`")


if __name__ == "__main__":
    app()
