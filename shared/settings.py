"""What can be configured, typed and with units in the names. A start without something needed fails in one line."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.contracts.envelope import topic_of


class Settings(BaseSettings):
    """Settings common to all services, read from the environment.

    Any variable ``X`` may be given as ``X_FILE``, the path of a file with its value, as containers mount secrets.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr
    """postgresql://user:password@host:port/name, or with ``?host=/socket/folder``."""
    database_pool_size: int = Field(default=10, ge=1, le=100)
    database_questions_pool_size: int = Field(default=5, ge=1, le=100)
    """Connections beside the pool that query routes read on; they cannot write."""
    database_question_timeout_s: int = Field(default=30, ge=1, le=3600)
    """How long one statement of a query route may take: it holds one of few connections."""
    database_idle_in_transaction_timeout_s: int = Field(default=60, ge=1)

    kafka_bootstrap_servers: str
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

    jwks_url: str
    """Where the keys that sign tokens are published: https://, http:// or file://."""
    token_issuer: str
    token_audience: str = "liuling"  # noqa: S105
    token_subject_claim: str = Field(default="sub", min_length=1, max_length=64)
    """Which claim of a token says who it is for; tokens without it go by `sub`."""

    vault_master_key: SecretStr
    """32 bytes in base64: wraps the key of every person."""

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
    otel_exporter_otlp_endpoint: str | None = None

    def topic(self, context: str) -> str:
        """The topic of a context under this installation's namespace."""
        return topic_of(context, self.kafka_namespace)

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
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
                except OSError as error:
                    sys.exit(f"配置错误 settings: {name.upper()}_FILE 无法读取 cannot be read: {error.strerror}")
        try:
            return cls.model_validate({name: values[name] for name in cls.model_fields if name in values})
        except ValidationError as error:
            sys.exit("配置错误 settings: " + "; ".join(_complaint(item) for item in error.errors()))


def _complaint(item: Mapping[str, object]) -> str:
    location = item["loc"]
    name = str(location[0]).upper() if isinstance(location, tuple) and location else "?"
    if item["type"] == "missing":
        return f"{name} 未设置 is not set (或 or {name}_FILE)"
    return f"{name} {item['msg']}"
