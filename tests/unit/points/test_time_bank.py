"""Spending in the time bank: beneficiaries, kin, orders, gifts and deaths. Every rule, refusals included."""

import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as always
from hypothesis import strategies as st

from services.points.beneficiaries.id_numbers import (
    IdNumberWrong,
    age_group_from,
    age_in_month,
    changed_document,
    valid_document,
    vault_fields,
)
from services.points.beneficiaries.model import (
    BeneficiaryAlreadyRegistered,
    BeneficiaryHasOpenOrders,
    BeneficiaryIsForgotten,
    BeneficiaryIsVolunteer,
    ChangePerson,
    ForgetBeneficiary,
    NoSuchVolunteer,
    RegisterBeneficiary,
    VolunteerOfAnotherCommunity,
)
from services.points.beneficiaries.views import BENEFICIARIES
from services.points.deaths import model as deaths
from services.points.deaths.views import DEATHS
from services.points.kin import model as kin
from services.points.kin.views import TIES
from services.points.ledger.clauses import REVERSED, TIME_BANK_SPENT, Clause
from services.points.time_gifts.model import (
    Donate,
    Give,
    GivenAlready,
    NothingGiven,
    OwnGift,
    Reverse,
    ReversedAlready,
    Side,
)
from services.points.time_gifts.streams import DONATIONS, GIFTS
from services.points.time_orders import refusals
from services.points.time_orders.standing import AccountIsClosed
from shared.contracts.deaths import (
    DeathConfirmed,
    DeathRecorded,
    DeathWithdrawn,
    EstateMadeGood,
    EstateSettled,
    InheritedMinutes,
    OnDeathOutcome,
)
from shared.contracts.time_bank import (
    BeneficiaryDetailsChanged,
    BeneficiaryForgotten,
    BeneficiaryRegistered,
    KinEnded,
    KinProposed,
    KinRelation,
    KinVerified,
    MinutesDonated,
    MinutesDonationReversed,
    MinutesGiftReversed,
    MinutesGiven,
    TimeBankCorrectionReason,
    TimeService,
)
from shared.identity_documents import DocumentKind
from shared.web.problems import Texts
from tests.conftest import ROOT
from tests.specification import given

HERE, THERE = "620201001004", "620201001005"
NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
TODAY = date(2026, 3, 1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ID, MOTHER, OLD, DAUGHTER, PROVIDER, OTHER = (uuid.uuid4() for _ in range(6))
ANNA, BO = uuid.uuid4(), uuid.uuid4()


# --- beneficiaries ---------------------------------------------------------------------------------------------------


def register(**changed: Any) -> RegisterBeneficiary:
    plain = RegisterBeneficiary(ID, HERE, None, None, 70, NOW)
    return replace(plain, **changed)


REGISTERED = BeneficiaryRegistered(beneficiary_id=ID, community=HERE, age_group_from=70, registered_at=NOW)
ERASED = BeneficiaryForgotten(beneficiary_id=ID, community=HERE, forgotten_at=NOW)


def test_a_beneficiary_is_registered_once_with_an_age_group_and_no_birth_date() -> None:
    given(BENEFICIARIES).when(register()).then(REGISTERED)
    given(BENEFICIARIES, REGISTERED).when(register()).then_refused(BeneficiaryAlreadyRegistered)


def test_a_volunteer_is_registered_where_they_are_at_home() -> None:
    linked = register(volunteer_id=OLD, volunteer_community=HERE)
    given(BENEFICIARIES).when(linked).then(REGISTERED.model_copy(update={"volunteer_id": OLD}))
    given(BENEFICIARIES).when(replace(linked, volunteer_community=THERE)).then_refused(VolunteerOfAnotherCommunity)
    given(BENEFICIARIES).when(replace(linked, volunteer_community=None)).then_refused(NoSuchVolunteer)


def test_a_beneficiary_is_forgotten_once_and_not_amid_open_orders() -> None:
    given(BENEFICIARIES, REGISTERED).when(ForgetBeneficiary(0, NOW)).then(ERASED)
    given(BENEFICIARIES, REGISTERED).when(ForgetBeneficiary(2, NOW)).then_refused(BeneficiaryHasOpenOrders, orders=2)
    given(BENEFICIARIES, REGISTERED, ERASED).when(ForgetBeneficiary(0, NOW)).then_refused(BeneficiaryIsForgotten)
    given(BENEFICIARIES).when(ForgetBeneficiary(0, NOW)).then_refused(BeneficiaryIsForgotten)


def test_of_a_person_details_are_put_right_and_the_age_group_with_the_document() -> None:
    phone, number = ChangePerson(("phone",), None, NOW), ChangePerson(("id_number",), 80, NOW)
    common: dict[str, Any] = {"beneficiary_id": ID, "community": HERE, "changed_at": NOW}
    told = BeneficiaryDetailsChanged(**common, fields=("phone",))
    aged = BeneficiaryDetailsChanged(**common, fields=("id_number",), age_group_from=80)
    given(BENEFICIARIES, REGISTERED).when(phone).then(told)
    given(BENEFICIARIES, REGISTERED, told).when(number).then(aged)
    given(BENEFICIARIES, REGISTERED, aged).when(replace(phone, fields=())).then_nothing()
    given(BENEFICIARIES, REGISTERED, aged).when(phone).then_state(age_group_from=80)
    given(BENEFICIARIES, REGISTERED, ERASED).when(phone).then_refused(BeneficiaryIsForgotten)
    volunteer = REGISTERED.model_copy(update={"volunteer_id": OLD})
    given(BENEFICIARIES, volunteer).when(phone).then_refused(BeneficiaryIsVolunteer)


def test_of_a_document_some_is_put_right_and_the_rest_stays_where_it_fits() -> None:
    permit = {"id_kind": "taiwan_permit", "id_number": "01234567", "born_on": "1950-06-15"}
    assert vault_fields(changed_document(permit, TODAY, born_on=date(1950, 6, 16)))["born_on"] == "1950-06-16"
    renewed = vault_fields(changed_document(permit, TODAY, "01234568", DocumentKind.TAIWAN_PERMIT))
    assert renewed == {**permit, "id_number": "01234568"}
    resident = valid_document("620298194501010013", TODAY)
    assert changed_document(permit, TODAY, "620298194501010013") == resident
    early = {"id_number": resident.number}  # as it was kept at first
    assert changed_document(early, TODAY, born_on=date(1945, 1, 1)) == resident
    with pytest.raises(IdNumberWrong):
        changed_document(permit, TODAY, "01234568")  # a number that may be of several kinds


def test_an_id_number_says_when_somebody_was_born_or_is_refused() -> None:
    read = valid_document("620298 19550310-0017", TODAY)
    assert (read.number, read.born_on) == ("620298195503100017", date(1955, 3, 10))
    for wrong in ("620298195503100018", "620298195513100017", "62029819550310001", "", "x" * 18):
        with pytest.raises(IdNumberWrong):
            valid_document(wrong, TODAY)
    with pytest.raises(IdNumberWrong):
        valid_document("620298195503100017", date(1955, 3, 9))


def test_ages_are_looked_at_on_the_first_of_a_month_and_told_in_groups() -> None:
    born = date(1966, 3, 10)
    assert [age_in_month(born, day) for day in (date(2026, 3, 31), date(2026, 4, 1))] == [59, 60]
    assert [age_group_from(age) for age in (0, 4, 59, 60, 64, 65)] == [0, 0, 55, 60, 60, 65]


# --- kin -------------------------------------------------------------------------------------------------------------


def propose(**changed: Any) -> kin.Propose:
    plain = kin.Propose(
        kin_id=ID, community=HERE, volunteer_id=DAUGHTER, volunteer_known=True, beneficiary_id=MOTHER,
        beneficiary_volunteer_id=OLD, beneficiary_forgotten=False, relation=KinRelation.PARENT, by=ANNA, at=NOW,
    )  # fmt: skip
    return replace(plain, **changed)


PROPOSED = KinProposed(
    kin_id=ID, community=HERE, volunteer_id=DAUGHTER, beneficiary_id=MOTHER, relation=KinRelation.PARENT,
    proposed_by=ANNA, proposed_at=NOW,
)  # fmt: skip
VERIFIED = KinVerified(kin_id=ID, community=HERE, verified_by=BO, verified_at=NOW)
ENDED = KinEnded(kin_id=ID, community=HERE, ended_by=ANNA, ended_at=NOW)


def test_a_relation_is_entered_by_one_and_verified_by_another() -> None:
    given(TIES).when(propose()).then(PROPOSED)
    given(TIES, PROPOSED).when(kin.Verify(BO, False, NOW)).then(VERIFIED)
    given(TIES, PROPOSED).when(kin.Verify(ANNA, False, NOW)).then_refused(kin.OwnKinProposal)
    given(TIES, PROPOSED).when(kin.Verify(DAUGHTER, False, NOW)).then_refused(kin.OwnKinProposal)
    given(TIES, PROPOSED).when(kin.Verify(OLD, False, NOW, OLD)).then_refused(kin.OwnKinProposal)
    given(TIES, PROPOSED).when(kin.Verify(BO, True, NOW)).then_refused(BeneficiaryIsForgotten)
    given(TIES, PROPOSED, VERIFIED).when(kin.Verify(BO, False, NOW)).then_refused(kin.KinNotOpen, stage="verified")
    given(TIES, PROPOSED).when(propose()).then_refused(kin.KinNotOpen, stage="proposed")


def test_nobody_is_kin_of_themselves_of_strangers_or_of_the_erased() -> None:
    given(TIES).when(propose(volunteer_id=OLD)).then_refused(kin.KinWithOneself)
    given(TIES).when(propose(volunteer_known=False)).then_refused(NoSuchVolunteer)
    given(TIES).when(propose(beneficiary_forgotten=True)).then_refused(BeneficiaryIsForgotten)


def test_a_relation_ends_once() -> None:
    given(TIES, PROPOSED).when(kin.End(ANNA, NOW)).then(ENDED)
    given(TIES, PROPOSED, VERIFIED).when(kin.End(ANNA, NOW)).then(ENDED)
    given(TIES, PROPOSED, VERIFIED, ENDED).when(kin.End(ANNA, NOW)).then_refused(kin.KinNotOpen, stage="ended")


# --- gifts -----------------------------------------------------------------------------------------------------------


def give(**changed: Any) -> Give:
    plain = Give(
        gift_id=ID, giver=Side(DAUGHTER, THERE, False), recipient=Side(OLD, HERE, False), kin_id=MOTHER,
        recipient_years_min=60, spend_from_age=60, minutes=30, agreed=True, at=NOW,
    )  # fmt: skip
    return replace(plain, **changed)


def test_minutes_are_given_to_verified_kin_who_are_old_enough() -> None:
    gift = MinutesGiven(
        time_gift_id=ID, community=THERE, giver_id=DAUGHTER, recipient_id=OLD, recipient_community=HERE,
        kin_id=MOTHER, minutes=30, given_at=NOW,
    )  # fmt: skip
    given(GIFTS).when(give()).then(gift)
    given(GIFTS, gift).when(give()).then_refused(GivenAlready)
    given(GIFTS).when(give(kin_id=None)).then_refused(refusals.NotVerifiedKin)
    given(GIFTS).when(give(recipient_years_min=55)).then_refused(refusals.TooYoung, from_age=60)
    given(GIFTS).when(give(recipient_years_min=None)).then_refused(refusals.AgeUnknown)
    given(GIFTS).when(give(agreed=False)).then_refused(refusals.NotAgreed)
    given(GIFTS).when(give(giver=Side(DAUGHTER, None, False))).then_refused(NoSuchVolunteer)
    given(GIFTS).when(give(recipient=Side(OLD, HERE, True))).then_refused(AccountIsClosed)


def test_anybody_donates_both_kinds_of_minutes_to_the_pool_of_their_home() -> None:
    donate = Donate(ID, Side(DAUGHTER, THERE, False), 30, 45, True, NOW)
    donated = MinutesDonated(
        time_donation_id=ID, community=THERE, volunteer_id=DAUGHTER, minutes=30, donation_minutes=45, donated_at=NOW
    )  # fmt: skip
    given(DONATIONS).when(donate).then(donated)
    given(DONATIONS, donated).when(donate).then_refused(GivenAlready)
    given(DONATIONS).when(replace(donate, minutes=0, donation_minutes=0)).then_refused(NothingGiven)
    given(DONATIONS).when(replace(donate, agreed=False)).then_refused(refusals.NotAgreed)
    given(DONATIONS).when(replace(donate, donor=Side(DAUGHTER, THERE, True))).then_refused(AccountIsClosed)
    given(DONATIONS).when(replace(donate, donor=Side(DAUGHTER, None, False))).then_refused(NoSuchVolunteer)


def test_what_was_given_by_mistake_is_taken_back_once_by_another_while_it_is_not_long_ago() -> None:
    mistaken = {"reason": TimeBankCorrectionReason.ENTERED_TWICE, "reversed_by": ANNA, "reversed_at": NOW + DAY}
    back = Reverse(TimeBankCorrectionReason.ENTERED_TWICE, 90 * DAY, ANNA, NOW + DAY)
    gift = given(GIFTS).when(give()).events[0]
    gone = MinutesGiftReversed(
        time_gift_id=ID, community=THERE, giver_id=DAUGHTER, recipient_id=OLD, recipient_community=HERE, minutes=30,
        **mistaken,
    )  # fmt: skip
    donated = MinutesDonated(
        time_donation_id=ID, community=THERE, book=HERE, volunteer_id=DAUGHTER, minutes=30, donation_minutes=45,
        donated_at=NOW,
    )  # fmt: skip
    out = MinutesDonationReversed(
        time_donation_id=ID, community=THERE, book=HERE, volunteer_id=DAUGHTER, minutes=30, donation_minutes=45,
        **mistaken,
    )  # fmt: skip
    for stream, told, reversal in ((GIFTS, gift, gone), (DONATIONS, donated, out)):
        given(stream, told).when(back).then(reversal)
        given(stream, told, reversal).when(back).then_refused(ReversedAlready)
        given(stream, told).when(replace(back, by=DAUGHTER)).then_refused(OwnGift)
        late = replace(back, at=NOW + 91 * DAY)
        given(stream, told).when(late).then_refused(refusals.CorrectionTooFarBack, days=90)


# --- deaths ----------------------------------------------------------------------------------------------------------


def record(**changed: Any) -> deaths.Record:
    plain = deaths.Record(
        death_id=ID, volunteer_id=OLD, community=HERE, died_on=TODAY - DAY, today=TODAY, heirs=(DAUGHTER,),
        relatives=frozenset({DAUGHTER, OTHER}), by=ANNA, at=NOW,
    )  # fmt: skip
    return replace(plain, **changed)


RECORDED = DeathRecorded(
    death_id=ID, community=HERE, volunteer_id=OLD, died_on=TODAY - DAY, heirs=(DAUGHTER,), recorded_by=ANNA,
    recorded_at=NOW,
)  # fmt: skip
WITHDRAWN = DeathWithdrawn(death_id=ID, community=HERE, withdrawn_at=NOW)


def it_is_so(outcome: OnDeathOutcome) -> DeathConfirmed:
    return DeathConfirmed(
        death_id=ID, community=HERE, outcome=outcome, policy_version=3, confirmed_by=BO, confirmed_at=NOW
    )  # fmt: skip


def test_a_death_is_recorded_once_with_heirs_who_are_verified_relatives() -> None:
    given(DEATHS).when(record()).then(RECORDED)
    given(DEATHS, RECORDED).when(record()).then_refused(deaths.DeathAlreadyRecorded, stage="recorded")
    given(DEATHS).when(record(heirs=(DAUGHTER, PROVIDER))).then_refused(refusals.NotVerifiedKin)
    given(DEATHS).when(record(died_on=TODAY + DAY)).then_refused(deaths.DiedInFuture)
    given(DEATHS).when(record(community=None)).then_refused(NoSuchVolunteer)


def test_a_death_is_confirmed_by_another_or_withdrawn_before() -> None:
    confirm = deaths.Confirm(OnDeathOutcome.KIN, 3, BO, NOW)
    given(DEATHS, RECORDED).when(confirm).then(it_is_so(OnDeathOutcome.KIN))
    for own in (ANNA, *RECORDED.heirs):
        given(DEATHS, RECORDED).when(replace(confirm, by=own)).then_refused(deaths.OwnDeathRecord)
    given(DEATHS).when(confirm).then_refused(deaths.DeathNotRecorded)
    given(DEATHS, RECORDED).when(deaths.Withdraw(NOW)).then(WITHDRAWN)
    given(DEATHS, RECORDED, WITHDRAWN).when(confirm).then_refused(deaths.DeathNotRecorded)
    given(DEATHS, RECORDED, WITHDRAWN).when(record()).then(RECORDED)
    confirmed = given(DEATHS, RECORDED, it_is_so(OnDeathOutcome.KIN))
    confirmed.when(confirm).then_refused(deaths.DeathAlreadyConfirmed)
    confirmed.when(deaths.Withdraw(NOW)).then_refused(deaths.DeathAlreadyConfirmed)
    given(DEATHS, RECORDED).when(deaths.Settle(1, 0, (), NOW)).then_refused(deaths.DeathNotConfirmed)


def settled(outcome: OnDeathOutcome, inherited: tuple[InheritedMinutes, ...] = ()) -> EstateSettled:
    return EstateSettled(
        death_id=ID, community=HERE, volunteer_id=OLD, outcome=outcome, policy_version=3, inherited=inherited,
        minutes=100, donation_minutes=7, settled_at=NOW,
    )  # fmt: skip


def test_the_minutes_go_where_the_policy_says_as_often_as_there_are_some() -> None:
    heirs = [deaths.Heir(person, THERE) for person in (DAUGHTER, OTHER, PROVIDER)]
    to_each = tuple(
        InheritedMinutes(volunteer_id=heir.volunteer_id, community=THERE, minutes=minutes)
        for heir, minutes in zip(heirs, (34, 33, 33), strict=True)
    )
    to_kin = given(DEATHS, RECORDED, it_is_so(OnDeathOutcome.KIN))
    to_kin.when(deaths.Settle(100, 7, heirs, NOW)).then(settled(OnDeathOutcome.KIN, to_each))
    to_kin.when(deaths.Settle(100, 7, (), NOW)).then(settled(OnDeathOutcome.POOL))
    to_kin.when(deaths.Settle(0, 0, heirs, NOW)).then_nothing()
    for outcome in (OnDeathOutcome.POOL, OnDeathOutcome.LAPSE):
        said = given(DEATHS, RECORDED, it_is_so(outcome), settled(outcome))
        said.when(deaths.Settle(100, 7, heirs, NOW)).then(settled(outcome))


def test_what_is_missing_afterwards_the_community_makes_up_for_and_gets_back_before_anybody_inherits() -> None:
    def made_good(minutes: int, donation_minutes: int = 0) -> EstateMadeGood:
        return EstateMadeGood(
            death_id=ID, community=HERE, volunteer_id=OLD, minutes=minutes, donation_minutes=donation_minutes,
            made_good_at=NOW,
        )  # fmt: skip

    gone = given(DEATHS, RECORDED, it_is_so(OnDeathOutcome.POOL), settled(OnDeathOutcome.POOL))
    gone.when(deaths.Settle(-20, -3, (), NOW)).then(made_good(20, 3))
    even = given(DEATHS, RECORDED, it_is_so(OnDeathOutcome.POOL), settled(OnDeathOutcome.POOL), made_good(20, 3))
    even.when(deaths.Settle(0, 0, (), NOW)).then_nothing()
    even.when(deaths.Settle(-5, 2, (), NOW)).then(made_good(5, -2))
    even.when(deaths.Settle(12, 0, (), NOW)).then(made_good(-12))
    even.when(deaths.Settle(120, 10, (), NOW)).then(made_good(-20, -3), settled(OnDeathOutcome.POOL))
    back = given(DEATHS, RECORDED, it_is_so(OnDeathOutcome.POOL), made_good(20), made_good(-20))
    back.when(deaths.Settle(100, 7, (), NOW)).then(settled(OnDeathOutcome.POOL))


@always(st.integers(0, 10_000), st.integers(1, 20))
def test_shares_are_even_and_nothing_is_lost(minutes: int, count: int) -> None:
    parts = deaths.shares(minutes, [deaths.Heir(uuid.uuid4(), HERE) for _ in range(count)])
    amounts = [part.minutes for part in parts]
    assert sum(amounts) == minutes
    assert not amounts or max(amounts) - min(amounts) <= 1


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("clause", sorted(TIME_BANK_SPENT | REVERSED))
def test_every_line_of_the_time_bank_has_words_for_both_sides(clause: Clause, language: str) -> None:
    texts = Texts([ROOT / "services" / "points" / "locales"])
    name = clause.name.lower()
    assert f"clause.{name}" in texts.codes(language)
    for form in ("given", "gained"):
        params = {"day": "2026-03-01", "amount": 60, "unit": "U", "service": "S"}
        params |= {"before": 150, "after": 90, "corrected_on": "2026-03-02", "because": ""}
        said = texts.get(language, f"explain.{name}.{form}", params)
        assert "60" in said
        assert "{" not in said


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_of_service_and_every_reason_has_a_word(language: str) -> None:
    known = Texts([ROOT / "services" / "points" / "locales"]).codes(language)
    assert {f"time_service.{service}" for service in TimeService} <= known
    assert {f"minutes_because.{reason}" for reason in TimeBankCorrectionReason} <= known
    assert {f"explain.because.{clause.name.lower()}" for clause in REVERSED} <= known
