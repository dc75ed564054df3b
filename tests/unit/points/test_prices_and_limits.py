"""Prices that hold for a time, monthly limits, and how whoever collects is known."""

import uuid
from datetime import date, timedelta

from hypothesis import given as for_all
from hypothesis import strategies as st

from services.points.market.model import DescribeItem, ItemNotListed, PlanPrice, WithdrawPrice
from services.points.market.prices import (
    NoSuchPrice,
    PeriodPrice,
    PriceInThePast,
    PricePeriodBackwards,
    PricePeriodsOverlap,
    price_on,
)
from services.points.market.views import ITEMS
from services.points.redemptions.codes import collection_code
from services.points.redemptions.model import Collect, MonthlyLimitReached
from services.points.redemptions.views import REDEMPTIONS
from shared.contracts import Refusal
from shared.contracts.love_market import ItemDescribed, ItemPricePlanned, ItemPriceWithdrawn
from shared.contracts.points import Identification, ItemDelisted, RedemptionCollected
from shared.privacy import Vault
from tests.specification import given
from tests.unit.points.test_market_and_redemptions import COMMUNITY, ID, ITEM, LISTED, NOW, RESERVED, reserve

MARCH = date(2026, 3, 1)


def planned(first: int, last: int, points: int = 5) -> ItemPricePlanned:
    return ItemPricePlanned(
        item_id=ITEM, community=COMMUNITY, price_points=points, first_day=MARCH + timedelta(days=first),
        last_day=MARCH + timedelta(days=last),
    )  # fmt: skip


def plan(first: int, last: int, points: int = 5) -> PlanPrice:
    event = planned(first, last, points)
    return PlanPrice(PeriodPrice(points, event.first_day, event.last_day), MARCH)


def test_a_price_for_a_time_is_told_before_it_holds() -> None:
    given(ITEMS, LISTED).when(plan(0, 6)).then(planned(0, 6))
    given(ITEMS, LISTED).when(plan(-1, 6)).then_refused(PriceInThePast, earliest="2026-03-01")
    given(ITEMS, LISTED).when(plan(3, 2)).then_refused(PricePeriodBackwards)
    given(ITEMS, LISTED, ItemDelisted(item_id=ITEM)).when(plan(0, 6)).then_refused(ItemNotListed)


def test_overlapping_prices_are_refused_with_both_named() -> None:
    for first, last in ((6, 9), (0, 3), (4, 5), (0, 9), (3, 6)):
        given(ITEMS, LISTED, planned(3, 6)).when(plan(first, last, 7)).then_refused(
            PricePeriodsOverlap,
            asked=f"{MARCH + timedelta(days=first)}–{MARCH + timedelta(days=last)}: 7",
            existing="2026-03-04–2026-03-07: 5",
        )
    for first, last in ((0, 2), (7, 7)):
        given(ITEMS, LISTED, planned(3, 6)).when(plan(first, last)).then(planned(first, last))


def test_an_item_is_described_and_the_same_again_is_nothing_new() -> None:
    described = ItemDescribed(item_id=ITEM, community=COMMUNITY, category="food", piece="袋", specification="5 kg")
    given(ITEMS, LISTED).when(DescribeItem("food", "袋", "5 kg")).then(described)
    given(ITEMS, LISTED, described).when(DescribeItem("food", "袋", "5 kg")).then_nothing()
    given(ITEMS, LISTED, described).when(DescribeItem("food", "袋", None)).then_state(specification=None, piece="袋")
    given(ITEMS).when(DescribeItem("food", "袋", None)).then_refused(ItemNotListed)


def test_a_withdrawn_price_makes_room() -> None:
    withdrawn = ItemPriceWithdrawn(item_id=ITEM, community=COMMUNITY, first_day=MARCH)
    given(ITEMS, LISTED, planned(0, 6)).when(WithdrawPrice(MARCH)).then(withdrawn)
    given(ITEMS, LISTED, planned(0, 6), withdrawn).when(WithdrawPrice(MARCH)).then_refused(NoSuchPrice)
    given(ITEMS, LISTED, planned(0, 6), withdrawn).when(plan(2, 3)).then(planned(2, 3))


@for_all(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10)), max_size=12), st.integers(-5, 60))
def test_on_every_day_exactly_one_price_holds(asked: list[tuple[int, int]], offset: int) -> None:
    events = [LISTED]
    for first, length in asked:
        try:
            events += ITEMS.decide(ITEMS.fold(events), plan(first, first + length, points=first + 1))
        except Refusal:
            continue
    item, day = ITEMS.fold(events), MARCH + timedelta(days=offset)
    holding = [period for period in item.periods if period.holds_on(day)]
    assert len(holding) <= 1
    price = price_on(day, item.price_points, item.periods)
    assert (price.points, price.period) == ((holding[0].points, holding[0]) if holding else (10, None))


def test_a_household_has_so_many_pieces_a_month() -> None:
    given(REDEMPTIONS).when(reserve(pieces_this_month=3, pieces_per_month_max=5)).then(RESERVED)
    given(REDEMPTIONS).when(reserve(pieces_this_month=4, pieces_per_month_max=5)).then_refused(
        MonthlyLimitReached, limit=5, had=4, quantity=2
    )
    given(REDEMPTIONS).when(reserve(pieces_this_month=400, pieces_per_month_max=0)).then(RESERVED)


def test_it_is_recorded_how_whoever_collected_was_known() -> None:
    for shown in Identification:
        collected = RedemptionCollected(redemption_id=ID, community=COMMUNITY, collected_at=NOW, identified_by=shown)
        given(REDEMPTIONS, RESERVED).when(Collect(NOW, shown)).then(collected)


def test_a_code_follows_from_the_key_and_the_reservation_alone() -> None:
    vault, other = Vault(b"k" * 32, bytes(32)), Vault(b"o" * 32, bytes(32))
    ids = [uuid.uuid4() for _ in range(50)]
    codes = [collection_code(vault, one) for one in ids]
    assert codes == [collection_code(vault, one) for one in ids]
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(set(codes)) > 45
    assert codes != [collection_code(other, one) for one in ids]
