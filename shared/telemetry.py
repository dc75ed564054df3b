"""Structured logs with correlation ids, and traces that go on over the bus."""

import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, DEFAULT_ON
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.settings import Settings

_OWN = "liuling"
"""Root of the platform's own loggers."""

_REPEATED_AFTER_S = 10.0
_FRAMES_MAX = 12
"""Of an error and of each behind it, from where it was raised: further out is the same framework every time."""

_propagator = TraceContextTextMapPropagator()
# Looked up once; it finds the provider that is set later. To look it up for every request takes longer than its span.
_tracer = trace.get_tracer("liuling")


@dataclass(frozen=True, slots=True)
class Correlation:
    """What ties the work at hand to where it came from."""

    correlation_id: str
    causation_id: str | None = None


_current: ContextVar[Correlation | None] = ContextVar("correlation", default=None)


def configure(settings: Settings, service: str) -> None:
    """Set up logs and, where an OTLP endpoint is configured, traces. Once per process."""
    level = getattr(logging, settings.log_level.upper())
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer()
    )
    shared_processors: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_correlation,
        structlog.processors.ExceptionRenderer(lambda raised: where(raised[1])),
    ]
    structlog.configure(
        processors=[*shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared_processors],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(_not_again())
    root = logging.getLogger()
    root.handlers = [handler]
    # Libraries are heard when they complain; what the platform itself says is heard from the configured level on.
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger(_OWN).setLevel(level)
    # FastStream brings a handler of its own, with colours; a log of two formats is read by no machine.
    bus = logging.getLogger("faststream")
    bus.handlers, bus.propagate = [], True
    bus.setLevel(logging.NOTSET)
    # SQL with its parameters would put names and numbers into the log: never below warning, whatever the level.
    logging.getLogger("sqlalchemy").setLevel(logging.WARNING)

    # With nowhere to send them spans are not recorded; the trace context is made and handed on all the same.
    sampler = DEFAULT_ON if settings.otel_exporter_otlp_endpoint else ALWAYS_OFF
    provider = TracerProvider(sampler, Resource.create({"service.name": f"liuling-{service}"}))
    if settings.otel_exporter_otlp_endpoint:
        # Imported only where it is used: its protobuf stack costs every idle process some 15 MB.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        endpoint = settings.otel_exporter_otlp_endpoint.rstrip("/") + "/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    trace.set_tracer_provider(provider)


def _not_again() -> Callable[[logging.LogRecord], bool]:
    """Lets each place in a library complain every ten seconds. While the broker is away its client does so a hundred
    times a second, and in a quarter of an hour nothing else is left of a log that is rotated.
    """
    said: dict[tuple[str, int], float] = {}

    def first(record: logging.LogRecord) -> bool:
        if record.name.startswith(_OWN):
            return True
        place = (record.pathname, record.lineno)
        if record.created - said.get(place, 0.0) < _REPEATED_AFTER_S:
            return False
        said[place] = record.created
        return True

    return first


def logger(name: str) -> Any:
    """A structured logger. Event names are constants; never log values that could identify a person."""
    return structlog.stdlib.get_logger(f"{_OWN}.{name}")


def where(error: BaseException) -> str:
    """Where an error and those behind it were raised, and what kind they are. Only our own say more: elsewhere the text
    repeats the values that were wrong, which may be somebody's name.
    """
    return "".join(_raised(error))


def _raised(error: BaseException) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _raised(before)
    yield from traceback.format_tb(error.__traceback__)[-_FRAMES_MAX:]
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    more = str(error) if kind.startswith(("shared.", "services.")) else getattr(error, "sqlstate", None)
    yield f"{kind}: {more}\n" if more else f"{kind}\n"
    for within in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _raised(within)


def _add_correlation(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    correlation = _current.get()
    if correlation is not None:
        event["correlation_id"] = correlation.correlation_id
    return event


@contextmanager
def span(
    name: str,
    kind: SpanKind = SpanKind.INTERNAL,
    *,
    correlation_id: str,
    causation_id: str | None = None,
    traceparent: str | None = None,
    **attributes: str | int,
) -> Iterator[Correlation]:
    """Work under a correlation id and a span, continuing the trace of `traceparent` when there is one."""
    context = _propagator.extract({"traceparent": traceparent}) if traceparent else None
    correlation = Correlation(correlation_id, causation_id)
    token = _current.set(correlation)
    try:
        with _tracer.start_as_current_span(
            name,
            context=context,
            kind=kind,
            attributes=attributes,
            record_exception=False,
            set_status_on_exception=False,
        ) as current:
            try:
                yield correlation
            except Exception as error:
                # Its kind and no more, as in the log.
                current.set_status(StatusCode.ERROR, type(error).__name__)
                raise
    finally:
        _current.reset(token)


def event_metadata(actor: str | None = None) -> dict[str, str]:
    """The metadata that an event recorded now carries: correlation, cause, trace, and who did it."""
    metadata: dict[str, str] = {}
    correlation = _current.get()
    if correlation is not None:
        metadata["correlation_id"] = correlation.correlation_id
        if correlation.causation_id is not None:
            metadata["causation_id"] = correlation.causation_id
    _propagator.inject(metadata)
    if actor is not None:
        metadata["actor"] = actor
    return metadata


def trace_headers(headers: Mapping[str, str]) -> str | None:
    """The incoming traceparent, if it is one."""
    value = headers.get("traceparent")
    return value if value and len(value) <= 64 else None


def valid_correlation_id(value: str | None) -> str | None:
    """A caller's correlation id when it is a UUID; anything else could smuggle text into logs and events."""
    try:
        return str(UUID(value)) if value else None
    except ValueError:
        return None
