"""Numbers of identity documents: each kind by its own rules, each person under one key."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.identity_documents import (
    DocumentKind,
    NumberWrong,
    all_reasons,
    check_character,
    icao_check_digit,
    keys_to_find,
    masked,
    read_document,
    read_number,
    reason,
)

TODAY = date(2026, 3, 20)
BORN = date(1990, 12, 31)


def wrong(text: str, kind: DocumentKind | None = None, born_on: date | None = None) -> str:
    with pytest.raises(NumberWrong) as caught:
        read_document(text, TODAY, kind, born_on)
    assert text.strip() == "" or text not in str(caught.value)
    assert all(reason(caught.value.code))
    return caught.value.code


def eighteen(area: str, born: str = "19901231", sequence: str = "001") -> str:
    return area + born + sequence + check_character(area + born + sequence)


@pytest.mark.parametrize(
    ("area", "kind"),
    [
        ("620201", DocumentKind.RESIDENT_ID),
        ("810000", DocumentKind.RESIDENCE_PERMIT),
        ("820000", DocumentKind.RESIDENCE_PERMIT),
        ("830000", DocumentKind.RESIDENCE_PERMIT),
        ("911840", DocumentKind.PERMANENT_RESIDENT),
    ],
)
def test_eighteen_digits_say_themselves_what_they_are(area: str, kind: DocumentKind) -> None:
    number = eighteen(area)
    for named in (None, DocumentKind.RESIDENT_ID, DocumentKind.RESIDENCE_PERMIT, DocumentKind.PERMANENT_RESIDENT):
        read = read_document(number, TODAY, named)
        assert (read.kind, read.number, read.born_on, read.key) == (kind, number, BORN, number)


@pytest.mark.parametrize("area", ["840000", "810101", "000000", "990156", "911000"])
def test_an_area_that_does_not_exist_is_refused(area: str) -> None:
    assert wrong(eighteen(area)) == "id_number_area"


@pytest.mark.parametrize(
    ("kind", "spellings", "key"),
    [
        (
            DocumentKind.HK_MACAO_PERMIT,
            ["H12345678", "h12345678", "H1234567800", " H1234567802 ", "Ｈ１２３４５６７８"],
            "hk_macao_permit:H12345678",
        ),
        (DocumentKind.HK_MACAO_PERMIT, ["M00000001", "M0000000199"], "hk_macao_permit:M00000001"),
        (
            DocumentKind.TAIWAN_PERMIT,
            ["01234567", "0123456701", "0123456701(B)", "0123456701（Ｂ）"],
            "taiwan_permit:01234567",
        ),
        (DocumentKind.PASSPORT, ["E12345678", "e 1234 5678", "E-12345678"], "passport:E12345678"),
    ],
)
def test_whoever_renews_a_permit_is_found_under_the_same_number(
    kind: DocumentKind, spellings: list[str], key: str
) -> None:
    assert {read_document(spelling, TODAY, kind, BORN).key for spelling in spellings} == {key}


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("A12345678", DocumentKind.HK_MACAO_PERMIT, "hk_macao_permit_form"),
        ("H1234567", DocumentKind.HK_MACAO_PERMIT, "hk_macao_permit_form"),
        ("H123456789", DocumentKind.HK_MACAO_PERMIT, "hk_macao_permit_form"),
        ("1234567", DocumentKind.TAIWAN_PERMIT, "taiwan_permit_form"),
        ("12345678A", DocumentKind.TAIWAN_PERMIT, "taiwan_permit_form"),
        ("ZHANG", DocumentKind.PASSPORT, "passport_form"),
        ("E123456789", DocumentKind.PASSPORT, "passport_form"),
        ("E1234_567", DocumentKind.PASSPORT, "passport_form"),
        ("", DocumentKind.PASSPORT, "id_number_missing"),
        ("KAZ11009012310", DocumentKind.PERMANENT_RESIDENT, "permanent_resident_form"),
        ("KAZ110090123106", DocumentKind.PERMANENT_RESIDENT, "permanent_resident_wrong"),
        ("KAZ990090123101", DocumentKind.PERMANENT_RESIDENT, "permanent_resident_wrong"),
        ("H12345678", None, "id_number_length"),
        ("H12345678", DocumentKind.RESIDENT_ID, "id_number_length"),
    ],
)
def test_what_is_no_number_of_the_kind_is_refused(text: str, kind: DocumentKind | None, code: str) -> None:
    assert wrong(text, kind, BORN) == code


def test_an_earlier_card_of_permanent_residents_has_the_check_digit_of_travel_documents() -> None:
    assert icao_check_digit("L898902C3") == "6"  # the specimen of ICAO Doc 9303-4
    read = read_document("kaz110090123105", TODAY, DocumentKind.PERMANENT_RESIDENT)
    assert (read.born_on, read.key) == (BORN, "permanent_resident:KAZ110090123105")
    first = "KAZ11001506301"
    assert read_number(first + icao_check_digit(first), TODAY, DocumentKind.PERMANENT_RESIDENT).born_on == date(
        2015, 6, 30
    )


def test_a_birth_date_is_asked_for_where_the_number_tells_none_and_must_not_differ() -> None:
    assert wrong("E12345678", DocumentKind.PASSPORT) == "born_on_missing"
    assert wrong("E12345678", DocumentKind.PASSPORT, date(2026, 3, 21)) == "born_on_wrong"
    assert wrong("E12345678", DocumentKind.PASSPORT, date(1870, 1, 1)) == "born_on_wrong"
    assert wrong(eighteen("620201"), None, date(1990, 12, 30)) == "born_on_differs"
    assert read_document(eighteen("620201"), TODAY, None, BORN).born_on == BORN
    earlier = "KAZ11002506301"
    earlier += icao_check_digit(earlier)
    kind = DocumentKind.PERMANENT_RESIDENT
    assert read_document(earlier, TODAY, kind).born_on == date(2025, 6, 30)
    assert read_document(earlier, TODAY, kind, date(1925, 6, 30)).born_on == date(1925, 6, 30)
    assert wrong(earlier, kind, date(1925, 6, 29)) == "born_on_differs"


def test_the_same_digits_on_documents_of_two_kinds_are_two_people() -> None:
    keys = keys_to_find("12345678", TODAY)
    assert set(keys) == {"taiwan_permit:12345678", "passport:12345678"}
    assert keys_to_find("12345678", TODAY, DocumentKind.PASSPORT) == ("passport:12345678",)
    with pytest.raises(NumberWrong, match="id_number_length"):
        keys_to_find("1234567890123456", TODAY)


@pytest.mark.parametrize(
    ("number", "shown"),
    [("11010519491231002X", "1101**********002X"), ("H12345678", "H1*****78"), ("E1234", "*****")],
)
def test_a_number_is_masked_for_display_and_hidden_in_logs(number: str, shown: str) -> None:
    assert masked(number) == shown
    assert "E12345678" not in repr(read_document("E12345678", TODAY, DocumentKind.PASSPORT, BORN))


@given(st.text(max_size=30), st.none() | st.sampled_from(DocumentKind))
def test_any_text_is_a_number_or_is_refused_with_a_reason(text: str, kind: DocumentKind | None) -> None:
    try:
        read = read_number(text, TODAY, kind)
    except NumberWrong as refused:
        told = reason(refused.code)
        assert all(told)
        return
    assert read.number.isascii()
    assert read_number(read.number, TODAY, read.kind) == read


def test_both_languages_know_every_reason() -> None:
    assert set(all_reasons("zh")) == set(all_reasons("en"))
