"""A stack starts, ends, and is started again; nothing of it outlives whoever started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest

from deploy.local.folder import ROOT, DataFolder
from deploy.local.kafka.runtime import cache_folder
from deploy.local.placement import reachable
from deploy.local.processes import Account
from deploy.local.stack import LocalStack, StackError, StackInUse
from tests.integration.local_stack.conftest import Hold, alive, gone, remember, table_words, topic_words, until


async def test_a_stack_ends_with_its_context(open_folder: Path) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with LocalStack(open_folder, broker="tansu") as stack:
        started = [p.pid for p in psutil.Process().children(recursive=True) if p.pid not in before]
        assert stack.postgres.pid in started
        assert stack.kafka.pid in started
    # The run's own PostgreSQL is a child too, and what it starts for a moment may be among these.
    assert gone(started), alive(started)
    assert not DataFolder(open_folder).in_use()


async def test_a_start_that_fails_leaves_nothing_running(open_folder: Path) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with pytest.raises(StackError, match="no_such_service"):
        LocalStack(open_folder, broker="tansu", services=["no_such_service"]).start()
    left = [process.pid for process in psutil.Process().children(recursive=True) if process.pid not in before]
    assert gone(left), alive(left)
    assert not DataFolder(open_folder).in_use()


async def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_left_running(open_folder: Path) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    file = open_folder / "file"
    file.touch()
    with pytest.raises(StackError, match=r"cannot start: .*file"):
        LocalStack(file, broker="tansu").start()
    (open_folder / "stack.json.d").mkdir()
    (open_folder / "stack.json").symlink_to("stack.json.d")
    with pytest.raises(StackError, match=r"cannot start: .*stack\.json"):
        LocalStack(open_folder, broker="tansu").start()
    left = [process.pid for process in psutil.Process().children(recursive=True) if process.pid not in before]
    assert gone(left), alive(left)
    assert not DataFolder(open_folder).in_use()


async def test_a_second_start_says_who_holds_the_folder_and_where_things_are(running: LocalStack) -> None:
    with pytest.raises(StackInUse) as refusal:
        LocalStack(running.folder).start()
    assert str(os.getpid()) in str(refusal.value)
    assert running.kafka_bootstrap in str(refusal.value)
    assert running.postgres.address in str(refusal.value)


async def test_parts_killed_come_back_on_the_same_port_with_what_they_held(running: LocalStack) -> None:
    url, bootstrap = running.create_database("kept"), running.kafka_bootstrap
    await remember(url, bootstrap, "before")
    assert running.dead() is None
    running.postgres.kill()
    assert running.dead() is None, "what the stack itself ended is not missed"
    assert running.kafka.pid is not None
    os.kill(running.kafka.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(running.kafka.pid)], timeout=5)
    missed = running.dead()
    assert missed is not None
    assert missed.pid == running.kafka.pid
    running.postgres.start()
    running.kafka.start()
    assert running.dead() is None
    assert await table_words(url) == ["before"]
    if running.broker_kind == "kafka":  # Tansu keeps nothing
        assert await topic_words(bootstrap) == ["before"]


async def test_a_killed_parent_leaves_no_process_and_loses_no_data(open_folder: Path, hold: Hold) -> None:
    first = hold(open_folder)
    await remember(first.database_url, first.bootstrap, "kept")
    first.kill()
    # At once: the new start waits for the warden of the old one, which holds the folder until all has ended.
    with LocalStack(open_folder) as second:
        assert alive(first.pids) == []
        assert second.create_database("kept") == first.database_url
        assert await table_words(first.database_url) == ["kept"]
        assert second.kafka_bootstrap == first.bootstrap
        if second.broker_kind == "kafka":
            assert await topic_words(second.kafka_bootstrap) == ["kept"]


async def test_what_a_killed_warden_could_not_end_is_ended_by_the_next_start(open_folder: Path, hold: Hold) -> None:
    first = hold(open_folder, broker="tansu")
    os.kill(first.warden, signal.SIGKILL)
    first.kill()
    said: list[str] = []
    with LocalStack(open_folder, broker="tansu", say=said.append) as second:
        assert gone(first.pids)
        assert second.create_database("kept") == first.database_url
    assert any("PostgreSQL" in line for line in said)
    assert any("Tansu" in line for line in said)


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
async def test_an_ordinary_user_can_run_it_too(open_folder: Path, hold: Hold) -> None:
    nobody = Account("nobody", 65534, 65534)
    packages = Path(asyncpg.__file__).parent.parent
    # The environment's own interpreter may live where only root can go; another of the same version does as well.
    candidates = [Path(sys.executable), Path(f"/usr/bin/python3.{sys.version_info.minor}")]
    python = next((path for path in candidates if path.exists() and reachable(path.resolve().parent, nobody)), None)
    if python is None or not (reachable(ROOT, nobody) and reachable(packages, nobody)):
        pytest.skip("the checkout or the interpreter is not readable for others")
    cache = open_folder / "cache" / "liuling"
    for jars in cache_folder().glob("kafka-*"):
        if jars.is_dir():  # not downloaded again for this one
            subprocess.run(["cp", "-r", "--parents", jars.name, _made(cache)], cwd=jars.parent, check=True)
    holder = hold(
        open_folder / "data",
        user="nobody",
        python=python,
        environment={
            "HOME": str(open_folder),
            "XDG_CACHE_HOME": str(cache.parent),
            "PYTHONPATH": str(packages),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    assert holder.user == nobody.uid
    assert {psutil.Process(pid).uids().effective for pid in holder.pids} == {nobody.uid}
    assert (open_folder / "data").stat().st_mode & 0o077 == 0
    await remember(holder.database_url, holder.bootstrap, "ordinary")
    assert await table_words(holder.database_url) == ["ordinary"]
    assert await topic_words(holder.bootstrap) == ["ordinary"]
    holder.kill()
    assert gone(holder.pids)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def test_up_shows_where_things_are_and_does_not_outlive_a_service(open_folder: Path) -> None:
    environment = {**os.environ, "LIULING_DATA": str(open_folder), "COLUMNS": "200"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy.local", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
        )

    up = subprocess.Popen(
        [sys.executable, "-m", "deploy.local", "up", "mediation"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert up.stdout is not None
    said = ""
    for line in up.stdout:
        said += line
        if "ready in" in line:
            break
    tree = [process.pid for process in psutil.Process(up.pid).children(recursive=True)]
    try:
        assert said.count("eyJ") >= 8, "a token for each role"
        status = run("status")
        assert status.returncode == 0, status.stdout
        assert "mediation" in status.stdout
        assert "export DATABASE_URL=postgresql://points:" in run("env", "points").stdout
        assert "已被使用" in run("up").stdout
        assert run("reset", "--yes").returncode == 1

        service = DataFolder(open_folder).read_record().services["mediation"].pid
        os.kill(service, signal.SIGKILL)
        assert up.wait(60) == 1
        assert "mediation 意外退出" in up.stdout.read()
        assert alive(tree) == []
        assert run("status").returncode == 1
    finally:
        down = run("down")
    assert down.returncode == 0, down.stdout
    assert run("reset", "--yes").returncode == 0
    assert not open_folder.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_while_it_starts_ends_it_in_order(open_folder: Path, number: signal.Signals) -> None:
    up = subprocess.Popen(
        [sys.executable, "-m", "deploy.local", "up"],
        cwd=ROOT,
        env={**os.environ, "LIULING_DATA": str(open_folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    pid_file = open_folder / "postgres" / "cluster" / "postmaster.pid"
    await until(pid_file.exists)
    tree = [process.pid for process in psutil.Process(up.pid).children(recursive=True)]
    up.send_signal(number)
    up.send_signal(number)  # an impatient second one changes nothing
    assert up.wait(60) == 0
    assert alive(tree) == []
    assert not pid_file.exists()
    assert not DataFolder(open_folder).in_use()
