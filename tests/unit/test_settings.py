"""A wrong setting ends the start in one line that names the variable and says what is allowed, in both languages."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.cli import service_cli
from shared.settings import Settings
from tests.integration.kernel import counting
from tests.unit.dummy import DUMMY


def complaint(**changed: str) -> str:
    with pytest.raises(SystemExit) as ended:
        Settings.from_environment(DUMMY | changed)
    return str(ended.value.code)


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("DATABASE_URL", "mysql://u:geheim@h/x", "postgresql://"),
        ("DATABASE_URL", "postgresql://u:geheim@h:port/x", "postgresql://"),
        ("DATABASE_URL", "postgresql://u:geheim@h", "/name"),
        ("DATABASE_URL", "geheim", "postgresql://"),
        ("VAULT_MASTER_KEY", "geheim", "32"),
        ("VAULT_MASTER_KEY", "AAAA", "32"),
        ("VAULT_MASTER_KEY", "密钥geheim", "32"),
        ("ACTOR_KEY", "geheim", "32"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka", "host:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "a:9092;b:9092", "commas"),
        ("KAFKA_PASSWORD", "geheim", "KAFKA_USERNAME"),
        ("KAFKA_NAMESPACE", "Liuling", "a-z0-9_-"),
        ("KAFKA_COMPRESSION", "lz4", "'zstd', 'gzip' or 'none'"),
        ("KAFKA_IDEMPOTENT_PRODUCER", "perhaps", "boolean"),
        ("JWKS_URL", "identity.example/keys", "https://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "http://"),
        ("DATABASE_POOL_SIZE", "0", "1"),
        ("HTTP_PORT", "80000", "65535"),
        ("CONSUMER_STALL_S", "a while", "integer"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed_and_not_repeated(variable: str, value: str, allowed: str) -> None:
    line = complaint(**{variable: value})
    assert variable in line
    assert allowed in line
    assert re.search(r"[一-鿿]", line.partition(variable)[2]), "in Chinese too"
    assert "geheim" not in line
    assert "\n" not in line


def test_all_that_is_missing_is_told_at_once() -> None:
    line = complaint(DATABASE_URL="", TOKEN_ISSUER="")
    assert "DATABASE_URL 未设置 is not set" in line
    assert "TOKEN_ISSUER 未设置 is not set" in line


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "VAULT_MASTER_KEY_FILE" in complaint(VAULT_MASTER_KEY="", VAULT_MASTER_KEY_FILE=str(tmp_path / "nothing"))
    no_text = tmp_path / "bytes"
    no_text.write_bytes(b"\xff\xfe")
    assert "VAULT_MASTER_KEY_FILE" in complaint(VAULT_MASTER_KEY="", VAULT_MASTER_KEY_FILE=str(no_text))


@pytest.mark.parametrize("servers", ["kafka:9092", "a:1,b:2", "a:1, b:2", "[::1]:9092"])
def test_servers_as_people_write_them(servers: str) -> None:
    assert Settings.from_environment(DUMMY | {"KAFKA_BOOTSTRAP_SERVERS": servers}).kafka_bootstrap_servers == servers


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["verify"], ["parked", "list"], ["republish"]])
def test_a_database_that_is_not_there_is_told_in_one_line(command: list[str]) -> None:
    ended = CliRunner().invoke(service_cli("counting", counting.build, Settings), command, env=DUMMY)
    assert ended.exit_code == 1
    assert "数据库联系不上 the database cannot be reached (DATABASE_URL)" in ended.output
    assert "Traceback" not in ended.output
