"""Settlement between communities: the netting, and every rule of a run, refusals included."""

import uuid
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given as given_any
from hypothesis import strategies as st

from services.points.settlements.model import (
    COMMUNITIES_MAX,
    FLOWS_MAX,
    Clearing,
    Confirm,
    NothingToSettle,
    Propose,
    SettlementDayNotOver,
    SettlementEnded,
    SettlementNodeTooLow,
    SettlementOwnProposal,
    SettlementStale,
    SettlementTooLarge,
    Withdraw,
    draw_up,
    put_right,
)
from services.points.settlements.netting import Flow, Payment, Standing, net, settled
from services.points.settlements.rounds import monthly_id
from services.points.settlements.views import SETTLEMENTS
from shared.contracts.settlement import (
    SettlementFlow,
    SettlementObligation,
    SettlementPosition,
    SettlementRunConfirmed,
    SettlementRunProposed,
    SettlementRunWithdrawn,
)
from tests.specification import given

RUN, ANNA, BEN = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
AT = datetime(2026, 3, 5, 2, tzinfo=UTC)
THROUGH = date(2026, 2, 28)
NODE = "620201"
A, B, C = (f"62020100100{n}" for n in (1, 2, 3))

CLEARING = Clearing(
    [Standing(A, 90, 100, 10, 90), Standing(B, -60, 0, 60, -60), Standing(C, -30, 0, 30, -30)],
    [Flow(A, B, 70), Flow(B, A, 10), Flow(A, C, 30)],
)
PROPOSED = SettlementRunProposed(
    settlement_id=RUN,
    node=NODE,
    through=THROUGH,
    positions=(
        SettlementPosition(
            community=A, carried_minutes=0, inflow_minutes=100, outflow_minutes=10, balance_minutes=90,
            settled_minutes=90,
        ),
        SettlementPosition(
            community=B, carried_minutes=0, inflow_minutes=0, outflow_minutes=60, balance_minutes=-60,
            settled_minutes=-60,
        ),
        SettlementPosition(
            community=C, carried_minutes=0, inflow_minutes=0, outflow_minutes=30, balance_minutes=-30,
            settled_minutes=-30,
        ),
    ),
    obligations=(
        SettlementObligation(debtor=A, creditor=B, minutes=60),
        SettlementObligation(debtor=A, creditor=C, minutes=30),
    ),
    flows=(
        SettlementFlow(debtor=A, creditor=B, minutes=70),
        SettlementFlow(debtor=A, creditor=C, minutes=30),
        SettlementFlow(debtor=B, creditor=A, minutes=10),
    ),
    flows_count=3,
    gross_minutes=100,
    proposed_by=ANNA,
    proposed_at=AT,
)  # fmt: skip
CONFIRMED = SettlementRunConfirmed(
    settlement_id=RUN,
    node=NODE,
    through=THROUGH,
    positions=PROPOSED.positions,
    obligations=PROPOSED.obligations,
    confirmed_by=BEN,
    confirmed_at=AT,
)
WITHDRAWN = SettlementRunWithdrawn(settlement_id=RUN, node=NODE, withdrawn_by=BEN, withdrawn_at=AT)
STILL_OWED = {A: 90, B: -60, C: -30}


def propose(clearing: Clearing = CLEARING, **changed: Any) -> Propose:
    known: dict[str, Any] = {
        "settlement_id": RUN, "node": NODE, "through": THROUGH, "today": date(2026, 3, 5), "clearing": clearing,
        "by": ANNA, "at": AT,
    }  # fmt: skip
    return Propose(**{**known, **changed})


def test_a_proposal_says_who_stands_where_and_who_pays_whom() -> None:
    given(SETTLEMENTS).when(propose()).then(PROPOSED)


def test_a_proposal_is_confirmed_by_another_or_withdrawn_and_that_is_its_end() -> None:
    given(SETTLEMENTS, PROPOSED).when(Confirm(BEN, STILL_OWED, AT)).then(CONFIRMED)
    given(SETTLEMENTS, PROPOSED).when(Confirm(ANNA, STILL_OWED, AT)).then_refused(SettlementOwnProposal)
    given(SETTLEMENTS, PROPOSED).when(Withdraw(BEN, AT)).then(WITHDRAWN)
    for ended, stage in ((CONFIRMED, "confirmed"), (WITHDRAWN, "withdrawn")):
        for command in (Confirm(BEN, STILL_OWED, AT), Withdraw(BEN, AT), propose()):
            given(SETTLEMENTS, PROPOSED, ended).when(command).then_refused(SettlementEnded, stage=stage)
    given(SETTLEMENTS).when(Withdraw(BEN, AT)).then_refused(SettlementEnded, stage="none")


def test_what_the_month_proposed_is_confirmed_by_anybody() -> None:
    by_the_month = PROPOSED.model_copy(update={"proposed_by": None})
    given(SETTLEMENTS).when(propose(by=None)).then(by_the_month)
    given(SETTLEMENTS, by_the_month).when(Confirm(ANNA, STILL_OWED, AT)).then(
        CONFIRMED.model_copy(update={"confirmed_by": ANNA})
    )
    assert monthly_id(NODE, THROUGH) == monthly_id(NODE, THROUGH) != monthly_id(NODE, THROUGH, RUN)


def test_a_month_that_was_taken_back_is_another_one_once_its_own_days_have_changed() -> None:
    taken_back = SETTLEMENTS.fold([PROPOSED, WITHDRAWN])
    a, b, c = CLEARING.standings

    def now(*standings: Standing) -> bool:
        return put_right(taken_back, Clearing(standings, []))

    assert not now(a, b, c)
    assert not now(a._replace(now=20), b, c, Standing("620201001009", 0, 5, 5, 40)), "later days put nothing right"
    assert now(a._replace(position=80), b._replace(position=-50), c)
    assert now(a, b)
    assert now(a, b, c, Standing("620201001009", 5, 5, 0, 5))


def test_what_is_no_longer_owed_is_not_paid_and_what_came_in_since_waits() -> None:
    run = given(SETTLEMENTS, PROPOSED)
    run.when(Confirm(BEN, STILL_OWED | {A: 89}, AT)).then_refused(SettlementStale, community=A)
    run.when(Confirm(BEN, STILL_OWED | {C: 0}, AT)).then_refused(SettlementStale, community=C)
    run.when(Confirm(BEN, {}, AT)).then_refused(SettlementStale, community=A)
    run.when(Confirm(BEN, {A: 500, B: -400, C: -100}, AT)).then(CONFIRMED)


def test_a_community_that_finds_no_other_side_is_in_nobodys_way() -> None:
    # A owes somebody outside the node, whose side is not there: B's larger debt goes to C, and A's stays open.
    standings = [Standing(A, 30, 30, 0, 30), Standing(B, 60, 60, 0, 60), Standing(C, -60, 0, 60, -60)]
    moved = {p.community: p.settled_minutes for p in draw_up(Clearing(standings, [])).positions}
    assert moved == {A: 0, B: 60, C: -60}
    proposed = SETTLEMENTS.decide(SETTLEMENTS.initial, propose(Clearing(standings, [])))
    run = given(SETTLEMENTS, *proposed)
    for owed_by_a in (30, 31, 0, -1):
        run.when(Confirm(BEN, {A: owed_by_a, B: 60, C: -60}, AT)).then(
            CONFIRMED.model_copy(update={f: getattr(proposed[0], f) for f in ("positions", "obligations")})
        )
    run.when(Confirm(BEN, {A: 30, B: 59, C: -60}, AT)).then_refused(SettlementStale, community=B)


def test_what_corrects_an_earlier_run_is_no_service_and_stands_apart() -> None:
    standings = [Standing(A, 20, 50, 0, 20, corrected=-30), Standing(B, -20, 0, 50, -20, corrected=30)]
    drawn = draw_up(Clearing(standings, [Flow(A, B, 50), Flow(B, A, 30, 30)]))
    assert [(p.carried_minutes, p.inflow_minutes, p.outflow_minutes, p.corrected_minutes) for p in drawn.positions] == [
        (0, 50, 0, -30), (0, 0, 50, 30),
    ]  # fmt: skip
    assert [(f.debtor, f.minutes, f.corrected_minutes) for f in drawn.flows] == [(A, 50, 0), (B, 30, 30)]
    assert drawn.gross_minutes == sum(f.minutes - f.corrected_minutes for f in drawn.flows) == 50
    evened = draw_up(Clearing([Standing(A, 0, 0, 0, 0, corrected=-30)], []))
    assert [(p.carried_minutes, p.balance_minutes) for p in evened.positions] == [(30, 0)]


def test_a_run_that_cannot_be_is_refused() -> None:
    empty = given(SETTLEMENTS)
    empty.when(propose(node=A)).then_refused(SettlementNodeTooLow)
    empty.when(propose(through=date(2026, 3, 5))).then_refused(SettlementDayNotOver, latest="2026-03-04")
    empty.when(propose(Clearing([], []))).then_refused(NothingToSettle)
    only_debts = Clearing([Standing(A, 90, 90, 0, 90), Standing(B, 10, 10, 0, 10)], [])
    empty.when(propose(only_debts)).then_refused(NothingToSettle)
    many = [Standing(f"{n:012d}", 1, 1, 0, 1) for n in range(COMMUNITIES_MAX + 1)]
    empty.when(propose(Clearing(many, []))).then_refused(SettlementTooLarge, communities_max=COMMUNITIES_MAX)


def test_what_the_other_side_lies_outside_of_the_node_stays_open() -> None:
    drawn = draw_up(Clearing([Standing(A, 90, 90, 0, 90), Standing(B, -60, 0, 60, -60)], [Flow(A, B, 60)]))
    assert drawn.obligations == (SettlementObligation(debtor=A, creditor=B, minutes=60),)
    assert [p.balance_minutes - p.settled_minutes for p in drawn.positions] == [30, 0]


def test_a_run_settles_only_what_later_days_have_not_taken_back() -> None:
    assert Standing(A, 90, 90, 0, 20).settleable == 20
    assert Standing(A, 90, 90, 0, -5).settleable == 0
    assert Standing(A, 90, 90, 0, 200).settleable == 90
    assert Standing(A, -90, 0, 90, -20).settleable == -20
    assert Standing(A, -90, 0, 90, 20).settleable == 0
    assert Standing(A, 90, 100, 30, 90).carried == 20


def test_only_the_largest_flows_are_told_one_by_one() -> None:
    many = [Flow(f"{n:012d}", B, n + 1) for n in range(FLOWS_MAX + 5)]
    drawn = draw_up(Clearing(CLEARING.standings, many))
    assert (len(drawn.flows), drawn.flows[0].minutes, drawn.flows[-1].minutes) == (FLOWS_MAX, FLOWS_MAX + 5, 6)


def test_of_equals_the_lower_code_comes_first() -> None:
    assert net({C: 50, A: 50, B: -100}) == [Payment(A, B, 50), Payment(C, B, 50)]
    assert net({A: 30, B: -70, C: 40}) == [Payment(C, B, 40), Payment(A, B, 30)]


codes = st.integers(0, 40).map(lambda n: f"{n:012d}")


@given_any(st.dictionaries(codes, st.integers(-(10**9), 10**9), max_size=40))
def test_netting_pays_no_more_than_is_owed_and_leaves_one_side_only(owed: dict[str, int]) -> None:
    payments = net(owed)
    moved = settled(payments)
    left = {code: minutes - moved.get(code, 0) for code, minutes in owed.items()}
    for code, minutes in owed.items():
        assert 0 <= left[code] <= minutes or minutes <= left[code] <= 0, "never past zero"
    assert not (any(m > 0 for m in left.values()) and any(m < 0 for m in left.values()))
    assert sum(left.values()) == sum(owed.values())
    involved = [code for code, minutes in owed.items() if minutes]
    assert len(payments) <= max(0, len(involved) - 1)
    assert all(payment.minutes > 0 and payment.debtor != payment.creditor for payment in payments)
    assert net(dict(reversed(owed.items()))) == payments, "the order in which accounts are read decides nothing"
