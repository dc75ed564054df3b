"""Lines of an account as what is reckoned from them sees them: expiry, overflow and the caps of a day. Pure."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Posting(NamedTuple):
    """A transfer, as one of its two accounts sees it."""

    transfer_id: int
    event_id: UUID
    record_id: UUID
    clause: int
    amount: int
    """Signed: what the account gained."""
    contra_account: int
    """The account on the other side."""
    occurred_at: datetime
    recorded_at: datetime


class Held(NamedTuple):
    """An amount that was held for something, and whether it came back; of one hold, what came back is by itself."""

    hold_id: UUID
    amount: int
    held_at: datetime
    freed_at: datetime | None
    """When it was set free again; None while it is held, and where it was spent."""
    suspected: bool = False
    """Held while somebody looks into a sign of invented hours: never spent, and free again some day."""
