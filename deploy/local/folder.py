"""The data folder: its lock, its secrets, and the record of what runs on it."""

import base64
import contextlib
import fcntl
import hashlib
import hmac
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, Field, ValidationError

from deploy.local.processes import StackError

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: services are started from here."""

_WARDEN_ENDS_WITHIN_S = 15.0

BrokerKind = Literal["kafka", "tansu", "external"]


def default_data_dir() -> Path:
    """`LIULING_DATA`, or `.liuling` in the checkout."""
    return Path(os.environ.get("LIULING_DATA") or ROOT / ".liuling")


class StackInUse(StackError):
    """Another stack runs on the same data folder; the text says which and where."""


class ServiceRecord(BaseModel):
    """A service replica that runs."""

    url: str
    pid: int
    log: str


class ProcessRecord(BaseModel):
    """A process and when it was started: together they name it even when its number is used again."""

    pid: int
    created: float


class Record(BaseModel):
    """What runs on the folder, and what the next start wants to know. Readable by the owner only."""

    pid: int | None = None
    """The process that runs the stack; None after a clean end."""
    started_at: datetime | None = None
    broker_kind: BrokerKind | None = None
    kafka_bootstrap: str | None = None
    postgres: str | None = None
    """Host and port, without credentials."""
    services: dict[str, ServiceRecord] = Field(default_factory=dict)
    environments: dict[str, dict[str, str]] = Field(default_factory=dict)
    processes: dict[str, ProcessRecord] = Field(default_factory=dict)
    ports: dict[str, int] = Field(default_factory=dict)
    """Kept from run to run, so that addresses stay the same while they are free."""


class DataFolder:
    """One stack's files. `acquire` takes the lock that lets only one stack run on it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None
        self._holder_path = self.path / "lock"
        self._record_path = self.path / "stack.json"

    @property
    def logs(self) -> Path:
        """Where every process writes its log."""
        return self.path / "logs"

    @property
    def lock_descriptor(self) -> int:
        """The descriptor that holds the lock; whoever inherits it holds the lock too."""
        assert self._lock is not None
        return self._lock

    def acquire(self) -> None:
        """Take the lock. Raises `StackError` that says who holds it and where its addresses are.

        When the holder was killed, its warden still ends the processes: that is waited for.
        """
        # Secrets have their own mode; others need to pass through when PostgreSQL runs under another account.
        self.path.mkdir(parents=True, exist_ok=True, mode=0o755 if os.geteuid() == 0 else 0o700)
        self.logs.mkdir(exist_ok=True)
        descriptor = os.open(self._holder_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _WARDEN_ENDS_WITHIN_S
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    holder = self.holder()
                    if (holder is not None and psutil.pid_exists(holder)) or time.monotonic() > deadline:
                        raise StackInUse(self._in_use(holder)) from None
                    time.sleep(0.05)
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock = descriptor

    def release(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            os.ftruncate(self._lock, 0)
            os.close(self._lock)
            self._lock = None

    def in_use(self) -> bool:
        """Whether a stack runs on the folder, or its warden still ends one."""
        try:
            descriptor = os.open(self._holder_path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def holder(self) -> int | None:
        """The process that took the lock last and has not released it."""
        try:
            text = self._holder_path.read_text().strip()
        except FileNotFoundError:
            return None
        return int(text) if text.isdigit() else None

    def read_record(self) -> Record:
        """The record; an empty one when there is none or it is unreadable."""
        try:
            return Record.model_validate_json(self._record_path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return Record()

    def write_record(self, record: Record) -> None:
        """Replace the record at once, so that a reader never sees half of it."""
        write_private(self._record_path, record.model_dump_json(indent=2))

    def secret(self, name: str, make: Callable[[], str] | None = None) -> str:
        """A generated secret of this folder, made on first use and readable by the owner only."""
        folder = self.path / "secrets"
        folder.mkdir(exist_ok=True, mode=0o700)
        path = folder / name
        with contextlib.suppress(FileNotFoundError):
            return path.read_text()
        # Services start side by side: whoever is first decides, and all others read what was decided.
        written = _private_file(path, (make or (lambda: secrets.token_urlsafe(32)))())
        with contextlib.suppress(FileExistsError):
            os.link(written, path)
        written.unlink()
        return path.read_text()

    def key(self, name: str) -> str:
        """32 random bytes in base64. In a folder of before each service had its own, the one that all had."""

        def make() -> str:
            with contextlib.suppress(FileNotFoundError):
                return (self.path / "secrets" / "vault-master-key").read_text()
            return base64.b64encode(secrets.token_bytes(32)).decode()

        return self.secret(name, make)

    def end_leftovers(self) -> list[str]:
        """End processes of an earlier run that lost its warden too. Returns their names. Only under the lock."""
        record = self.read_record()
        ended: list[str] = []
        left: list[psutil.Process] = []
        for name, known in record.processes.items():
            try:
                process = psutil.Process(known.pid)
                if abs(process.create_time() - known.created) > 1 or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                left += [process, *process.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            ended.append(name)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=10)
        return ended

    def delete(self) -> None:
        """Delete everything. Raises `StackError` when it is in use, or does not look like a data folder."""
        if not self._record_path.exists() and not self._holder_path.exists():
            raise StackError(f"不是数据文件夹 not a data folder: {self.path}")
        self.acquire()
        try:
            cluster = self.path / "postgres"
            if cluster.is_symlink():
                shutil.rmtree(cluster.resolve(), ignore_errors=True)
            shutil.rmtree(self.path)
        finally:
            self.release()

    def _in_use(self, holder: int | None) -> str:
        record = self.read_record()
        addresses = [f"Kafka {record.kafka_bootstrap}", f"PostgreSQL {record.postgres}"]
        addresses += [f"{name} {service.url}" for name, service in record.services.items()]
        who = f"进程 process {holder}" if holder is not None else "另一进程 another process"
        known = "; ".join(addresses) if record.pid == holder and holder is not None else "正在启动 still starting"
        return (
            f"数据文件夹已被使用 the data folder is in use: {self.path}\n"
            f"  使用者 by: {who}\n  地址 addresses: {known}\n"
            "  查看 see `python -m deploy.local status`; 停止 stop it with `python -m deploy.local down`"
        )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, replacing it at once."""
    _private_file(path, text).replace(path)


def _private_file(beside: Path, text: str) -> Path:
    # A name of its own for every writer, in this process too; such files are readable by their owner only.
    descriptor, name = tempfile.mkstemp(dir=beside.parent, prefix=f".{beside.name}.")
    try:
        with open(descriptor, "w") as file:
            file.write(text)
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)


def derived_password(key: str, role: str) -> str:
    """The password of a database role, derived from a secret: the same secret gives the same roles, always."""
    digest = hmac.digest(key.encode(), f"liuling role {role}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def now() -> datetime:
    """The moment a stack was started."""
    return datetime.now(UTC)
