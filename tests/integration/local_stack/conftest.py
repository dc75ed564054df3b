"""Stacks of their own: what is tested here is how they start and end."""

import asyncio
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.folder import ROOT, DataFolder
from deploy.local.stack import LocalStack


@dataclass
class Holder:
    """A process that runs a stack, and what it said about it."""

    process: subprocess.Popen[str]
    pids: list[int]
    warden: int
    user: int
    broker: str
    bootstrap: str
    database_url: str

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


Hold = Callable[..., Holder]


def alive(pids: list[int]) -> list[str]:
    """Which of these processes still run; one that only waits to be collected does not."""
    found = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{pid} {process.name()}")
        except psutil.NoSuchProcess:
            pass
    return found


def gone(pids: list[int], seconds: float = 15) -> bool:
    """Whether these processes have ended, at the latest by the deadline."""
    deadline = time.monotonic() + seconds
    while alive(pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for the condition, or fail at the deadline."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def remember(database_url: str, bootstrap: str, word: str) -> None:
    """Leave a word in a table and in a topic."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
    await connection.execute("INSERT INTO words VALUES ($1)", word)
    await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    if "words" not in await admin.list_topics():
        await admin.create_topics([NewTopic("words", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type="zstd")
    await producer.start()
    await producer.send_and_wait("words", word.encode(), partition=0)
    await producer.stop()


async def table_words(database_url: str) -> list[str]:
    """The words in the table."""
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT word FROM words")
    await connection.close()
    return [row["word"] for row in rows]


async def topic_words(bootstrap: str) -> list[str]:
    """The words in the topic, read by a member of a new group."""
    consumer = AIOKafkaConsumer(
        "words", bootstrap_servers=bootstrap, group_id=uuid.uuid4().hex, auto_offset_reset="earliest"
    )
    await consumer.start()
    partition = TopicPartition("words", 0)
    end = (await consumer.end_offsets([partition]))[partition]
    words: list[str] = []
    while len(words) < end:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            words += [record.value.decode() for record in records]
    await consumer.stop()
    return words


@pytest.fixture(scope="package", autouse=True)
def own_parts() -> Iterator[None]:
    """Whatever the rest of the run uses, these tests start parts of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory, own_parts: None) -> Iterator[LocalStack]:
    """A stack in a folder that only its owner may enter, as pytest makes them."""
    folder = tmp_path_factory.mktemp("running")
    with LocalStack(folder) as stack:
        yield stack
    DataFolder(folder).delete()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that every account may enter and write."""
    folder = Path(tempfile.mkdtemp(prefix="liuling-test-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def hold() -> Iterator[Hold]:
    """`hold(folder, broker="auto", user=None)` runs a stack in a process of its own."""
    holders: list[Holder] = []

    def begin(
        folder: Path,
        *,
        broker: str = "auto",
        user: str | None = None,
        python: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> Holder:
        account = pwd.getpwnam(user) if user else None
        process = subprocess.Popen(
            [str(python or sys.executable), "-m", "tests.integration.local_stack.holder", str(folder), broker],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=() if account else None,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(f"the stack did not come up (exit {process.wait()})")
        holder = Holder(process, **json.loads(line))
        holders.append(holder)
        return holder

    yield begin
    for holder in holders:
        holder.kill()
        if not gone(holder.pids):
            for pid in holder.pids:
                if psutil.pid_exists(pid):
                    psutil.Process(pid).kill()
