"""What an order must know of the people it concerns. Pure."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from shared.contracts import Refusal


class AccountIsClosed(Refusal):
    """The holder died, or their data was erased; nothing is spent, given or earned any more."""

    code: ClassVar[str] = "time_bank_account_closed"


@dataclass(frozen=True, slots=True)
class Means:
    """What a beneficiary has without the pool."""

    own_minutes: int = 0
    """Minutes that they can spend themselves; 0 while they are too young to."""
    kin_could_give: bool = False
    """A verified relative has the planned minutes available."""
    kin_asked: bool = False
    """The office asked, and the relatives do not give."""
    beneficiary_closed: bool = False
    """They died, or their data was erased."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The beneficiary, and whoever is to pay."""

    beneficiary_id: UUID
    community: str
    """Where the beneficiary lives."""
    beneficiary_forgotten: bool
    someone_died: bool
    payer_volunteer_id: UUID | None
    """None for the pool, and for a beneficiary who has no account."""
    payer_community: str
    payer_closed: bool
    kin_id: UUID | None
    """The verified relation, where a relative pays."""
    age_years_min: int | None
    """The beneficiary's age on the day, as far as it is certain; None when unknown."""
    spend_from_age: int
    """By the policy of the payer's community on the day."""
    means: Means = Means()
