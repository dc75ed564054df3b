"""Routes: a command is one transaction and happens once per Idempotency-Key, a query reads; both name a permission."""

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from itertools import count
from time import perf_counter
from typing import Annotated, Any, ClassVar

import asyncpg
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.routing import APIRoute
from prometheus_client import Histogram
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.types import Message

from shared.auth.permissions import PERMISSIONS, Permission
from shared.auth.tokens import InvalidToken, OutsideNode, Principal, TokenReader
from shared.contracts import Refusal
from shared.database import Lost, driver_connection, is_duplicate, is_transient
from shared.eventstore import Answer, KeyTaken, writing
from shared.metrics import COMMAND_CONFLICTS, COMMANDS, QUERIES
from shared.privacy import Vault
from shared.settings import Settings
from shared.telemetry import span, trace_headers
from shared.unit_of_work import PreconditionFailed, UnitOfWork, Workshop
from shared.web.limits import RateLimit
from shared.web.problems import (
    MEDIA_TYPE,
    BodyTooLarge,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    NotComparedYet,
    Problem,
    TooManyConflicts,
    correlation_of,
    status_of,
)

_ATTEMPTS_MAX = 8
_RETRIES_MAX = 2
"""After a broken connection; the first retry already runs on a new one, since the pool drops all old ones at once."""
_KEY = re.compile(r"^[A-Za-z0-9_.:-]{8,128}$")
_ETAG = re.compile(r'^(?:W/)?"(\d{1,9})"$')
Handler = Callable[[Request], Awaitable[Response]]

_EARLIER_ANSWER = "SELECT fingerprint, status, headers::text, body FROM idempotency WHERE caller = $1 AND key = $2"
_SHORT_BYTES_MAX = 16 * 1024


class MissingPermission(Refusal):
    """The caller's role does not hold the permission of the route."""

    code: ClassVar[str] = "role_not_allowed"
    status: ClassVar[int] = 403


# Plain functions would each be sent through a thread; these only look something up.
async def _work(request: Request) -> UnitOfWork:
    work: UnitOfWork = request.state.work
    return work


async def _read(request: Request) -> AsyncConnection:
    connection: AsyncConnection = request.state.connection
    return connection


async def _caller(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


async def _vault(request: Request) -> Vault:
    vault: Vault = request.state.vault
    return vault


async def configured(request: Request) -> Any:
    """The service's settings: a service names their type, ``Annotated[OwnSettings, Depends(configured)]``."""
    return request.app.state.settings


Work = Annotated[UnitOfWork, Depends(_work)]
"""The unit of work of a command route."""
Read = Annotated[AsyncConnection, Depends(_read)]
"""The connection of a query route."""
Caller = Annotated[Principal, Depends(_caller)]
"""Who is calling; `caller.require(node)` refuses what lies outside their node."""
Vaulted = Annotated[Vault, Depends(_vault)]
"""The vault, in a route that reads."""


def etag(response: Response, version: int) -> None:
    """Tell the aggregate's version, for the caller's next If-Match."""
    response.headers["ETag"] = f'"{version}"'


class _Route(APIRoute):
    """Authenticates, checks the permission, and runs the handler within a correlation and a span; measures it all."""

    seconds: ClassVar[Histogram]

    def get_route_handler(self) -> Callable[[Request], Any]:
        handler = super().get_route_handler()
        permission = (self.openapi_extra or {})["x-permission"]

        async def guarded(request: Request) -> Response:
            started, name = perf_counter(), f"{request.method} {self.path}"
            # Before anybody is turned away: problems carry it as answers do.
            correlation_id = correlation_of(request)
            traceparent = trace_headers(request.headers)
            try:
                with span(name, correlation_id=correlation_id, traceparent=traceparent):
                    await self.admit(request, PERMISSIONS[permission])
                    response = await self.run(request, handler)
            except Exception as error:
                self.seconds.labels(route=name, status=str(status_of(error))).observe(perf_counter() - started)
                raise
            self.seconds.labels(route=name, status=str(response.status_code)).observe(perf_counter() - started)
            response.headers["X-Correlation-Id"] = correlation_id
            return response

        return guarded

    async def admit(self, request: Request, permission: Permission) -> None:
        """Let the caller in. Raises `InvalidToken` or `MissingPermission`."""
        request.state.principal = await authenticate(request)
        if request.state.principal.role not in permission.roles:
            raise MissingPermission(permission=permission.zh, permission_en=permission.en)

    async def run(self, request: Request, handler: Handler) -> Response:
        """What stands around the route's own function."""
        raise NotImplementedError


class _QueryRoute(_Route):
    seconds = QUERIES

    async def run(self, request: Request, handler: Handler) -> Response:
        workshop: Workshop = request.app.state.workshop
        body = await _read_body(request)
        for attempt in count(1):
            try:
                async with workshop.database.asking() as connection:
                    return await handler(_fresh(request, body, connection, workshop))
            except DBAPIError as error:
                if attempt > _RETRIES_MAX or not is_transient(error):
                    raise
        raise AssertionError("the loop returns or raises")


class _PublicRoute(_QueryRoute):
    """Reads for anybody, a bounded number of times. There is no caller: a function that asks for one fails at once."""

    async def admit(self, request: Request, permission: Permission) -> None:
        """Raises `TooManyRequests`."""
        assert permission.public, "`Api.public` has looked"
        limit: RateLimit = request.app.state.public_limit
        limit.take("" if request.client is None else request.client.host)


class _CommandRoute(_Route):
    seconds = COMMANDS

    async def run(self, request: Request, handler: Handler) -> Response:
        if not request.app.state.service.compared.is_set():
            raise NotComparedYet
        body = await _read_body(request)
        principal: Principal = request.state.principal
        command = _Command(request, principal, body)
        workshop: Workshop = request.app.state.workshop
        broken = 0
        for attempt in range(_ATTEMPTS_MAX):
            try:
                async with writing(workshop.database) as connection:
                    looked = await command.earlier_answer(connection) if attempt or command.takes_long else None
                    if looked is not None:
                        return looked
                    fresh = _fresh(request, body, connection, workshop)
                    work = workshop.on(connection, actor=principal.subject, expected_version=_if_match(request))
                    fresh.state.work = work
                    response = await handler(fresh)
                    if work.touched_version is not None and response.status_code < 300:
                        etag(response, work.touched_version)
                    await work.finish(command.answer(response))
                return response
            except (Refusal, OutsideNode):
                # The same key may have done it a moment ago, and what it did is why this one is refused.
                if (answer := await self._answer_of_twin(workshop, command)) is not None:
                    return answer
                raise
            except Lost as lost:
                if not isinstance(lost, KeyTaken):
                    COMMAND_CONFLICTS.labels(route=f"{request.method} {self.path}").inc()
                # Nothing was committed. Deciding again on a fresh load either succeeds or is refused for a reason; and
                # where the same key committed while we worked, the next round gives its answer.
                continue
            except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                # The server restarted under a pooled connection or broke a deadlock, or somebody wrote the same row of
                # a read table in this moment. Even when the connection broke during the commit the next round is
                # right: it finds the answer under the key, or nothing was done.
                broken += 1
                if broken > _RETRIES_MAX or not (is_transient(error) or is_duplicate(error)):
                    raise
        raise TooManyConflicts

    @staticmethod
    async def _answer_of_twin(workshop: Workshop, command: "_Command") -> Response | None:
        async with workshop.database.reading() as connection:
            return await command.earlier_answer(connection)


class _Command:
    """One command as Idempotency-Key sees it: who, which key, and a fingerprint of what was asked."""

    def __init__(self, request: Request, principal: Principal, body: bytes) -> None:
        self.key = request.headers.get("idempotency-key")
        required = request.method == "POST" or self.key is not None
        if required and (self.key is None or not _KEY.match(self.key)):
            raise IdempotencyKeyMissing
        self.caller = f"{principal.role.value}:{principal.subject}"
        content_type = request.headers.get("content-type", "")
        # A multipart boundary differs with every send of the same form.
        content = body if "multipart/" not in content_type else _without_boundary(body, content_type)
        # With the node: whoever works elsewhere now is not shown again what they were answered here.
        asked = f"{principal.node} {request.method} {request.url.path}?{request.url.query}\n".encode() + content
        self.fingerprint = hashlib.sha256(asked).digest()
        # Nearly every key is new. One that is not is met when the answer is to be kept, or by the rule that what was
        # done already cannot be done again; only what is long is looked for first, so as not to be done in vain.
        self.takes_long = len(body) > _SHORT_BYTES_MAX

    async def earlier_answer(self, connection: AsyncConnection) -> Response | None:
        """The answer given to this key before, or None."""
        if self.key is None:
            return None
        row = await (await driver_connection(connection)).fetchrow(_EARLIER_ANSWER, self.caller, self.key)
        if row is None:
            return None
        fingerprint, status, headers, body = row
        if fingerprint != self.fingerprint:
            raise IdempotencyKeyReused
        return Response(body, status_code=status, headers={**json.loads(headers), "Idempotency-Replayed": "true"})

    def answer(self, response: Response) -> Answer | None:
        """What is to be kept in the command's own transaction. Refusals are not: trying again later may succeed."""
        if self.key is None:
            return None
        kept = {k: v for k, v in response.headers.items() if k in ("content-type", "etag", "location")}
        body = bytes(response.body)
        return Answer(self.caller, self.key, self.fingerprint, response.status_code, json.dumps(kept), body)


async def authenticate(request: Request) -> Principal:
    """The principal of the request's bearer token. Raises `InvalidToken`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > 8192:
        raise InvalidToken
    reader: TokenReader = request.app.state.tokens
    return await reader.read(token.strip())


def _if_match(request: Request) -> int | None:
    value = request.headers.get("if-match")
    if value is None or value == "*":
        return None
    match = _ETAG.match(value)
    if match is None:
        raise PreconditionFailed(expected=0, actual=0)
    return int(match[1])


async def _read_body(request: Request) -> bytes:
    settings: Settings = request.app.state.settings
    bytes_max = settings.request_body_bytes_max
    if not request.headers.get("content-type", "").lower().startswith("multipart/"):
        bytes_max = min(bytes_max, settings.request_json_bytes_max)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > bytes_max:
            raise BodyTooLarge(kilobytes=bytes_max // 1024)
        chunks.append(chunk)
    return b"".join(chunks)


def _fresh(request: Request, body: bytes, connection: AsyncConnection, workshop: Workshop) -> Request:
    """The request as if it had just come, so that the route's function can run on it again."""
    fresh = Request(request.scope, _replay(body))
    fresh.state.connection = connection
    fresh.state.vault = workshop.vault
    return fresh


def _replay(body: bytes) -> Callable[[], Awaitable[Message]]:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _without_boundary(body: bytes, content_type: str) -> bytes:
    match = re.search(r'boundary="?([^";]+)', content_type)
    return body.replace(match[1].encode(), b"") if match else body


async def _documented_key(
    idempotency_key: Annotated[
        str,
        Header(
            min_length=8,
            max_length=128,
            pattern=r"^[A-Za-z0-9_.:-]{8,128}$",
            description="同一键只执行一次 The same key gives the same answer, once.",
        ),
    ],
) -> None:
    """Only tells the header in OpenAPI; the route has checked it before anything else."""


_RESPONSES: Mapping[int, str] = {
    400: "请求有误 Malformed request",
    401: "未登录 Not authenticated",
    403: "无权限 Not allowed",
    404: "不存在 Not found",
    409: "与规则或现状冲突 Refused by a rule",
    412: "版本已变 The version changed",
    413: "内容过大 Body too large",
    422: "字段有误 A field is wrong",
    503: "暂不可用 Unavailable, try again",
}


_PUBLIC_RESPONSES: Mapping[int, str] = {
    400: "请求有误 Malformed request",
    404: "不存在 Not found",
    413: "内容过大 Body too large",
    422: "字段有误 A field is wrong",
    429: "过于频繁 Too many requests",
    503: "暂不可用 Unavailable, try again",
}


class Api:
    """The routes of one aggregate."""

    def __init__(self, tags: list[str]) -> None:
        self._tags: list[str | Enum] = [*tags]
        self._routes: list[Callable[[APIRouter], None]] = []

    def add_to(self, router: APIRouter) -> None:
        """Put the routes into a service's own router. A router of their own inside it is looked through for every
        request, which takes as long as a query once there are forty.
        """
        for add in self._routes:
            add(router)

    def command(
        self, path: str, *, permission: str, status: int = 200, method: str = "POST", **options: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A route that changes something: one transaction, once per key."""
        dependencies = [Depends(_documented_key)] if method == "POST" else []
        return self._route(_CommandRoute, path, permission, status, method, dependencies, options)

    def query(
        self, path: str, *, permission: str, method: str = "GET", **options: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A route that only reads. By POST where what is asked for is personal and must not stand in an address."""
        return self._route(_QueryRoute, path, permission, 200, method, [], options)

    def public(
        self, path: str, *, permission: str, **options: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A page that anybody may read, without a token and a bounded number of times: by GET only.

        Its permission must be marked as public in the table, and nothing else may use such a permission.
        """
        return self._route(_PublicRoute, path, permission, 200, "GET", [], options)

    def _route(
        self,
        route_class: type[_Route],
        path: str,
        permission: str,
        status: int,
        method: str,
        dependencies: list[Any],
        options: dict[str, Any],
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        if permission not in PERMISSIONS:
            raise LookupError(f"{method} {path}: permission {permission} is not in the table")
        public = route_class is _PublicRoute
        if PERMISSIONS[permission].public is not public:
            raise LookupError(f"{method} {path}: {permission} is public in one place and not in the other")
        responses = options.pop("responses", {})

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self._routes.append(
                lambda router: router.add_api_route(
                    path,
                    function,
                    methods=[method],
                    status_code=status,
                    tags=self._tags,
                    route_class_override=route_class,
                    dependencies=dependencies,
                    openapi_extra={"x-permission": permission, "security": [] if public else [{"bearer": []}]},
                    responses={
                        code: {"description": text_, "content": {MEDIA_TYPE: {"schema": _PROBLEM_REF}}}
                        for code, text_ in (_PUBLIC_RESPONSES if public else _RESPONSES).items()
                    }
                    | responses,
                    **options,
                )
            )
            return function

        return register


_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
PROBLEM_SCHEMA = Problem.model_json_schema()
