"""Errors over HTTP: RFC 9457 problems with a stable code and a sentence in Chinese or English that says what to do."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from shared.auth.tokens import InvalidToken, OutsideNode
from shared.contracts import Refusal
from shared.database import is_transient
from shared.ids import new_id
from shared.telemetry import logger, valid_correlation_id

log = logger("http")

MEDIA_TYPE = "application/problem+json"


class NotFound(Refusal):
    """What was asked for is not there."""

    code = "not_found"
    status = 404

    def __init__(self, what: str) -> None:
        super().__init__(what=what)


class IdempotencyKeyMissing(Refusal):
    """A POST came without Idempotency-Key, or with one of the wrong form."""

    code = "idempotency_key_missing"
    status = 400


class IdempotencyKeyReused(Refusal):
    """The key was used before for something else."""

    code = "idempotency_key_reused"
    status = 422


class BodyTooLarge(Refusal):
    """The request body is over the limit. Params: `kilobytes`."""

    code = "body_too_large"
    status = 413


class TooManyConflicts(Refusal):
    """Others kept changing the same thing; nothing was done."""

    code = "busy"
    status = 503


class NotComparedYet(Refusal):
    """The service started while the bus was away, and does not know yet whether its database is an older one."""

    code = "bus_not_asked_yet"
    status = 503


class InvalidCursor(Refusal):
    """The page cursor is not one that this list gave out."""

    code = "cursor_invalid"
    status = 400


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["urn:liuling:problem:not_found"])
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable code of the problem; the title is for people, this is for programs.")
    instance: str | None = None
    errors: list[dict[str, str]] | None = Field(default=None, description="Which field is wrong and how.")


class Texts:
    """Sentences by code in two languages, from the kernel's and the service's ``locales`` folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._texts: dict[str, dict[str, str]] = {"zh": {}, "en": {}}
        for folder in folders:
            for language, texts in self._texts.items():
                path = folder / f"{language}.json"
                if path.exists():
                    texts.update(json.loads(path.read_text(encoding="utf-8")))

    def codes(self, language: str) -> frozenset[str]:
        """All codes that have a text."""
        return frozenset(self._texts[language])

    def knows(self, language: str, code: str) -> bool:
        """Whether a code has a text."""
        return code in self._texts[language]

    def get(self, language: str, code: str, params: Mapping[str, Any]) -> str:
        """The sentence of a code with its params filled in."""
        texts = self._texts[language]
        # An empty one counts: there are words that a sentence is complete without.
        template = texts[code if code in texts else "refused"]
        return template.format_map(_Params({"code": code, **params}))

    def word(self, language: str, key: str) -> str:
        """A single translated word, or the key itself."""
        return self._texts[language].get(key, key)


class _Params(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


def language_of(request: Request) -> str:
    """`zh` unless the caller prefers English (RFC 9110 12.5.4, reduced to the two languages that there are)."""
    best = ("zh", 0.0)
    for position, part in enumerate(request.headers.get("accept-language", "")[:200].split(",")):
        tag, _, parameter = part.strip().partition(";")
        language = tag.strip().lower()[:2]
        if language not in ("zh", "en"):
            continue
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        if quality - position * 1e-6 > best[1]:
            best = (language, quality - position * 1e-6)
    return best[0]


def correlation_of(request: Request) -> str:
    """The id that ties a request to its log lines and events: the caller's if it is a UUID, else a new one."""
    known: str | None = getattr(request.state, "correlation_id", None)
    if known is None:
        known = valid_correlation_id(request.headers.get("x-correlation-id")) or str(new_id())
        request.state.correlation_id = known
    return known


def problem(
    request: Request,
    status: int,
    code: str,
    params: Mapping[str, Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response that tells a problem in the caller's language."""
    texts: Texts = request.app.state.texts
    language = language_of(request)
    params = dict(params or {})
    # Of some things there is more to say than that they are not there.
    special = f"{code}.{params.get('what')}"
    sentence = special if texts.knows(language, special) else code
    for name, room in (("what", "word"), ("stage", "stage")):
        if name in params:
            params[name] = texts.word(language, f"{room}.{params[name]}").removeprefix(f"{room}.")
    body = Problem(
        type=f"urn:liuling:problem:{code}",
        title=texts.word(language, f"title.{status}"),
        status=status,
        detail=texts.get(language, sentence, params),
        code=code,
        instance=request.url.path,
        errors=errors,
    )
    return JSONResponse(
        body.model_dump(exclude_none=True),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={"Content-Language": language, "X-Correlation-Id": correlation_of(request), **(headers or {})},
    )


async def on_refusal(request: Request, error: Exception) -> JSONResponse:
    """A rule said no; or we could not, which the log tells, too."""
    assert isinstance(error, Refusal)
    if error.status == 503:
        told = {"route": request.url.path, "code": error.code, "correlation_id": correlation_of(request)}
        log.warning("request_refused", **told)
    headers = {"Retry-After": {429: "60", 503: "1"}[error.status]} if error.status in (429, 503) else None
    texts: Texts = request.app.state.texts
    language = language_of(request)
    errors = [
        {"field": place.where, "problem": texts.get(language, place.code, place.params)} for place in error.places
    ]
    return problem(request, error.status, error.code, error.params, errors or None, headers)


async def on_invalid_token(request: Request, _: Exception) -> JSONResponse:
    """401."""
    return problem(request, 401, "not_authenticated", headers={"WWW-Authenticate": "Bearer"})


async def on_outside_node(request: Request, _: Exception) -> JSONResponse:
    """403: right role, wrong place."""
    return problem(request, 403, "outside_your_node")


async def on_validation_error(request: Request, error: Exception) -> JSONResponse:
    """422 with the place of every mistake. The rejected values are not repeated: they may be personal."""
    assert isinstance(error, RequestValidationError)
    texts: Texts = request.app.state.texts
    language = language_of(request)
    errors = [
        {
            "field": ".".join(_place(item["loc"], error.body)),
            "problem": _field_problem(texts, item) if language == "zh" else item["msg"],
        }
        for item in error.errors()[:50]
    ]
    return problem(request, 422, "validation_failed", errors=errors)


def _field_problem(texts: Texts, item: Mapping[str, Any]) -> str:
    """What is wrong with a field, in Chinese, with the bound or the choices that it missed; English is pydantic's."""
    template = texts.word("zh", f"field.{item['type']}")
    if template.startswith("field."):
        template = texts.word("zh", "field.other")
    bounds = dict(item.get("ctx") or {})
    if "expected" in bounds:
        bounds["expected"] = str(bounds["expected"]).replace(" or ", "、").replace(", ", "、").replace("'", "")
    return template.format_map(_Params(bounds))


def _place(location: Sequence[int | str], body: Any) -> list[str]:
    """The path to a mistake as the caller wrote it, without the names of a union's branches that pydantic puts in."""
    place, value = [str(location[0])], body
    for number, part in enumerate(location[1:], start=2):
        known = part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        if known:
            value = value[part]
        elif number < len(location):
            continue
        place.append(str(part))
    return place


def status_of(error: Exception) -> int:
    """The HTTP status that the handlers below give an error. What a caller did wrong must not count as a failure."""
    match error:
        case Refusal():
            return error.status
        case HTTPException():
            return error.status_code
        case RequestValidationError():
            return 422
        case OutsideNode():
            return 403
        case InvalidToken():
            return 401
        case ClientDisconnect():
            return 400
        case _:
            return 503 if is_transient(error) else 500


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """Routing errors: no such path, method not allowed, malformed body."""
    assert isinstance(error, HTTPException)
    codes = {404: "no_such_path", 405: "method_not_allowed", 400: "malformed_request", 413: "body_too_large"}
    code = codes.get(error.status_code, "refused")
    return problem(request, error.status_code, code, headers=error.headers)


async def on_client_gone(request: Request, _: Exception) -> JSONResponse:
    """The request ended in the middle, as those of phones do. Nobody reads the answer, and it is no failure of ours."""
    return problem(request, 400, "malformed_request")


async def on_error(request: Request, error: Exception) -> JSONResponse:
    """503 while the database is away, 500 for what nobody foresaw; the log knows more than the answer."""
    # The request's span is over by now, so its correlation is named here.
    told = {"route": request.url.path, "error": type(error).__name__, "correlation_id": correlation_of(request)}
    if is_transient(error):
        log.warning("request_unavailable", **told)
        return problem(request, 503, "unavailable", headers={"Retry-After": "2"})
    log.error("request_failed", **told, exc_info=error)
    return problem(request, 500, "internal_error")


HANDLERS: Mapping[int | type[Exception], Any] = {
    Refusal: on_refusal,
    InvalidToken: on_invalid_token,
    OutsideNode: on_outside_node,
    RequestValidationError: on_validation_error,
    HTTPException: on_http_exception,
    ClientDisconnect: on_client_gone,
    Exception: on_error,
}
