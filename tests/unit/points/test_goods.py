"""Donations, purchases, sales, households, aid and stock-taking: every rule, refusals included."""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.points.aid.model import (
    Approve,
    ApprovedAlready,
    Cancel,
    Expire,
    GiftAlreadyGranted,
    GiftEnded,
    GiftNotGranted,
    HandOver,
    MoreThanGranted,
    NothingHandedOver,
    OwnHousehold,
    OwnProposal,
    Propose,
    Refuse,
    Stage,
)
from services.points.aid.views import GIFTS
from services.points.budgets.model import BudgetAlreadyGranted, GrantBudget
from services.points.budgets.views import GRANTS
from services.points.details import ChangeDetails
from services.points.donations.model import Donate, DonationAlreadyEntered, DonationLooksEntered, receipt_number
from services.points.donations.views import DONATIONS
from services.points.donors.model import DonorAlreadyRegistered, DonorIsForgotten, ForgetDonor, RegisterDonor
from services.points.donors.views import DONORS
from services.points.households.model import (
    NEED_DAYS_MAX,
    ChangeMembers,
    EndNeed,
    ForgetHousehold,
    HouseholdAlreadyRegistered,
    HouseholdIsForgotten,
    NeedEndsOutOfBounds,
    NotInNeed,
    RecogniseNeed,
    RegisterHousehold,
)
from services.points.households.views import HOUSEHOLDS
from services.points.market.dated import Dated, DatedInFuture, DatedTooFarBack
from services.points.market.model import (
    CountStock,
    DifferenceNeedsReason,
    ItemNotListed,
    ReasonContradictsCount,
    ReverseReceipt,
)
from services.points.market.repeated import Repeated
from services.points.market.views import ITEMS
from services.points.purchases.model import Buy, InvoiceEntered, NothingPaid, PurchaseAlreadyEntered, Replace
from services.points.purchases.views import PURCHASES
from services.points.reversal import AlreadyReversed, Reverse, TooFarBackToReverse
from services.points.sales.model import SaleAlreadyEntered, Sell
from services.points.sales.views import SALES
from services.points.suppliers.model import (
    ForgetSupplier,
    RegisterSupplier,
    SupplierAlreadyRegistered,
    SupplierIsForgotten,
)
from services.points.suppliers.views import SUPPLIERS
from shared.contracts import Event
from shared.contracts.love_market import (
    AidApproved,
    AidCancelled,
    AidExpired,
    AidGranted,
    AidHandedOver,
    AidProposed,
    AidRefused,
    BudgetGranted,
    CountReason,
    DonorDetailsChanged,
    DonorForgotten,
    DonorKind,
    DonorRegistered,
    GoodsDonated,
    GoodsLine,
    GoodsPurchased,
    GoodsSold,
    HouseholdDetailsChanged,
    HouseholdForgotten,
    HouseholdMembersChanged,
    HouseholdNeedEnded,
    HouseholdNeedRecognised,
    HouseholdRegistered,
    PurchasedLine,
    RepeatReason,
    StockCounted,
    SupplierDetailsChanged,
    SupplierForgotten,
    SupplierRegistered,
)
from shared.contracts.points import ItemDelisted, ItemListed
from shared.contracts.reversals import (
    AidReversed,
    BudgetGrantReversed,
    DonationReversed,
    PurchaseReversed,
    ReversalReason,
    SaleReversed,
    StockReceiptReversed,
)
from tests.specification import given

COMMUNITY = "620201001004"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
TODAY = date(2026, 3, 1)
ID, ITEM, DONOR, SUPPLIER, HOUSEHOLD = (uuid.uuid4() for _ in range(5))
ANNA, BO, CHEN = (uuid.uuid4() for _ in range(3))
LINES = (GoodsLine(item_id=ITEM, quantity=2),)
AT = Dated(NOW, NOW, NOW - timedelta(days=7))
TOMORROW = Dated(NOW + timedelta(days=1), NOW, NOW - timedelta(days=7))
LONG_AGO = Dated(NOW - timedelta(days=8), NOW, NOW - timedelta(days=7))


def test_a_donor_is_registered_once_and_forgotten_once() -> None:
    register = RegisterDonor(DONOR, COMMUNITY, DonorKind.FIRM, NOW)
    registered = DonorRegistered(donor_id=DONOR, community=COMMUNITY, kind=DonorKind.FIRM, registered_at=NOW)
    forgotten = DonorForgotten(donor_id=DONOR, community=COMMUNITY, forgotten_at=NOW)
    given(DONORS).when(register).then(registered)
    given(DONORS, registered).when(register).then_refused(DonorAlreadyRegistered)
    given(DONORS, registered).when(ForgetDonor(NOW)).then(forgotten)
    given(DONORS, registered, forgotten).when(ForgetDonor(NOW)).then_refused(DonorIsForgotten)
    given(DONORS).when(ForgetDonor(NOW)).then_refused(DonorIsForgotten)


def donate(**changed: Any) -> Donate:
    plain = {
        "donation_id": ID, "community": COMMUNITY, "donor_id": DONOR, "donor_forgotten": False, "receipt": 7,
        "lines": LINES, "received": AT,
    }  # fmt: skip
    return Donate(**{**plain, **changed})


def test_a_donation_gets_the_next_number_and_happens_once() -> None:
    donated = GoodsDonated(
        donation_id=ID, community=COMMUNITY, donor_id=DONOR, receipt_number="620201001004-D000007", lines=LINES,
        received_at=NOW,
    )  # fmt: skip
    given(DONATIONS).when(donate()).then(donated)
    given(DONATIONS, donated).when(donate()).then_refused(DonationAlreadyEntered)
    given(DONATIONS).when(donate(donor_forgotten=True)).then_refused(DonorIsForgotten)
    assert receipt_number(COMMUNITY, 1_234_567) == "620201001004-D1234567"


def test_what_looks_entered_already_is_entered_again_only_with_a_reason() -> None:
    first = uuid.uuid4()
    unsaid = Repeated(first, NOW, "FP-1")
    said = replace(unsaid, reason=RepeatReason.ANOTHER_DELIVERY)
    given(DONATIONS).when(donate(repeated=unsaid)).then_refused(DonationLooksEntered)
    given(PURCHASES).when(buy(repeated=unsaid)).then_refused(InvoiceEntered)
    for aggregate, command in ((DONATIONS, donate(repeated=said)), (PURCHASES, buy(repeated=said))):
        (event,) = aggregate.decide(aggregate.initial, command)
        assert (event.repeats, event.repeat_reason) == (first, RepeatReason.ANOTHER_DELIVERY)


def test_what_is_entered_lies_neither_in_the_future_nor_too_far_back() -> None:
    given(DONATIONS).when(donate(received=TOMORROW)).then_refused(DatedInFuture)
    given(DONATIONS).when(donate(received=LONG_AGO)).then_refused(DatedTooFarBack, earliest="2026-02-22 08:00")
    given(GRANTS).when(GrantBudget(ID, COMMUNITY, 1, None, TOMORROW)).then_refused(DatedInFuture)
    given(SALES).when(Sell(ID, COMMUNITY, LINES, 1, LONG_AGO)).then_refused(DatedTooFarBack)
    given(PURCHASES).when(buy(purchased=TOMORROW)).then_refused(DatedInFuture)


def test_a_supplier_is_registered_once_and_forgotten_once() -> None:
    register = RegisterSupplier(SUPPLIER, COMMUNITY, NOW)
    registered = SupplierRegistered(supplier_id=SUPPLIER, community=COMMUNITY, registered_at=NOW)
    forgotten = SupplierForgotten(supplier_id=SUPPLIER, community=COMMUNITY, forgotten_at=NOW)
    given(SUPPLIERS).when(register).then(registered)
    given(SUPPLIERS, registered).when(register).then_refused(SupplierAlreadyRegistered)
    given(SUPPLIERS, registered).when(ForgetSupplier(NOW)).then(forgotten)
    given(SUPPLIERS, registered, forgotten).when(ForgetSupplier(NOW)).then_refused(SupplierIsForgotten)


def buy(*prices: int, **changed: Any) -> Buy:
    lines = tuple(PurchasedLine(item_id=uuid.UUID(int=n), quantity=n + 1, unit_price_fen=p) for n, p in
                  enumerate(prices or (100,)))  # fmt: skip
    plain = {
        "purchase_id": ID, "community": COMMUNITY, "supplier_id": SUPPLIER, "supplier_forgotten": False,
        "lines": lines, "receipt_reference": "FP-1", "purchased": AT,
    }  # fmt: skip
    return Buy(**{**plain, **changed})


def test_a_purchase_costs_quantities_times_unit_prices() -> None:
    given(PURCHASES).when(buy(100, 250, 0)).then_state(amount_fen=100 + 2 * 250)
    given(PURCHASES).when(buy(0, 0)).then_refused(NothingPaid)
    given(PURCHASES).when(buy(supplier_forgotten=True)).then_refused(SupplierIsForgotten)
    bought = GoodsPurchased(
        purchase_id=ID, community=COMMUNITY, supplier_id=SUPPLIER, lines=buy().lines, amount_fen=100,
        receipt_reference="FP-1", purchased_at=NOW,
    )  # fmt: skip
    given(PURCHASES).when(buy()).then(bought)
    given(PURCHASES).when(buy(replaces=ITEM)).then(bought.model_copy(update={"replaces": ITEM}))
    given(PURCHASES, bought).when(buy()).then_refused(PurchaseAlreadyEntered)


def test_grants_and_sales_happen_once() -> None:
    granted = BudgetGranted(grant_id=ID, community=COMMUNITY, amount_fen=5, reference="LS-1", granted_at=NOW)
    grant = GrantBudget(ID, COMMUNITY, 5, "LS-1", AT)
    given(GRANTS).when(grant).then(granted)
    given(GRANTS, granted).when(grant).then_refused(BudgetAlreadyGranted)
    sold = GoodsSold(sale_id=ID, community=COMMUNITY, lines=LINES, amount_fen=9, sold_at=NOW)
    given(SALES).when(Sell(ID, COMMUNITY, LINES, 9, AT)).then(sold)
    given(SALES, sold).when(Sell(ID, COMMUNITY, LINES, 9, AT)).then_refused(SaleAlreadyEntered)


HOME = HouseholdRegistered(household_id=HOUSEHOLD, community=COMMUNITY, members=(ANNA,), registered_at=NOW)
NEEDY = HouseholdNeedRecognised(household_id=HOUSEHOLD, community=COMMUNITY, until=TODAY, recognised_at=NOW)
GONE = HouseholdForgotten(household_id=HOUSEHOLD, community=COMMUNITY, forgotten_at=NOW)


def test_a_household_is_registered_and_its_members_change() -> None:
    register = RegisterHousehold(HOUSEHOLD, COMMUNITY, (ANNA,), NOW)
    given(HOUSEHOLDS).when(register).then(HOME)
    given(HOUSEHOLDS, HOME).when(register).then_refused(HouseholdAlreadyRegistered)
    changed = HouseholdMembersChanged(household_id=HOUSEHOLD, community=COMMUNITY, members=(ANNA, BO), changed_at=NOW)
    given(HOUSEHOLDS, HOME).when(ChangeMembers((ANNA, BO), NOW)).then(changed)
    given(HOUSEHOLDS, HOME, changed).when(ChangeMembers((BO, ANNA), NOW)).then_nothing()


def test_need_is_recognised_for_a_time_and_ends() -> None:
    def recognise(days: int) -> RecogniseNeed:
        return RecogniseNeed(TODAY + timedelta(days=days), TODAY, NOW)

    given(HOUSEHOLDS, HOME).when(recognise(0)).then(NEEDY)
    given(HOUSEHOLDS, HOME).when(recognise(-1)).then_refused(NeedEndsOutOfBounds)
    given(HOUSEHOLDS, HOME).when(recognise(NEED_DAYS_MAX + 1)).then_refused(NeedEndsOutOfBounds)
    ended = HouseholdNeedEnded(household_id=HOUSEHOLD, community=COMMUNITY, ended_at=NOW)
    given(HOUSEHOLDS, HOME, NEEDY).when(EndNeed(NOW)).then(ended)
    given(HOUSEHOLDS, HOME, NEEDY, ended).when(EndNeed(NOW)).then_refused(NotInNeed)
    needy = HOUSEHOLDS.fold([HOME, NEEDY])
    assert needy.in_need(TODAY)
    assert not needy.in_need(TODAY + timedelta(days=1))


def test_that_details_were_put_right_is_told_unless_they_were_the_same() -> None:
    common: dict[str, Any] = {"community": COMMUNITY, "changed_at": NOW, "fields": ("name",)}
    donor = DonorRegistered(donor_id=DONOR, community=COMMUNITY, kind=DonorKind.FIRM, registered_at=NOW)
    supplier = SupplierRegistered(supplier_id=SUPPLIER, community=COMMUNITY, registered_at=NOW)
    for aggregate, known, told, forget, refusal in (
        (DONORS, donor, DonorDetailsChanged(donor_id=DONOR, **common), ForgetDonor(NOW), DonorIsForgotten),
        (SUPPLIERS, supplier, SupplierDetailsChanged(supplier_id=SUPPLIER, **common), ForgetSupplier(NOW),
         SupplierIsForgotten),
        (HOUSEHOLDS, HOME, HouseholdDetailsChanged(household_id=HOUSEHOLD, **common), ForgetHousehold(NOW),
         HouseholdIsForgotten),
    ):  # fmt: skip
        given(aggregate, known).when(ChangeDetails(("name",), NOW)).then(told)
        given(aggregate, known, told).when(ChangeDetails((), NOW)).then_nothing()
        (gone,) = aggregate.decide(aggregate.fold([known]), forget)
        given(aggregate, known, gone).when(ChangeDetails((), NOW)).then_refused(refusal)
        given(aggregate).when(ChangeDetails(("name",), NOW)).then_refused(refusal)


def test_a_forgotten_household_is_left_alone() -> None:
    given(HOUSEHOLDS, HOME, NEEDY).when(ForgetHousehold(NOW)).then(GONE)
    given(HOUSEHOLDS, HOME, NEEDY).when(ForgetHousehold(NOW)).then_state(members=(), need_until=None, forgotten=True)
    for command in (ChangeMembers((), NOW), EndNeed(NOW), ForgetHousehold(NOW)):
        given(HOUSEHOLDS, HOME, GONE).when(command).then_refused(HouseholdIsForgotten)
        given(HOUSEHOLDS).when(command).then_refused(HouseholdIsForgotten)


LATER = NOW + timedelta(days=14)
GIFT: dict[str, Any] = {"gift_id": ID, "community": COMMUNITY}
PROPOSED = AidProposed(**GIFT, household_id=HOUSEHOLD, lines=LINES, proposed_by=ANNA, proposed_at=NOW)
APPROVED = AidApproved(**GIFT, approved_by=BO, approved_at=NOW)
GRANTED = AidGranted(
    **GIFT, household_id=HOUSEHOLD, lines=LINES, approved_by=CHEN, granted_at=NOW, collect_by=LATER
)  # fmt: skip


def propose(**changed: Any) -> Propose:
    plain = {
        "gift_id": ID, "community": COMMUNITY, "household_id": HOUSEHOLD, "household_in_need": True,
        "household_forgotten": False, "lines": LINES, "by": ANNA, "at": NOW,
    }  # fmt: skip
    return Propose(**{**plain, **changed})


def approve(by: uuid.UUID, *, in_need: bool = True) -> Approve:
    return Approve(by, in_need, NOW, LATER)


def test_aid_is_for_a_household_in_need() -> None:
    given(GIFTS).when(propose()).then(PROPOSED)
    given(GIFTS).when(propose(household_in_need=False)).then_refused(NotInNeed)
    given(GIFTS).when(propose(household_forgotten=True)).then_refused(HouseholdIsForgotten)
    given(GIFTS, PROPOSED).when(approve(BO, in_need=False)).then_refused(NotInNeed)
    given(GIFTS, PROPOSED).when(propose()).then_refused(GiftEnded)


def test_nobody_approves_what_their_own_household_is_given() -> None:
    own = replace(approve(BO), household_members=(CHEN, BO))
    given(GIFTS, PROPOSED).when(own).then_refused(OwnHousehold)
    given(GIFTS, PROPOSED).when(replace(own, household_members=(CHEN,))).then(APPROVED)


def test_two_different_people_approve_and_neither_proposed_it() -> None:
    given(GIFTS, PROPOSED).when(approve(ANNA)).then_refused(OwnProposal)
    given(GIFTS, PROPOSED).when(approve(BO)).then(APPROVED)
    given(GIFTS, PROPOSED, APPROVED).when(approve(BO)).then_refused(ApprovedAlready)
    given(GIFTS, PROPOSED, APPROVED).when(approve(ANNA)).then_refused(OwnProposal)
    given(GIFTS, PROPOSED, APPROVED).when(approve(CHEN)).then(GRANTED)
    given(GIFTS, PROPOSED, APPROVED, GRANTED).when(approve(uuid.uuid4())).then_refused(GiftAlreadyGranted)


def test_aid_is_handed_over_when_it_is_granted_and_not_before() -> None:
    for before in ([PROPOSED], [PROPOSED, APPROVED]):
        given(GIFTS, *before).when(HandOver(NOW)).then_refused(GiftNotGranted)
    handed_over = AidHandedOver(**GIFT, handed_over_at=NOW)
    given(GIFTS, PROPOSED, APPROVED, GRANTED).when(HandOver(NOW)).then(handed_over)


def test_fewer_pieces_are_handed_over_than_were_granted_and_never_more() -> None:
    def lines(**pieces: int) -> tuple[GoodsLine, ...]:
        return tuple(GoodsLine(item_id=ITEM if name == "item" else ID, quantity=n) for name, n in pieces.items())

    granted = [PROPOSED, APPROVED, GRANTED]
    in_part = AidHandedOver(**GIFT, handed_over_at=NOW, lines=lines(item=1))
    given(GIFTS, *granted).when(HandOver(NOW, lines(item=1))).then(in_part)
    given(GIFTS, *granted).when(HandOver(NOW, LINES)).then(AidHandedOver(**GIFT, handed_over_at=NOW))
    given(GIFTS, *granted).when(HandOver(NOW, lines(item=3))).then_refused(
        MoreThanGranted, item=ITEM, quantity=3, granted=2
    )
    given(GIFTS, *granted).when(HandOver(NOW, lines(item=1, other=1))).then_refused(
        MoreThanGranted, item=ID, quantity=1, granted=0
    )
    assert GIFTS.fold([*granted, in_part]).lines == lines(item=1), "and so much can be taken back"


def test_aid_is_refused_called_off_or_expires() -> None:
    granted = [PROPOSED, APPROVED, GRANTED]
    given(GIFTS, PROPOSED).when(Refuse(BO, NOW)).then(AidRefused(**GIFT, refused_by=BO, refused_at=NOW))
    given(GIFTS, PROPOSED).when(Refuse(ANNA, NOW)).then_refused(OwnProposal)
    given(GIFTS, *granted).when(Refuse(BO, NOW)).then_refused(GiftAlreadyGranted)
    for before in ([PROPOSED], [PROPOSED, APPROVED], granted):
        given(GIFTS, *before).when(Cancel(NOW)).then(AidCancelled(**GIFT, cancelled_at=NOW))
    given(GIFTS, *granted).when(Expire(LATER)).then(AidExpired(**GIFT, expired_at=LATER))
    given(GIFTS, *granted).when(Expire(NOW)).then_nothing()
    given(GIFTS, PROPOSED).when(Expire(LATER)).then_nothing()


def test_aid_ends_once() -> None:
    for end in (AidHandedOver(**GIFT, handed_over_at=NOW), AidCancelled(**GIFT, cancelled_at=NOW)):
        ended = given(GIFTS, PROPOSED, APPROVED, GRANTED, end)
        for command in (approve(BO), Refuse(BO, NOW), HandOver(NOW), Cancel(NOW), propose()):
            ended.when(command).then_refused(GiftEnded)
        ended.when(Expire(LATER)).then_nothing()
    given(GIFTS).when(HandOver(NOW)).then_refused(GiftEnded)
    assert GIFTS.fold([PROPOSED, APPROVED, GRANTED]).stage is Stage.GRANTED


LISTED = ItemListed(item_id=ITEM, community=COMMUNITY, name="毛巾", price_points=10)


def counted(counted: int, expected: int, reason: CountReason | None) -> StockCounted:
    return StockCounted(
        item_id=ITEM, community=COMMUNITY, count_id=ID, counted=counted, expected=expected,
        difference=counted - expected, reason=reason, counted_at=NOW,
    )  # fmt: skip


def test_a_difference_is_counted_with_a_reason_that_fits_it() -> None:
    def count(found: int, reason: CountReason | None) -> CountStock:
        return CountStock(ID, found, 5, reason, NOW)

    given(ITEMS, LISTED).when(count(5, None)).then(counted(5, 5, None))
    given(ITEMS, LISTED).when(count(5, CountReason.LOST)).then(counted(5, 5, None))
    given(ITEMS, LISTED).when(count(3, CountReason.SPOILED)).then(counted(3, 5, CountReason.SPOILED))
    given(ITEMS, LISTED).when(count(7, CountReason.FOUND)).then(counted(7, 5, CountReason.FOUND))
    given(ITEMS, LISTED).when(count(7, CountReason.MISCOUNTED)).then(counted(7, 5, CountReason.MISCOUNTED))
    handed_out = CountStock(ID, 2, -1, CountReason.FOUND, NOW)
    given(ITEMS, LISTED).when(handed_out).then(counted(2, -1, CountReason.FOUND))
    given(ITEMS, LISTED).when(count(3, None)).then_refused(DifferenceNeedsReason, expected=5, counted=3)
    given(ITEMS, LISTED).when(count(7, CountReason.DAMAGED)).then_refused(ReasonContradictsCount)
    given(ITEMS, LISTED).when(count(3, CountReason.FOUND)).then_refused(ReasonContradictsCount)


def test_what_is_no_longer_offered_is_still_counted() -> None:
    count = CountStock(ID, 5, 5, None, NOW)
    given(ITEMS, LISTED, ItemDelisted(item_id=ITEM)).when(count).then(counted(5, 5, None))
    given(ITEMS).when(count).then_refused(ItemNotListed)


BACK = Reverse(ReversalReason.WRONG_QUANTITY, LATER, NOW - timedelta(days=7))
TOO_LATE = replace(BACK, earliest=NOW + timedelta(days=1))
SAID: dict[str, Any] = {"community": COMMUNITY, "reason": ReversalReason.WRONG_QUANTITY, "reversed_at": LATER}
PRICED = (PurchasedLine(item_id=ITEM, quantity=2, unit_price_fen=5),)


def test_what_was_entered_wrongly_is_taken_back_once_and_as_long_as_the_books_are_open() -> None:
    bought: dict[str, Any] = {"purchase_id": ID, "supplier_id": SUPPLIER, "lines": PRICED, "amount_fen": 10}
    sold: dict[str, Any] = {"sale_id": ID, "lines": LINES, "amount_fen": 10, "sold_at": NOW}
    gave: dict[str, Any] = {"donation_id": ID, "donor_id": DONOR, "lines": LINES, "received_at": NOW}
    gave |= {"receipt_number": "620201001004-D000007"}
    granted: dict[str, Any] = {"grant_id": ID, "amount_fen": 10, "granted_at": NOW}
    cases: list[tuple[Any, list[Event], Event]] = [
        (
            PURCHASES,
            [GoodsPurchased(**bought, community=COMMUNITY, receipt_reference="FP-1", purchased_at=NOW)],
            PurchaseReversed(**bought, purchased_at=NOW, **SAID),
        ),
        (SALES, [GoodsSold(**sold, community=COMMUNITY)], SaleReversed(**sold, **SAID)),
        (DONATIONS, [GoodsDonated(**gave, community=COMMUNITY)], DonationReversed(**gave, **SAID)),
        (GRANTS, [BudgetGranted(**granted, community=COMMUNITY)], BudgetGrantReversed(**granted, **SAID)),
        (
            GIFTS,
            [PROPOSED, APPROVED, GRANTED, AidHandedOver(**GIFT, handed_over_at=NOW)],
            AidReversed(gift_id=ID, household_id=HOUSEHOLD, lines=LINES, handed_over_at=NOW, **SAID),
        ),
    ]
    for aggregate, entered, taken_back in cases:
        given(aggregate, *entered).when(BACK).then(taken_back)
        given(aggregate, *entered, taken_back).when(BACK).then_refused(AlreadyReversed)
        given(aggregate, *entered).when(TOO_LATE).then_refused(TooFarBackToReverse, happened="2026-03-01 08:00")
    # The right one takes its place under the same rules, and each of the two names the other.
    _, entered, taken_back = cases[0]
    replacing = Replace(BACK, by=ITEM)
    given(PURCHASES, *entered).when(replacing).then(taken_back.model_copy(update={"replaced_by": ITEM}))
    given(PURCHASES, *entered, taken_back).when(replacing).then_refused(AlreadyReversed)
    given(PURCHASES, *entered).when(Replace(TOO_LATE, by=ITEM)).then_refused(TooFarBackToReverse)
    for before in ([PROPOSED], [PROPOSED, APPROVED, GRANTED]):
        given(GIFTS, *before).when(BACK).then_refused(NothingHandedOver)


def test_opening_stock_is_taken_back_of_what_is_no_longer_offered_too() -> None:
    def reverse(*, before: bool) -> ReverseReceipt:
        return ReverseReceipt(ID, 5, NOW, before, BACK)

    taken_back = StockReceiptReversed(item_id=ITEM, receipt_id=ID, quantity=5, received_at=NOW, **SAID)
    for then in ([], [ItemDelisted(item_id=ITEM)]):
        given(ITEMS, LISTED, *then).when(reverse(before=False)).then(taken_back)
    given(ITEMS, LISTED).when(reverse(before=True)).then_refused(AlreadyReversed)
    given(ITEMS).when(reverse(before=False)).then_refused(ItemNotListed)
