"""The whole platform on one machine, in one data folder, ended with whoever started it."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import psutil

from deploy.local import databases, services
from deploy.local.databases import AnyPostgres
from deploy.local.folder import (
    ROOT,
    BrokerKind,
    DataFolder,
    ProcessRecord,
    ServiceRecord,
    StackInUse,
    default_data_dir,
    now,
)
from deploy.local.kafka import Kafka, NoKafka, prepare
from deploy.local.ports import free_port
from deploy.local.postgres import ExternalPostgres, Postgres
from deploy.local.processes import Child, StackError, StartFailed, Warden
from deploy.local.services import DEFAULT_PORTS, SERVICES, ServiceHandle, replica_key
from deploy.local.tansu import Tansu
from shared.auth.issuer import Issuer

__all__ = [
    "DEFAULT_PORTS",
    "ROOT",
    "SERVICES",
    "LocalStack",
    "ServiceHandle",
    "StackError",
    "StackInUse",
    "StartFailed",
]

Say = Callable[[str], None]
BrokerChoice = Literal["auto", "kafka", "tansu"]


class Broker(Protocol):
    """What the stack and its tests ask of a broker."""

    @property
    def kind(self) -> BrokerKind:
        """Which it is."""

    @property
    def bootstrap(self) -> str:
        """Host and port for clients."""

    @property
    def idempotent(self) -> bool:
        """Whether it knows idempotent producers."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs, None when it is not ours."""

    def start(self) -> None:
        """Start it on its port and its data, and wait until it serves."""

    def stop(self) -> None:
        """End it cleanly."""

    def kill(self) -> None:
        """SIGKILL it."""

    def is_alive(self) -> bool:
        """Whether it runs."""


class ExternalBroker:
    """A broker that someone else runs, named by `KAFKA_BOOTSTRAP_SERVERS`."""

    kind: BrokerKind = "external"
    pid: int | None = None

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.idempotent = os.environ.get("KAFKA_IDEMPOTENT_PRODUCER", "true").lower() not in ("false", "0", "no")

    def start(self) -> None:
        """Nothing is started."""

    def stop(self) -> None:
        """Nothing is stopped."""

    def kill(self) -> None:
        """Raise: it is not ours to kill."""
        raise StackError("外部消息代理不由本栈管理 an external broker is not ours to kill")

    def is_alive(self) -> bool:
        """Taken for granted; the first use tells."""
        return True


class LocalStack:
    """PostgreSQL, a broker, the development issuer, and services as child processes. Used as a context manager.

    `data_dir` defaults to `LIULING_DATA` or `.liuling` in the checkout. `services` are migrated and started with the
    stack; `settings` go to each of them. `ports` are wishes, by service; taken ones are replaced by free ones.
    `postgres_settings` go to the own server, before `postgres.SETTINGS`.
    `DATABASE_URL` (an administrator's) and `KAFKA_BOOTSTRAP_SERVERS` in the environment replace the own parts.
    Raises `StackInUse` when another stack runs on the folder, and `StackError` when a part does not come up.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        services: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        broker: BrokerChoice = "auto",
        ports: Mapping[str, int] | None = None,
        postgres_settings: Mapping[str, str] | None = None,
        say: Say = lambda line: print(line, file=sys.stderr),
    ) -> None:
        self._data = DataFolder(data_dir or default_data_dir())
        self._handles: dict[str, ServiceHandle] = {}
        self.timings: dict[str, float] = {}
        """Seconds that each part took to come up."""
        self.postgres: AnyPostgres
        self.kafka: Broker
        self.issuer: Issuer
        self._services = tuple(services)
        self._settings = dict(settings or {})
        self._broker_choice = broker
        self._wished_ports = dict(ports or {})
        self._postgres_settings = dict(postgres_settings or {})
        self._say = say
        self._ports: dict[str, int] = {}
        self._urls: dict[str, str] = {}
        self._environments: dict[str, dict[str, str]] = {}
        self._warden: Warden | None = None
        self._guard = threading.RLock()

    # --- life ---

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Bring everything up. Whatever goes wrong, nothing is left running."""
        try:
            self._data.acquire()
            self._warden = Warden([self._data.lock_descriptor])
            for name in self._data.end_leftovers():
                self._say(f"结束了上次遗留的进程 ended a process left from an earlier run: {name}")
            self._wished_ports = {**self._wished_ports, **self._data.read_record().ports}
            self.issuer = Issuer.open(self.folder / "issuer")
            self._together(self._start_postgres, self._start_broker)
            self._note()
            self._together(*(lambda name=name: self._bring_up(name) for name in self._services))
        except OSError as error:
            self.stop()
            place = error.filename or self.folder
            raise StackError(f"无法启动 cannot start: {place}: {error.strerror}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End services first, then the broker and the database; then let go of the folder."""
        if self._warden is None:
            self._data.release()
            return
        self._warden.stopping.set()
        parts: list[AnyPostgres | Broker] = [
            getattr(self, name) for name in ("kafka", "postgres") if hasattr(self, name)
        ]
        try:
            _each([handle.stop for handle in self._handles.values()])
            _each([part.stop for part in parts])
        finally:
            self._warden.close()
            self._warden = None
            with suppress(OSError):  # a full disk: what to say of it has been said, and the next start writes it anew
                self._note()
            self._data.release()

    # --- what it offers ---

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self._data.path

    @property
    def handles(self) -> list[ServiceHandle]:
        """The service replicas that were started; of one started again, the latest."""
        with self._guard:
            return list(self._handles.values())

    @property
    def kafka_bootstrap(self) -> str:
        """The broker's address for clients."""
        return self.kafka.bootstrap

    @property
    def broker_kind(self) -> BrokerKind:
        """Which broker runs: kafka, tansu, or external."""
        return self.kafka.kind

    def database_url(self, service: str) -> str:
        """The URL of a service's own database, which is made with its role on first use."""
        return self.create_database(service)

    def create_database(self, name: str) -> str:
        """Make a database and a role of that name if they are missing; returns the role's URL."""
        with self._guard:
            if name not in self._urls:
                self._urls[name] = databases.ensure_database(self.postgres, name)
            return self._urls[name]

    def drop_database(self, name: str) -> None:
        """Remove a database and its role, ending its sessions."""
        with self._guard:
            databases.drop_database(self.postgres, name)
            self._urls.pop(name, None)

    def environment(self, service: str) -> dict[str, str]:
        """Every variable that a service needs."""
        environment = {
            "DATABASE_URL": self.database_url(service),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap,
            "KAFKA_IDEMPOTENT_PRODUCER": str(self.kafka.idempotent).lower(),
            "HTTP_HOST": "127.0.0.1",
            "HTTP_PORT": str(self._port(service)),
            "JWKS_URL": self.issuer.jwks_path.as_uri(),
            "TOKEN_ISSUER": self.issuer.issuer,
            "TOKEN_AUDIENCE": self.issuer.audience,
            "VAULT_MASTER_KEY": self._data.key(f"{service}-vault-key"),
            "ACTOR_KEY": self._data.key("actor-key"),
            **self._settings,
        }
        with self._guard:
            self._environments[service] = environment
        return dict(environment)

    def offer_environments(self) -> None:
        """Write down every service's environment, so that `env` shows it even for one that is run by hand."""
        self._together(*(lambda name=name: self.environment(name) for name in SERVICES))
        self._note()

    def token(self, role: str, node: str, subject: str | None = None) -> str:
        """A bearer token from the development issuer."""
        return self.issuer.token(role, node, subject)

    def migrate(self, service: str) -> None:
        """Run the service's `migrate`: its schema to head, its topics made."""
        services.migrate(self._running(), self._data.logs, service, self.environment(service))

    def start_service(self, name: str, replica: int = 1) -> ServiceHandle:
        """Run the service and wait until it is ready. Started again, a replica has the port it had before."""
        key = replica_key(name, replica)
        known = self._handles.get(key)
        if known is not None and known.is_alive():
            raise StackError(f"{key} 已在运行 already runs ({known.url})")
        environment = {**self.environment(name), "HTTP_PORT": str(self._port(key))}
        with self._timed(key):
            handle = services.serve(self._running(), self._data.logs, name, replica, environment)
        with self._guard:
            self._handles[key] = handle
        self._note()
        return handle

    def dead(self) -> Child | None:
        """A process that ended by itself, though it is meant to run."""
        return next((child for child in self._running().children() if not child.is_alive()), None)

    # --- within ---

    def _bring_up(self, name: str) -> None:
        self.migrate(name)
        self.start_service(name)

    def _start_postgres(self) -> None:
        if url := os.environ.get("DATABASE_URL"):
            self.postgres = ExternalPostgres(url)
            return
        self.postgres = Postgres(
            self.folder,
            self._data.logs,
            self._running(),
            port=self._port("postgres"),
            admin_secret=self._data.secret("postgres"),
            settings=self._postgres_settings,
        )
        with self._timed("postgres"):
            self.postgres.start()

    def _start_broker(self) -> None:
        self.kafka = self._choose_broker()
        with self._timed(self.kafka.kind):
            self.kafka.start()

    def _choose_broker(self) -> Broker:
        if bootstrap := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
            return ExternalBroker(bootstrap)
        warden, logs = self._running(), self._data.logs
        if self._broker_choice == "tansu":
            return Tansu(logs, warden, port=self._port("broker"))
        try:
            return Kafka(
                prepare(warden, logs, self._say),
                self.folder / "kafka",
                logs,
                warden,
                port=self._port("broker"),
                controller_port=self._port("kafka-controller"),
            )
        except NoKafka as reason:
            if self._broker_choice == "kafka":
                raise StackError(f"无法运行 Kafka cannot run: {reason}") from None
            self._say(
                f"无法运行 Kafka cannot run here: {reason}\n"
                "改用内存中的 Tansu，停止后消息不保留，可用 republish 补发 "
                "using Tansu in memory instead: its messages end with it, `republish` refills them"
            )
            return Tansu(logs, warden, port=self._port("broker"))

    def _port(self, name: str) -> int:
        with self._guard:
            if name not in self._ports:
                taken = frozenset(self._ports.values())
                self._ports[name] = free_port(preferred=self._wished_ports.get(name), taken=taken)
            return self._ports[name]

    def _running(self) -> Warden:
        if self._warden is None:
            raise StackError("本机平台没有运行 the local stack is not running")
        return self._warden

    def _together(self, *jobs: Callable[[], object]) -> None:
        """Run jobs at the same time. The first that fails makes the others give up."""
        if not jobs:
            return
        with ThreadPoolExecutor(len(jobs)) as pool:
            try:
                for done in as_completed([pool.submit(job) for job in jobs]):
                    done.result()
            except BaseException:
                self._running().stopping.set()
                raise

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.timings[name] = time.monotonic() - begun

    def _note(self) -> None:
        """Write down what runs and where, for `status`, `env`, `down` and the next start."""
        with self._guard:
            record = self._data.read_record()
            # Ports of parts that did not run this time are kept for when they do.
            record.ports |= self._ports
            record.pid = os.getpid() if self._warden is not None else None
            record.processes = {}
            if self._warden is not None:
                record.started_at = record.started_at or now()
                record.broker_kind, record.kafka_bootstrap = self.kafka.kind, self.kafka.bootstrap
                record.postgres = self.postgres.address
                record.environments = self._environments
                record.services = {
                    key: ServiceRecord(url=handle.url, pid=handle.pid, log=str(handle.log_path))
                    for key, handle in self._handles.items()
                }
                record.processes = _known(self._warden.children())
            else:
                record.started_at, record.services, record.environments = None, {}, {}
            self._data.write_record(record)


def _known(children: Sequence[Child]) -> dict[str, ProcessRecord]:
    known = {}
    for child in children:
        with suppress(psutil.NoSuchProcess):  # it ended just now
            known[child.name] = ProcessRecord(pid=child.pid, created=psutil.Process(child.pid).create_time())
    return known


def _each(jobs: Sequence[Callable[[], object]]) -> None:
    """Run jobs at the same time, all of them, whatever happens to one; raises the first error afterwards."""
    if not jobs:
        return
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(job) for job in jobs]
    for future in futures:
        future.result()
