"""A life of the ledger, made up step by step: service told twice, late and out of order, corrections after the points
were spent, buyers side by side, aid, lapses, crashes. After every step it is sound; in the end a replay is identical.
"""

import asyncio
import uuid
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from services.points.ledger.holds import HoldSettled, Outcome
from services.points.market.flows import OutOfStock
from services.points.market.reversals import PiecesGone
from services.points.policy.views import national_default
from services.points.redemptions.effects import NotEnoughPoints
from shared.contracts import Event
from shared.contracts.love_market import (
    AidCancelled,
    AidExpired,
    AidGranted,
    AidHandedOver,
    GoodsDonated,
    GoodsLine,
)
from shared.contracts.points import (
    PointsLapsed,
    RedemptionCancelled,
    RedemptionCollected,
    RedemptionExpired,
    RedemptionReserved,
    StockReceived,
)
from shared.contracts.reversals import (
    AidReversed,
    DonationReversed,
    RedemptionReversed,
    ReversalReason,
    StockReceiptReversed,
)
from tests.integration.points.ledger_database import Told, run
from tests.integration.points.ledger_life import HOME, PRICE_POINTS, LedgerLife, with_policy
from tests.integration.points.test_ledger_is_a_function_of_the_events import (
    VOLUNTEERS,
    activity_with_corrections,
    dispute,
    patrol,
)

REDEEMED: dict[type[Event], Outcome] = {
    RedemptionCollected: Outcome.POSTED,
    RedemptionCancelled: Outcome.VOIDED,
    RedemptionExpired: Outcome.TIMED_OUT,
}
AIDED: dict[type[Event], Outcome] = {
    AidHandedOver: Outcome.POSTED,
    AidCancelled: Outcome.VOIDED,
    AidExpired: Outcome.TIMED_OUT,
}
MOMENT_OF = {
    RedemptionCollected: "collected_at",
    RedemptionCancelled: "cancelled_at",
    RedemptionExpired: "expired_at",
    AidHandedOver: "handed_over_at",
    AidCancelled: "cancelled_at",
    AidExpired: "expired_at",
}
volunteers = st.sampled_from(VOLUNTEERS)
quantities = st.integers(1, 4)
picks = st.integers(0, 999)
"""Which of several. What is drawn must not depend on who won a race, or hypothesis could not repeat it."""
wishes = st.lists(st.tuples(volunteers, quantities), min_size=1, max_size=4)


class LedgerUnderFire(LedgerLife):
    """What is done to the ledger."""

    # ── service ──────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(
        history=st.one_of(activity_with_corrections(), activity_with_corrections(), patrol(), dispute()),
        withheld=st.integers(0, 3),
        repeated=picks,
        crash=st.booleans(),
    )
    def service_is_told(self, history: list[Told], withheld: int, repeated: int, crash: bool) -> None:
        known = {event_id for event_id, _ in self.told + self.late}
        fresh = [one for one in history if one[0] not in known]
        arrives = fresh[: max(1, len(fresh) - withheld)]
        self.late += fresh[len(arrives) :]
        again = [self.told[repeated % len(self.told)], self.told[-1]]
        if crash:
            self.do(self.ledger.tell(self.book, arrives + again, crash=True))
        self.do(self.ledger.tell(self.book, again + arrives))
        self.told += arrives

    @rule(repeated=picks)
    def a_correction_arrives_late(self, repeated: int) -> None:
        if self.late:
            # In the order in which they were told about one record, as one key keeps them.
            told = self.late.pop(0)
            self.do(self.ledger.tell(self.book, [told, self.told[repeated % len(self.told)]]))
            self.told.append(told)

    @rule(part=st.integers(1, 4), years=st.integers(0, 2))
    def points_lapse(self, part: int, years: int) -> None:
        through = date(2026 + years, 12, 31)
        lapsed = [r.event for r in self.own if isinstance(r.event, PointsLapsed) and r.event.part == part]
        if len(self.own) % 4 == 3 and not any(event.through >= through for event in lapsed):
            self.do(self._record(PointsLapsed(part=part, through=through, lapsed_at=self.now)))

    # ── goods ────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(quantity=st.integers(1, 6), donated=st.booleans(), crash=st.booleans())
    def goods_come_in(self, quantity: int, donated: bool, crash: bool) -> None:
        if donated:
            line = GoodsLine(item_id=self.item, quantity=quantity)
            said: dict[str, Any] = {"donation_id": self.new_id(), "donor_id": uuid.UUID(int=77), "lines": (line,)}
            said |= {"community": HOME, "receipt_number": f"{HOME}-D000001", "received_at": self.now}
            event, back = GoodsDonated(**said), DonationReversed(**said, **self.reversed())
        else:
            said = {"item_id": self.item, "receipt_id": self.new_id(), "quantity": quantity}
            said |= {"community": HOME, "received_at": self.now}
            event, back = StockReceived(**said), StockReceiptReversed(**said, **self.reversed())
        self.do(self._record(event, crash=crash))
        if not crash:
            self.pieces_in += quantity
            self.standing[self.new_id()] = back, -quantity

    def reversed(self) -> dict[str, Any]:
        return {"reason": ReversalReason.OTHER, "reversed_at": self.now}

    @rule(pick=picks, crash=st.booleans())
    def something_is_taken_back(self, pick: int, crash: bool) -> None:
        if not self.standing:
            return
        number = sorted(self.standing)[pick % len(self.standing)]
        back, pieces = self.standing[number]
        available = self.do(self._available(f"stock:{self.item}", f"ITEM:{self.item}"))
        if available + pieces < 0:
            with pytest.raises(PiecesGone):
                self.do(self._record(back))
            return
        self.do(self._record(back, crash=crash))
        if not crash:
            del self.standing[number]
            self.pieces_back += pieces

    @rule(wanted=wishes)
    def several_reserve_side_by_side(self, wanted: list[tuple[uuid.UUID, int]]) -> None:
        self.do(self._reserve(wanted))

    async def _reserve(self, wanted: list[tuple[uuid.UUID, int]]) -> None:
        events = [
            RedemptionReserved(
                redemption_id=self.new_id(), community=HOME, volunteer_id=volunteer, item_id=self.item,
                quantity=quantity, points=quantity * PRICE_POINTS, reserved_at=self.now,
                collect_by=self.now + timedelta(days=3),
            )
            for volunteer, quantity in wanted
        ]  # fmt: skip
        tried = [self._record(event, db) for event, db in zip(events, self.others, strict=False)]
        for event, outcome in zip(events, await asyncio.gather(*tried, return_exceptions=True), strict=True):
            match outcome:
                case None:
                    self.reserved[event.redemption_id] = event.quantity
                    self.of_whom[event.redemption_id] = event.volunteer_id
                    self.outcomes[event.redemption_id] = None
                case NotEnoughPoints():
                    # Others may have taken them in the same moment; in any case they are not there now.
                    assert await self._available(str(event.volunteer_id), "POINT") < event.points
                case OutOfStock():
                    assert await self._available(f"stock:{self.item}", f"ITEM:{self.item}") < event.quantity
                case BaseException():
                    raise outcome

    @rule(quantity=quantities, crash=st.booleans())
    def aid_is_granted(self, quantity: int, crash: bool) -> None:
        gift = AidGranted(
            gift_id=self.new_id(), community=HOME, household_id=uuid.UUID(int=55),
            lines=(GoodsLine(item_id=self.item, quantity=quantity),), approved_by=uuid.UUID(int=9),
            granted_at=self.now, collect_by=self.now + timedelta(days=14),
        )  # fmt: skip
        available = self.do(self._available(f"stock:{self.item}", f"ITEM:{self.item}"))
        if quantity > available:
            with pytest.raises(OutOfStock):
                self.do(self._record(gift))
            return
        self.do(self._record(gift, crash=crash))
        if not crash:
            self.granted[gift.gift_id] = quantity
            self.outcomes[gift.gift_id] = None

    @rule(pick=picks, tried=st.lists(st.tuples(st.sampled_from([*REDEEMED]), quantities), min_size=1, max_size=3))
    def a_reservation_ends(self, pick: int, tried: list[tuple[type[Event], int]]) -> None:
        if not self.reserved:
            return
        redemption_id = sorted(self.reserved)[pick % len(self.reserved)]
        reserved = self.reserved.pop(redemption_id)
        events = [
            kind.model_validate(
                {"redemption_id": redemption_id, "community": HOME, MOMENT_OF[kind]: self.now}
                | ({"quantity": taken, "points": taken * PRICE_POINTS} if taken < reserved else {})
            )
            for kind, taken in tried
        ]
        winner = self.do(self._end(events))
        taken = getattr(winner, "quantity", None) or reserved
        self._settled(redemption_id, taken, REDEEMED[type(winner)])
        if isinstance(winner, RedemptionCollected):
            back = RedemptionReversed(
                redemption_id=redemption_id, community=HOME, volunteer_id=self.of_whom[redemption_id], quantity=taken,
                points=taken * PRICE_POINTS, collected_at=self.now, **self.reversed(),
            )  # fmt: skip
            self.standing[redemption_id] = back, taken

    @rule(pick=picks, points=st.integers(-1, 1), pieces=st.integers(-1, 1))
    def more_than_was_reserved_or_nothing_is_never_posted(self, pick: int, points: int, pieces: int) -> None:
        if not self.reserved or points == pieces == 0:
            return
        redemption_id = sorted(self.reserved)[pick % len(self.reserved)]
        wrong = RedemptionCollected.model_construct(
            redemption_id=redemption_id, community=HOME, collected_at=self.now,
            points={-1: 0, 0: 1, 1: 10**6}[points], quantity={-1: 0, 0: 1, 1: 10**6}[pieces],
        )  # fmt: skip
        with pytest.raises(asyncpg.CheckViolationError):
            self.do(self._record(wrong))

    @rule(pick=picks, tried=st.lists(st.sampled_from([*AIDED]), min_size=1, max_size=3))
    def aid_ends(self, pick: int, tried: list[type[Event]]) -> None:
        if not self.granted:
            return
        gift_id = sorted(self.granted)[pick % len(self.granted)]
        events = [
            kind.model_validate({"gift_id": gift_id, "community": HOME, MOMENT_OF[kind]: self.now}) for kind in tried
        ]
        # What is not open any more is passed over by aid; its stream refuses it before, and here only one is tried.
        winner = self.do(self._end(events[:1]))
        quantity = self.granted.pop(gift_id)
        self._settled(gift_id, quantity, AIDED[type(winner)])
        if isinstance(winner, AidHandedOver):
            back = AidReversed(
                gift_id=gift_id, community=HOME, household_id=uuid.UUID(int=55),
                lines=(GoodsLine(item_id=self.item, quantity=quantity),), handed_over_at=self.now, **self.reversed(),
            )  # fmt: skip
            self.standing[gift_id] = back, quantity

    async def _end(self, events: list[Event]) -> Event:
        """Outcomes tried side by side: exactly one of them is had."""
        tried = [self._record(event, db) for event, db in zip(events, self.others, strict=False)]
        outcomes = await asyncio.gather(*tried, return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, HoldSettled) for outcome in outcomes), outcomes
        (winner,) = (event for event, outcome in zip(events, outcomes, strict=True) if outcome is None)
        return winner

    def _settled(self, hold_id: uuid.UUID, quantity: int, outcome: Outcome) -> None:
        self.outcomes[hold_id] = outcome
        self.pieces_out += quantity if outcome is Outcome.POSTED else 0


def test_whatever_happens_the_ledger_is_sound_and_a_replay_is_identical(stack: Any) -> None:
    LedgerUnderFire.url = stack.create_database(f"t{uuid.uuid4().hex[:12]}")
    run(with_policy(LedgerUnderFire.url, national_default()))
    run_state_machine_as_test(
        LedgerUnderFire,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
