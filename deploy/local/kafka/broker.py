"""One Kafka node, broker and controller in one, on a folder of its own."""

import base64
import contextlib
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import psutil

from deploy.local.folder import BrokerKind
from deploy.local.kafka.runtime import KafkaRuntime
from deploy.local.probe import kafka_answers
from deploy.local.processes import Child, Warden

_HERE = Path(__file__).parent
_START_S, _FORMAT_S = 90.0, 60.0

# Measured on two cores: with C1 only, the broker spends half the CPU on the same 300,000 records and starts sooner;
# it is never up for long enough to win back what C2 costs. Serial GC: a small heap, and cores that others need.
JVM_FLAGS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")

SETTINGS: Mapping[str, str | int] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "num.partitions": 12,
    "log.retention.ms": -1,
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # Offsets of groups are kept as long as the topics are.
    "offsets.retention.minutes": 2_147_483_647,
    # A node for one machine: 50 internal partitions each would only cost files and time at the first use.
    "offsets.topic.num.partitions": 8,
    "transaction.state.log.num.partitions": 8,
    "share.coordinator.state.topic.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    # After SIGKILL the controller refuses the same node until its old session has ended: 3 s instead of 9 s.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
}


class Kafka:
    """The broker of a data folder. `kill` and `start` again keep port and data."""

    kind: BrokerKind = "kafka"
    idempotent: Literal[True] = True

    def __init__(
        self,
        runtime: KafkaRuntime,
        folder: Path,
        logs: Path,
        warden: Warden,
        *,
        port: int,
        controller_port: int,
        settings: Mapping[str, str | int] = {},
    ) -> None:
        """`settings` beside, or instead of, those of every node here."""
        self.port = port
        self.bootstrap = f"127.0.0.1:{port}"
        self._runtime = runtime
        self._folder = folder
        self._logs = logs
        self._warden = warden
        self._controller_port = controller_port
        self._more_settings = settings
        self._child: Child | None = None
        self._fresh_archive: Path | None = None

    @property
    def pid(self) -> int | None:
        """The broker's process id while it runs."""
        return self._child.pid if self._child is not None else None

    def start(self) -> None:
        """Format the folder on first use, start the node, wait until it serves as a broker."""
        if self.is_alive():
            return
        self._folder.mkdir(exist_ok=True)
        properties = self._folder / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._settings().items()))
        if not (self._folder / "log" / "meta.properties").exists():
            self._format(properties)
        self._child = child = self._warden.start(
            "Kafka",
            [*self._java(record_classes=True), "kafka.Kafka", properties],
            log_path=self._logs / "kafka.log",
            environment=os.environ,
            folder=self._folder,
            # Longer than a clean end takes: the first one also writes the class archive.
            stop_within_s=40,
        )
        self._warden.wait(child, lambda: kafka_answers(self.bootstrap), _START_S)

    def stop(self) -> None:
        """End it cleanly."""
        if self._child is None:
            return
        self._child.stop()
        if self._fresh_archive is not None:
            with contextlib.suppress(FileNotFoundError):
                self._fresh_archive.replace(self._runtime.class_archive)
            self._fresh_archive = None

    def kill(self) -> None:
        """SIGKILL it, as a crash would."""
        if self._child is not None:
            self._child.kill()

    def is_alive(self) -> bool:
        """Whether the node runs."""
        return self._child is not None and self._child.is_alive()

    def _settings(self) -> dict[str, str | int]:
        return {
            **SETTINGS,
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "log.dirs": str(self._folder / "log"),
            **self._more_settings,
        }

    def _format(self, properties: Path) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if cluster_id.startswith("-"):  # the tool would take it for an option
            cluster_id = "L" + cluster_id[1:]
        self._warden.run(
            "kafka-storage format",
            [
                *self._java(record_classes=False),
                "kafka.tools.StorageTool",
                "format",
                "--ignore-formatted",
                f"--cluster-id={cluster_id}",
                f"--config={properties}",
            ],
            log_path=self._logs / "kafka.log",
            seconds=_FORMAT_S,
            environment=os.environ,
        )

    def _java(self, *, record_classes: bool) -> list[str | Path]:
        archive = self._runtime.class_archive
        flags: list[str] = []
        if archive.exists():
            flags = [f"-XX:SharedArchiveFile={archive}"]
        elif record_classes and os.access(archive.parent, os.W_OK):
            _remove_unfinished(archive)
            # Written when the node ends, then put in place by us: a JVM must never meet half an archive.
            self._fresh_archive = archive.with_name(f"{archive.name}.{os.getpid()}")
            flags = [f"-XX:ArchiveClassesAtExit={self._fresh_archive}"]
        return [
            self._runtime.java,
            *JVM_FLAGS,
            *flags,
            f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}",
            "-cp",
            self._runtime.class_path,
        ]


def _remove_unfinished(archive: Path) -> None:
    """Archives that a killed node left half written: their names end with the process that was to put them in place."""
    for half in archive.parent.glob(f"{archive.name}.*"):
        owner = half.suffix.removeprefix(".")
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            half.unlink(missing_ok=True)
