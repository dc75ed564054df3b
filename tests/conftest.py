"""Real parts for the tests: one PostgreSQL and one Kafka for the run, a fresh database and topics for each test."""

import asyncio
import base64
import gc
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from deploy.local.stack import LocalStack
from shared.auth.issuer import Issuer
from shared.service import Service
from shared.settings import Settings
from shared.topics import ensure_topics
from tests.databases import Databases

# Side by side, tests inherit the width of the terminal that started them; rich would keep it for ever.
os.environ.pop("COLUMNS", None)

COMMUNITY = "620201001004"
FOREIGN = "620201001005"
DISTRICT = "620201"
ACTOR_KEY = b"a" * 32
"""What all services make the ids of staff with."""


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 20.0) -> Any:
    """Wait until the condition gives something true, or fail after the deadline."""
    async with asyncio.timeout(seconds):
        while not (result := await condition()):
            await asyncio.sleep(0.02)
        return result


@dataclass
class Running:
    """A service on a fresh database and fresh topics, with a client that speaks to it without a socket."""

    service: Service
    issuer: Issuer
    _clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, role: str = "community", node: str = COMMUNITY, subject: str | None = None) -> httpx.AsyncClient:
        """A client with a token; every POST gets a fresh Idempotency-Key unless the call brings its own."""

        async def key(request: httpx.Request) -> None:
            request.headers.setdefault("idempotency-key", uuid.uuid4().hex)

        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.service.app, raise_app_exceptions=False),
            base_url="http://test",
            headers={"authorization": f"Bearer {self.issuer.token(role, node, subject)}"},
            event_hooks={"request": [key]},
        )
        self._clients.append(client)
        return client

    async def rows(self, query: str, **params: Any) -> list[Any]:
        """Rows of the service's own database."""
        async with self.service.database.reading() as connection:
            return list((await connection.execute(sa.text(query), params)).all())

    async def value(self, query: str, **params: Any) -> Any:
        """The one value of a query."""
        return (await self.rows(query, **params))[0][0]

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()
        await self.service.close()
        # FastAPI remembers functions of an application for ever, and with them all that tests have ever built.
        vars(self.service.app).clear()


@asynccontextmanager
async def at_work(running: Running) -> AsyncIterator[None]:
    """A service that was started without working works for a while, and then has ended."""
    await ensure_topics(running.service.settings)
    task = asyncio.create_task(running.service.work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await running.service.close()


def environment_of(running: Running) -> dict[str, str]:
    """The variables with which another process of the service runs on the same database and broker."""
    settings = running.service.settings
    return {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "KAFKA_NAMESPACE": settings.kafka_namespace,
        "KAFKA_IDEMPOTENT_PRODUCER": str(settings.kafka_idempotent_producer).lower(),
        "JWKS_URL": settings.jwks_url,
        "TOKEN_ISSUER": settings.token_issuer,
        "VAULT_MASTER_KEY": settings.vault_master_key.get_secret_value(),
        "ACTOR_KEY": settings.actor_key.get_secret_value(),
    }


_LONGEST_FIRST = ("integration/test_openapi_fuzz.py", "e2e/", "chaos/", "integration/points/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes: whoever gets it last would work alone while all others are done."""

    def rank(item: pytest.Item) -> int:
        return next((n for n, place in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(f"tests/{place}")), 9)

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    """Thousands of tests are no garbage: the collector need not look through them again and again all the run."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def stack() -> Iterator[LocalStack]:
    # Not below pytest's own folder, which nobody but its owner may pass: PostgreSQL never runs as root.
    with ExitStack() as open_:
        folder = open_.enter_context(tempfile.TemporaryDirectory(prefix="liuling-test-", ignore_cleanup_errors=True))
        Path(folder).chmod(0o755)
        if os.environ.get("LIULING_TEST_PARTS") == "containers":
            from tests import containers

            os.environ.update(open_.enter_context(containers.parts()))
        # Nothing of it outlives the run, and only a failing machine would tell the difference: hundreds of databases
        # need not be synced to the disk, nor a process started every moment to look which of them wants vacuuming.
        stack = open_.enter_context(LocalStack(Path(folder), postgres_settings={"fsync": "off", "autovacuum": "off"}))
        yield stack
        # Else both write down thousands of files that are removed a moment later.
        if stack.broker_kind == "kafka":
            stack.kafka.kill()
        if stack.postgres.pid is not None:
            stack.postgres.kill()


@pytest.fixture(scope="session")
def databases(stack: LocalStack) -> Databases:
    return Databases(stack)


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer.open(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="session", autouse=True)
def traces() -> None:
    """Spans are made, as in a service; no endpoint is configured, so none leaves the process."""
    trace.set_tracer_provider(TracerProvider())


Start = Callable[..., Any]


@pytest.fixture
def namespace() -> str:
    """A fresh first part of topic and group names, so that tests do not hear each other."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def start(stack: LocalStack, databases: Databases, issuer: Issuer, namespace: str) -> AsyncIterator[Start]:
    """`await start(build, working=True)` runs a service; several of one test share the test's topics.

    `database` continues on an earlier one's database; `working=False` leaves relay, consumer and timers out.
    """
    open_: list[tuple[Running, asyncio.Task[None] | None]] = []

    async def begin(
        build: Callable[[Settings], Service],
        *,
        working: bool = True,
        database_url: str | None = None,
        migrate: bool = True,
        settings: type[Settings] = Settings,
        **values: Any,
    ) -> Running:
        url = database_url or databases.address()
        service = build(
            settings.from_environment(
                {
                    "DATABASE_URL": url,
                    "DATABASE_POOL_SIZE": "5",
                    "KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap,
                    "KAFKA_NAMESPACE": namespace,
                    "KAFKA_PARTITIONS": "3",
                    "KAFKA_IDEMPOTENT_PRODUCER": str(stack.broker_kind == "kafka").lower(),
                    "JWKS_URL": issuer.jwks_path.as_uri(),
                    "TOKEN_ISSUER": issuer.issuer,
                    "VAULT_MASTER_KEY": base64.b64encode(b"k" * 32).decode(),
                    "ACTOR_KEY": base64.b64encode(ACTOR_KEY).decode(),
                    "RELAY_POLL_INTERVAL_MS": "200",
                    "TIMER_POLL_INTERVAL_MS": "50",
                    **{name.upper(): str(value) for name, value in values.items()},
                }
            )
        )
        if database_url is None and migrate:
            await databases.make(url, service.folder, service.metadata)
            await service.seed()
        elif database_url is None:
            await databases.make_empty(url)
        elif migrate:
            await service.migrate()
        task = None
        if working:
            await ensure_topics(service.settings)
            task = asyncio.create_task(service.work())
        running = Running(service, issuer)
        open_.append((running, task))
        if task is not None:

            async def ready() -> bool:
                if task.done():
                    await task
                return all((await service.readiness()).values())

            await until(ready)
        return running

    yield begin
    ended: list[BaseException] = []
    for running, task in reversed(open_):
        if task is not None:
            if task.done() and (error := task.exception()) is not None:
                ended.append(error)  # a part ended by itself, which a service must not
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await running.close()
    if ended:
        raise ended[0]


async def create_topic(bootstrap: str, name: str, partitions: int = 3) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        await admin.close()


ROOT = Path(__file__).parent.parent
