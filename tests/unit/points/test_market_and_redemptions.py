"""Items and redemptions: every rule, refusals included, and whole lives in any order."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.points.market.model import (
    DelistItem,
    ItemAlreadyListed,
    ItemNotListed,
    ListItem,
    ReceiveStock,
    RelistItem,
    RenameItem,
    RepriceItem,
)
from services.points.market.views import ITEMS
from services.points.redemptions.model import (
    AccountClosed,
    AccountOwes,
    Cancel,
    Collect,
    Expire,
    MoreThanReserved,
    NothingCollected,
    RedemptionEnded,
    Reserve,
    Stage,
)
from services.points.redemptions.views import REDEMPTIONS
from services.points.reversal import AlreadyReversed, Reverse
from shared.contracts import Event, Refusal
from shared.contracts.love_market import ItemRelisted, ItemRenamed
from shared.contracts.points import (
    ItemDelisted,
    ItemListed,
    ItemRepriced,
    RedemptionCancelled,
    RedemptionCollected,
    RedemptionExpired,
    RedemptionReserved,
    StockReceived,
)
from shared.contracts.reversals import RedemptionReversed, ReversalReason
from tests.specification import given

COMMUNITY = "620201001004"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ITEM, PERSON, ID = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
LISTED = ItemListed(item_id=ITEM, community=COMMUNITY, name="毛巾", price_points=10)
DELISTED = ItemDelisted(item_id=ITEM)


def test_an_item_is_listed_once() -> None:
    command = ListItem(ITEM, COMMUNITY, "毛巾", 10)
    given(ITEMS).when(command).then(LISTED)
    given(ITEMS, LISTED).when(command).then_refused(ItemAlreadyListed)
    given(ITEMS, LISTED, DELISTED).when(command).then_refused(ItemAlreadyListed)


def test_an_item_is_repriced_and_the_same_price_is_nothing_new() -> None:
    given(ITEMS, LISTED).when(RepriceItem(12)).then(ItemRepriced(item_id=ITEM, price_points=12))
    given(ITEMS, LISTED).when(RepriceItem(10)).then_nothing()


def test_stock_is_received_for_what_is_listed() -> None:
    receipt = uuid.uuid4()
    given(ITEMS, LISTED).when(ReceiveStock(receipt, 7)).then(
        StockReceived(item_id=ITEM, community=COMMUNITY, receipt_id=receipt, quantity=7)
    )


def test_what_is_not_listed_can_only_be_left_alone() -> None:
    for command in (RepriceItem(12), DelistItem(), ReceiveStock(uuid.uuid4(), 1)):
        given(ITEMS).when(command).then_refused(ItemNotListed)
        given(ITEMS, LISTED, DELISTED).when(command).then_refused(ItemNotListed)
    given(ITEMS, LISTED).when(DelistItem()).then(DELISTED)


def test_what_was_delisted_is_relisted_as_it_was_and_what_is_called_wrongly_is_renamed_in_between() -> None:
    relisted = ItemRelisted(item_id=ITEM, community=COMMUNITY)
    renamed = ItemRenamed(item_id=ITEM, community=COMMUNITY, name="面巾")
    given(ITEMS, LISTED).when(RelistItem()).then_refused(ItemAlreadyListed)
    given(ITEMS).when(RelistItem()).then_refused(ItemNotListed)
    given(ITEMS, LISTED, DELISTED).when(RelistItem()).then(relisted)
    given(ITEMS, LISTED, DELISTED, relisted).when(RelistItem()).then_refused(ItemAlreadyListed)
    given(ITEMS, LISTED, DELISTED, relisted).when(DelistItem()).then(DELISTED)
    given(ITEMS, LISTED, DELISTED, relisted).when(RepriceItem(12)).then_state(listed=True, price_points=12, name="毛巾")
    given(ITEMS).when(RenameItem("面巾")).then_refused(ItemNotListed)
    for before in ([LISTED], [LISTED, DELISTED]):
        given(ITEMS, *before).when(RenameItem("面巾")).then(renamed)
        given(ITEMS, *before, renamed).when(RenameItem("面巾")).then_nothing()


def reserve(**changed: Any) -> Reserve:
    plain = {
        "redemption_id": ID, "community": COMMUNITY, "volunteer_id": PERSON, "item_id": ITEM, "quantity": 2,
        "price_points": 10, "account_closed": False, "reserved_at": NOW, "collect_by": NOW + timedelta(days=3),
    }  # fmt: skip
    return Reserve(**{**plain, **changed})


RESERVED = RedemptionReserved(
    redemption_id=ID, community=COMMUNITY, volunteer_id=PERSON, item_id=ITEM, quantity=2, points=20, reserved_at=NOW,
    collect_by=NOW + timedelta(days=3),
)  # fmt: skip
COLLECTED = RedemptionCollected(redemption_id=ID, community=COMMUNITY, collected_at=NOW)
CANCELLED = RedemptionCancelled(redemption_id=ID, community=COMMUNITY, cancelled_at=NOW)
EXPIRED = RedemptionExpired(redemption_id=ID, community=COMMUNITY, expired_at=NOW + timedelta(days=3))


def test_a_reservation_costs_quantity_times_price() -> None:
    given(REDEMPTIONS).when(reserve()).then(RESERVED)


def test_with_a_closed_account_nothing_is_reserved_or_handed_out() -> None:
    given(REDEMPTIONS).when(reserve(account_closed=True)).then_refused(AccountClosed)
    given(REDEMPTIONS, RESERVED).when(Collect(NOW, account_closed=True)).then_refused(AccountClosed)


def test_a_reservation_is_collected_or_cancelled() -> None:
    given(REDEMPTIONS, RESERVED).when(Collect(NOW)).then(COLLECTED)
    given(REDEMPTIONS, RESERVED).when(Cancel(NOW)).then(CANCELLED)


def test_fewer_pieces_are_taken_for_as_many_points() -> None:
    in_part = COLLECTED.model_copy(update={"quantity": 1, "points": 10})
    given(REDEMPTIONS, RESERVED).when(Collect(NOW, quantity=1)).then(in_part)
    given(REDEMPTIONS, RESERVED).when(Collect(NOW, quantity=2)).then(COLLECTED)
    given(REDEMPTIONS, RESERVED).when(Collect(NOW, quantity=3)).then_refused(MoreThanReserved, quantity=3, reserved=2)
    given(REDEMPTIONS, RESERVED, in_part).when(Collect(NOW, quantity=1)).then_refused(RedemptionEnded)


def test_what_was_collected_is_taken_back_as_far_as_it_was_taken() -> None:
    back = Reverse(ReversalReason.RETURNED, NOW, NOW)
    in_part = COLLECTED.model_copy(update={"quantity": 1, "points": 10})
    for collected, quantity in ((COLLECTED, 2), (in_part, 1)):
        taken_back = RedemptionReversed(
            redemption_id=ID, community=COMMUNITY, volunteer_id=PERSON, quantity=quantity, points=10 * quantity,
            collected_at=NOW, reason=ReversalReason.RETURNED, reversed_at=NOW,
        )  # fmt: skip
        given(REDEMPTIONS, RESERVED, collected).when(back).then(taken_back)
        given(REDEMPTIONS, RESERVED, collected, taken_back).when(back).then_refused(AlreadyReversed)
        given(REDEMPTIONS, RESERVED, collected, taken_back).when(Collect(NOW)).then_refused(RedemptionEnded)
    for before in ([RESERVED], [RESERVED, CANCELLED], [RESERVED, EXPIRED]):
        given(REDEMPTIONS, *before).when(back).then_refused(NothingCollected)


def test_what_nobody_came_for_expires_when_its_time_has_come() -> None:
    given(REDEMPTIONS, RESERVED).when(Expire(NOW + timedelta(days=3))).then(EXPIRED)
    given(REDEMPTIONS, RESERVED).when(Expire(NOW + timedelta(days=2))).then_nothing()


def test_goods_that_are_late_but_not_yet_expired_can_be_collected() -> None:
    late = NOW + timedelta(days=4)
    given(REDEMPTIONS, RESERVED).when(Collect(late)).then_state(stage=Stage.COLLECTED)


def test_a_redemption_ends_once() -> None:
    for end in (COLLECTED, CANCELLED, EXPIRED):
        for command in (Collect(NOW), Cancel(NOW), reserve()):
            given(REDEMPTIONS, RESERVED, end).when(command).then_refused(RedemptionEnded)
        given(REDEMPTIONS, RESERVED, end).when(Expire(NOW + timedelta(days=9))).then_nothing()


def test_nothing_happens_to_what_was_never_reserved() -> None:
    given(REDEMPTIONS).when(Collect(NOW)).then_refused(RedemptionEnded)
    given(REDEMPTIONS, RESERVED).when(Collect(NOW, owed=1)).then_refused(AccountOwes, owed=1)
    given(REDEMPTIONS).when(Expire(NOW)).then_nothing()


class RedemptionLife(RuleBasedStateMachine):
    """Any commands at any time: one reservation, at most one end, and refusals leave nothing behind."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    @rule(
        command=st.sampled_from(
            [
                reserve(),
                reserve(account_closed=True),
                Collect(NOW),
                Collect(NOW, quantity=1),
                Cancel(NOW),
                Reverse(ReversalReason.RETURNED, NOW, NOW),
                Expire(NOW),
                Expire(NOW + timedelta(9)),
            ]
        )
    )
    def obey(self, command: Any) -> None:
        try:
            self.events += REDEMPTIONS.decide(REDEMPTIONS.fold(self.events), command)
        except Refusal:
            return

    @invariant()
    def one_life(self) -> None:
        stage = REDEMPTIONS.fold(self.events).stage
        taken_back = stage is Stage.REVERSED
        assert len(self.events) <= 2 + taken_back
        assert all(isinstance(e, RedemptionReserved) == (n == 0) for n, e in enumerate(self.events))
        ended = stage in (Stage.COLLECTED, Stage.CANCELLED, Stage.EXPIRED, Stage.REVERSED)
        assert ended == (len(self.events) == 2 + taken_back)


TestRedemptionLife = RedemptionLife.TestCase
