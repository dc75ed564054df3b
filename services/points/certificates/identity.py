"""Whom a certificate is about, and who signs for it: personal data, sealed in the vault under the certificate's id."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

FIELDS: Final = (
    "name",
    "id_kind",
    "id_number",
    "issuer",
    "responsible_person",
    "handler",
    "contact",
    "content",
    "remarks",
)
"""民发〔2015〕149号 asks for these beside what events may tell."""


def masked_name(identity: Mapping[str, str]) -> str | None:
    """The family name and stars, as the public may see it: 张**. None once the person was forgotten."""
    name = identity.get("name")
    return None if not name else name[0] + "*" * min(4, max(1, len(name) - 1))


async def forget_identities(db: Any, people: Sequence[UUID]) -> None:
    """Destroy the keys of these people's certificates: nobody can read again whom they were about.

    Over an asyncpg connection, after the people were noted as forgotten: who makes a certificate out holds the
    person's row until it commits, so there is none that this statement does not see. May be repeated.
    """
    if people:
        await db.execute(
            "DELETE FROM vault_keys USING certificates"
            " WHERE vault_keys.subject = certificates.id AND certificates.volunteer_id = ANY($1::uuid[])",
            list(people),
        )
