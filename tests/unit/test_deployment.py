"""What the compose file leaves to chance: nothing that an attacker would like."""

import subprocess
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
