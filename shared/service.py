"""A service as one process: its HTTP API, its relay, its consumer and its timers, started and ended together."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from faststream.kafka import KafkaBroker
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from shared import memory, migrations
from shared.auth.tokens import TokenReader
from shared.clock import Clock, system_clock
from shared.consumer import BatchHandler, Consumer
from shared.database import Database
from shared.election import elected
from shared.ids import NewId, new_id
from shared.kafka import kafka_broker
from shared.metrics import REGISTRY
from shared.privacy import ActorKeyMismatch, Vault, VaultKeyMismatch
from shared.reactions import Reactions
from shared.recovery import StoreBehind, behind
from shared.relay import Relay
from shared.repairs import Due, Repairs
from shared.rounds import go_round_forever
from shared.settings import Settings
from shared.telemetry import configure, logger
from shared.timers import Timers
from shared.unit_of_work import Workshop
from shared.views import Views
from shared.web.api import PROBLEM_SCHEMA, Api
from shared.web.limits import RateLimit
from shared.web.problems import HANDLERS, Texts
from shared.web.server import bounded_http

log = logger("service")

_KERNEL_LOCALES = Path(__file__).parent / "locales"
_MIGRATION_LOCK = 4995421785
_BROKER_RETRY_S = 2.0
_TIDY_INTERVAL_S = 3600
_OWN_EVENTS_WITHIN_S = 10
_DROP_OLD_ANSWERS = text(
    "DELETE FROM idempotency WHERE ctid IN (SELECT ctid FROM idempotency"
    " WHERE created_at < clock_timestamp() - make_interval(days => :days) LIMIT 1000)"
)


@dataclass(frozen=True, slots=True)
class Foundations:
    """What every service starts from, in the order it is wired."""

    name: str
    settings: Settings
    database: Database
    broker: KafkaBroker
    workshop: Workshop
    relay: Relay

    def reactions(self, *parts: Reactions) -> Reactions:
        """The service's reactions, bound to its workshop."""
        return Reactions.combine(self.workshop, *parts)

    def consumer(self, contexts: Sequence[str], handler: BatchHandler) -> Consumer:
        """The service's group member on the topics of these contexts."""
        topics = [self.settings.topic(context) for context in contexts]
        group = self.settings.group(self.name)
        return Consumer(group, topics, handler, self.database, self.broker, self.settings)


def lay(name: str, settings: Settings, views: Views, clock: Clock = system_clock, ids: NewId = new_id) -> Foundations:
    """Database, broker, workshop and relay of a service."""
    database = Database(settings)
    broker = kafka_broker(settings)
    workshop = Workshop(database, views, Vault.from_settings(settings), clock, ids)
    return Foundations(name, settings, database, broker, workshop, Relay(name, database, broker, settings))


@dataclass
class Service:
    """What `app.py` puts together. `run` serves it; the commands of ``__main__`` use its parts one by one."""

    base: InitVar[Foundations]
    folder: Path
    """The service's package folder: migrations and locales are found beside it."""
    metadata: MetaData
    apis: Sequence[Api]
    handler: BatchHandler | None = None
    """Takes the events of `sources`; `parked retry` gives it those that were parked."""
    sources: Sequence[str] = ()
    """Contexts."""
    timers: Timers = field(default_factory=Timers)
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    """Further loops that run as long as the service does."""
    repairs: Repairs = field(default_factory=Repairs)
    """What `recover` does again beside the events that it reads back."""
    due: Due | None = None
    """What `recover` leaves to be done after it; the service does not start before it is."""
    on_migrated: Sequence[Callable[["Service"], Awaitable[None]]] = ()
    """What `migrate` does after the schema is at head, e.g. seeding a first policy. Runs every time."""

    def __post_init__(self, base: Foundations) -> None:
        self.name, self.settings = base.name, base.settings
        self.database, self.broker, self.relay = base.database, base.broker, base.relay
        self.workshop, self.views, self.clock = base.workshop, base.workshop.views, base.workshop.clock
        self.consumer = None if self.handler is None else base.consumer(self.sources, self.handler)
        self.compared = asyncio.Event()
        """Unless the topic is still to be asked for events that the store lacks; before, nothing may be recorded."""
        self.compared.set()
        self.app = web_app(self)

    async def readiness(self) -> dict[str, bool]:
        """Which parts are ready to work."""
        parts = {"relay": self.relay.healthy}
        try:
            # Not on a connection for commands: while all of them wait for a rebuild, questions are still answered.
            async with asyncio.timeout(3), self.database.asking() as connection:
                await connection.execute(text("SELECT 1"))
            parts["database"] = True
        except Exception as error:
            log.warning("database_not_ready", error=type(error).__name__)
            parts["database"] = False
        if self.consumer is not None:
            parts["consumer"] = self.consumer.ready
        return parts

    def liveness(self) -> dict[str, bool]:
        """Which parts make progress."""
        return {"consumer": self.consumer.live} if self.consumer is not None else {}

    async def migrate(self) -> None:
        """Bring the schema to head and seed what must be there."""
        await self.database.reach()
        # Two that migrate at once would both make what is missing; the second waits and finds it there.
        async with elected(self.database, _MIGRATION_LOCK):
            await self._compare_schema()
            async with self.database.transaction() as connection:
                await connection.run_sync(lambda c: migrations.upgrade(c, self.folder / "migrations", self.metadata))
                await self._prove_keys(connection)
            await self.seed()

    async def seed(self) -> None:
        """Put in what must be there, where it is not."""
        for step in self.on_migrated:
            await step(self)

    async def require_schema(self) -> None:
        """End the program with one line when the database is not there, or not at this program's schema."""
        await self.database.reach()
        if not await self._compare_schema():
            sys.exit(
                f"数据库结构不是最新 the database schema is not current: "
                f"先运行 run first `python -m services.{self.name} migrate`"
            )

    async def require_keys(self) -> None:
        """End the program with one line when the vault's key, or that of actors, is another one.

        Whoever was registered then would be sealed under it, and found by nobody who looks with the right one; and
        whoever proposed something could confirm it as somebody else.
        """
        async with self.database.transaction() as connection:
            await self._prove_keys(connection)

    async def _prove_keys(self, connection: AsyncConnection) -> None:
        try:
            await self.workshop.vault.prove(connection)
        except VaultKeyMismatch:
            sys.exit("VAULT_MASTER_KEY 不是这个数据库的主密钥 is not the key with which this database was sealed")
        except ActorKeyMismatch:
            sys.exit(
                "ACTOR_KEY 不是这个数据库一直使用的经办人密钥，人人都会变成另一个人："
                "换回原来的（容器：deploy/secrets/actor_key）；确实丢失的，见 docs/operations.md “经办人密钥” "
                "it is not the key by which this database knows staff, and all would be somebody else: put the earlier "
                "one back (containers: deploy/secrets/actor_key); where it is lost, see there, “The key of actors”"
            )

    async def require_own_events(self) -> None:
        """End the program with one line when its own topic holds events that its database does not, or when what
        follows from those that were read back is not done.

        Where the broker cannot be asked, the program goes on, for queries do not need it; until it could be asked,
        nothing is recorded: numbers that were given already would be given again.
        """
        if await self.recovering():
            sys.exit(
                f"从备份恢复没有做完 a restore was not completed: "
                f"先运行 run first `python -m services.{self.name} recover`"
            )
        try:
            await self._compare_with_topic()
        except StoreBehind as error:
            sys.exit(str(error))
        except (OSError, TimeoutError, KafkaError) as error:
            log.warning("own_events_not_compared", error=type(error).__name__)
            self.compared.clear()

    async def recovering(self) -> bool:
        """Whether what follows from events that were read back is still to be done."""
        if self.due is None:
            return False
        async with self.database.reading() as connection:
            return await self.due.stands(connection)

    async def _compare_with_topic(self) -> None:
        async with asyncio.timeout(_OWN_EVENTS_WITHIN_S):
            older = await behind(self.database, self.relay, self.settings)
        if older:
            raise StoreBehind(
                f"数据库比主题 {self.relay.topic} 旧，多半刚从备份恢复 the database is older than its topic, "
                f"most likely restored from a backup: 先运行 run first `python -m services.{self.name} recover`"
            )
        self.compared.set()

    async def _compare_schema(self) -> bool:
        """Whether the database is at this program's schema; ends the program when it is beyond."""
        async with self.database.reading() as connection:
            found, wanted = await connection.run_sync(migrations.current), migrations.head(self.folder / "migrations")
        if found > wanted:
            sys.exit(
                f"数据库结构比本程序新，请用升级后的程序 "
                f"the database schema is newer than this program: {found}, {wanted}"
            )
        return found == wanted

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. A part that fails for good ends the whole, so that it is noticed."""
        configure(self.settings, self.name)
        await self.require_schema()
        await self.require_keys()
        await self.require_own_events()
        listening = self._listen()
        server = uvicorn.Server(
            uvicorn.Config(
                self.app,
                loop="none",
                http=bounded_http(self.settings),  # type: ignore[arg-type]
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=10,
                # Longer than clients and proxies keep an idle connection, so that it is they who close it.
                timeout_keep_alive=75,
            )
        )
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        # Its own handlers would replace ours and leave the other parts running.
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        http, work = asyncio.ensure_future(server.serve([listening])), asyncio.ensure_future(self.work())
        stop = asyncio.ensure_future(stopping.wait())
        done, _ = await asyncio.wait({http, work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stop not in done:
            failed = next((task.exception() for task in done if not task.cancelled()), None)
            log.error("failed", service=self.name, exc_info=failed or RuntimeError("the HTTP server ended by itself"))
        server.should_exit = True
        await asyncio.wait({http})
        work.cancel()
        stop.cancel()
        await asyncio.wait({work})
        await self.close()
        if stop not in done:
            sys.exit(1)
        log.info("stopped", service=self.name)

    def _listen(self) -> socket.socket:
        """The socket of the HTTP server; ends the program with one line where there can be none."""
        host, port = self.settings.http_host, self.settings.http_port
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, port), family=family, backlog=2048)
        except OSError as error:
            sys.exit(f"无法监听 cannot listen (HTTP_HOST, HTTP_PORT): {host}:{port}: {error.strerror}")

    async def work(self) -> None:
        """Everything but the HTTP server: relay, consumer, timers, background loops. Runs until cancelled."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._bus())
            parts.create_task(memory.tidy_up())
            await self.compared.wait()
            parts.create_task(self.timers.run(self.workshop, self.clock, self.settings.timer_poll_interval_ms / 1000))
            if self.consumer is not None:
                parts.create_task(self.consumer.run())
            parts.create_task(go_round_forever(self._drop_old_answers, _TIDY_INTERVAL_S, log, "tidying_interrupted"))
            for loop in self.background:
                parts.create_task(loop())

    async def _drop_old_answers(self) -> None:
        """Drop answers whose keys nobody will send again, a few at a time."""
        deleted = 1
        while deleted:
            async with self.database.transaction() as connection:
                dropped = await connection.execute(_DROP_OLD_ANSWERS, {"days": self.settings.idempotency_keep_days})
            deleted = dropped.rowcount
            await asyncio.sleep(1)

    async def _bus(self) -> None:
        """Connect to the broker, however long it takes, then relay to it; the clients reconnect by themselves."""
        while True:
            try:
                if not self.compared.is_set():
                    await self._compare_with_topic()
                await self.broker.start()
                break
            except StoreBehind:
                raise
            except Exception as error:
                servers, reason = self.settings.kafka_bootstrap_servers, type(error).__name__
                log.warning("broker_not_reached", servers=servers, error=reason, retry_in_s=_BROKER_RETRY_S)
                await self.broker.stop()
                await asyncio.sleep(_BROKER_RETRY_S)
        fingerprint = self.workshop.vault.actor_fingerprint
        log.info("started", service=self.name, port=self.settings.http_port, actor_key=fingerprint)
        await self.relay.run()

    async def close(self) -> None:
        """Let go of the broker and the database."""
        await self.broker.stop()
        await self.database.close()


# Every route has a span, a metric and log lines of ours (`shared.telemetry`). The framework's would name addresses with
# all that people typed into them.
_OWN_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}


def web_app(service: Service) -> FastAPI:
    """The FastAPI application of a service: its routes, problems, health and metrics."""
    app = FastAPIOffline(
        telemetry=_OWN_TELEMETRY,
        title=f"六零 Liuling — {service.name}",
        version="1",
        description="所有写操作需要 Idempotency-Key；错误为 RFC 9457 problem。\n\n"
        "Every POST needs an Idempotency-Key; errors are RFC 9457 problems, in Chinese or English by Accept-Language.",
        exception_handlers={**HANDLERS},
    )
    app.state.workshop = service.workshop
    app.state.settings = service.settings
    app.state.tokens = TokenReader(service.settings)
    app.state.texts = Texts([_KERNEL_LOCALES, service.folder / "locales"])
    app.state.service = service
    app.state.public_limit = RateLimit()
    for api in service.apis:
        api.add_to(app.router)
    for path, answer in (("/health/live", _live), ("/health/ready", _ready), ("/metrics", _metrics)):
        app.add_route(path, answer, include_in_schema=False)
    _document(app)
    app.add_middleware(_SecurityHeaders)
    return app


async def _live(request: Request) -> JSONResponse:
    return _report(request.app.state.service.liveness())


async def _ready(request: Request) -> JSONResponse:
    return _report(await request.app.state.service.readiness())


def _report(parts: dict[str, bool]) -> JSONResponse:
    return JSONResponse(parts, status_code=200 if all(parts.values()) else 503)


async def _metrics(_: Request) -> Response:
    return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


def _document(app: FastAPI) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            components = schema.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
            components["schemas"].pop("HTTPValidationError", None)
            components["schemas"].pop("ValidationError", None)
            components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


class _SecurityHeaders:
    """Answers are for the caller only, and for nothing but reading. A route may say how long its answer can be kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], (b"x-content-type-options", b"nosniff")]
                if all(name != b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
