"""What the compose file leaves to chance: nothing that an attacker would like."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.postgres import SETTINGS
from tests.conftest import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "DATABASE_URL_FILE" in service["environment"]]


@pytest.mark.parametrize("service", OURS)
@pytest.mark.parametrize("variable", ["JWKS_URL", "TOKEN_ISSUER"])
def test_whose_tokens_are_trusted_has_no_default(service: str, variable: str) -> None:
    assert SERVICES[service]["environment"][variable].startswith(f"${{{variable}:?")


def test_the_development_issuer_is_trusted_where_somebody_says_so() -> None:
    told = subprocess.run(
        ["bash", ROOT / "deploy" / "secrets.sh", "development"], capture_output=True, text=True, check=True
    ).stdout
    assert told == "JWKS_URL=file:///run/secrets/jwks\nTOKEN_ISSUER=liuling-development\n"


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_bound_to_this_machine_alone(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service].get("ports", []))


@pytest.mark.parametrize("service", SERVICES)
def test_no_container_has_powers_that_it_does_not_need(service: str) -> None:
    container = SERVICES[service]
    assert (container["read_only"], container["cap_drop"]) == (True, ["ALL"])
    assert "no-new-privileges:true" in container["security_opt"]
    assert container["mem_limit"]
    assert container["pids_limit"]


@pytest.mark.parametrize("setting", ["log_min_error_statement", "log_error_verbosity", "password_encryption"])
def test_the_database_keeps_to_itself_what_the_local_one_does(setting: str) -> None:
    """By default an error is logged with the values in conflict, which may be personal data."""
    assert f"{setting}={SETTINGS[setting]}" in SERVICES["postgres"]["command"]


def test_nobody_comes_to_the_bus_without_a_name() -> None:
    broker = SERVICES["kafka"]["environment"]
    protocols = dict(pair.split(":") for pair in broker["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert protocols.pop("CONTROLLER") == "PLAINTEXT"
    assert "CONTROLLER://localhost:" in broker["KAFKA_LISTENERS"], "only the node itself reaches it"
    assert set(protocols.values()) == {"SASL_PLAINTEXT"}
    assert broker["KAFKA_AUTHORIZER_CLASS_NAME"]


@pytest.mark.parametrize("service", OURS)
def test_each_service_has_a_name_of_its_own_on_the_bus_and_migrations_the_one_that_may_grant(service: str) -> None:
    name = "admin" if service.endswith("-migrate") else service
    assert SERVICES[service]["environment"]["KAFKA_USERNAME"] == name
    assert {"source": f"{name}_kafka_password", "target": "kafka_password"} in SERVICES[service]["secrets"]


@pytest.mark.parametrize("service", OURS)
def test_each_service_has_a_vault_key_of_its_own_and_staff_are_known_to_all_by_the_same(service: str) -> None:
    name = service.removesuffix("-migrate")
    assert {"source": f"{name}_vault_key", "target": "vault_key"} in SERVICES[service]["secrets"]
    assert "actor_key" in SERVICES[service]["secrets"]
    assert SERVICES[service]["environment"]["ACTOR_KEY_FILE"] == "/run/secrets/actor_key"


def test_every_secret_that_containers_read_is_made_also_for_those_who_have_the_others(tmp_path: Path) -> None:
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text('#!/bin/sh\n: >"$LIULING_SECRETS/issuer/jwks.json"\n')  # the issuer's part is the image's
    docker.chmod(0o755)
    folder = tmp_path / "secrets"
    (folder / "issuer").mkdir(parents=True)
    environment = {**os.environ, "PATH": f"{docker.parent}:{os.environ['PATH']}", "LIULING_SECRETS": str(folder)}
    (folder / "points_vault_key").write_text("kept")
    subprocess.run(["bash", ROOT / "deploy" / "secrets.sh"], env=environment, capture_output=True, check=True)
    wanted = {
        secret["file"].removeprefix("${LIULING_SECRETS:-./secrets}/")
        for secret in COMPOSE["secrets"].values()
        if "LIULING_SECRETS" in secret["file"]
    }
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} >= wanted
    assert (folder / "points_vault_key").read_text() == "kept"
    assert (
        len({(folder / name).read_text() for name in ("actor_key", "registry_vault_key", "mediation_vault_key")}) == 3
    )


@pytest.mark.parametrize("service", OURS)
def test_every_setting_reaches_the_program_from_the_file_that_compose_reads_too(service: str) -> None:
    assert SERVICES[service]["env_file"] == [{"path": "./.env", "required": False}]
    # Of what stands there under a setting's name, nothing else is made on the way.
    for variable, value in SERVICES[service]["environment"].items():
        assert not str(value).startswith("${") or str(value).startswith(f"${{{variable}:"), variable


def test_subscribers_elsewhere_can_be_told_where_they_reach_the_bus() -> None:
    told = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",HOST://")[1]
    assert told == "${KAFKA_ADVERTISED_HOST:-127.0.0.1}:${KAFKA_ADVERTISED_PORT:-${KAFKA_PORT:-9094}}"


@pytest.mark.parametrize("written", ["LIULING_SECRETS=./kept", "export LIULING_SECRETS = 'kept' # ours"])
def test_secrets_are_where_the_file_says_that_compose_reads(tmp_path: Path, written: str) -> None:
    for name in ("secrets.sh", "dotenv.sh"):
        shutil.copy(ROOT / "deploy" / name, tmp_path)
    (tmp_path / ".env").write_text(f"LIULING_SECRETS=elsewhere\n{written}\nPUBLIC_URL=https://example.org\n")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "admin_kafka_password").write_text("synthetic")
    path = {"PATH": os.environ["PATH"]}
    subprocess.run(["bash", tmp_path / "secrets.sh", "subscriber", "one"], env=path, capture_output=True, check=True)
    assert (tmp_path / "kept" / "subscriber-one_kafka_password").exists()
    assert not (tmp_path / "secrets").exists()
