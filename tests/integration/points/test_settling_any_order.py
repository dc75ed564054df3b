"""Months of orders between communities, told late and called back, settled by runs on any day and any node.

A plain reckoning in this file stands beside the queries: what each community owes through a day is the sum of its
orders of those days that are known, less everything that was settled.
"""

import random
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.points.app import build
from services.points.proof.checks import check_tables
from services.points.proof.verify import verify
from services.points.settings import PointsSettings
from services.points.settlements.clearing import clearing_of
from services.points.settlements.model import Confirm, NothingToSettle, Propose, SettlementStale, draw_up
from services.points.settlements.netting import Standing
from services.points.settlements.views import SETTLEMENTS, SettlementAlreadyProposed
from shared.clock import day_start, local_day
from shared.contracts.settlement import SettlementObligation
from shared.database import driver_connection
from tests.integration.points.ordering import Order, post

DISTRICTS = ("620201", "620202")
COMMUNITIES = [f"{district}00100{n}" for district in DISTRICTS for n in (1, 2, 3)]
NODES = (*DISTRICTS, "6202", "62")
BEGIN = datetime(2026, 1, 5, 4, tzinfo=UTC)
MEMBER, OTHER = uuid.uuid4(), uuid.uuid4()


class Reckoning:
    """What should be, from what was told."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.paid: Counter[str] = Counter()

    def settle(self, obligations: tuple[SettlementObligation, ...]) -> None:
        for obligation in obligations:
            self.paid[obligation.debtor] += obligation.minutes
            self.paid[obligation.creditor] -= obligation.minutes

    def owed(self, community: str, through: date | None = None) -> int:
        end = None if through is None else day_start(through + timedelta(days=1))
        known = [order for order in self.orders if end is None or order.at < end]
        gained = sum(order.minutes for order in known if order.served == community)
        given = sum(order.minutes for order in known if order.serving == community)
        return gained - given - self.paid[community]

    def holds(self, standing: Standing, through: date) -> bool:
        community = standing.community
        return (standing.position, standing.now) == (self.owed(community, through), self.owed(community))


def any_order(chance: random.Random, now: datetime, reckoning: Reckoning) -> Order:
    """Mostly of the last days, sometimes of long ago, sometimes one that turns an earlier one back."""
    late = timedelta(days=chance.choice([0, 0, 0, 1, 2, 20, 40]), hours=chance.randrange(24))
    if reckoning.orders and chance.random() < 0.15:
        earlier = chance.choice(reckoning.orders)
        return Order(earlier.serving, earlier.served, earlier.minutes, now, now)
    served, serving = chance.sample(COMMUNITIES, 2)
    return Order(served, serving, chance.randrange(1, 300), now - late, now)


@pytest.mark.parametrize("seed", range(4))
async def test_runs_pay_what_is_owed_and_nothing_twice(start: Any, seed: int) -> None:
    chance, reckoning, now, confirmed = random.Random(seed), Reckoning(), BEGIN, 0
    points = await start(build, working=False, settings=PointsSettings)
    workshop = points.service.workshop
    for _ in range(12):
        for _ in range(chance.randrange(6)):
            now += timedelta(hours=chance.randrange(1, 40))
            order = any_order(chance, now, reckoning)
            await post(points.service, order)
            reckoning.orders.append(order)
        node, through = chance.choice(NODES), local_day(now) - timedelta(days=chance.randrange(1, 9))
        settlement_id = uuid.uuid4()
        try:
            async with workshop.transaction() as work:
                clearing = await clearing_of(await driver_connection(work.connection), node, through)
                assert all(reckoning.holds(standing, through) for standing in clearing.standings)
                command = Propose(settlement_id, node, through, local_day(now), clearing, MEMBER, now)
                proposed = await work.execute(SETTLEMENTS, settlement_id, command)
                await work.finish()
        except (NothingToSettle, SettlementAlreadyProposed):
            continue
        disturbed = chance.random() < 0.5
        if disturbed:  # something happens before the second person comes
            now += timedelta(hours=1)
            order = any_order(chance, now, reckoning)
            await post(points.service, order)
            reckoning.orders.append(order)
        try:
            async with workshop.transaction() as work:
                found = await clearing_of(await driver_connection(work.connection), node, through)
                settleable = {standing.community: standing.settleable for standing in found.standings}
                await work.execute(SETTLEMENTS, settlement_id, Confirm(OTHER, settleable, now))
                await work.finish()
        except SettlementStale:
            assert disturbed, "what was drawn up a moment ago can be confirmed"
            continue
        before = {community: reckoning.owed(community, through) for community in COMMUNITIES}
        reckoning.settle(proposed.obligations)
        confirmed += 1
        for community in COMMUNITIES:
            after = reckoning.owed(community, through)
            assert 0 <= after <= before[community] or before[community] <= after <= 0, "never past zero"
    assert confirmed, "a seed that settles nothing shows nothing"
    # At the end of all days, everything is one node.
    last = local_day(now) + timedelta(days=1)
    async with points.service.database.reading() as connection:
        db = await driver_connection(connection)
        clearing = await clearing_of(db, "62", last)
        assert [check.name for check in await check_tables(db) if check.breaks] == []
    assert all(reckoning.holds(standing, last) for standing in clearing.standings)
    reckoning.settle(draw_up(clearing).obligations)
    assert {reckoning.owed(community) for community in COMMUNITIES} == {0}
    assert await verify(points.service) == 0
