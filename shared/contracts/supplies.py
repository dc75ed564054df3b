"""What the points service tells of activity supplies (活动物资): pieces that volunteer teams are issued from a love
market's shelves, bring back, and account for.

Teams are opaque ids, whose names the registry tells.
"""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.contracts.common import CommunityCode
from shared.contracts.event import Event
from shared.contracts.love_market import GoodsLine


class SupplyFate(StrEnum):
    """What became of supplies that a team had."""

    USED_UP = "used_up"
    """消耗: by the team itself, for its activity."""
    HANDED_OUT = "handed_out"
    """发给居民: to those whom the activity was for."""
    LOST = "lost"
    """遗失、损坏、过期"""


class UsedLine(GoodsLine):
    """Pieces of one item that a team had, and what became of them."""

    fate: SupplyFate


class SuppliesRequested(Event, context="points"):
    """申领活动物资: somebody asked that a team be given supplies for its activities. Their pieces are held."""

    supply_request_id: UUID
    community: CommunityCode
    team_id: UUID
    activity_id: UUID | None = Field(default=None, description="The activity they are for, where it is one.")
    lines: tuple[GoodsLine, ...]
    requested_by: UUID = Field(description="Opaque id of the member of staff, the same within an installation.")
    requested_at: AwareDatetime
    collect_by: AwareDatetime


class SuppliesApproved(Event, context="points"):
    """A second person, who does not lead the team, approved the request."""

    supply_request_id: UUID
    community: CommunityCode
    approved_by: UUID
    approved_at: AwareDatetime
    collect_by: AwareDatetime


class SuppliesIssued(Event, context="points"):
    """发放: the team took the supplies, and has to account for them."""

    supply_request_id: UUID
    community: CommunityCode
    team_id: UUID
    lines: tuple[GoodsLine, ...]
    issued_at: AwareDatetime


class SuppliesRefused(Event, context="points"):
    """Somebody who was to approve the request said no; what was held is free again."""

    supply_request_id: UUID
    community: CommunityCode
    refused_by: UUID
    refused_at: AwareDatetime


class SuppliesCancelled(Event, context="points"):
    """The request was called off; what was held is free again."""

    supply_request_id: UUID
    community: CommunityCode
    cancelled_at: AwareDatetime


class SuppliesExpired(Event, context="points"):
    """Nobody approved the request, or nobody took the supplies, in time; they are free again."""

    supply_request_id: UUID
    community: CommunityCode
    expired_at: AwareDatetime


class SuppliesReturned(Event, context="points"):
    """退回: the team brought back what it did not need; it lies on the shelf again."""

    supply_return_id: UUID
    community: CommunityCode
    team_id: UUID
    lines: tuple[GoodsLine, ...]
    returned_at: AwareDatetime
    replaces: UUID | None = Field(
        default=None, description="A return that was entered wrongly, and is withdrawn at the same moment."
    )


class SuppliesReturnWithdrawn(Event, context="points"):
    """What was entered of a return was wrong: its pieces are no longer on the shelf, and the team has them still."""

    supply_return_id: UUID
    community: CommunityCode
    team_id: UUID
    lines: tuple[GoodsLine, ...] = Field(description="As they were entered.")
    withdrawn_by: UUID
    withdrawn_at: AwareDatetime
    replaced_by: UUID | None = Field(
        default=None, description="The return that is right, where it was entered at the same moment."
    )


class SuppliesUsed(Event, context="points"):
    """使用登记: what became of supplies at an activity of the team, or beside one."""

    supply_use_id: UUID
    community: CommunityCode
    team_id: UUID
    activity_id: UUID | None = Field(default=None, description="The activity, where there is one.")
    people_reached: int = Field(ge=0, description="服务人次: people whom the activity was for, who were there.")
    lines: tuple[UsedLine, ...]
    used_at: AwareDatetime


class SuppliesUseWithdrawn(Event, context="points"):
    """What was entered of the use of supplies was wrong: the team has them still."""

    supply_use_id: UUID
    community: CommunityCode
    team_id: UUID
    lines: tuple[UsedLine, ...] = Field(description="As they were entered.")
    withdrawn_by: UUID
    withdrawn_at: AwareDatetime
