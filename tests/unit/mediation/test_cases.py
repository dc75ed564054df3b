"""The rules of a dispute case, one by one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.mediation.cases.dating import Dated
from services.mediation.cases.model import (
    MEDIATORS_MAX,
    PARTIES_MAX,
    AssignMediator,
    ChangeParty,
    Classify,
    DeclareRelatives,
    Decline,
    DeclineReason,
    EraseParty,
    Fail,
    FileCase,
    ForgetMediator,
    HoldSession,
    JoinParty,
    OpenFromFinding,
    RecuseMediator,
    Resolve,
    RetractRelative,
    Withdraw,
    WriteAccount,
)
from services.mediation.cases.refusals import (
    AlreadyMediator,
    ApplicationNeedsParty,
    CaseAlreadyFiled,
    CaseClosed,
    CaseDatedInFuture,
    CaseDatedTooFarBack,
    CaseInSession,
    CaseNotFiled,
    CaseStillOpen,
    ConflictOfInterest,
    DatedBeforeFiling,
    DatedBeforeLastSession,
    DayTooLong,
    MediatorIsParty,
    MediatorWasRecused,
    NoMediator,
    NoSessionHeld,
    NotMediator,
    SessionsOverlap,
    TooManyMediators,
    TooManyParties,
)
from services.mediation.cases.state import Stage
from services.mediation.cases.streams import CASES
from shared.contracts import Event, Evidence, Refusal
from shared.contracts.grid_patrol import RiskLevel
from shared.contracts.mediation import (
    AccountWritten,
    AgreementForm,
    CaseClassified,
    CaseDeclined,
    CaseFiled,
    CaseOrigin,
    CaseWithdrawn,
    DisputeKind,
    DisputeResolved,
    MediationFailed,
    MediatorAssigned,
    MediatorRecused,
    PartyDetailsChanged,
    PartyErased,
    PartyJoined,
    Remedy,
    SessionHeld,
)
from tests.specification import given

QILIAN = "620201001004"
CASE, FINDING, PARTY, LI, WANG, ZHAO = (UUID(int=n) for n in range(1, 7))
FILED_AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
NOW = FILED_AT + timedelta(days=6)


def dated(at: datetime) -> Dated:
    return Dated(at, NOW, FILED_AT - timedelta(days=1))


def hour(n: float) -> datetime:
    return FILED_AT + timedelta(hours=n)


FILE = FileCase(
    CASE, QILIAN, DisputeKind.NEIGHBOUR, RiskLevel.YELLOW, CaseOrigin.APPLICATION, 2, Dated(FILED_AT, NOW, FILED_AT)
)
FILED = CaseFiled(
    case_id=CASE,
    community=QILIAN,
    kind=DisputeKind.NEIGHBOUR,
    risk=RiskLevel.YELLOW,
    origin=CaseOrigin.APPLICATION,
    parties_count=2,
    filed_at=FILED_AT,
)
DECLINED = CaseDeclined(case_id=CASE, community=QILIAN, reason="not_mediable", declined_at=hour(1))
DECLINE = Decline(DeclineReason.NOT_MEDIABLE, dated(hour(1)))


def test_a_partys_details_are_put_right_whatever_the_stage() -> None:
    command = ChangeParty(PARTY, ("phone",))
    changed = PartyDetailsChanged(case_id=CASE, party_id=PARTY, fields=("phone",))
    given(CASES, FILED).when(command).then(changed)
    given(CASES, FILED, DECLINED).when(command).then(changed)
    given(CASES, FILED).when(ChangeParty(PARTY, ())).then_nothing()
    given(CASES).when(command).then_refused(CaseNotFiled)


def test_a_party_is_erased_once_the_case_has_ended_and_a_forgotten_one_at_once() -> None:
    asked, forgotten = (EraseParty(PARTY, forgotten=late, at=NOW) for late in (False, True))
    erased = PartyErased(case_id=CASE, party_id=PARTY, erased_at=NOW)
    given(CASES, FILED).when(asked).then_refused(CaseStillOpen)
    given(CASES, FILED, DECLINED).when(asked).then(erased)
    given(CASES, FILED).when(forgotten).then(erased)


def test_what_a_dispute_is_about_is_written_down_until_the_case_has_ended() -> None:
    write = WriteAccount(hour(2))
    given(CASES, FILED).when(write).then(AccountWritten(case_id=CASE, written_at=hour(2)))
    given(CASES, FILED, DECLINED).when(write).then_refused(CaseClosed)
    given(CASES).when(write).then_refused(CaseNotFiled)


def assigned(who: UUID, at: float = 1) -> MediatorAssigned:
    return MediatorAssigned(case_id=CASE, mediator_id=who, assigned_at=hour(at))


def assign(who: UUID, *involved: UUID, at: float = 1) -> AssignMediator:
    return AssignMediator(who, frozenset(involved), dated(hour(at)))


def recused(who: UUID) -> MediatorRecused:
    return MediatorRecused(case_id=CASE, mediator_id=who, recused_at=hour(2))


def held(at: float, minutes: int, *mediators: UUID, signed: bool = True) -> SessionHeld:
    return SessionHeld(
        case_id=CASE,
        session_id=UUID(int=int(900 + at)),
        started_at=hour(at),
        minutes=minutes,
        mediators=mediators,
        record_signed=signed,
    )


def hold(at: float, minutes: int, *mediators: UUID, signed: bool = True) -> HoldSession:
    return HoldSession(UUID(int=int(900 + at)), dated(hour(at)), minutes, mediators or None, signed)


RESOLVE = Resolve(AgreementForm.WRITTEN, dated(hour(100)))
FAIL = Fail((Remedy.LITIGATION,), dated(hour(100)))
WITHDRAW = Withdraw(dated(hour(100)))


def sums(outcome: Any) -> list[tuple[UUID, int, Evidence, datetime]]:
    """The mediators' service of the event that ended the case."""
    [event] = outcome.events
    return [(r.volunteer_id, r.minutes, r.evidence, r.started_at) for r in event.mediators]


# ── filing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_case_is_filed_on_application() -> None:
    given(CASES).when(FILE).then(FILED)
    given(CASES, FILED).when(FILE).then_refused(CaseAlreadyFiled)


def test_an_application_has_a_party_but_an_offer_need_not() -> None:
    given(CASES).when(replace(FILE, parties_count=0)).then_refused(ApplicationNeedsParty)
    given(CASES).when(replace(FILE, parties_count=0, origin=CaseOrigin.OFFERED)).then_state(parties_count=0)
    given(CASES).when(replace(FILE, parties_count=PARTIES_MAX + 1)).then_refused(TooManyParties)


def test_a_case_is_filed_neither_in_the_future_nor_too_far_back() -> None:
    future = replace(FILE, filed=replace(FILE.filed, now=FILED_AT - timedelta(seconds=1)))
    given(CASES).when(future).then_refused(CaseDatedInFuture)
    past = replace(FILE, filed=replace(FILE.filed, earliest=FILED_AT + timedelta(seconds=1)))
    given(CASES).when(past).then_refused(CaseDatedTooFarBack, earliest="2026-03-02 09:00")


def test_a_patrol_finding_opens_one_case_however_often_it_is_told() -> None:
    told = OpenFromFinding(CASE, QILIAN, RiskLevel.RED, FINDING, FILED_AT)
    opened = CaseFiled(
        case_id=CASE,
        community=QILIAN,
        kind=DisputeKind.OTHER,
        risk=RiskLevel.RED,
        origin=CaseOrigin.PATROL_FINDING,
        finding_id=FINDING,
        parties_count=0,
        filed_at=FILED_AT,
    )
    given(CASES).when(told).then(opened)
    given(CASES, opened).when(told).then_nothing()
    given(CASES, opened, DECLINED).when(told).then_nothing()


def test_parties_become_known_later() -> None:
    joined = PartyJoined(case_id=CASE, party_id=PARTY, parties_count=3)
    given(CASES, FILED).when(JoinParty(PARTY, frozenset({WANG}))).then(joined)
    full = replace(FILE, parties_count=PARTIES_MAX)
    [event] = given(CASES).when(full).events
    given(CASES, event).when(JoinParty(PARTY, frozenset())).then_refused(TooManyParties)


def test_kind_and_risk_are_set_anew() -> None:
    classify = Classify(DisputeKind.DEBT, RiskLevel.RED)
    classified = CaseClassified(case_id=CASE, kind=DisputeKind.DEBT, risk=RiskLevel.RED)
    given(CASES, FILED).when(classify).then(classified)
    given(CASES, FILED, classified).when(classify).then_nothing()


def test_a_case_is_declined_until_it_was_sat_on() -> None:
    given(CASES, FILED).when(DECLINE).then(DECLINED)
    given(CASES, FILED, assigned(LI)).when(DECLINE).then(DECLINED)
    given(CASES, FILED, assigned(LI), held(2, 60, LI)).when(DECLINE).then_refused(CaseInSession)


# ── mediators ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_several_mediators_take_a_case() -> None:
    given(CASES, FILED).when(assign(LI)).then(assigned(LI))
    given(CASES, FILED, assigned(LI)).when(assign(WANG)).then(assigned(WANG))
    given(CASES, FILED, assigned(LI)).when(assign(LI)).then_refused(AlreadyMediator)


def test_a_party_or_a_declared_relative_does_not_mediate() -> None:
    given(CASES, FILED).when(assign(LI, WANG, LI)).then_refused(ConflictOfInterest, mediator_id=str(LI))


def test_who_turns_out_to_be_involved_steps_back_first() -> None:
    involved = frozenset({LI})
    given(CASES, FILED, assigned(LI)).when(JoinParty(PARTY, involved)).then_refused(MediatorIsParty)
    given(CASES, FILED, assigned(LI)).when(DeclareRelatives(involved)).then_refused(MediatorIsParty)
    given(CASES, FILED, assigned(LI), recused(LI)).when(DeclareRelatives(involved)).then_nothing()


def test_a_relative_is_retracted_as_long_as_the_case_is_open() -> None:
    given(CASES).when(RetractRelative(LI)).then_refused(CaseNotFiled)
    given(CASES, FILED).when(RetractRelative(LI)).then_nothing()
    given(CASES, FILED, DECLINED).when(RetractRelative(LI)).then_refused(CaseClosed, stage="declined")


def test_who_stepped_back_does_not_take_the_case_again() -> None:
    given(CASES, FILED, assigned(LI)).when(RecuseMediator(LI, dated(hour(2)))).then(recused(LI))
    given(CASES, FILED, assigned(LI), recused(LI)).when(assign(LI)).then_refused(MediatorWasRecused)
    given(CASES, FILED).when(RecuseMediator(LI, dated(hour(2)))).then_refused(NotMediator)


def test_without_its_last_mediator_a_case_waits_again() -> None:
    history = (FILED, assigned(LI))
    given(CASES, *history).when(RecuseMediator(LI, dated(hour(2)))).then_state(stage=Stage.FILED, mediators=())
    sat = (*history, held(1.5, 20, LI))
    given(CASES, *sat).when(RecuseMediator(LI, dated(hour(2)))).then_state(stage=Stage.IN_SESSION)


def test_a_case_has_a_largest_number_of_mediators() -> None:
    full = [assigned(UUID(int=100 + n)) for n in range(MEDIATORS_MAX)]
    given(CASES, FILED, *full).when(assign(LI)).then_refused(TooManyMediators)


def test_a_forgotten_person_mediates_no_open_case() -> None:
    given(CASES, FILED, assigned(LI)).when(ForgetMediator(LI, hour(2))).then(recused(LI))
    given(CASES, FILED).when(ForgetMediator(LI, hour(2))).then_nothing()
    given(CASES, FILED, assigned(LI), DECLINED).when(ForgetMediator(LI, hour(2))).then_nothing()


def test_nobody_is_assigned_before_the_filing() -> None:
    given(CASES, FILED).when(assign(LI, at=-1)).then_refused(DatedBeforeFiling)


# ── sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────

ASSIGNED: tuple[Event, ...] = (FILED, assigned(LI), assigned(WANG))


def test_a_session_is_held_by_all_mediators_or_by_some() -> None:
    given(CASES, *ASSIGNED).when(hold(2, 90)).then(held(2, 90, LI, WANG))
    given(CASES, *ASSIGNED).when(hold(2, 90, WANG)).then(held(2, 90, WANG))
    given(CASES, *ASSIGNED).when(hold(2, 90, ZHAO)).then_refused(NotMediator)
    given(CASES, FILED).when(hold(2, 90)).then_refused(NoMediator)


def test_a_session_is_over_before_it_is_entered() -> None:
    running = hold((NOW - FILED_AT) / timedelta(hours=1) - 1, 90)
    given(CASES, *ASSIGNED).when(running).then_refused(CaseDatedInFuture)


def test_sessions_of_a_case_do_not_overlap() -> None:
    sat = (*ASSIGNED, held(2, 90, LI))
    for at in (1.5, 2, 3):
        given(CASES, *sat).when(hold(at, 60)).then_refused(SessionsOverlap)
    given(CASES, *sat).when(hold(3.5, 60)).then(held(3.5, 60, LI, WANG))


def test_the_sessions_of_a_day_fit_into_it() -> None:
    # FILED_AT is 09:00 local; the third would begin before midnight and end the day after.
    sat = (*ASSIGNED, held(1, 420, LI), held(8, 409, LI))
    given(CASES, *sat).when(hold(14.9, 612)).then_refused(DayTooLong)


# ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_agreement_carries_each_mediators_minutes_over_the_sessions_they_sat_in() -> None:
    history = (*ASSIGNED, held(2, 90, LI, WANG), held(4, 30, WANG))
    outcome = given(CASES, *history).when(RESOLVE)
    [event] = outcome.events
    assert isinstance(event, DisputeResolved)
    assert (event.agreement, event.sessions_count, event.kind) == (AgreementForm.WRITTEN, 2, DisputeKind.NEIGHBOUR)
    assert sums(outcome) == [(LI, 90, Evidence.SCANNED, hour(2)), (WANG, 120, Evidence.SCANNED, hour(2))]


def test_every_day_is_a_record_of_its_own_and_so_is_what_nobody_signed() -> None:
    history = (*ASSIGNED, held(2, 60, LI), held(4, 30, LI, signed=False), held(26, 45, LI), held(28, 15, LI))
    outcome = given(CASES, *history).when(RESOLVE)
    assert sums(outcome) == [
        (LI, 60, Evidence.SCANNED, hour(2)),
        (LI, 30, Evidence.BACKFILLED, hour(4)),
        (LI, 60, Evidence.SCANNED, hour(26)),
    ]
    [event] = outcome.events
    assert len({record.record_id for record in event.mediators}) == 3


def test_who_stepped_back_keeps_the_service_given_before() -> None:
    history = (*ASSIGNED, held(1.5, 20, LI), recused(LI), held(4, 30, WANG))
    assert [row[:2] for row in sums(given(CASES, *history).when(RESOLVE))] == [(LI, 20), (WANG, 30)]


def test_failing_points_to_other_remedies_and_the_service_still_counts() -> None:
    history = (*ASSIGNED, held(2, 90, LI))
    outcome = given(CASES, *history).when(FAIL)
    [event] = outcome.events
    assert isinstance(event, MediationFailed)
    assert event.remedies == (Remedy.LITIGATION,)
    assert sums(outcome) == [(LI, 90, Evidence.SCANNED, hour(2))]


def test_the_parties_may_stop_at_any_time() -> None:
    for history, minutes in (((FILED,), []), (ASSIGNED, []), ((*ASSIGNED, held(2, 90, LI)), [90])):
        outcome = given(CASES, *history).when(WITHDRAW)
        [event] = outcome.events
        assert isinstance(event, CaseWithdrawn)
        assert [record.minutes for record in event.mediators] == minutes


def test_nothing_is_agreed_or_given_up_without_a_session() -> None:
    for command in (RESOLVE, FAIL):
        given(CASES, *ASSIGNED).when(command).then_refused(NoSessionHeld)


def test_an_end_lies_after_the_last_session() -> None:
    history = (*ASSIGNED, held(2, 90, LI))
    for command in (
        Resolve(AgreementForm.ORAL, dated(hour(3))),
        Fail((Remedy.ARBITRATION,), dated(hour(3))),
        Withdraw(dated(hour(3))),
    ):
        given(CASES, *history).when(command).then_refused(DatedBeforeLastSession)


@pytest.mark.parametrize("end", [RESOLVE, FAIL, WITHDRAW])
def test_after_the_end_nothing_more_is_done(end: Any) -> None:
    history = (*ASSIGNED, held(2, 90, LI))
    ended = (*history, *given(CASES, *history).when(end).events)
    for command in (
        assign(ZHAO),
        hold(4, 30),
        RESOLVE,
        FAIL,
        WITHDRAW,
        DECLINE,
        Classify(DisputeKind.DEBT, RiskLevel.RED),
    ):
        given(CASES, *ended).when(command).then_refused(CaseClosed)


def test_a_case_that_was_never_filed_is_not_found() -> None:
    commands = (assign(LI), hold(2, 30), RESOLVE, FAIL, WITHDRAW, DECLINE, JoinParty(PARTY, frozenset()))
    for command in commands:
        outcome = given(CASES).when(command)
        outcome.then_refused(CaseNotFiled)
        assert isinstance(outcome.refusal, Refusal)
        assert outcome.refusal.status == 404
