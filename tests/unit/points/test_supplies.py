"""Supplies of teams: asked for, approved by another, issued, brought back, accounted for."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from services.points.ledger import holders
from services.points.market.dated import Dated, DatedInFuture, DatedTooFarBack
from services.points.supplies.accounting import (
    Account,
    BringBack,
    NobodyReached,
    ReturnAlreadyEntered,
    ReturnWithdrawn,
    UseAlreadyEntered,
    UseWithdrawn,
    Withdraw,
)
from services.points.supplies.model import (
    Approve,
    Ask,
    Cancel,
    DissolvedTeam,
    Expire,
    Issue,
    OwnRequest,
    OwnTeam,
    Refuse,
    RequestAlreadyApproved,
    RequestEnded,
    RequestNotApproved,
    Stage,
)
from services.points.supplies.views import REQUESTS, RETURNS, USES
from shared.contracts.love_market import GoodsLine
from shared.contracts.supplies import (
    SuppliesApproved,
    SuppliesCancelled,
    SuppliesExpired,
    SuppliesIssued,
    SuppliesRefused,
    SuppliesRequested,
    SuppliesReturned,
    SuppliesReturnWithdrawn,
    SuppliesUsed,
    SuppliesUseWithdrawn,
    SupplyFate,
    UsedLine,
)
from tests.specification import given

COMMUNITY = "620201001004"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DUE, LATER = NOW + timedelta(days=14), NOW + timedelta(days=20)
ID, ITEM, TEAM, ACTIVITY = (uuid.uuid4() for _ in range(4))
ANNA, BO, LEADER = (uuid.uuid4() for _ in range(3))
LINES = (GoodsLine(item_id=ITEM, quantity=2),)
AT = Dated(NOW, NOW, NOW - timedelta(days=7))
TOMORROW = Dated(NOW + timedelta(days=1), NOW, NOW - timedelta(days=7))
LONG_AGO = Dated(NOW - timedelta(days=8), NOW, NOW - timedelta(days=7))

NAMED: dict[str, Any] = {"supply_request_id": ID, "community": COMMUNITY}
REQUESTED = SuppliesRequested(
    **NAMED, team_id=TEAM, activity_id=ACTIVITY, lines=LINES, requested_by=ANNA, requested_at=NOW, collect_by=DUE
)
APPROVED = SuppliesApproved(**NAMED, approved_by=BO, approved_at=NOW, collect_by=LATER)
ISSUED = SuppliesIssued(**NAMED, team_id=TEAM, lines=LINES, issued_at=NOW)
ENDS = (
    ISSUED,
    SuppliesRefused(**NAMED, refused_by=BO, refused_at=NOW),
    SuppliesCancelled(**NAMED, cancelled_at=NOW),
    SuppliesExpired(**NAMED, expired_at=LATER),
)


def ask(*, dissolved: bool = False) -> Ask:
    return Ask(ID, COMMUNITY, TEAM, dissolved, ACTIVITY, LINES, ANNA, NOW, DUE)


def approve(by: uuid.UUID, *, leader: uuid.UUID | None = LEADER, dissolved: bool = False) -> Approve:
    return Approve(by, leader, dissolved, NOW, LATER)


def test_a_team_has_a_statement_and_never_less_than_nothing() -> None:
    assert holders.is_limited(holders.team(TEAM))
    assert not holders.is_bulk(holders.team(TEAM))


def test_supplies_are_asked_for_approved_by_another_and_issued() -> None:
    given(REQUESTS).when(ask()).then(REQUESTED)
    given(REQUESTS, REQUESTED).when(approve(BO)).then(APPROVED)
    given(REQUESTS, REQUESTED).when(approve(BO, leader=None)).then(APPROVED)
    given(REQUESTS, REQUESTED, APPROVED).when(Issue(False, NOW)).then(ISSUED)
    given(REQUESTS, REQUESTED).when(ask()).then_refused(RequestEnded, stage=Stage.REQUESTED.value)


def test_neither_who_asked_nor_who_leads_the_team_approves() -> None:
    given(REQUESTS, REQUESTED).when(approve(ANNA)).then_refused(OwnRequest)
    given(REQUESTS, REQUESTED).when(approve(LEADER)).then_refused(OwnTeam)
    given(REQUESTS, REQUESTED).when(Refuse(ANNA, NOW)).then_refused(OwnRequest)
    given(REQUESTS, REQUESTED).when(Refuse(LEADER, NOW)).then(
        SuppliesRefused(**NAMED, refused_by=LEADER, refused_at=NOW)
    )


def test_nothing_is_issued_unapproved_or_approved_twice() -> None:
    given(REQUESTS, REQUESTED).when(Issue(False, NOW)).then_refused(RequestNotApproved)
    given(REQUESTS, REQUESTED, APPROVED).when(approve(LEADER)).then_refused(RequestAlreadyApproved)
    given(REQUESTS, REQUESTED, APPROVED).when(Refuse(BO, NOW)).then_refused(RequestAlreadyApproved)


def test_a_dissolved_team_is_given_nothing_and_its_request_can_be_called_off() -> None:
    given(REQUESTS).when(ask(dissolved=True)).then_refused(DissolvedTeam)
    given(REQUESTS, REQUESTED).when(approve(BO, dissolved=True)).then_refused(DissolvedTeam)
    given(REQUESTS, REQUESTED, APPROVED).when(Issue(True, NOW)).then_refused(DissolvedTeam)
    given(REQUESTS, REQUESTED, APPROVED).when(Cancel(NOW)).then(SuppliesCancelled(**NAMED, cancelled_at=NOW))


def test_what_nobody_approved_or_took_in_time_is_off() -> None:
    given(REQUESTS, REQUESTED).when(Expire(NOW)).then()
    given(REQUESTS, REQUESTED).when(Expire(DUE)).then(SuppliesExpired(**NAMED, expired_at=DUE))
    given(REQUESTS, REQUESTED, APPROVED).when(Expire(DUE)).then()
    given(REQUESTS, REQUESTED, APPROVED).when(Expire(LATER)).then(SuppliesExpired(**NAMED, expired_at=LATER))


def test_what_has_ended_has_ended() -> None:
    for end in ENDS:
        ended = given(REQUESTS, REQUESTED, APPROVED, end)
        ended.when(Expire(LATER)).then()
        for command in (approve(BO), Refuse(BO, NOW), Issue(False, NOW), Cancel(NOW)):
            ended.when(command).then_refused(RequestEnded)


def test_a_return_is_dated_within_bounds_entered_once_and_withdrawn_once() -> None:
    def bring(at: Dated) -> BringBack:
        return BringBack(ID, COMMUNITY, TEAM, LINES, at)

    returned = SuppliesReturned(supply_return_id=ID, community=COMMUNITY, team_id=TEAM, lines=LINES, returned_at=AT.at)
    given(RETURNS).when(bring(AT)).then(returned)
    given(RETURNS).when(bring(TOMORROW)).then_refused(DatedInFuture)
    given(RETURNS).when(bring(LONG_AGO)).then_refused(DatedTooFarBack)
    given(RETURNS, returned).when(bring(AT)).then_refused(ReturnAlreadyEntered)
    withdrawn = SuppliesReturnWithdrawn(
        supply_return_id=ID, community=COMMUNITY, team_id=TEAM, lines=LINES, withdrawn_by=BO, withdrawn_at=NOW
    )
    given(RETURNS, returned).when(Withdraw(BO, NOW)).then(withdrawn)
    given(RETURNS, returned, withdrawn).when(Withdraw(BO, NOW)).then_refused(ReturnWithdrawn)


def test_a_use_says_whom_it_reached_where_something_was_handed_out_and_can_be_withdrawn_once() -> None:
    def account(fate: SupplyFate, reached: int, at: Dated = AT) -> Account:
        return Account(ID, COMMUNITY, TEAM, ACTIVITY, reached, (UsedLine(item_id=ITEM, quantity=2, fate=fate),), at)

    lines = (UsedLine(item_id=ITEM, quantity=2, fate=SupplyFate.HANDED_OUT),)
    of_use: dict[str, Any] = {"supply_use_id": ID, "community": COMMUNITY, "team_id": TEAM, "lines": lines}
    used = SuppliesUsed(**of_use, activity_id=ACTIVITY, people_reached=30, used_at=AT.at)
    withdrawn = SuppliesUseWithdrawn(**of_use, withdrawn_by=BO, withdrawn_at=NOW)
    given(USES).when(account(SupplyFate.HANDED_OUT, 30)).then(used)
    given(USES).when(account(SupplyFate.HANDED_OUT, 0)).then_refused(NobodyReached)
    lost = (UsedLine(item_id=ITEM, quantity=2, fate=SupplyFate.LOST),)
    given(USES).when(account(SupplyFate.LOST, 0)).then_state(lines=lost)
    given(USES).when(account(SupplyFate.USED_UP, 0, TOMORROW)).then_refused(DatedInFuture)
    given(USES, used).when(account(SupplyFate.HANDED_OUT, 30)).then_refused(UseAlreadyEntered)
    given(USES, used).when(Withdraw(BO, NOW)).then(withdrawn)
    given(USES, used, withdrawn).when(Withdraw(BO, NOW)).then_refused(UseWithdrawn)
