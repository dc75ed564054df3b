"""The identity provider's keys: kept for a while when it is away, and missed without an error of ours."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from shared.auth.issuer import Issuer
from shared.auth.tokens import InvalidToken, KeysNotReached, TokenReader
from shared.metrics import REGISTRY
from shared.settings import Settings
from shared.telemetry import _add_correlation
from tests.conftest import COMMUNITY
from tests.integration.kernel import counting
from tests.unit.dummy import dummy_settings


def reader_of(issuer: Issuer, url: str) -> TokenReader:
    return TokenReader(dummy_settings(Settings).model_copy(update={"jwks_url": url, "token_issuer": issuer.issuer}))


class Provider:
    """A file in the place of the provider: it can be away, and come back."""

    def __init__(self, issuer: Issuer, folder: Path) -> None:
        self.path = folder / "jwks.json"
        self._keys = issuer.jwks_path.read_text()
        self.come_back()

    def go_away(self) -> None:
        self.path.unlink()

    def come_back(self, keys: str | None = None) -> None:
        self.path.write_text(keys or self._keys)


@pytest.fixture
def provider(issuer: Issuer, tmp_path: Path) -> Provider:
    return Provider(issuer, tmp_path)


def later(reader: TokenReader, seconds: float) -> None:
    reader._verified.clear()
    reader._fetched_at -= seconds
    reader._tried_at -= seconds


async def test_known_keys_serve_while_the_provider_is_away_for_an_hour(issuer: Issuer, provider: Provider) -> None:
    reader, token = reader_of(issuer, provider.path.as_uri()), issuer.token("community", COMMUNITY, "clerk")
    assert (await reader.read(token)).subject == "clerk"
    provider.go_away()
    for _ in range(11):
        later(reader, 301)
        assert (await reader.read(token)).subject == "clerk"
    later(reader, 301)
    with pytest.raises(KeysNotReached):
        await reader.read(token)
    provider.come_back()
    later(reader, 11)
    assert (await reader.read(token)).subject == "clerk"


async def test_a_provider_that_answers_nonsense_is_as_good_as_away(issuer: Issuer, provider: Provider) -> None:
    reader, token = reader_of(issuer, provider.path.as_uri()), issuer.token("community", COMMUNITY, "clerk")
    await reader.read(token)
    for nonsense in ("<html>", "[]", '{"keys": 1}', '{"keys": [{"kty": "none"}]}'):
        provider.come_back(nonsense)
        later(reader, 301)
        assert (await reader.read(token)).subject == "clerk", nonsense
    with pytest.raises(KeysNotReached):
        await reader_of(issuer, provider.path.as_uri()).read(token)


async def test_keys_that_were_withdrawn_hold_no_longer(issuer: Issuer, provider: Provider, tmp_path: Path) -> None:
    reader, token = reader_of(issuer, provider.path.as_uri()), issuer.token("community", COMMUNITY, "clerk")
    await reader.read(token)
    other = Issuer.open(tmp_path / "other")
    provider.come_back(json.dumps(json.loads(other.jwks_path.read_text())))
    later(reader, 301)
    with pytest.raises(InvalidToken):
        await reader.read(token)


async def test_a_provider_that_is_away_is_not_asked_for_every_request(
    issuer: Issuer, provider: Provider, monkeypatch: Any
) -> None:
    reader, token = reader_of(issuer, provider.path.as_uri()), issuer.token("community", COMMUNITY, "clerk")
    await reader.read(token)
    later(reader, 301)
    asked = []

    async def away() -> str:
        asked.append(1)
        raise httpx.ConnectTimeout("away")

    monkeypatch.setattr(reader, "_fetch", away)
    for _ in range(20):
        await reader.read(token)
        reader._verified.clear()
    assert len(asked) == 1


async def test_without_any_keys_a_request_is_told_to_come_again(start) -> None:
    running = await start(counting.build, working=False, jwks_url="http://127.0.0.1:9/jwks.json")
    failed = {"route": "GET /v1/counters", "status": "503"}
    before = REGISTRY.get_sample_value("liuling_query_seconds_count", failed) or 0
    with capture_logs([_add_correlation]) as lines:
        answer = await running.client().get("/v1/counters")
    said = [(line["event"], line["correlation_id"]) for line in lines]
    told = answer.headers["x-correlation-id"]
    assert said == [("keys_not_reached", told), ("request_refused", told)], "why, and that it was so"
    assert (answer.status_code, answer.json()["code"]) == (503, "keys_not_reached")
    assert answer.headers["retry-after"]
    assert REGISTRY.get_sample_value("liuling_query_seconds_count", failed) == before + 1, "nobody else would be woken"
