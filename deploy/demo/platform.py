"""The platform as the demo sees it: addresses, tokens, and the few things an operator does to it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx

from deploy.local.stack import ROOT, SERVICES, LocalStack
from shared.auth.issuer import Issuer
from shared.kafka import client_of


class Platform(Protocol):
    """Where the demo runs."""

    @property
    def urls(self) -> Mapping[str, str]:
        """Address of each service."""
        ...

    @property
    def bus(self) -> Mapping[str, Any]:
        """What a client of the broker is made with."""
        ...

    def token(self, role: str, node: str, subject: str | None = None) -> str:
        """A bearer token, by default of somebody who is one person for each role and node."""
        ...

    def kill_points(self) -> None:
        """End the points service with SIGKILL."""
        ...

    def start_points(self) -> None:
        """Start it again and wait until it is ready."""
        ...

    def command(self, service: str, *arguments: str) -> tuple[int, str]:
        """Run a command of a service; exit code and output."""
        ...

    def logs(self) -> Iterable[tuple[str, str]]:
        """Names and contents of all logs."""
        ...


class LocalPlatform:
    """The local stack of this process."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self.urls: Mapping[str, str] = {handle.name: handle.url for handle in stack.handles}
        self.bus = client_of(stack.kafka_bootstrap)

    def token(self, role: str, node: str, subject: str | None = None) -> str:
        """A token of the stack's development issuer."""
        return self._stack.token(role, node, subject)

    def kill_points(self) -> None:
        """SIGKILL."""
        handle = next(h for h in self._stack.handles if h.name == "points" and h.is_alive())
        handle.kill()

    def start_points(self) -> None:
        """A new process on the same address."""
        self._stack.start_service("points")

    def command(self, service: str, *arguments: str) -> tuple[int, str]:
        """Run it as a process beside the services."""
        done = subprocess.run(
            [sys.executable, "-m", f"services.{service}", *arguments],
            env={**os.environ, **self._stack.environment(service), "COLUMNS": "160"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def logs(self) -> Iterable[tuple[str, str]]:
        """Every log file of the data folder."""
        for path in sorted(self._stack.folder.rglob("*.log")):
            yield str(path.relative_to(self._stack.folder)), path.read_text(encoding="utf-8", errors="replace")


class ComposePlatform:
    """The platform in containers, brought up by `docker compose` beforehand."""

    def __init__(self, issuer_folder: Path) -> None:
        self._issuer = Issuer.open(issuer_folder)
        ports = {"registry": 8101, "points": 8102, "grid_patrol": 8103, "mediation": 8104}
        self.urls: Mapping[str, str] = {
            name: os.environ.get(f"{name.upper()}_URL", f"http://127.0.0.1:{ports[name]}") for name in SERVICES
        }
        # The demo looks at groups and topics as an operator would, under the name of the one who may.
        self.bus = client_of(
            os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9094"),
            os.environ.get("KAFKA_USERNAME"),
            os.environ.get("KAFKA_PASSWORD"),
        )

    def token(self, role: str, node: str, subject: str | None = None) -> str:
        """A token of the issuer whose public keys the containers were given."""
        return self._issuer.token(role, node, subject)

    def kill_points(self) -> None:
        """SIGKILL the container's process."""
        self._compose("kill", "-s", "KILL", "points")

    def start_points(self) -> None:
        """Start the container and wait until the service is ready."""
        self._compose("start", "points")
        deadline = time.monotonic() + 90
        while True:
            try:
                if httpx.get(f"{self.urls['points']}/health/ready", timeout=2).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
            if time.monotonic() > deadline:
                raise TimeoutError("points 没有在 90 秒内就绪 was not ready within 90 s")
            time.sleep(0.2)

    def command(self, service: str, *arguments: str) -> tuple[int, str]:
        """Run it in the service's own container."""
        done = self._compose("exec", "-T", service, "python", "-m", f"services.{service}", *arguments, check=False)
        return done.returncode, done.stdout + done.stderr

    def logs(self) -> Iterable[tuple[str, str]]:
        """What all containers wrote."""
        yield "docker compose logs", re.sub(r"\x1b\[[0-9;]*m", "", self._compose("logs", "--no-color").stdout)

    @staticmethod
    def _compose(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        command = ["docker", "compose", "-f", str(ROOT / "deploy" / "docker-compose.yml"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=check)
