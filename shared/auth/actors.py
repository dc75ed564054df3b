"""Who acted, for events: an opaque id. Topics are open to others; the names that people sign in with are not."""

from uuid import UUID

from shared.ids import derived_id
from shared.privacy import Vault


def actor_id(vault: Vault, subject: str) -> UUID:
    """The opaque id of a token's subject: always the same, in every service under one `ACTOR_KEY`.

    A subject that is an opaque id already, as a volunteer's is, stands for itself: so it can be seen that whoever
    confirmed somebody's hours is a volunteer, too. From any other subject nothing can be read.
    """
    try:
        return UUID(subject)
    except ValueError:
        return derived_id("staff", vault.actor_digest(subject).hex())
