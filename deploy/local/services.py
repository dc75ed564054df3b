"""The platform's services as child processes."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.folder import ROOT
from deploy.local.probe import http_ready
from deploy.local.processes import Child, Warden

DEFAULT_PORTS: Mapping[str, int] = {"registry": 8101, "points": 8102, "grid_patrol": 8103, "mediation": 8104}
"""Where each service listens by default."""

SERVICES: tuple[str, ...] = tuple(DEFAULT_PORTS)
"""The services, in the order they are shown."""

_MIGRATE_S, _READY_S = 120.0, 60.0


@dataclass
class ServiceHandle:
    """A service replica that was started."""

    name: str
    replica: int
    url: str
    child: Child

    @property
    def key(self) -> str:
        """The service, and the replica after the first."""
        return replica_key(self.name, self.replica)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.child.pid

    @property
    def log_path(self) -> Path:
        """Where its log is."""
        return self.child.log_path

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.child.is_alive()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self.child.kill()

    def stop(self) -> int:
        """SIGTERM, and wait until it has ended. Returns its exit code."""
        return self.child.stop()


def replica_key(name: str, replica: int) -> str:
    """How a replica is called in logs, records and port lists."""
    return name if replica == 1 else f"{name}-{replica}"


def migrate(warden: Warden, logs: Path, name: str, environment: Mapping[str, str]) -> None:
    """Bring the service's schema to head and make its topics. Raises `StartFailed` with the end of the output."""
    warden.run(
        f"{name} migrate",
        [sys.executable, "-m", f"services.{name}", "migrate"],
        log_path=logs / f"{name}-migrate.log",
        seconds=_MIGRATE_S,
        environment={**os.environ, **environment},
        folder=ROOT,
    )


def serve(warden: Warden, logs: Path, name: str, replica: int, environment: Mapping[str, str]) -> ServiceHandle:
    """Start a replica and wait until it is ready. Raises `StartFailed` with the end of its log when it is not."""
    port = int(environment["HTTP_PORT"])
    key = replica_key(name, replica)
    child = warden.start(
        key,
        [sys.executable, "-m", f"services.{name}", "serve"],
        log_path=logs / f"{key}.log",
        environment={**os.environ, **environment},
        folder=ROOT,
    )
    try:
        warden.wait(child, lambda: http_ready("127.0.0.1", port), _READY_S)
    except BaseException:
        child.stop()
        raise
    return ServiceHandle(name, replica, f"http://127.0.0.1:{port}", child)
