"""Certificates: every rule, refusals included; numbers, codes and what the public may see."""

import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

import services.points
from services.points.certificates.document import document_data
from services.points.certificates.identity import masked_name
from services.points.certificates.model import (
    EndPublicity,
    Issue,
    LookAtGround,
    Object,
    SettleObjection,
    Stage,
    Void,
)
from services.points.certificates.numbers import year_and_running_number
from services.points.certificates.page import verification
from services.points.certificates.refusals import (
    CertificateEnded,
    CertificateNotObjected,
    CertificateNotPublic,
    CertificateOverlaps,
    CertificatePeriodInverted,
    CertificatePeriodNotOver,
    CertificatePersonForgotten,
    CertificateWithoutService,
    OwnObjection,
)
from services.points.certificates.views import CERTIFICATES
from services.points.grounds.reminding import Remind
from services.points.papers import Paper, address_of, check_code, code_is_right, qr_code
from shared.contracts.honours import (
    CertificateFlagged,
    CertificateFlagLifted,
    CertificateIssued,
    CertificateObjected,
    CertificateObjection,
    CertificateObjectionDismissed,
    CertificateOverlapReason,
    CertificateRefused,
    CertificateTookEffect,
    CertificateUndecided,
    CertificateVoided,
    CertificateVoidReason,
    CertifiedService,
    CorrectingEvent,
)
from shared.privacy import Vault
from shared.web.limits import RateLimit, TooManyRequests
from shared.web.problems import Texts
from tests.specification import given

COMMUNITY = "620201001004"
ID, PERSON, CLERK, COLLEAGUE = (uuid.uuid4() for _ in range(4))
DAY, LAST, AFTER = date(2026, 3, 20), date(2026, 3, 26), date(2026, 3, 27)
SERVICES = (CertifiedService(kind="activity.care", minutes=600), CertifiedService(kind=None, minutes=30))


def issue(**changed: Any) -> Issue:
    plain = {
        "certificate_id": ID, "community": COMMUNITY, "volunteer_id": PERSON, "number": f"{COMMUNITY}-2026-00001",
        "since": date(2025, 1, 1), "until": DAY, "services": SERVICES, "publicity_days": 7, "policy_version": 1,
        "forgotten": False, "day": DAY,
    }  # fmt: skip
    return Issue(**{**plain, **changed})


def issued(days: int = 7, until: date = LAST) -> CertificateIssued:
    return CertificateIssued(
        certificate_id=ID, community=COMMUNITY, volunteer_id=PERSON, certificate_number=f"{COMMUNITY}-2026-00001",
        since=date(2025, 1, 1), until=DAY, minutes=630, services=SERVICES, publicity_days=days, policy_version=1,
        issued_on=DAY, public_until=until,
    )  # fmt: skip


def look(care: int, unknown: int, *causes: CorrectingEvent, counted: int | None = None) -> LookAtGround:
    told = {"activity.care": care, None: unknown}
    return LookAtGround(sum(told.values()) if counted is None else counted, told, AFTER, causes)


HOURS, MISTAKE = CertificateObjection.HOURS_WRONG, CertificateVoidReason.ISSUED_BY_MISTAKE
WHOSE: dict[str, Any] = {"certificate_id": ID, "community": COMMUNITY}
OBJECTED = CertificateObjected(**WHOSE, reason=HOURS, objected_on=LAST, objected_by=CLERK)
SETTLED = CertificateTookEffect(**WHOSE, effective_on=AFTER, settled_by=COLLEAGUE)
EFFECTIVE = CertificateTookEffect(**WHOSE, effective_on=AFTER)
DISMISSED = CertificateObjectionDismissed(**WHOSE, dismissed_on=LAST, settled_by=COLLEAGUE)
REFUSED = CertificateRefused(**WHOSE, reason=HOURS, refused_on=AFTER, settled_by=COLLEAGUE)
FLAGGED = CertificateFlagged(
    **WHOSE,
    minutes_before=630,
    minutes=629,
    flagged_on=AFTER,
    short_of=(CertifiedService(kind=None, minutes=29),),
)
CAUSE = CorrectingEvent(
    event_id=uuid.uuid4(), type="liuling.registry.AttendanceCorrected.v1", told_at=datetime(2026, 3, 26, tzinfo=UTC),
    taken_minutes=10,
)  # fmt: skip
OTHER = CAUSE.model_copy(update={"event_id": uuid.uuid4()})
VOIDED = CertificateVoided(**WHOSE, reason=MISTAKE, voided_on=AFTER)


def test_a_certificate_is_public_for_the_days_of_the_policy() -> None:
    given(CERTIFICATES).when(issue()).then(issued())
    given(CERTIFICATES, issued()).when(EndPublicity(LAST)).then_nothing()
    given(CERTIFICATES, issued()).when(EndPublicity(AFTER)).then(EFFECTIVE)
    given(CERTIFICATES, issued(), EFFECTIVE).when(EndPublicity(AFTER)).then_nothing()


def test_without_publicity_it_takes_effect_at_once() -> None:
    at_once = CertificateTookEffect(**WHOSE, effective_on=DAY)
    given(CERTIFICATES).when(issue(publicity_days=0)).then(issued(0, DAY), at_once)


def test_nothing_is_certified_without_service_for_a_wrong_period_or_for_a_forgotten_person() -> None:
    given(CERTIFICATES).when(issue(services=())).then_refused(CertificateWithoutService)
    given(CERTIFICATES).when(issue(since=AFTER, until=DAY)).then_refused(CertificatePeriodInverted)
    given(CERTIFICATES).when(issue(until=AFTER)).then_refused(CertificatePeriodNotOver, latest="2026-03-20")
    given(CERTIFICATES).when(issue(forgotten=True)).then_refused(CertificatePersonForgotten)


def test_a_second_certificate_about_the_same_days_says_why() -> None:
    other, why = f"{COMMUNITY}-2025-00007", CertificateOverlapReason.ANOTHER_USE
    given(CERTIFICATES).when(issue(overlaps=other)).then_refused(CertificateOverlaps, number=other)
    both = issued().model_copy(update={"overlaps": other, "overlap_reason": why})
    given(CERTIFICATES).when(issue(overlaps=other, overlap_reason=why)).then(both)
    given(CERTIFICATES).when(issue(overlap_reason=why)).then(issued())


def test_an_objection_in_publicity_holds_it_up_until_it_is_settled() -> None:
    given(CERTIFICATES, issued()).when(Object(HOURS, LAST, CLERK)).then(OBJECTED)
    given(CERTIFICATES, issued()).when(Object(HOURS, AFTER, CLERK)).then_refused(CertificateNotPublic)
    given(CERTIFICATES, issued(), OBJECTED).when(Object(HOURS, LAST, CLERK)).then_refused(CertificateNotPublic)
    given(CERTIFICATES, issued(), OBJECTED).when(EndPublicity(AFTER)).then_nothing()
    given(CERTIFICATES, issued(), OBJECTED).when(SettleObjection(True, AFTER, COLLEAGUE)).then(REFUSED)
    given(CERTIFICATES, issued(), OBJECTED).when(SettleObjection(False, AFTER, COLLEAGUE)).then(SETTLED)
    given(CERTIFICATES, issued(), OBJECTED).when(SettleObjection(False, LAST, COLLEAGUE)).then(DISMISSED)
    given(CERTIFICATES, issued()).when(SettleObjection(False, AFTER, COLLEAGUE)).then_refused(CertificateNotObjected)


@pytest.mark.parametrize("by", [CLERK, PERSON])
def test_nobody_settles_their_own_objection_or_about_their_own_certificate(by: uuid.UUID) -> None:
    for upheld in (True, False):
        given(CERTIFICATES, issued(), OBJECTED).when(SettleObjection(upheld, LAST, by)).then_refused(OwnObjection)


def test_what_was_objected_to_before_that_was_told_by_whom_is_settled_by_anybody() -> None:
    nobody = OBJECTED.model_copy(update={"objected_by": None})
    given(CERTIFICATES, issued(), nobody).when(SettleObjection(False, LAST, CLERK)).then(
        DISMISSED.model_copy(update={"settled_by": CLERK})
    )


def test_after_an_objection_without_ground_publicity_goes_on_to_its_last_day() -> None:
    again = given(CERTIFICATES, issued(), OBJECTED, DISMISSED)
    again.when(Object(HOURS, LAST, CLERK)).then(OBJECTED)
    again.when(EndPublicity(LAST)).then_nothing()
    again.when(EndPublicity(AFTER)).then(EFFECTIVE)
    again.when(SettleObjection(False, LAST, COLLEAGUE)).then_refused(CertificateNotObjected)


def test_it_is_flagged_once_when_its_ground_goes_and_lifted_when_it_comes_back() -> None:
    for before in ((issued(),), (issued(), EFFECTIVE), (issued(), OBJECTED)):
        given(CERTIFICATES, *before).when(look(600, 29)).then(FLAGGED)
        given(CERTIFICATES, *before).when(look(600, 30)).then_nothing()
        given(CERTIFICATES, *before, FLAGGED).when(look(1, 0)).then_nothing()
        lifted = CertificateFlagLifted(**WHOSE, minutes=631, lifted_on=AFTER)
        given(CERTIFICATES, *before, FLAGGED).when(look(600, 31)).then(lifted)
    for end in (REFUSED, VOIDED):
        given(CERTIFICATES, issued(), end).when(look(0, 0)).then_nothing()


def test_other_service_does_not_stand_in_for_what_is_certified() -> None:
    short = (CertifiedService(kind="activity.care", minutes=599),)
    other = FLAGGED.model_copy(update={"minutes": 700, "short_of": short})
    given(CERTIFICATES, issued()).when(look(599, 101)).then(other)
    given(CERTIFICATES, issued(), other).when(look(599, 999)).then_nothing()
    capped = FLAGGED.model_copy(update={"short_of": None})
    given(CERTIFICATES, issued()).when(look(600, 30, counted=629)).then(capped)


def test_it_is_flagged_anew_when_other_events_are_the_cause() -> None:
    first, both = (FLAGGED.model_copy(update={"corrected_by": causes}) for causes in ((CAUSE,), (CAUSE, OTHER)))
    given(CERTIFICATES, issued()).when(look(600, 29, CAUSE)).then(first)
    given(CERTIFICATES, issued(), first).when(look(600, 29, CAUSE)).then_nothing()
    given(CERTIFICATES, issued(), first).when(look(600, 29, CAUSE, OTHER)).then(both)
    given(CERTIFICATES, issued(), FLAGGED).when(look(600, 29, CAUSE)).then(first)
    given(CERTIFICATES, issued(), first, VOIDED).when(look(600, 29, CAUSE, OTHER)).then_nothing()


def test_the_community_is_reminded_of_a_flag_that_nobody_decides_on() -> None:
    again = AFTER + timedelta(days=14)
    first = CertificateUndecided(
        **WHOSE, waits_since=AFTER, reminder=1, remind_on=again + timedelta(days=7), reminded_on=again
    )
    for before in ((issued(),), (issued(), EFFECTIVE), (issued(), OBJECTED)):
        waits = given(CERTIFICATES, *before, FLAGGED)
        waits.when(Remind(14, again - timedelta(days=1))).then_nothing()
        waits.when(Remind(14, again)).then(first)
    given(CERTIFICATES, issued(), FLAGGED, first).when(Remind(14, again)).then_nothing()
    lifted = CertificateFlagLifted(**WHOSE, minutes=631, lifted_on=AFTER)
    for decided in ((), (FLAGGED, lifted), (FLAGGED, VOIDED), (FLAGGED, REFUSED)):
        given(CERTIFICATES, issued(), *decided).when(Remind(14, again)).then_nothing()


def test_what_is_flagged_does_not_take_effect() -> None:
    given(CERTIFICATES, issued(), FLAGGED).when(EndPublicity(AFTER)).then_nothing()
    dismissed = CertificateObjectionDismissed(**WHOSE, dismissed_on=AFTER, settled_by=COLLEAGUE)
    given(CERTIFICATES, issued(), OBJECTED, FLAGGED).when(SettleObjection(False, AFTER, COLLEAGUE)).then(dismissed)


def test_people_void_it_once_in_any_stage() -> None:
    for before in ((issued(),), (issued(), EFFECTIVE), (issued(), OBJECTED), (issued(), EFFECTIVE, FLAGGED)):
        given(CERTIFICATES, *before).when(Void(MISTAKE, AFTER)).then(VOIDED)
        given(CERTIFICATES, *before).when(Void(MISTAKE, AFTER)).then_state(stage=Stage.VOIDED)
    for end in (REFUSED, VOIDED):
        given(CERTIFICATES, issued(), end).when(Void(MISTAKE, AFTER)).then_refused(CertificateEnded)


@given_any(st.text(max_size=40))
def test_only_the_right_code_is_right(code: str) -> None:
    vault, paper, number = Vault(b"k" * 32, bytes(32)), Paper.CERTIFICATE, f"{COMMUNITY}-2026-00001"
    right = check_code(vault, paper, number)
    assert len(right) == 8
    assert code_is_right(vault, paper, number, f" {right.lower()}")
    assert code_is_right(vault, paper, number, code) is (code.strip().upper() == right)
    assert check_code(Vault(b"x" * 32, bytes(32)), paper, number) != right
    assert check_code(vault, paper, f"{COMMUNITY}-2026-00002") != right
    assert check_code(vault, Paper.RECEIPT, number) != right


def test_a_number_has_its_year_and_place_in_it() -> None:
    assert year_and_running_number(f"{COMMUNITY}-2026-00042") == (2026, 42)
    assert year_and_running_number(f"{COMMUNITY}-2026-123456") == (2026, 123456)


@pytest.mark.parametrize(("name", "masked"), [("张三", "张*"), ("欧阳娜娜", "欧***"), ("李", "李*"), (None, None)])
def test_the_public_sees_a_family_name_only(name: str | None, masked: str | None) -> None:
    assert masked_name({} if name is None else {"name": name}) == masked


def test_the_page_shows_what_it_is_given_as_text() -> None:
    class Row:
        stage, flagged, number, minutes, community = "effective", False, "1", 630, COMMUNITY
        since = until = issued_on = public_until = DAY
        ended_on = None

    page = verification(Row, {"name": "<b>张", "issuer": "<script>alert(1)</script>"}, COMMUNITY)
    assert "<script" not in page
    assert "有效" in page
    assert "祁连社区 &lt;1&gt;" in verification(Row, {}, "祁连社区 <1>"), "whose issuer was erased"
    Row.flagged = True
    assert "复核中" in verification(Row, {}, COMMUNITY)
    Row.stage = "voided"
    assert "VOID" in verification(Row, {}, COMMUNITY)


def test_a_code_leads_to_the_page() -> None:
    address = address_of("https://points.example/", Paper.CERTIFICATE, "1-2", "AB&C")
    assert address == "https://points.example/verify/1-2?code=AB%26C"
    assert qr_code(address).lstrip().startswith("<")


def test_strangers_ask_a_bounded_number_of_times_a_minute() -> None:
    now = [0.0]
    limit = RateLimit(from_one_max=2, altogether_max=3, addresses_max=2, monotonic=lambda: now[0])
    for address in ("a", "a", "b"):
        limit.take(address)
    for address in ("a", "b", "c"):
        with pytest.raises(TooManyRequests):
            limit.take(address)
    now[0] = 60.0
    for address in ("a", "b", "c"):
        limit.take(address)
    assert len(limit._by_address) == 2


@pytest.mark.parametrize(("told", "printed"), [("hk_macao_permit", "港澳居民来往内地通行证"), ("军官证", "军官证")])
def test_the_paper_names_the_kind_of_document_and_prints_no_code(told: str, printed: str) -> None:
    class Row:
        stage, flagged, number, minutes, services, publicity_days = "effective", False, "1", 630, (), 0
        since = until = issued_on = public_until = DAY

    signed = dict.fromkeys(("name", "id_number", "issuer", "responsible_person", "handler", "contact"), "x")
    texts = Texts([Path(services.points.__file__).parent / "locales"])
    assert document_data(Row, {**signed, "id_kind": told}, None, "https://x", "y", texts)["id_kind"] == printed
