"""The life of the ledger with a time bank in it: orders, gifts, estates, nights on which time flows over, settlements,
among service that is told late and corrected. After every step pools are never short; a replay is identical.
"""

import asyncio
import uuid
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from services.points.accounts import members
from services.points.deaths.model import Death, Heir, Settle, Stage
from services.points.deaths.views import DEATHS
from services.points.ledger import holders
from services.points.ledger.holds import Outcome
from services.points.ledger.parts import part_of
from services.points.overflow.model import Part, Pool, decide
from services.points.policy.views import national_default
from services.points.settlements.netting import net
from services.points.time_gifts.effects import NotEnoughDonationMinutes, PoolGaveItOn
from services.points.time_orders.effects import NotEnoughMinutes, PayerLacksTheRest, PoolTooSmall, planned_hold
from shared.clock import day_start, local_day
from shared.contracts import Event, Refusal
from shared.contracts.deaths import OnDeathOutcome
from shared.contracts.registry import VolunteerRegistered
from shared.contracts.settlement import SettlementObligation, SettlementRunConfirmed
from shared.contracts.time_bank import (
    MinutesDonated,
    MinutesDonationReversed,
    MinutesGiftReversed,
    MinutesGiven,
    TimeBankCorrectionReason,
    TimeOrderApproved,
    TimeOrderCancelled,
    TimeOrderCancelReason,
    TimeOrderConfirmed,
    TimeOrderCorrected,
    TimeOrderRequested,
    TimeOrderServed,
    TimeOrderTimedOut,
    TimePayer,
    TimeService,
)
from tests.integration.points.ledger_database import NOW, LedgerUnderTest, run
from tests.integration.points.ledger_life import with_policy
from tests.integration.points.test_ledger_is_a_function_of_the_events import COMMUNITIES, VOLUNTEERS
from tests.integration.points.test_the_ledger_under_fire import LedgerUnderFire, picks

HOMES = dict(zip(VOLUNTEERS, (COMMUNITIES[0], COMMUNITIES[0], COMMUNITIES[1], COMMUNITIES[2]), strict=True))
CAP_MINUTES = 200
"""So low that everybody who has served has had more."""
SOMEBODY = uuid.UUID(int=99)
people = st.sampled_from(VOLUNTEERS)
amounts = st.sampled_from([5, 30, 60, 150, 240])
Open = TimeOrderRequested | TimeOrderApproved


class TimeBankUnderFire(LedgerUnderFire):
    """What is done with minutes, beside all that is done with points and goods."""

    def __init__(self) -> None:
        self.planned: dict[uuid.UUID, Open] = {}
        """Orders whose planned minutes are held."""
        self.called_off: dict[uuid.UUID, Open] = {}
        """Orders that a death called off: that they had been served can be entered later."""
        self.served: dict[uuid.UUID, TimeOrderServed] = {}
        """Orders that wait for their confirmation."""
        self.paid: dict[uuid.UUID, TimeOrderServed] = {}
        """Orders that were confirmed, with the minutes at which they stand."""
        self.given: list[MinutesGiven | MinutesDonated] = []
        self.deaths: dict[uuid.UUID, Death] = {}
        super().__init__()

    async def _tables(self, schema: str) -> LedgerUnderTest:
        tables = await super()._tables(schema)
        registered = [
            VolunteerRegistered(
                volunteer_id=person, volunteer_number=f"{home}-{person.int:06d}", community=home, party_member=False,
                registered_on=local_day(NOW),
            )
            for person, home in HOMES.items()
        ]  # fmt: skip
        await members.register(self.db, schema, registered)
        return tables

    async def _refused(self, event: Event, *refusals: type[Refusal]) -> bool:
        """Record an event; whether it was refused for want of minutes."""
        try:
            await self._record(event)
        except refusals:
            return True
        return False

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(wanted=st.lists(st.tuples(people, amounts), min_size=1, max_size=4))
    def several_order_side_by_side(self, wanted: list[tuple[uuid.UUID, int]]) -> None:
        self.do(self._order(wanted))

    async def _order(self, wanted: list[tuple[uuid.UUID, int]]) -> None:
        events = [
            TimeOrderRequested(
                time_order_id=self.new_id(), community=HOMES[payer], place=HOMES[payer], beneficiary_id=SOMEBODY,
                service=TimeService.HOUSEWORK, planned_minutes=minutes, payer=TimePayer.OWN, payer_volunteer_id=payer,
                payer_community=HOMES[payer], requested_by=SOMEBODY, requested_at=self.now,
                serve_by=self.now + timedelta(days=30),
            )
            for payer, minutes in wanted
        ]  # fmt: skip
        tried = [self._record(event, db) for event, db in zip(events, self.others, strict=False)]
        for event, outcome in zip(events, await asyncio.gather(*tried, return_exceptions=True), strict=True):
            match outcome:
                case None:
                    self._is_planned(event)
                case NotEnoughMinutes():
                    assert await self._available(str(event.payer_volunteer_id), "MINUTE") < event.planned_minutes
                case BaseException():
                    raise outcome

    @rule(home=st.sampled_from(COMMUNITIES), minutes=amounts)
    def a_pool_helps(self, home: str, minutes: int) -> None:
        there = self.do(self._available(holders.pool(home), "MINUTE"))
        event = TimeOrderApproved(
            time_order_id=self.new_id(), community=home, planned_minutes=minutes, approved_by=SOMEBODY,
            approved_at=self.now,
        )  # fmt: skip
        refused = self.do(self._refused(event, PoolTooSmall))
        assert refused == (there < minutes)
        if not refused:
            self._is_planned(event)

    def _is_planned(self, event: Open) -> None:
        self.planned[event.time_order_id] = event
        self.outcomes[planned_hold(event.time_order_id)] = None

    @rule(pick=picks, provider=people, percent=st.integers(1, 100))
    def an_order_is_served(self, pick: int, provider: uuid.UUID, percent: int) -> None:
        orders = self.planned | self.called_off
        if not orders:
            return
        order = orders[sorted(orders)[pick % len(orders)]]
        late = order.time_order_id in self.called_off
        by_pool = isinstance(order, TimeOrderApproved)
        event = TimeOrderServed(
            time_order_id=order.time_order_id, community=order.community,
            payer_volunteer_id=None if by_pool else order.payer_volunteer_id, payer_community=order.community,
            provider_id=provider, provider_community=HOMES[provider],
            minutes=max(1, order.planned_minutes * percent // 100), started_at=self.now, recorded_by=SOMEBODY,
            served_at=self.now, after_death=late,
        )  # fmt: skip
        if event.payer_volunteer_id == provider:
            return
        there = self.do(self._available(holders.pool(order.community), "MINUTE"))
        refused = self.do(self._refused(event, PoolTooSmall))
        assert refused == (late and by_pool and there < event.minutes), "people owe, pools do not"
        if refused:
            return
        (self.called_off if late else self.planned).pop(order.time_order_id)
        self.served[order.time_order_id] = event
        self.outcomes[planned_hold(order.time_order_id)] = Outcome.VOIDED
        self.outcomes[order.time_order_id] = None

    @rule(pick=picks, confirmed=st.booleans())
    def a_served_order_ends(self, pick: int, confirmed: bool) -> None:
        if not self.served:
            return
        order = self.served.pop(sorted(self.served)[pick % len(self.served)])
        named: dict[str, Any] = {"time_order_id": order.time_order_id, "community": order.community}
        event: Event = TimeOrderCancelled(**named, reason=TimeOrderCancelReason.NOT_NEEDED, cancelled_at=self.now)
        if confirmed:
            event = TimeOrderConfirmed(**named, confirmed_by=SOMEBODY, confirmed_at=self.now)
        self.do(self._record(event))
        self.outcomes[order.time_order_id] = Outcome.POSTED if confirmed else Outcome.VOIDED
        if confirmed:
            self.paid[order.time_order_id] = order

    @rule(pick=picks, minutes=st.sampled_from([0, 1, 20, 100, 300]))
    def an_order_was_confirmed_wrongly(self, pick: int, minutes: int) -> None:
        if not self.paid:
            return
        order = self.paid[sorted(self.paid)[pick % len(self.paid)]]
        payer = order.payer_volunteer_id
        holder = holders.pool(order.payer_community) if payer is None else holders.volunteer(payer)
        there = self.do(self._available(holder, "MINUTE"))
        event = TimeOrderCorrected(
            time_order_id=order.time_order_id, community=order.community, payer_volunteer_id=payer,
            payer_community=order.payer_community, provider_id=order.provider_id,
            provider_community=order.provider_community, minutes_before=order.minutes, minutes=minutes,
            reason=TimeBankCorrectionReason.WRONG_MINUTES, proposed_by=SOMEBODY, corrected_by=SOMEBODY,
            corrected_at=self.now,
        )  # fmt: skip
        refused = self.do(self._refused(event, PayerLacksTheRest))
        assert refused == (minutes > order.minutes and there < minutes - order.minutes)
        if not refused:
            self.paid[order.time_order_id] = order.model_copy(update={"minutes": minutes})

    @rule(pick=picks, of_death=st.booleans(), provider_died=st.booleans())
    def nobody_serves_an_order(self, pick: int, of_death: bool, provider_died: bool) -> None:
        if not self.planned:
            return
        order = self.planned.pop(sorted(self.planned)[pick % len(self.planned)])
        named: dict[str, Any] = {"time_order_id": order.time_order_id, "community": order.community}
        event: Event = TimeOrderTimedOut(**named, timed_out_at=self.now)
        if of_death:
            event = TimeOrderCancelled(**named, reason=TimeOrderCancelReason.DEATH, cancelled_at=self.now)
        if of_death or provider_died:
            self.called_off[order.time_order_id] = order
        self.do(self._record(event))
        self.outcomes[planned_hold(order.time_order_id)] = Outcome.VOIDED if of_death else Outcome.TIMED_OUT

    # ── given away ───────────────────────────────────────────────────────────────────────────────────────────────

    @rule(giver=people, recipient=st.one_of(st.none(), people), minutes=amounts, donation_minutes=amounts)
    def minutes_are_given(
        self, giver: uuid.UUID, recipient: uuid.UUID | None, minutes: int, donation_minutes: int
    ) -> None:
        mine = {unit: self.do(self._available(str(giver), unit)) for unit in ("MINUTE", "DONATION_MINUTE")}
        if recipient is None or recipient == giver:
            event: MinutesGiven | MinutesDonated = MinutesDonated(
                time_donation_id=self.new_id(), community=HOMES[giver], volunteer_id=giver, minutes=minutes,
                donation_minutes=donation_minutes, donated_at=self.now,
            )  # fmt: skip
            enough = minutes <= mine["MINUTE"] and donation_minutes <= mine["DONATION_MINUTE"]
        else:
            event = MinutesGiven(
                time_gift_id=self.new_id(), community=HOMES[giver], giver_id=giver, recipient_id=recipient,
                recipient_community=HOMES[recipient], kin_id=SOMEBODY, minutes=minutes, given_at=self.now,
            )  # fmt: skip
            enough = minutes <= mine["MINUTE"]
        assert self.do(self._refused(event, NotEnoughMinutes, NotEnoughDonationMinutes)) == (not enough)
        if enough:
            self.given.append(event)

    @rule(pick=picks)
    def a_gift_was_entered_by_mistake(self, pick: int) -> None:
        """Relatives owe what they have spent of it; a pool keeps what it has given on."""
        if not self.given:
            return
        gift = self.given.pop(pick % len(self.given))
        said: dict[str, Any] = {
            "reason": TimeBankCorrectionReason.ENTERED_TWICE, "reversed_by": SOMEBODY, "reversed_at": self.now,
        }  # fmt: skip
        if isinstance(gift, MinutesGiven):
            back: Event = MinutesGiftReversed(**gift.model_dump(exclude={"kin_id", "given_at"}), **said)
            owed = self.do(self._owed(gift.giver_id))
            self.do(self._record(back))
            assert self.do(self._owed(gift.giver_id)) <= owed, "what flows over of it leaves nobody owing"
            return
        back = MinutesDonationReversed(**gift.model_dump(exclude={"donated_at"}), **said)
        there = self.do(self._available(holders.pool(gift.community), "MINUTE"))
        refused = self.do(self._refused(back, PoolGaveItOn))
        assert refused == (there < gift.minutes + gift.donation_minutes)

    @rule(dead=people, outcome=st.sampled_from(OnDeathOutcome))
    def an_estate_goes_its_way(self, dead: uuid.UUID, outcome: OnDeathOutcome) -> None:
        """What is there goes; what corrections took of what had gone is made good, and given back first."""
        first = Death(self.new_id(), HOMES[dead], dead, None, (), Stage.CONFIRMED, SOMEBODY, outcome, 1)
        death = self.deaths.get(dead, first)
        there = [self.do(self._available(str(dead), unit)) for unit in ("MINUTE", "DONATION_MINUTE")]
        heirs = [Heir(one, home) for one, home in HOMES.items() if one != dead]
        for event in DEATHS.decide(death, Settle(*there, heirs, self.now)):
            self.do(self._record(event))
            death = DEATHS.evolve(death, event)
        self.deaths[dead] = death
        assert {self.do(self._available(str(dead), unit)) for unit in ("MINUTE", "DONATION_MINUTE")} == {0}

    # ── nights, and settlements ──────────────────────────────────────────────────────────────────────────────────

    @rule(parts=st.sets(people, min_size=1))
    def a_day_ends(self, parts: set[uuid.UUID]) -> None:
        """Not everybody is looked at every night."""
        self.now += timedelta(days=1)
        through = local_day(self.now) - timedelta(days=1)
        for part in sorted(map(part_of, parts)):
            self.do(self._round(part, through))

    async def _round(self, part: int, through: date) -> None:
        """Hours after midnight, as when the service was away; it takes nothing that was spent in them."""
        overflow = self.ledger.overflow
        accounts = await overflow.candidates(self.db, self.book, through, part)
        spent = await overflow.spent_since(self.db, accounts, day_start(through + timedelta(days=1)))
        owed = await self._owed()
        (event,) = decide(Part(), Pool(part, through, self.now, spent))
        await self._record(event)
        assert await self._owed() == owed

    async def _owed(self, person: uuid.UUID | None = None) -> int:
        """By somebody, or by all."""
        query = "SELECT sum(owed) FROM fire.accounts JOIN units AS u ON u.id = unit WHERE u.code = 'MINUTE'"
        whose = " AND holder = coalesce($1, holder)"
        return int(await self.db.fetchval(query + whose, None if person is None else str(person)) or 0)

    @rule()
    def communities_settle(self) -> None:
        owed = {home: self.do(self._cleared(home)) for home in COMMUNITIES}
        obligations = tuple(SettlementObligation(**payment._asdict()) for payment in net(owed))
        if obligations:
            event = SettlementRunConfirmed(
                settlement_id=self.new_id(), node="62", through=local_day(self.now), positions=(),
                obligations=obligations, confirmed_by=SOMEBODY, confirmed_at=self.now,
            )  # fmt: skip
            self.do(self._record(event))
            assert {self.do(self._cleared(home)) for home in COMMUNITIES} == {0}

    async def _cleared(self, home: str) -> int:
        """Posted; what is held there for whoever served is not paid yet."""
        query = (
            "SELECT credits - debits FROM fire.accounts JOIN units AS u ON u.id = unit WHERE holder = $1 AND code = $2"
        )
        return int(await self.db.fetchval(query, holders.clearing(home), "MINUTE") or 0)

    # ── what always holds ────────────────────────────────────────────────────────────────────────────────────────

    async def _sound(self) -> None:
        await super()._sound()
        assert sum([await self._cleared(home) for home in COMMUNITIES]) == 0
        assert min([await self._available(holders.pool(home), "MINUTE") for home in COMMUNITIES]) >= 0


def test_whatever_happens_in_the_time_bank_pools_are_never_short_and_a_replay_is_identical(stack: Any) -> None:
    TimeBankUnderFire.url = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    document = national_default()
    document["time_bank"] = {**document["time_bank"], "cap_minutes": CAP_MINUTES}
    run(with_policy(TimeBankUnderFire.url, document))
    run_state_machine_as_test(
        TimeBankUnderFire,
        settings=settings(
            max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
