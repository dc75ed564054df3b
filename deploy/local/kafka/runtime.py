"""What Kafka needs to run: Java 17 or newer, and its jars, resolved once by Maven into a cache folder."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.processes import StartFailed, Warden

_HERE = Path(__file__).parent
POM = _HERE / "pom.xml"
JAVA_MAJOR_MIN = 17
_RESOLVE_S = 300.0


class NoKafka(Exception):
    """Kafka cannot run here; the text says why, in both languages."""


@dataclass(frozen=True, slots=True)
class KafkaRuntime:
    """The Java to run and the jars to run on it."""

    java: Path
    java_version: str
    jars: Path

    @property
    def class_path(self) -> str:
        """The jars in a fixed order: a class archive is only valid for the very same class path."""
        return os.pathsep.join(str(jar) for jar in sorted(self.jars.glob("*.jar")))

    @property
    def class_archive(self) -> Path:
        """Where the JVM's archive of loaded classes is kept; it more than halves the start."""
        java = hashlib.sha256(f"{self.java.resolve()} {self.java_version}".encode()).hexdigest()[:8]
        return self.jars.with_name(f"{self.jars.name}-{java}.jsa")


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/liuling`, or `~/.cache/liuling`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "liuling"


def prepare(warden: Warden, logs: Path, say: Callable[[str], None]) -> KafkaRuntime:
    """Find Java and the jars. Raises `NoKafka`."""
    java, java_version = _find_java()
    return KafkaRuntime(java, java_version, _jars(warden, logs, say))


def _find_java() -> tuple[Path, str]:
    home = os.environ.get("JAVA_HOME")
    named = Path(home) / "bin" / "java" if home else None
    found = str(named) if named is not None and named.exists() else shutil.which("java")
    if found is None:
        raise NoKafka("没有 Java there is no Java")
    version = _java_version(Path(found))
    major = int(re.split(r"[.+-]", version)[0] or 0)
    if major < JAVA_MAJOR_MIN:
        raise NoKafka(f"Java {version} 太旧，需要 {JAVA_MAJOR_MIN} 以上 is too old, {JAVA_MAJOR_MIN} is needed")
    return Path(found), version


def _java_version(java: Path) -> str:
    """From the `release` file beside it when there is one: a JVM only to ask costs a fifth of a second."""
    try:
        release = (java.resolve().parent.parent / "release").read_text()
    except OSError:
        release = ""
    if found := re.search(r'^JAVA_VERSION="([^"]+)"', release, re.MULTILINE):
        return found[1]
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        raise NoKafka(f"{java} 无法运行 does not run") from None
    if found := re.search(r'version "([^"]+)"', answer.stderr):
        return found[1]
    raise NoKafka(f"{java} 无法运行 does not run")


def _jars(warden: Warden, logs: Path, say: Callable[[str], None]) -> Path:
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    try:
        cache = cache_folder()
        jars = cache / f"kafka-{digest}"
        if jars.exists():
            return jars
        maven = shutil.which("mvn")
        if maven is None:
            raise NoKafka("没有 Maven there is no Maven")
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "kafka.lock").open("w") as lock:
            # Two first starts at once: the second waits and finds the jars.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not jars.exists():
                say("首次运行，正在下载 Kafka first run: Maven is fetching Kafka (45 MB) …")
                _resolve(warden, maven, jars, logs / "maven.log")
    except OSError as error:
        raise NoKafka(f"缓存文件夹不可用 the cache folder cannot be used: {error}") from None
    return jars


def _resolve(warden: Warden, maven: str, jars: Path, log_path: Path) -> None:
    for half in jars.parent.glob(f"{jars.name}.*"):  # of a first start that was killed
        shutil.rmtree(half, ignore_errors=True)
    fresh = jars.with_name(f"{jars.name}.{os.getpid()}")
    project = fresh / "project"
    project.mkdir(parents=True)
    shutil.copy(POM, project)
    command: list[str | Path] = [maven, "-q", "-B", "-f", project / "pom.xml", "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={fresh / 'jars'}"]
    try:
        warden.run("Maven", command, log_path=log_path, seconds=_RESOLVE_S, environment=os.environ)
        (fresh / "jars").rename(jars)
    except StartFailed as error:
        if warden.stopping.is_set():
            raise
        reason = next((line for line in str(error).splitlines() if "ERROR" in line), str(error).splitlines()[0])
        raise NoKafka(f"Maven 未能取得 jar 包 could not resolve the jars ({log_path}): {reason[:300]}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
