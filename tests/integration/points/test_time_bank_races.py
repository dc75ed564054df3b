"""What happens to the time bank when two things happen at once, and who may not say what."""

import asyncio
import uuid
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.points.accounts import members
from services.points.expiry.effects import LapseLater, LapseNow
from services.points.expiry.lapsing import Lapsing
from services.points.ledger import holders
from services.points.ledger.parts import part_of
from services.points.ledger.writing import LedgerWriter
from services.points.overflow.effects import PoolLater, PoolNow
from services.points.overflow.flowing import Overflow
from services.points.own_events import LedgerEffects
from services.points.policy.views import PolicyShelf, national_default
from services.points.proof.rebuild import rebuild
from services.points.time_orders.effects import PoolMovedMeanwhile
from services.points.units import Unit
from shared.clock import local_day
from shared.contracts import Event
from shared.contracts.points import MinutesPooled
from shared.contracts.time_bank import (
    MinutesDonated,
    TimeBankCorrectionReason,
    TimeOrderApproved,
    TimeOrderConfirmed,
    TimeOrderCorrected,
    TimeOrderServed,
)
from shared.database import driver_connection
from shared.eventstore import Recorded
from tests.conftest import until
from tests.integration.points.ledger_database import NOW, LedgerUnderTest
from tests.integration.points.ledger_life import with_policy
from tests.integration.points.producing import attendance, completed
from tests.integration.points.serving import registration
from tests.integration.points.time_bank_scene import (
    COMMUNITY,
    FOREIGN,
    YOUNG,
    Bank,
    made,
    order_of,
    refused,
)  # fmt: skip


async def test_help_that_rests_on_a_donation_of_a_later_time_is_decided_again(stack: Any) -> None:
    """The approval began first, waited, and found what the donation had brought: by their times the pool was empty.

    Or what a round of overflow had, for which it waited at the gate.
    """
    url = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    document = national_default()
    document["time_bank"] = {**document["time_bank"], "cap_minutes": 100}
    await with_policy(url, document)
    db = await asyncpg.connect(url)
    policy = await PolicyShelf().current(db)
    donor, saver, own = uuid.uuid4(), uuid.uuid4(), []
    people = [registration(one, NOW) for one in (donor, saver)]

    async def record(event: Event, at: datetime) -> None:
        recorded = Recorded(event, uuid.uuid4(), "stream", 1, COMMUNITY, at)
        async with db.transaction():
            await effects.apply(db, event, recorded)
        own.append(recorded)

    try:
        live = await LedgerUnderTest(db, "live").fresh()
        await members.register(db, "live", people)
        writer = LedgerWriter("live")
        effects = LedgerEffects(writer, LapseNow(Lapsing(writer)), PoolNow(Overflow(writer)))
        served = completed([attendance(who, n, NOW - timedelta(days=3)) for who, n in ((donor, 60), (saver, 140))])
        await live.tell(policy, [served])
        donated = MinutesDonated(
            time_donation_id=uuid.uuid4(), community=COMMUNITY, volunteer_id=donor, minutes=60, donation_minutes=0,
            donated_at=NOW,
        )  # fmt: skip
        helped = TimeOrderApproved(
            time_order_id=uuid.uuid4(), community=COMMUNITY, planned_minutes=40, approved_by=uuid.uuid4(),
            approved_at=NOW,
        )  # fmt: skip
        await record(donated, NOW + timedelta(seconds=1))
        with pytest.raises(PoolMovedMeanwhile):
            await record(helped, NOW)
        await record(helped, NOW + timedelta(seconds=2))
        # What a correction brings back has the moment of the order, and is in the pool since it is known.
        order: dict[str, Any] = {"time_order_id": helped.time_order_id, "community": COMMUNITY}
        sides = {"payer_community": COMMUNITY, "provider_id": donor, "provider_community": COMMUNITY}
        staff, then = uuid.uuid4(), NOW + timedelta(seconds=4)
        await record(
            TimeOrderServed(**order, **sides, minutes=40, started_at=NOW, recorded_by=staff, served_at=then), then
        )
        await record(TimeOrderConfirmed(**order, confirmed_by=staff, confirmed_at=then), then)
        wrong = TimeOrderCorrected(
            **order, **sides, minutes_before=40, minutes=10, reason=TimeBankCorrectionReason.WRONG_MINUTES,
            proposed_by=staff, corrected_by=staff, corrected_at=then,
        )  # fmt: skip
        await record(wrong, NOW + timedelta(seconds=9))
        more = helped.model_copy(update={"time_order_id": uuid.uuid4()})
        with pytest.raises(PoolMovedMeanwhile):
            await record(more, NOW + timedelta(seconds=8))
        await record(more, NOW + timedelta(seconds=10))
        yesterday, then = local_day(NOW) - timedelta(days=1), NOW + timedelta(seconds=20)
        await record(MinutesPooled(part=part_of(saver), through=yesterday, pooled_at=then), then)
        last = more.model_copy(update={"time_order_id": uuid.uuid4()})
        with pytest.raises(PoolMovedMeanwhile):
            await record(last, NOW + timedelta(seconds=19))
        await record(last, NOW + timedelta(seconds=21))

        again, writer = await LedgerUnderTest(db, "afresh").fresh(), LedgerWriter("afresh")
        await members.register(db, "afresh", people)
        pools = PoolLater(Overflow(writer))
        effects = LedgerEffects(writer, LapseLater(Lapsing(writer)), pools, replaying=True)
        for one in own:
            async with db.transaction():
                await effects.apply(db, one.event, one)
        await again.tell(policy, [served])
        async with db.transaction():
            await pools.settle(db, policy)
        assert await again.balances() == await live.balances()
        assert await again.effects() == await live.effects()
    finally:
        await db.close()


async def test_an_estate_waits_for_a_settlement_without_standing_in_its_way(bank: Bank) -> None:
    """Both take the clearing accounts of two communities. In another order they would wait for each other."""
    names = {holders.clearing(one): one for one in (FOREIGN, COMMUNITY)}
    for name, community in names.items():
        async with bank.running.service.database.transaction() as connection:
            await LedgerWriter().open_accounts(
                await driver_connection(connection), {name: community}, (int(Unit.MINUTE),)
            )
    (mother,) = await bank.people(80)
    (abroad,) = await bank.people(0, age=YOUNG, community=FOREIGN)
    await bank.kin(abroad, await bank.beneficiary(mother))
    death = {"volunteer_id": mother, "died_on": local_day(bank.clock()).isoformat(), "heirs": [abroad]}
    recorded = await made(bank.clerk(), "/v1/deaths", death)
    row = "SELECT FROM ledger.accounts WHERE holder = '{}' FOR UPDATE NOWAIT"
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    async def it_waits() -> bool:
        return bool(await bank.running.value(waiting))

    async with bank.running.service.database.transaction() as connection:
        await connection.exec_driver_sql(row.format(holders.clearing(FOREIGN)))
        confirming = asyncio.create_task(bank.colleague().post(f"/v1/deaths/{recorded['id']}/confirmation"))
        await until(it_waits)
        # The settlement takes the other one next.
        await connection.exec_driver_sql(row.format(holders.clearing(COMMUNITY)))
    assert (await confirming).status_code == 200
    assert await bank.minutes(abroad) == (80, 0)


async def test_the_pool_does_not_pay_for_somebody_whose_death_was_recorded_meanwhile(bank: Bank) -> None:
    (donor, poor) = await bank.people(60, 0)
    await made(bank.volunteer(donor), "/v1/minutes/donations", {"volunteer_id": donor, "minutes": 60})
    beneficiary = await bank.beneficiary(poor)
    order = await made(bank.clerk(), "/v1/time-orders", order_of(beneficiary, 30, "pool"))
    death = {"volunteer_id": poor, "died_on": local_day(bank.clock()).isoformat()}
    await made(bank.clerk(), "/v1/deaths", death)
    await refused(bank.colleague(), f"/v1/time-orders/{order['id']}/approval", "time_bank_account_closed")
    assert await bank.minutes(f"pool:{COMMUNITY}") == (60, 0)
    assert await rebuild(bank.running.service) == 0


async def test_nobody_says_of_their_own_relatives_that_they_were_asked(bank: Bank) -> None:
    (poor, daughter, donor) = await bank.people(0, 90, 60)
    await made(bank.volunteer(donor), "/v1/minutes/donations", {"volunteer_id": donor, "minutes": 60})
    beneficiary = await bank.beneficiary(poor)
    await bank.kin(daughter, beneficiary)
    asked = order_of(beneficiary, 30, "pool", kin_asked=True)
    await refused(bank.volunteer(poor), "/v1/time-orders", "kin_could_give", asked)
    order = await made(bank.clerk(), "/v1/time-orders", asked)
    await made(bank.colleague(), f"/v1/time-orders/{order['id']}/approval")
