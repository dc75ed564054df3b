"""Another system reads the bus: the two consumers that the README shows, run as they stand there."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.relay import republish
from tests.conftest import COMMUNITY, ROOT, Running
from tests.integration.scene import made, registry
from tests.services import ALL

EXAMPLES = ROOT / "examples"
SHOWN = {"subscribe.py": "python", "subscribe.mjs": "js"}
INSTALL_S_MAX = 150


@pytest.mark.parametrize("name", SHOWN)
def test_the_readme_shows_the_consumers_as_they_run(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"```{SHOWN[name]}\n{(EXAMPLES / name).read_text(encoding='utf-8')}```\n" in readme


async def test_a_python_subscriber_reads_everything_from_the_beginning_and_each_event_once(start) -> None:
    town = await told(start)
    command = [sys.executable, str(EXAMPLES / "subscribe.py")]
    await reads_everything_once(town, command)


@pytest.mark.timeout(INSTALL_S_MAX + 120)
async def test_a_node_subscriber_reads_everything_from_the_beginning_and_each_event_once(start) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed: the README's consumer for Node cannot run here")
    town = await told(start)
    folder = await asyncio.to_thread(installed, npm)
    await reads_everything_once(town, [node, str(folder / "subscribe.mjs")])


async def told(start) -> Running:
    """A registry whose events are on its topic twice, and one more event after them."""
    build, settings = ALL["registry"]
    # With one partition, whoever prints the last event has been through all the others and their repetitions.
    town: Running = await start(build, settings=settings, kafka_partitions=1, backdating_max_days=30)
    await registry(town)
    await republish(town.service.database, town.service.relay, 1, None, lambda *_: None)
    await made(town.client(), "/v1/teams", {"community": COMMUNITY, "name": "最后一队", "kind": "culture"})
    return town


async def reads_everything_once(town: Running, command: Sequence[str]) -> None:
    topic, servers = town.service.settings.topic("registry"), town.service.settings.kafka_bootstrap_servers
    assert await compression(servers, topic) == "zstd"
    told_of = [
        f"{row.type} {row.stream}" for row in await town.rows("SELECT type, stream FROM events ORDER BY position")
    ]
    lines: list[str] = []
    async with (
        output(command, {"KAFKA_BOOTSTRAP_SERVERS": servers, "KAFKA_TOPIC": topic}) as printed,
        asyncio.timeout(60),
    ):
        async for line in printed:
            lines.append(line)
            if line == told_of[-1]:
                break
    assert Counter(lines) == Counter(told_of)


@asynccontextmanager
async def output(command: Sequence[str], environment: Mapping[str, str]) -> AsyncIterator[AsyncIterator[str]]:
    """The lines that a program prints; it is ended with the block. A program that ends by itself is a failure."""
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None

    async def lines() -> AsyncIterator[str]:
        while raw := await process.stdout.readline():
            yield raw.decode().rstrip("\n")
        pytest.fail(f"the subscriber ended: {(await process.stderr.read()).decode()[-2000:]}")

    try:
        yield lines()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def compression(servers: str, topic: str) -> str | None:
    """How the broker stores the topic's records, whatever their producer did."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        [answer] = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, {"compression.type": None})]
        )
    finally:
        await admin.close()
    entries = {entry[0]: entry[1] for resource in answer.resources for entry in resource[4]}
    return entries.get("compression.type")


def installed(npm: str) -> Path:
    """A folder with the example and the packages it names, kept from run to run and made anew when they change."""
    files = [EXAMPLES / name for name in ("package.json", ".npmrc", "subscribe.mjs")]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "liuling"
    folder = caches / f"examples-{digest}"
    if folder.exists():
        return folder
    caches.mkdir(parents=True, exist_ok=True)
    # Installed beside and moved into place whole, so that neither an interrupted run nor a second one leaves half.
    beside = Path(tempfile.mkdtemp(dir=caches, prefix="installing-"))
    try:
        for file in files:
            shutil.copy(file, beside)
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=beside, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        with suppress(OSError):  # another run was there first, with the same
            beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder
