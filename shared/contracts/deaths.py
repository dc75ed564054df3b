"""What the points service tells of account holders who died, and of what becomes of their minutes."""

from datetime import date
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.common import CommunityCode
from shared.contracts.event import Event
from shared.contracts.time_bank import BOOK, GivenMinutes, StaffId


class OnDeathOutcome(StrEnum):
    """What becomes of the minutes of somebody who died."""

    KIN = "kin"
    POOL = "pool"
    LAPSE = "lapse"


class InheritedMinutes(BaseModel):
    """What one relative gets."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    volunteer_id: UUID
    community: CommunityCode
    minutes: GivenMinutes


class DeathRecorded(Event, context="points"):
    """Somebody entered that an account holder died. Nothing can be spent any more; a second person must confirm."""

    death_id: UUID
    community: CommunityCode = Field(description="Home of the holder.")
    book: CommunityCode | None = Field(default=None, description=BOOK)
    volunteer_id: UUID
    died_on: date = Field(description="In Asia/Shanghai.")
    heirs: tuple[UUID, ...] = Field(description="Volunteers among the relatives who are to have the minutes.")
    recorded_by: StaffId
    recorded_at: AwareDatetime


class DeathWithdrawn(Event, context="points"):
    """It was a mistake; the account is open again."""

    death_id: UUID
    community: CommunityCode
    withdrawn_at: AwareDatetime


class DeathConfirmed(Event, context="points"):
    """A second person confirmed the death, and the policy of that day decides on the minutes."""

    death_id: UUID
    community: CommunityCode
    outcome: OnDeathOutcome = Field(description="As the policy of that day says.")
    policy_version: int
    confirmed_by: StaffId
    confirmed_at: AwareDatetime


class EstateSettled(Event, context="points"):
    """The minutes that the dead still had went where the policy says; what became known later follows later."""

    death_id: UUID
    community: CommunityCode
    book: CommunityCode | None = Field(default=None, description=BOOK)
    volunteer_id: UUID
    outcome: OnDeathOutcome = Field(description="What became of them; without relatives who can have them, the pool.")
    policy_version: int
    inherited: tuple[InheritedMinutes, ...]
    minutes: int = Field(ge=0, description="Minutes of the account, all together.")
    donation_minutes: int = Field(ge=0, description="Donate-only minutes; to the pool, or lapsed.")
    settled_at: AwareDatetime


class EstateMadeGood(Event, context="points"):
    """What a correction took from somebody who died, after their minutes had gone, the community made up for."""

    death_id: UUID
    community: CommunityCode
    book: CommunityCode | None = Field(default=None, description=BOOK)
    volunteer_id: UUID
    minutes: int = Field(description="Made up for; below zero, what became known since went back to the community.")
    donation_minutes: int = Field(description="The same of donate-only minutes.")
    made_good_at: AwareDatetime
