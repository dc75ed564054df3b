"""What can be configured, typed and with units in the names. A start without something needed fails in one line."""

import base64
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shared.contracts.envelope import topic_of

_WORDS = Path(__file__).parent / "locales" / "zh.json"


def _like(pattern: str, wanted: str) -> AfterValidator:
    """Holds text against a pattern, and says what is wanted in words that people read."""

    def check(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(wanted)
        return value

    return AfterValidator(check)


_SERVERS = _like(
    r"[^\s,;]+:\d+(, ?[^\s,;]+:\d+)*", "应为 must be host:port，多个用逗号分隔 several separated by commas"
)
_KEYS = _like(r"(https?|file)://\S+", "应以此开头 must start with https://, http:// or file://")
_COLLECTOR = _like(r"https?://\S+", "应以此开头 must start with http:// or https://")


class Settings(BaseSettings):
    """Settings common to all services, read from the environment.

    Any variable ``X`` may be given as ``X_FILE``, the path of a file with its value, as containers mount secrets.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr
    """postgresql://user:password@host:port/name, or with ``?host=/socket/folder``; with ``?sslmode=verify-full`` and
    the like as libpq has them.
    """
    database_pool_size: int = Field(default=10, ge=1, le=100)
    database_questions_pool_size: int = Field(default=5, ge=1, le=100)
    """Connections beside the pool that query routes read on; they cannot write."""
    database_question_timeout_s: int = Field(default=30, ge=1, le=3600)
    """How long one statement of a query route may take: it holds one of few connections."""
    database_idle_in_transaction_timeout_s: int = Field(default=60, ge=1)

    kafka_bootstrap_servers: Annotated[str, _SERVERS]
    kafka_username: str | None = None
    """Who this is to the broker (SASL PLAIN), for `migrate` one that may grant rights; none where the broker asks
    nobody, as on a developer's machine.
    """
    kafka_password: SecretStr | None = Field(default=None, validate_default=True)
    """Its password; both or neither."""
    kafka_namespace: str = Field(default="liuling", pattern=r"^[a-z0-9_-]{1,40}$")
    """First part of every topic's and group's name, so that two installations can share a broker."""
    kafka_idempotent_producer: bool = True
    """Off only for a broker that cannot do it; consumers do not mind."""
    kafka_compression: Literal["zstd", "gzip", "none"] = "zstd"
    kafka_replication_factor: int = Field(default=1, ge=1)
    kafka_partitions: int = Field(default=12, ge=1)

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=0, ge=0, le=65535)
    request_body_bytes_max: int = Field(default=8 * 1024 * 1024, ge=1024)
    request_json_bytes_max: int = Field(default=512 * 1024, ge=1024)
    """Of a body that is no form with files: it is taken apart at once, and everybody else waits meanwhile."""

    request_head_s_max: int = Field(default=20, ge=1, le=3600)
    """From the connection, or the first byte of another request on it, to the end of the head."""
    request_body_s_max: int = Field(default=120, ge=1, le=3600)
    """From there to the end of the body."""

    jwks_url: Annotated[str, _KEYS]
    """Where the keys that sign tokens are published: https://, http:// or file://."""
    token_issuer: str
    token_audience: str = "liuling"  # noqa: S105
    token_subject_claim: str = Field(default="sub", min_length=1, max_length=64)
    """Which claim of a token says who it is for; tokens without it go by `sub`."""

    vault_master_key: SecretStr
    """32 bytes in base64: wraps the key of every person."""
    actor_key: SecretStr
    """32 bytes in base64, the same for all services: makes the opaque ids of staff in events, so that whoever confirmed
    hours in one service is known in another when it is asked who may decide about them.
    """

    backdating_max_days: int = Field(default=7, ge=0, le=3660)
    """How far back something may be dated that is entered now."""

    relay_batch_size_max: int = Field(default=2000, ge=1, le=100_000)
    relay_poll_interval_ms: int = Field(default=1000, ge=10)
    consumer_batch_size_max: int = Field(default=10_000, ge=1, le=100_000)
    consumer_stall_s: int = Field(default=60, ge=1)
    """Lag above zero and no movement for this long is unhealthy."""
    timer_poll_interval_ms: int = Field(default=500, ge=10)

    idempotency_keep_days: int = Field(default=30, ge=1, le=3650)
    """How long an answer is given again to the same Idempotency-Key."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    otel_exporter_otlp_endpoint: Annotated[str, _COLLECTOR] | None = None

    def topic(self, context: str) -> str:
        """The topic of a context under this installation's namespace."""
        return topic_of(context, self.kafka_namespace)

    def group(self, service: str) -> str:
        """The consumer group of a service, under the same namespace."""
        return f"{self.kafka_namespace}-{service}"

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr) -> SecretStr:
        wanted = "postgresql://user:password@host:port/name"
        try:
            url = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):
            raise ValueError(f"不是有效的地址 is no address like {wanted}") from None
        if url.drivername not in ("postgresql", "postgres") or not url.database:
            raise ValueError(f"应为 must be {wanted}")
        return value

    @field_validator("vault_master_key", "actor_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        try:
            length = len(base64.b64decode(value.get_secret_value(), validate=True))
        except ValueError:
            length = 0
        if length != 32:
            raise ValueError("应为 32 字节的 base64 must be 32 bytes in base64: head -c 32 /dev/urandom | base64")
        return value

    @field_validator("kafka_password")
    @classmethod
    def _is_somebodys(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if (value is None) != (info.data.get("kafka_username") is None):
            raise ValueError("与 KAFKA_USERNAME 须同时设置 goes with KAFKA_USERNAME: both or neither")
        return value

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings, or end the program with one line that names what is missing or wrong."""
        environment = os.environ if environment is None else environment
        values = {name.lower(): value for name, value in environment.items() if value}
        for name in cls.model_fields:
            path = values.get(f"{name}_file")
            if path is not None and name not in values:
                try:
                    values[name] = Path(path).read_text().strip()
                except (OSError, UnicodeError) as error:
                    reason = error.strerror if isinstance(error, OSError) else type(error).__name__
                    sys.exit(f"配置错误 settings: {name.upper()}_FILE 无法读取 cannot be read: {reason}")
        try:
            return cls.model_validate({name: values[name] for name in cls.model_fields if name in values})
        except ValidationError as error:
            sys.exit("配置错误 settings: " + "; ".join(_complaint(item) for item in error.errors()))


def _complaint(item: ErrorDetails) -> str:
    """What is wrong with a variable, and what is allowed, in both languages; never what was given: it may be secret."""
    name = str(item["loc"][0]).upper()
    context = item.get("ctx", {})
    if item["type"] == "missing":
        return f"{name} 未设置 is not set (或 or {name}_FILE)"
    if item["type"] == "value_error":
        return f"{name} {context['error']}"
    texts: Mapping[str, str] = json.loads(_WORDS.read_text(encoding="utf-8"))
    chinese = texts.get(f"field.{item['type']}", texts["field.other"]).format_map(context)
    return f"{name} {chinese} {item['msg']}"
