"""What came in looks as if it had been entered already: it is entered again only where somebody says why. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.love_market import RepeatReason


@dataclass(frozen=True, slots=True)
class Repeated:
    """An earlier entry that looks the same, and why there is to be another one."""

    first: UUID
    at: datetime
    name: str
    """What people call it by: the number of its invoice or receipt."""
    reason: RepeatReason | None = None
