"""The person vault: what identifies people, encrypted with a key per person. To forget someone is to destroy the key.

Keys are wrapped by a master key that never enters the database. Digests let a clerk find a person by an exact ID
number or phone without anything readable being stored.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.settings import Settings

_NONCE_BYTES = 12
_DIGESTS = b"liuling vault: digests"
_PROOF = b"liuling vault: proof of the actor key"

_NOTED = text("SELECT proof FROM actor_key")
_NOTE = text("INSERT INTO actor_key (proof) VALUES (:proof) ON CONFLICT DO NOTHING")


class VaultKeyMismatch(Exception):
    """The master key does not open this database's vault: it belongs to another installation."""


class ActorKeyMismatch(Exception):
    """Staff have been known to this database under another key: now everybody would be somebody else."""


class Vault:
    """Seals and opens fields of subjects (people, or texts about people) in the service's own database."""

    def __init__(self, master_key: bytes, actor_key: bytes) -> None:
        if (len(master_key), len(actor_key)) != (32, 32):
            raise ValueError("the vault's keys must be 32 bytes")
        self._wrap = AESGCM(hmac.digest(master_key, b"liuling vault: wrap keys", "sha256"))
        self._digest_key = hmac.digest(master_key, _DIGESTS, "sha256")
        # Derived as before there was a key of its own: where one master key served all, it can be given here, too.
        self._actor_key = hmac.digest(actor_key, _DIGESTS, "sha256")

    @classmethod
    def from_settings(cls, settings: Settings) -> "Vault":
        """The vault under the configured keys."""
        keys = (settings.vault_master_key, settings.actor_key)
        return cls(*(base64.b64decode(key.get_secret_value(), validate=True) for key in keys))

    async def prove(self, connection: AsyncConnection) -> None:
        """Raise `VaultKeyMismatch` when the master key does not open what lies in the vault, and `ActorKeyMismatch`
        when staff were known under another key. A database that knows of none yet notes this one.
        """
        row = (await connection.execute(text("SELECT subject, wrapped_key FROM vault_keys LIMIT 1"))).first()
        if row is not None:
            self._open(self._wrap, row.subject, "", row.wrapped_key)
        noted = await connection.scalar(_NOTED)
        if noted is None:
            # Whoever starts at the same moment may have noted theirs.
            await connection.execute(_NOTE, {"proof": self._actor_proof})
            noted = await connection.scalar(_NOTED)
        if noted != self._actor_proof:
            raise ActorKeyMismatch

    @property
    def _actor_proof(self) -> bytes:
        return hmac.digest(self._actor_key, _PROOF, hashlib.sha256)

    @property
    def actor_fingerprint(self) -> str:
        """Eight digits that are the same for the same actor key, to be compared between services."""
        return self._actor_proof.hex()[:8]

    def digest(self, kind: str, value: str) -> bytes:
        """A keyed digest of a normalised value, to find it again by exact match. `kind` separates the spaces."""
        return hmac.digest(self._digest_key, f"{kind}\x1f{value}".encode(), hashlib.sha256)

    def actor_digest(self, subject: str) -> bytes:
        """A keyed digest of who acted, the same in every service: of other digests each service has its own."""
        return hmac.digest(self._actor_key, f"staff\x1f{subject}".encode(), hashlib.sha256)

    async def put(self, connection: AsyncConnection, subject: UUID, fields: Mapping[str, str]) -> None:
        """Seal fields of one subject, replacing those that were there."""
        await self.put_many(connection, {subject: fields})

    async def put_many(self, connection: AsyncConnection, entries: Mapping[UUID, Mapping[str, str]]) -> None:
        """Seal fields of many subjects in three statements."""
        if not entries:
            return
        fresh = {subject: AESGCM.generate_key(bit_length=256) for subject in entries}
        await connection.execute(
            text(
                "INSERT INTO vault_keys (subject, wrapped_key)"
                " SELECT * FROM unnest(cast(:subjects AS uuid[]), cast(:keys AS bytea[])) ON CONFLICT DO NOTHING"
            ),
            {
                "subjects": list(fresh),
                "keys": [self._seal(self._wrap, subject, "", key) for subject, key in fresh.items()],
            },
        )
        keys = await self._keys(connection, list(entries))
        rows = [
            (subject, field, self._seal(keys[subject], subject, field, value.encode()))
            for subject, fields in entries.items()
            for field, value in fields.items()
        ]
        await connection.execute(
            text(
                "INSERT INTO vault_entries (subject, field, sealed)"
                " SELECT * FROM unnest(cast(:subjects AS uuid[]), cast(:fields AS text[]), cast(:sealed AS bytea[]))"
                " ON CONFLICT (subject, field) DO UPDATE SET sealed = excluded.sealed"
            ),
            {"subjects": [r[0] for r in rows], "fields": [r[1] for r in rows], "sealed": [r[2] for r in rows]},
        )

    async def clear(self, connection: AsyncConnection, subject: UUID, fields: Sequence[str]) -> None:
        """Take fields of one subject away; what is not there is no mistake."""
        await connection.execute(
            text("DELETE FROM vault_entries WHERE subject = :subject AND field = ANY(:fields)"),
            {"subject": subject, "fields": list(fields)},
        )

    async def get(self, connection: AsyncConnection, subject: UUID) -> dict[str, str]:
        """All fields of a subject; empty where nothing is known or it was forgotten."""
        return (await self.get_many(connection, [subject])).get(subject, {})

    async def get_many(
        self, connection: AsyncConnection, subjects: Sequence[UUID], fields: Sequence[str] | None = None
    ) -> dict[UUID, dict[str, str]]:
        """Fields of many subjects; `fields` limits what is opened."""
        keys = await self._keys(connection, subjects)
        rows = await connection.execute(
            text(
                "SELECT subject, field, sealed FROM vault_entries WHERE subject = ANY(:subjects)"
                " AND (cast(:fields AS text[]) IS NULL OR field = ANY(:fields))"
            ),
            {"subjects": list(subjects), "fields": list(fields) if fields is not None else None},
        )
        opened: dict[UUID, dict[str, str]] = {}
        for subject, field, sealed in rows:
            opened.setdefault(subject, {})[field] = self._open(keys[subject], subject, field, sealed).decode()
        return opened

    async def forget(self, connection: AsyncConnection, subject: UUID) -> bool:
        """Destroy the subject's key and entries. Tells whether there was anything to forget."""
        result = await connection.execute(
            text("DELETE FROM vault_keys WHERE subject = :subject RETURNING subject"), {"subject": subject}
        )
        return result.first() is not None

    async def _keys(self, connection: AsyncConnection, subjects: Sequence[UUID]) -> dict[UUID, AESGCM]:
        rows = await connection.execute(
            text("SELECT subject, wrapped_key FROM vault_keys WHERE subject = ANY(:subjects)"),
            {"subjects": list(subjects)},
        )
        return {subject: AESGCM(self._open(self._wrap, subject, "", wrapped)) for subject, wrapped in rows}

    @staticmethod
    def _seal(cipher: AESGCM, subject: UUID, field: str, value: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        # Subject and field are authenticated, so that a row moved to another person does not open.
        return nonce + cipher.encrypt(nonce, value, f"{subject}/{field}".encode())

    @staticmethod
    def _open(cipher: AESGCM, subject: UUID, field: str, sealed: bytes) -> bytes:
        try:
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], f"{subject}/{field}".encode())
        except InvalidTag:
            raise VaultKeyMismatch from None
