"""What the routes of settlements take and give."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from services.points.settlements.model import Stage
from shared.contracts import NodeCode
from shared.web.fields import Body, Day

Through = Annotated[
    Day, Field(description="结算至该日（含），须已过去 last day that is settled; must be over", examples=["2026-02-28"])
]


class ProposalBody(Body):
    """提出结算 Whose communities settle with each other, and through which day."""

    node: Annotated[NodeCode, Field(description="组织节点 node", examples=["620201"])]
    through: Through


class PositionOut(BaseModel):
    """Where a community stands. Above zero it owes others; below zero others owe it."""

    community: str
    carried_minutes: int = Field(description="上期未结 left open before")
    inflow_minutes: int = Field(description="本社区居民付给外社区志愿者 paid by its people for service by others")
    outflow_minutes: int = Field(description="付给本社区志愿者 paid out to its volunteers for service to others")
    corrected_minutes: int = Field(
        description="更正以前结算过的服务，正数为补付 corrections of what earlier runs counted; above zero it owes"
    )
    balance_minutes: int = Field(description="净头寸，正数为应付 net; above zero it owes")
    settled_minutes: int = Field(description="本次结算，正数为付出 moved by this run; above zero it pays")
    open_minutes: int = Field(description="结转下期 carried into the next run")


class ObligationOut(BaseModel):
    """What one community pays another."""

    debtor: str = Field(description="付方社区 the community that pays")
    creditor: str = Field(description="收方社区 the community that is paid")
    minutes: int


class FlowOut(BaseModel):
    """Gross: what people of one community paid to volunteers of another, or give back to its people."""

    debtor: str = Field(description="受助居民所在社区；更正退回的，退回方 home of those who were served, or give back")
    creditor: str = Field(description="志愿者所在社区；更正退回的，收回方 home of those who served, or get back")
    minutes: int
    corrected_minutes: int = Field(
        description="其中不是本期服务，是更正以前结算过的 of these, corrections of what earlier runs have counted"
    )


class DrawnOut(BaseModel):
    """A settlement as it would be proposed now."""

    node: str
    through: date
    gross_minutes: int = Field(description="轧差前总额，更正除外 before netting, corrections aside")
    flows: int = Field(description="轧差前笔数 pairs of communities with flows")
    net_minutes: int = Field(description="轧差后总额 after netting")
    open_minutes: int = Field(description="结转下期 carried into the next run, over all communities")
    positions: list[PositionOut]
    obligations: list[ObligationOut]


class SettlementStateOut(BaseModel):
    """The run as the command left it."""

    id: UUID
    node: str
    through: date
    stage: Stage
    obligations: int = Field(description="付款笔数 number of payments")
    net_minutes: int = Field(description="付款总额 sum of the payments")


class SettlementOut(SettlementStateOut):
    """A run. Its positions, obligations and flows are lists of their own."""

    gross_minutes: int = Field(description="轧差前总额，更正除外 before netting, corrections aside")
    flows: int = Field(description="轧差前笔数 pairs of communities with flows")
    open_minutes: int = Field(description="结转下期 carried into the next run, over all communities")
    monthly: bool = Field(description="按月自动提出 proposed because the month was over, not by a person")
    proposed_at: datetime
    confirmed_at: datetime | None
    withdrawn_at: datetime | None


class StandingOut(PositionOut):
    """A community's position in a confirmed run."""

    settlement_id: UUID
    through: date
    confirmed_at: datetime
