"""What the points service tells about the time bank between communities: 此地存、异地取、净额结算.

Minutes earned in one community and spent in another leave a balance on the clearing accounts of both. A settlement run
nets these over a part of the organisation tree and pays what is left.
"""

from datetime import date
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.common import CommunityCode, NodeCode
from shared.contracts.event import Event


class SettlementPosition(BaseModel):
    """Where one community stands in a run. Above zero it owes: its people were served by others' volunteers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    community: CommunityCode
    carried_minutes: int = Field(description="Left open by earlier runs, or known too late for them; may be negative.")
    inflow_minutes: int = Field(ge=0, description="Paid by its people for service by others' volunteers.")
    outflow_minutes: int = Field(ge=0, description="Paid out to its volunteers for service to others' people.")
    corrected_minutes: int = Field(
        default=0,
        description="Corrections of what earlier runs have counted: above zero more was owed, below it comes back.",
    )
    balance_minutes: int = Field(description="Carried, inflow less outflow, and corrected; above zero it owes.")
    settled_minutes: int = Field(description="What this run moves of it: above zero it pays, below it is paid.")


class SettlementObligation(BaseModel):
    """What one community pays another in a run."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    debtor: CommunityCode
    creditor: CommunityCode
    minutes: int = Field(ge=1)


class SettlementFlow(BaseModel):
    """Gross: minutes that went from one community to another since the run before, each dealing as it stands now."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    debtor: CommunityCode = Field(description="Home of those who were served; of whoever gives back.")
    creditor: CommunityCode = Field(description="Home of those who served; of whoever gets back.")
    minutes: int = Field(ge=1)
    corrected_minutes: int = Field(
        default=0,
        ge=0,
        description="Of these, no service of now: corrections of what earlier runs have counted.",
    )


class SettlementRunProposed(Event, context="points"):
    """A net settlement between the communities of a node was drawn up; nothing has moved yet."""

    settlement_id: UUID
    node: NodeCode
    through: date = Field(description="Last day, in Asia/Shanghai, whose dealings are settled.")
    positions: tuple[SettlementPosition, ...] = Field(description="By community code; those with nothing are left out.")
    obligations: tuple[SettlementObligation, ...] = Field(description="The fewest payments that were found.")
    flows: tuple[SettlementFlow, ...] = Field(
        description="By counterparty, the largest first, 1000 at most; only where both lie within the node."
    )
    flows_count: int = Field(ge=0, description="How many flows there are.")
    gross_minutes: int = Field(ge=0, description="Sum of all inflows, before netting; corrections are not among them.")
    proposed_by: UUID | None = Field(
        default=None, description="Opaque id of the member of staff; null where the month was over and it was time."
    )
    proposed_at: AwareDatetime


class SettlementRunConfirmed(Event, context="points"):
    """A second person confirmed the settlement, and its obligations are paid from clearing account to clearing account.

    Says everything again, so that the ledger can be rebuilt from this event alone.
    """

    settlement_id: UUID
    node: NodeCode
    through: date
    positions: tuple[SettlementPosition, ...]
    obligations: tuple[SettlementObligation, ...]
    confirmed_by: UUID
    confirmed_at: AwareDatetime


class SettlementRunWithdrawn(Event, context="points"):
    """The proposed settlement is off; nothing has moved."""

    settlement_id: UUID
    node: NodeCode
    withdrawn_by: UUID | None = Field(default=None, description="Null where the next month's proposal replaced it.")
    withdrawn_at: AwareDatetime
