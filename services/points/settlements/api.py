"""Routes that draw settlements up, confirm and withdraw them."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.points.settlements.bodies import DrawnOut, ObligationOut, PositionOut, ProposalBody, SettlementStateOut
from services.points.settlements.clearing import clearing_of, lock, standings
from services.points.settlements.model import Confirm, Propose, Settlement, Withdraw, draw_up, require_settleable
from services.points.settlements.views import SETTLEMENTS
from shared.auth.actors import actor_id
from shared.clock import local_day, system_clock
from shared.contracts import NodeCode
from shared.contracts.settlement import SettlementPosition
from shared.database import driver_connection
from shared.web import Api, Caller, Read, Work
from shared.web.fields import Day
from shared.web.nodes import of_caller

api = Api(tags=["settlements 社区间结算"])

_A_DAY = timedelta(days=1)


@api.query("/v1/settlements/preview", permission="settlements.read")
async def preview_settlement(
    read: Read,
    caller: Caller,
    node: Annotated[NodeCode, Query(description="组织节点 node")],
    through: Annotated[Day | None, Query(description="结算至，默认昨天 last day; yesterday if not given")] = None,
) -> DrawnOut:
    """结算试算：各社区头寸和轧差后的付款，不改变任何账户。What a settlement would pay; nothing moves."""
    caller.require(node)
    yesterday = local_day(system_clock()) - _A_DAY
    through = through or yesterday
    require_settleable(node, through, yesterday)
    clearing = await clearing_of(await driver_connection(read), node, through)
    drawn = draw_up(clearing)
    return DrawnOut(
        node=node,
        through=through,
        gross_minutes=drawn.gross_minutes,
        flows=len(clearing.flows),
        net_minutes=sum(obligation.minutes for obligation in drawn.obligations),
        open_minutes=sum(abs(p.balance_minutes - p.settled_minutes) for p in drawn.positions),
        positions=[position_out(position) for position in drawn.positions],
        obligations=[ObligationOut(**obligation.model_dump()) for obligation in drawn.obligations],
    )


@api.command("/v1/settlements", permission="settlements.propose", status=201)
async def propose_settlement(body: ProposalBody, work: Work, caller: Caller) -> SettlementStateOut:
    """提出结算，由另一人确认；确认前不改变任何账户。

    Propose a settlement between the communities of a node; somebody else confirms it, and nothing moves before.
    """
    caller.require(body.node)
    today = local_day(work.now)
    require_settleable(body.node, body.through, today - _A_DAY)
    clearing = await clearing_of(await driver_connection(work.connection), body.node, body.through)
    settlement_id, by = work.new_id(), actor_id(work.vault, caller.subject)
    command = Propose(settlement_id, body.node, body.through, today, clearing, by, work.now)
    return _state(work.create(SETTLEMENTS, settlement_id, command))


@api.command("/v1/settlements/{settlement_id}/confirmation", permission="settlements.confirm")
async def confirm_settlement(settlement_id: UUID, work: Work, caller: Caller) -> SettlementStateOut:
    """确认结算并记账；提出人不能确认。数额以提出时为准，之后才知道的进入下一次结算。

    Confirm it, and it is paid: the amounts are those that were proposed, and what became known since is left to the
    next run. Whoever proposed it cannot.
    """
    settlement = await of_caller(work, caller, SETTLEMENTS, settlement_id)
    assert settlement.through is not None
    db = await driver_connection(work.connection)
    await lock(db, [position.community for position in settlement.positions])
    found = await standings(db, settlement.community, settlement.through)
    settleable = {standing.community: standing.settleable for standing in found}
    command = Confirm(actor_id(work.vault, caller.subject), settleable, work.now)
    return _state(await work.execute(SETTLEMENTS, settlement_id, command))


@api.command("/v1/settlements/{settlement_id}/withdrawal", permission="settlements.propose")
async def withdraw_settlement(settlement_id: UUID, work: Work, caller: Caller) -> SettlementStateOut:
    """撤销尚未确认的结算；按月提出的，该月数额更正后自动重新提出。

    Withdraw a settlement that is not confirmed. One that the month proposed is proposed anew once its figures have been
    put right; until then, and if they never are, not.
    """
    await of_caller(work, caller, SETTLEMENTS, settlement_id)
    return _state(
        await work.execute(SETTLEMENTS, settlement_id, Withdraw(actor_id(work.vault, caller.subject), work.now))
    )


def position_out(position: SettlementPosition) -> PositionOut:
    """A position with what is left open of it."""
    left = position.balance_minutes - position.settled_minutes
    return PositionOut(**position.model_dump(), open_minutes=left)


def _state(settlement: Settlement) -> SettlementStateOut:
    assert settlement.id is not None
    assert settlement.through is not None
    return SettlementStateOut(
        id=settlement.id,
        node=settlement.community,
        through=settlement.through,
        stage=settlement.stage,
        obligations=len(settlement.obligations),
        net_minutes=sum(obligation.minutes for obligation in settlement.obligations),
    )
