"""Identifiers: UUIDv7 for what is new, UUIDv5 for what must come out the same every time."""

from collections.abc import Callable
from uuid import UUID, uuid5

import uuid_utils.compat

NewId = Callable[[], UUID]

_NAMESPACE = UUID("6f6e0f2c-7c1e-5d0b-9a64-6c69756c696e")


def new_id() -> UUID:
    """A fresh time-ordered UUIDv7 (RFC 9562)."""
    return uuid_utils.compat.uuid7()


def derived_id(*parts: object) -> UUID:
    """The id that always belongs to these parts, for effects that must not happen twice."""
    return uuid5(_NAMESPACE, "\x1f".join(str(part) for part in parts))
