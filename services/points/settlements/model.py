"""A settlement run: proposed by one person, or by the end of the month; confirmed by another, or withdrawn.

What the clearing accounts say is the ledger's to know and comes with the command; what follows from it is decided here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, Literal
from uuid import UUID

from services.points.settlements.netting import Flow, Standing, net, settled
from shared.contracts import Event, Refusal, refuse_if, refuse_unless
from shared.contracts.settlement import (
    SettlementFlow,
    SettlementObligation,
    SettlementPosition,
    SettlementRunConfirmed,
    SettlementRunProposed,
    SettlementRunWithdrawn,
)

COMMUNITIES_MAX = 2000
"""More than a city has. A settlement is one event, and an event has a size."""
FLOWS_MAX = 1000


class Stage(StrEnum):
    """Where a run stands."""

    NONE = "none"
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


ListedStage = Literal[
    Stage.PROPOSED,
    Stage.CONFIRMED,
    Stage.WITHDRAWN,
]
"""Where one can stand that is there: what a list can be asked for."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """A run as its events tell it."""

    id: UUID | None = None
    community: str = ""
    """The node whose communities settle."""
    through: date | None = None
    positions: tuple[SettlementPosition, ...] = ()
    obligations: tuple[SettlementObligation, ...] = ()
    proposed_by: UUID | None = None
    stage: Stage = Stage.NONE


@dataclass(frozen=True, slots=True)
class Clearing:
    """The clearing accounts of a node, as the ledger has them."""

    standings: Sequence[Standing]
    flows: Sequence[Flow]
    """Gross, by pair of communities, in any order."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Draw a settlement up."""

    settlement_id: UUID
    node: str
    through: date
    today: date
    clearing: Clearing
    by: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Confirm:
    """Let it be paid."""

    by: UUID
    settleable: Mapping[str, int]
    """By community, what can be settled through the run's last day, as it is known now."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Let it be."""

    by: UUID | None
    at: datetime


Command = Propose | Confirm | Withdraw


class SettlementNodeTooLow(Refusal):
    """A single community has nobody to settle with."""

    code: ClassVar[str] = "settlement_node_too_low"
    status: ClassVar[int] = 422


class SettlementDayNotOver(Refusal):
    """A day is settled when it is over. Params: `latest`."""

    code: ClassVar[str] = "settlement_day_not_over"
    status: ClassVar[int] = 422


class SettlementTooLarge(Refusal):
    """There are too many communities below the node. Params: `communities_max`."""

    code: ClassVar[str] = "settlement_too_large"
    status: ClassVar[int] = 422


class NothingToSettle(Refusal):
    """No community of the node owes another one anything."""

    code: ClassVar[str] = "nothing_to_settle"


class SettlementEnded(Refusal):
    """It was confirmed or withdrawn before. Params: `stage`."""

    code: ClassVar[str] = "settlement_ended"


class SettlementOwnProposal(Refusal):
    """Whoever proposed it does not confirm it; another one does."""

    code: ClassVar[str] = "settlement_own_proposal"


class SettlementStale(Refusal):
    """What it would pay is no longer owed: another run settled it, or something was corrected. Params: `community`."""

    code: ClassVar[str] = "settlement_stale"


def require_settleable(node: str, through: date, latest: date) -> None:
    """Raises `SettlementNodeTooLow` or `SettlementDayNotOver`; `latest` is the last day that is over."""
    refuse_if(len(node) == 12, SettlementNodeTooLow)
    refuse_if(through > latest, SettlementDayNotOver(latest=latest.isoformat()))


def decide(settlement: Settlement, command: Command) -> list[Event]:
    """Which events a command leads to. Raises the refusals above."""
    if isinstance(command, Propose):
        refuse_unless(settlement.stage is Stage.NONE, SettlementEnded(stage=settlement.stage.value))
        return [_proposed(command)]
    refuse_unless(settlement.stage is Stage.PROPOSED, SettlementEnded(stage=settlement.stage.value))
    assert settlement.id is not None
    assert settlement.through is not None
    if isinstance(command, Withdraw):
        return [
            SettlementRunWithdrawn(
                settlement_id=settlement.id,
                node=settlement.community,
                withdrawn_by=command.by,
                withdrawn_at=command.at,
            )
        ]
    refuse_if(command.by == settlement.proposed_by, SettlementOwnProposal)
    for position in settlement.positions:
        moves, can = position.settled_minutes, command.settleable.get(position.community, 0)
        # Whoever found no other side moves nothing, whatever they owe.
        covered = 0 <= moves <= can or can <= moves <= 0
        refuse_unless(covered, SettlementStale(community=position.community))
    return [
        SettlementRunConfirmed(
            settlement_id=settlement.id,
            node=settlement.community,
            through=settlement.through,
            positions=settlement.positions,
            obligations=settlement.obligations,
            confirmed_by=command.by,
            confirmed_at=command.at,
        )
    ]


def _proposed(command: Propose) -> SettlementRunProposed:
    require_settleable(command.node, command.through, date.fromordinal(command.today.toordinal() - 1))
    drawn = draw_up(command.clearing)
    refuse_unless(bool(drawn.obligations), NothingToSettle)
    return SettlementRunProposed(
        settlement_id=command.settlement_id,
        node=command.node,
        through=command.through,
        positions=drawn.positions,
        obligations=drawn.obligations,
        flows=drawn.flows,
        flows_count=len(command.clearing.flows),
        gross_minutes=drawn.gross_minutes,
        proposed_by=command.by,
        proposed_at=command.at,
    )


@dataclass(frozen=True, slots=True)
class Drawn:
    """A settlement as it would be proposed."""

    positions: tuple[SettlementPosition, ...]
    obligations: tuple[SettlementObligation, ...]
    flows: tuple[SettlementFlow, ...]
    gross_minutes: int


def draw_up(clearing: Clearing) -> Drawn:
    """What a run over these accounts settles. Raises `SettlementTooLarge`."""
    standings = sorted(s for s in clearing.standings if s.position or s.inflow or s.outflow or s.corrected)
    refuse_if(len(standings) > COMMUNITIES_MAX, SettlementTooLarge(communities_max=COMMUNITIES_MAX))
    payments = net({s.community: s.settleable for s in standings})
    moved = settled(payments)
    largest = sorted(clearing.flows, key=lambda flow: (-flow.minutes, flow.debtor, flow.creditor))[:FLOWS_MAX]
    return Drawn(
        positions=tuple(
            SettlementPosition(
                community=s.community,
                carried_minutes=s.carried,
                inflow_minutes=s.inflow,
                outflow_minutes=s.outflow,
                corrected_minutes=s.corrected,
                balance_minutes=s.position,
                settled_minutes=moved.get(s.community, 0),
            )
            for s in standings
        ),
        obligations=tuple(SettlementObligation(**payment._asdict()) for payment in payments),
        flows=tuple(SettlementFlow(**flow._asdict()) for flow in largest),
        gross_minutes=sum(s.inflow for s in standings),
    )


def put_right(withdrawn: Settlement, clearing: Clearing) -> bool:
    """Whether the days of a proposal that was taken back come to something else by now.

    By themselves: what later days have taken back changes by the hour, and puts nothing right.
    """
    before = {position.community: position.balance_minutes for position in withdrawn.positions}
    return any(s.position != before.pop(s.community, 0) for s in clearing.standings) or any(before.values())


def evolve(settlement: Settlement, event: Event) -> Settlement:
    """The run after an event."""
    match event:
        case SettlementRunProposed():
            return Settlement(
                id=event.settlement_id,
                community=event.node,
                through=event.through,
                positions=event.positions,
                obligations=event.obligations,
                proposed_by=event.proposed_by,
                stage=Stage.PROPOSED,
            )
        case SettlementRunConfirmed():
            return replace(settlement, stage=Stage.CONFIRMED)
        case SettlementRunWithdrawn():
            return replace(settlement, stage=Stage.WITHDRAWN)
        case _:
            return settlement
