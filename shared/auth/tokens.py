"""Reads bearer tokens: verifies them against the keys of a JWKS URL and makes a principal of the claims."""

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlparse

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.auth.permissions import Role
from shared.contracts import Refusal
from shared.settings import Settings
from shared.telemetry import logger

log = logger("auth")

ALGORITHMS = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
"""Asymmetric only: a verifier must never hold what signs."""

_REFRESH_S = 300
_RETRY_UNKNOWN_KEY_S = 10
_TRY_AGAIN_S = 5
"""After the issuer could not be reached."""
_KEEP_S = 3600
"""How long keys hold that could not be fetched anew: a key that was withdrawn meanwhile holds as long."""
_REMEMBER_S = 60
_VERIFIED_MAX = 10_000
_NODE_LENGTHS = (2, 4, 6, 9, 12)


class InvalidToken(Exception):
    """No token, or one that does not hold: wrong key, issuer, audience, expired, unknown role or node."""


class KeysNotReached(Refusal):
    """Where the issuer publishes its keys nobody answers, and those known are too old, or there are none."""

    code = "keys_not_reached"
    status = 503


class OutsideNode(Exception):
    """The caller's organisation node does not cover what was asked for."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: an opaque subject in a role at an organisation node."""

    subject: str
    role: Role
    node: str

    def covers(self, node: str) -> bool:
        """Whether `node` is the caller's own or below it."""
        return node.startswith(self.node)

    def require(self, node: str, person: object = None) -> None:
        """Refuse unless the caller may act on `node`.

        Where what lies there is the record of a `person`, a volunteer may act on their own, wherever it lies: it stays
        behind when they move. Nobody else's.
        """
        if self.role is Role.VOLUNTEER and person is not None:
            self.require_self(person)
        elif not self.covers(node):
            raise OutsideNode

    def require_self(self, person: object) -> None:
        """Refuse a volunteer who asks for someone else's records."""
        if self.role is Role.VOLUNTEER and str(person) != self.subject:
            raise OutsideNode


class TokenReader:
    """Verifies tokens. Keys are cached, and fetched anew when a token names one that is not known."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.jwks_url
        self._subject_claim = settings.token_subject_claim
        self._claims = jwt.JWTClaimsRegistry(
            leeway=30,
            iss={"essential": True, "value": settings.token_issuer},
            aud={"essential": True, "value": settings.token_audience},
            sub={"essential": True},
            exp={"essential": True},
            role={"essential": True, "values": [role.value for role in Role]},
            node={"essential": True},
        )
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()
        self._verified: dict[str, tuple[Principal, float]] = {}

    async def read(self, token: str) -> Principal:
        """The principal of a token. Raises `InvalidToken` or `KeysNotReached`.

        A token that held is remembered for a minute at most: callers send the same one with every request.
        """
        known = self._verified.get(token)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        principal, expires_at = await self._read(token)
        if len(self._verified) >= _VERIFIED_MAX:
            self._verified.clear()
        self._verified[token] = (principal, time.monotonic() + min(expires_at - time.time(), _REMEMBER_S))
        return principal

    async def _read(self, token: str) -> tuple[Principal, float]:
        try:
            return self._verify(token, await self._key_set(_REFRESH_S))
        except (JoseError, ValueError, TypeError, KeyError):
            # The issuer may have rotated its keys; ask again, but not for every forged token.
            keys = await self._key_set(_RETRY_UNKNOWN_KEY_S)
        try:
            return self._verify(token, keys)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise InvalidToken from error

    def _verify(self, token: str, keys: KeySet) -> tuple[Principal, float]:
        decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
        self._claims.validate(decoded.claims)
        # Staff who are no volunteers have no such claim; whoever has it is the same person under every account.
        subject = decoded.claims.get(self._subject_claim, decoded.claims["sub"])
        node = decoded.claims["node"]
        if not isinstance(subject, str) or not 1 <= len(subject) <= 128:
            raise ValueError(self._subject_claim)
        if not isinstance(node, str) or len(node) not in _NODE_LENGTHS or not (node.isascii() and node.isdigit()):
            raise ValueError("node")
        principal = Principal(subject=subject, role=Role(decoded.claims["role"]), node=node)
        return principal, float(decoded.claims["exp"])

    async def _key_set(self, age_s_max: float) -> KeySet:
        """Keys that are so old at the most; while the issuer is away, an hour."""
        if self._usable and (self._lock.locked() or not self._due(age_s_max)):
            return self._known()
        async with self._lock:
            if self._due(age_s_max):
                self._tried_at = time.monotonic()
                try:
                    self._keys = KeySet.import_key_set(json.loads(await self._fetch()))
                    self._fetched_at = time.monotonic()
                except (httpx.HTTPError, OSError, JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
                    log.warning("keys_not_reached", error=type(error).__name__)
        return self._known()

    def _due(self, age_s_max: float) -> bool:
        now = time.monotonic()
        return now - self._fetched_at >= age_s_max and now - self._tried_at >= _TRY_AGAIN_S

    @property
    def _usable(self) -> bool:
        return time.monotonic() - self._fetched_at < _KEEP_S

    def _known(self) -> KeySet:
        if self._keys is None or not self._usable:
            raise KeysNotReached
        return self._keys

    async def _fetch(self) -> str:
        parts = urlparse(self._url)
        if parts.scheme == "file":
            return await asyncio.to_thread(Path(unquote(parts.path)).read_text)
        async with httpx.AsyncClient(timeout=5) as client:
            response = await client.get(self._url)
            response.raise_for_status()
            return response.text
