"""The local stack: PostgreSQL, a broker, the development issuer, and the four services as child processes."""

import asyncio
import base64
import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from deploy.local.kafka_broker import Broker, JarsMissing, Kafka, Tansu, resolve_jars
from deploy.local.postgres import Postgres
from deploy.local.processes import StartFailed, free_port, kill, spawn, stop, tail, wait_until
from shared.auth.issuer import Issuer

SERVICES = ("registry", "points", "grid_patrol", "mediation")
PORTS = {"registry": 8101, "points": 8102, "grid_patrol": 8103, "mediation": 8104}
ROOT = Path(__file__).parent.parent.parent

Say = Callable[[str], None]


class StackInUse(RuntimeError):
    """Another stack runs on the same data folder; the text says which and where."""


@dataclass
class ServiceHandle:
    """One running service process."""

    name: str
    url: str
    log_path: Path
    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        """Process id."""
        return self.process.pid

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """SIGTERM, and wait for it to finish what it is at."""
        stop(self.process, signal.SIGTERM, 15)

    def kill(self) -> None:
        """SIGKILL."""
        kill(self.process)


@dataclass
class LocalStack:
    """Everything on one machine, in one data folder. Use it as a context manager.

    `DATABASE_URL` and `KAFKA_BOOTSTRAP_SERVERS` in the environment replace the own parts; the first must then be
    allowed to create databases and roles.
    """

    data_dir: Path | None = None
    services: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    say: Say = lambda _: None
    postgres: Postgres = field(init=False)
    kafka: Broker = field(init=False)
    broker_kind: Literal["kafka", "tansu", "external"] = field(init=False, default="kafka")
    kafka_bootstrap: str = field(init=False, default="")
    handles: list[ServiceHandle] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        folder = self.data_dir or Path(os.environ.get("LIULING_DATA", ROOT / ".liuling"))
        self.folder = folder.absolute()
        self._external_database = os.environ.get("DATABASE_URL")
        self._external_broker = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        self._lock: IO[str] | None = None
        self._passwords: dict[str, str] = {}
        self._urls: dict[str, str] = {}
        self._ports: dict[str, int] = {}
        self.issuer: Issuer
        self._master_key = ""

    def __enter__(self) -> Self:
        self._take_lock()
        try:
            self._start_parts()
            for name in self.services:
                self.migrate(name)
            for name in self.services:
                self.start_service(name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the services, then the broker, then the database."""
        with ThreadPoolExecutor(4) as together:
            list(together.map(ServiceHandle.stop, self.handles))
        if self.broker_kind != "external" and hasattr(self, "kafka"):
            self.kafka.stop()
        if self._external_database is None and hasattr(self, "postgres"):
            self.postgres.stop()
        (self.folder / "running.json").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def database_url(self, service: str) -> str:
        """The URL of a service's own database; database and role are made on first use."""
        return self.create_database(service)

    def create_database(self, name: str) -> str:
        """A database owned by a role of the same name; returns its URL."""
        if name not in self._urls:
            self._urls[name] = (
                asyncio.run(self._create_database(name))
                if not _in_loop()
                else _in_thread(lambda: asyncio.run(self._create_database(name)))
            )
        return self._urls[name]

    def environment(self, service: str) -> dict[str, str]:
        """Every variable that a service needs."""
        return {
            "DATABASE_URL": self.database_url(service),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap,
            "KAFKA_IDEMPOTENT_PRODUCER": "false" if self.broker_kind == "tansu" else "true",
            "KAFKA_COMPRESSION": "none" if self.broker_kind == "tansu" else "zstd",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(self._port(service)),
            "JWKS_URL": self.issuer.jwks_path.as_uri(),
            "TOKEN_ISSUER": self.issuer.issuer,
            "TOKEN_AUDIENCE": self.issuer.audience,
            "VAULT_MASTER_KEY": self._master_key,
            **self.settings,
        }

    def token(self, role: str, node: str, subject: str | None = None) -> str:
        """A bearer token of the development issuer."""
        return self.issuer.token(role, node, subject)

    def migrate(self, service: str) -> None:
        """Run the service's `migrate`."""
        done = subprocess.run(
            [sys.executable, "-m", f"services.{service}", "migrate"],
            env={**os.environ, **self.environment(service)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StartFailed(f"{service} migrate 失败 failed:\n{(done.stdout + done.stderr)[-3000:]}")

    def start_service(
        self, name: str, replica: int = 1, settings: Mapping[str, str] | None = None, seconds: float = 30
    ) -> ServiceHandle:
        """Run `serve` and wait until it is ready. A further replica gets a port of its own."""
        environment = {**os.environ, **self.environment(name), **(settings or {})}
        if replica > 1:
            environment["HTTP_PORT"] = str(free_port())
        url = f"http://127.0.0.1:{environment['HTTP_PORT']}"
        log = self.folder / "logs" / (f"{name}.log" if replica == 1 else f"{name}-{replica}.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        process = spawn(
            [sys.executable, "-m", f"services.{name}", "serve"],
            log,
            environment=environment,
            death_signal=signal.SIGTERM,
            folder=ROOT,
        )
        handle = ServiceHandle(name, url, log, process)
        self.handles.append(handle)
        wait_until(lambda: _is_ready(url), process, log, name, seconds)
        return handle

    def describe(self) -> dict[str, object]:
        """Where everything is, as other programs on this machine read it from ``running.json``."""
        return {
            "pid": os.getpid(),
            "kafka": self.kafka_bootstrap,
            "broker": self.broker_kind,
            "services": {handle.name: handle.url for handle in self.handles},
        }

    def announce(self) -> None:
        """Write ``running.json`` for `status`, `env` and `down`."""
        path = self.folder / "running.json"
        environments = {name: self.environment(name) for name in SERVICES}
        path.touch(mode=0o600)
        path.write_text(json.dumps({**self.describe(), "environment": environments}))

    def _take_lock(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise StackInUse(
                f"这个数据文件夹已有平台在运行 a stack already runs on {self.folder} (pid {lock.read().strip()}); "
                "查看 see `python -m deploy.local status`, 停止 stop it with `make down`"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _start_parts(self) -> None:
        self.issuer = Issuer.open(self.folder / "issuer")
        key = self.folder / "vault-master-key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
        self._master_key = key.read_text()
        starts: list[Callable[[], None]] = []
        if self._external_database is None:
            self.postgres = Postgres(self.folder)
            starts.append(self.postgres.start)
        if self._external_broker is None:
            self.kafka = self._choose_broker()
            self.broker_kind = self.kafka.kind
            starts.append(self.kafka.start)
        else:
            self.broker_kind = "external"
            self.kafka_bootstrap = self._external_broker
        _remember_ports(self)
        # One after the other: a child is tied to the thread that made it, and a worker thread would end too early.
        for start in starts:
            start()
        _keep_ports(self)
        if self.broker_kind != "external":
            self.kafka_bootstrap = f"127.0.0.1:{self.kafka.port}"

    def _choose_broker(self) -> Broker:
        try:
            return Kafka(self.folder / "kafka", resolve_jars())
        except JarsMissing as reason:
            self.say(
                f"{reason} — 改用内存中的 Tansu，停止后消息不保留 using Tansu instead, in memory: "
                "messages are gone when it stops, `republish` brings them back"
            )
            return Tansu(self.folder / "tansu")

    def _port(self, service: str) -> int:
        if service not in self._ports:
            wanted = PORTS.get(service, 0)
            own_folder = self.data_dir is None
            self._ports[service] = wanted if own_folder and wanted and not _taken(wanted) else free_port()
        return self._ports[service]

    @property
    def _admin_url(self) -> str:
        return self._external_database or self.postgres.admin_url

    async def _create_database(self, name: str) -> str:
        password = self._password(name)
        connection = await asyncpg.connect(self._admin_url)
        try:
            known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name)
            verb = "ALTER" if known else "CREATE"
            await connection.execute(f"""{verb} ROLE "{name}" LOGIN PASSWORD '{password}'""")
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(f'CREATE DATABASE "{name}" OWNER "{name}"')
                await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        finally:
            await connection.close()
        parts = urlsplit(self._admin_url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{name}:{quote(password)}@{host}", path=f"/{name}"))

    def _password(self, name: str) -> str:
        path = self.folder / "passwords.json"
        if not self._passwords and path.exists():
            self._passwords = json.loads(path.read_text())
        if name not in self._passwords:
            self._passwords[name] = secrets.token_hex(16)
            path.touch(mode=0o600)
            path.write_text(json.dumps(self._passwords))
        return self._passwords[name]


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_thread(work: Callable[[], str]) -> str:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


def _taken(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _remember_ports(stack: LocalStack) -> None:
    """The ports of last time, where they are still free: addresses that people noted stay good."""
    path = stack.folder / "ports.json"
    ports = json.loads(path.read_text()) if path.exists() else {}
    if hasattr(stack, "postgres") and (port := ports.get("postgres")) and not _taken(port):
        stack.postgres.port = port


def _keep_ports(stack: LocalStack) -> None:
    if hasattr(stack, "postgres"):
        (stack.folder / "ports.json").write_text(json.dumps({"postgres": stack.postgres.port}))


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=2) as answer:  # noqa: S310 - our own loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


__all__ = ["PORTS", "ROOT", "SERVICES", "LocalStack", "ServiceHandle", "StackInUse", "StartFailed", "tail"]
