"""Which parts run, where they come from, and what the services are told of them."""

import os
import stat
from pathlib import Path

import asyncpg
import pytest

from deploy.local.folder import DataFolder
from deploy.local.kafka import prepare
from deploy.local.processes import Warden
from deploy.local.stack import LocalStack, StackError
from shared.settings import Settings
from tests.integration.local_stack.conftest import remember, table_words, topic_words


async def test_without_java_it_falls_back_to_tansu_and_says_so(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(open_folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    said: list[str] = []
    with LocalStack(open_folder, say=said.append) as stack:
        assert stack.broker_kind == "tansu"
        assert stack.environment("points")["KAFKA_IDEMPOTENT_PRODUCER"] == "false"
        url = stack.create_database("words")
        await remember(url, stack.kafka_bootstrap, "in memory")
        assert await topic_words(stack.kafka_bootstrap) == ["in memory"]
    assert any("Java" in line and "Tansu" in line for line in said)


async def test_kafka_that_is_insisted_on_is_not_replaced(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(open_folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(StackError, match="Java"):
        LocalStack(open_folder, broker="kafka").start()


def test_what_a_first_start_left_that_was_killed_is_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(
        '#!/bin/sh\nfor option; do case $option in -DoutputDirectory=*) mkdir "${option#*=}"; esac; done\n'
    )
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", str(maven.parent), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    warden = Warden()
    try:
        jars = prepare(warden, tmp_path, print).jars
        jars.rename(jars.with_name(f"{jars.name}.1"))
        prepare(warden, tmp_path, print)
    finally:
        warden.close()
    assert {path.name for path in jars.parent.iterdir()} == {jars.name, "kafka.lock"}


async def test_a_service_finds_all_that_it_needs_in_its_environment(running: LocalStack) -> None:
    settings = Settings.from_environment(running.environment("registry"))
    assert settings.database_url.get_secret_value() == running.database_url("registry")
    assert settings.kafka_bootstrap_servers == running.kafka_bootstrap
    assert settings.kafka_idempotent_producer is (running.broker_kind == "kafka")


async def test_a_role_owns_its_database_and_sees_no_other(running: LocalStack) -> None:
    url, other = running.create_database("mine"), running.create_database("theirs")
    connection = await asyncpg.connect(url)
    try:
        assert not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        await connection.execute("CREATE EXTENSION btree_gist; CREATE EXTENSION pg_trgm; CREATE EXTENSION ltree")
    finally:
        await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(url.removesuffix("/mine") + "/theirs")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(other.replace("//theirs:", "//mine:"))
    running.drop_database("mine")
    running.drop_database("theirs")


async def test_postgres_is_durable_and_silent_about_values(running: LocalStack) -> None:
    connection = await asyncpg.connect(running.create_database("checked"))
    try:
        shown = {
            name: await connection.fetchval(f"SHOW {name}")
            for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "log_error_verbosity")
        }
    finally:
        await connection.close()
    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "log_error_verbosity": "terse",
    }


async def test_the_socket_answers_as_the_port_does(running: LocalStack) -> None:
    if not hasattr(running.postgres, "socket_folder"):
        pytest.skip("the database is not ours")
    url = running.create_database("by_socket")
    password = url.split(":")[2].partition("@")[0]
    connection = await asyncpg.connect(
        host=str(running.postgres.socket_folder),
        port=running.postgres.port,
        user="by_socket",
        password=password,
        database="by_socket",
    )
    await connection.close()


async def test_secrets_are_for_the_owner_only(running: LocalStack) -> None:
    folder = DataFolder(running.folder)
    running.environment("registry")
    for path in [*(folder.path / "secrets").iterdir(), folder.path / "stack.json", folder.path / "lock"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


async def test_services_share_the_key_of_actors_and_no_vault_key(running: LocalStack) -> None:
    registry, points = (running.environment(service) for service in ("registry", "points"))
    assert registry["ACTOR_KEY"] == points["ACTOR_KEY"]
    assert registry["VAULT_MASTER_KEY"] != points["VAULT_MASTER_KEY"]


def test_a_folder_in_which_one_key_sealed_all_goes_on_with_it(tmp_path: Path) -> None:
    older = DataFolder(tmp_path)
    sealed_with = older.secret("vault-master-key")
    assert older.key("registry-vault-key") == older.key("actor-key") == sealed_with


async def test_a_token_of_the_stack_is_read_by_its_services(running: LocalStack) -> None:
    environment = running.environment("registry")
    assert environment["TOKEN_ISSUER"] == running.issuer.issuer
    assert Path(environment["JWKS_URL"].removeprefix("file://")).is_file()
    assert running.token("community", "620201001004").count(".") == 2


async def test_named_servers_are_used_and_nothing_is_started(
    running: LocalStack, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", running.postgres.admin_url())
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", running.kafka_bootstrap)
    with LocalStack(open_folder / "one") as one:
        assert one.broker_kind == "external"
        assert one.postgres.pid is None
        assert one.kafka.pid is None
        url = one.create_database("lent")
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE words (word text)")
        await connection.close()
        with pytest.raises(StackError):
            one.postgres.kill()
    with LocalStack(open_folder / "two") as two:
        assert two.create_database("lent") == url
        assert await table_words(url) == []
    running.drop_database("lent")
