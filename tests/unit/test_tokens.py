"""Who a token is for: by `sub`, or by a claim of its own where an identity provider chooses `sub` itself."""

import base64
import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from typer.testing import CliRunner

from deploy.local.__main__ import app as local
from shared.auth.actors import actor_id
from shared.auth.issuer import Issuer
from shared.auth.permissions import Role
from shared.auth.tokens import InvalidToken, OutsideNode, Principal, TokenReader
from shared.privacy import Vault
from shared.settings import Settings
from tests.conftest import COMMUNITY, FOREIGN

VAULT = Vault(b"k" * 32, b"a" * 32)


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer.open(tmp_path)


def reader(issuer: Issuer, **settings: str) -> TokenReader:
    values = {
        "DATABASE_URL": "postgresql://nobody@nowhere/nothing",
        "KAFKA_BOOTSTRAP_SERVERS": "nowhere:9092",
        "JWKS_URL": issuer.jwks_path.as_uri(),
        "TOKEN_ISSUER": issuer.issuer,
        "VAULT_MASTER_KEY": base64.b64encode(b"k" * 32).decode(),
        "ACTOR_KEY": base64.b64encode(b"a" * 32).decode(),
    }
    return TokenReader(Settings.from_environment(values | settings))


async def test_by_default_a_token_is_for_its_sub_whatever_else_it_says(issuer: Issuer) -> None:
    token = issuer.token("team_leader", COMMUNITY, "account-17", volunteer_id=str(uuid4()))
    assert (await reader(issuer).read(token)).subject == "account-17"


async def test_whoever_is_a_volunteer_is_the_same_person_under_every_account(issuer: Issuer) -> None:
    """So hours that a leader confirmed are seen to be confirmed by a volunteer, and nobody is two people."""
    volunteer, reads = uuid4(), reader(issuer, TOKEN_SUBJECT_CLAIM="volunteer_id")
    accounts = [("team_leader", "account-17"), ("community", "account-18"), ("volunteer", "wx-90")]
    for role, account in accounts:
        principal = await reads.read(issuer.token(role, COMMUNITY, account, volunteer_id=str(volunteer)))
        assert actor_id(VAULT, principal.subject) == volunteer
    principal.require(COMMUNITY, volunteer)


async def test_a_clock_that_is_set_back_makes_no_token_hold_longer(
    issuer: Issuer, tmp_path: Path, monkeypatch: Any
) -> None:
    reads, token, later = reader(issuer), issuer.token("community", COMMUNITY), time.time() + 3600
    with monkeypatch.context() as wrong:
        wrong.setattr("time.time", lambda: later)
        await reads.read(token)
    issuer.jwks_path.write_text(Issuer.open(tmp_path / "other").jwks_path.read_text())
    after = time.monotonic() + 400
    monkeypatch.setattr("time.monotonic", lambda: after)
    with pytest.raises(InvalidToken):
        await reads.read(token)


def test_a_volunteers_own_record_is_theirs_wherever_it_lies_and_nobody_elses() -> None:
    me = Principal("anna", Role.VOLUNTEER, COMMUNITY)
    me.require(FOREIGN, "anna")
    for node, person in ((COMMUNITY, "bo"), (FOREIGN, "bo"), (FOREIGN, None)):
        with pytest.raises(OutsideNode):
            me.require(node, person)
    with pytest.raises(OutsideNode):
        Principal("anna", Role.COMMUNITY, COMMUNITY).require(FOREIGN, "anna")


async def test_staff_who_are_no_volunteers_go_by_their_sub(issuer: Issuer) -> None:
    reads = reader(issuer, TOKEN_SUBJECT_CLAIM="volunteer_id")
    clerk = await reads.read(issuer.token("community", COMMUNITY, "clerk-anna"))
    assert clerk.subject == "clerk-anna"
    assert isinstance(actor_id(VAULT, clerk.subject), UUID)


@pytest.mark.parametrize("volunteer_id", ["", "x" * 129])
async def test_a_claim_that_names_nobody_does_not_fall_back(issuer: Issuer, volunteer_id: str) -> None:
    reads = reader(issuer, TOKEN_SUBJECT_CLAIM="volunteer_id")
    with pytest.raises(InvalidToken):
        await reads.read(issuer.token("community", COMMUNITY, "clerk-anna", volunteer_id=volunteer_id))


@pytest.mark.parametrize(("asked", "node"), [(["district"], "620201"), (["district", "--node", "62"], "62")])
def test_a_token_of_the_local_stack_is_good_where_its_role_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str], node: str
) -> None:
    monkeypatch.setenv("LIULING_DATA", str(tmp_path))
    printed = CliRunner().invoke(local, ["token", *asked])
    keys = KeySet.import_key_set(json.loads((tmp_path / "issuer" / "jwks.json").read_text()))
    assert jwt.decode(printed.stdout.strip(), keys, algorithms=["ES256"]).claims["node"] == node
