"""Identity documents as they stand in cells."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.registry.importing.cells import CellProblem
from services.registry.importing.identity import read_identity, read_identity_keys, read_kind
from services.registry.volunteers.model import age_on
from shared.identity_documents import DocumentKind
from tests.unit.registry.importing.files import TODAY, id_number

AREAS = st.sampled_from(["110101", "440524", "620201", "620299", "659001", "820000", "911156"])
VALID = st.builds(
    lambda area, born, sequence: id_number(f"{born:%Y%m%d}", sequence, area),
    AREAS,
    st.dates(date(1900, 1, 1), TODAY),
    st.integers(1, 999),
)


def refusal(cell: Any, today: date = TODAY) -> str:
    with pytest.raises(CellProblem) as caught:
        read_identity(cell, today)
    return caught.value.code


@given(VALID)
def test_a_valid_number_comes_back_as_it_is(number: str) -> None:
    read = read_identity(number, TODAY)
    assert read.number == number
    assert f"{read.born_on:%Y%m%d}" == number[6:14]


@given(VALID, st.integers(0, 17), st.sampled_from("0123456789X"))
def test_any_single_wrong_character_is_refused(number: str, place: int, character: str) -> None:
    assume(number[place] != character)
    assert refusal(number[:place] + character + number[place + 1 :]).startswith("id_number_")


@given(VALID, st.integers(0, 16))
def test_two_swapped_neighbours_are_refused(number: str, place: int) -> None:
    assume(number[place] != number[place + 1])
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert refusal(swapped).startswith("id_number_")


@pytest.mark.parametrize(
    "written",
    [
        "11010519491231002X",
        "11010519491231002x",
        " 110105 19491231 002X ",
        "110105-19491231-002X",
        "'11010519491231002X",
        '="11010519491231002X"',
        "11010519491231002\u00d7",
        "11010519491231002\u0425",
        "11010519491231002X".translate({ord(c): chr(ord(c) + 0xFEE0) for c in "0123456789X"}),
        "\u200b11010519491231002X\u3000",
    ],
)
def test_the_example_of_the_standard_is_read_in_every_spelling(written: str) -> None:
    assert read_identity(written, TODAY).number == "11010519491231002X"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (None, "id_number_missing"),
        ("  ", "id_number_missing"),
        ("1101051949123100", "id_number_length"),
        ("110105194912310021234", "id_number_length"),
        ("110105491231002", "id_number_15_digits"),
        ("1101051949123100XX", "id_number_characters"),
        ("无身份证件请见备注栏说明一二三四五", "id_number_length"),
        ("01010519491231002X", "id_number_area"),
        ("99010519491231002X", "id_number_area"),
        ("11000019491231002X", "id_number_area"),
        ("11010519490231002X", "id_number_birth_date"),
        ("11010518491231002X", "id_number_birth_date"),
        ("110105194912310021", "id_number_checksum"),
        ("1.10105E+17", "id_number_damaged_by_spreadsheet"),
        ("6E17", "id_number_damaged_by_spreadsheet"),
        (110105194912310021.0, "id_number_damaged_by_spreadsheet"),
        (12345.0, "id_number_length"),
        (True, "id_number_length"),
        (date(1949, 12, 31), "id_number_length"),
        (timedelta(hours=3), "id_number_length"),
    ],
)
def test_what_is_wrong_is_told_by_its_code(cell: Any, code: str) -> None:
    assert refusal(cell) == code


def test_nobody_is_born_tomorrow() -> None:
    assert refusal(id_number("20251125")) == "id_number_birth_in_future"
    assert read_identity(id_number("20251124"), TODAY).born_on == TODAY


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        (date(2007, 11, 24), date(2025, 11, 24), 18),
        (date(2007, 11, 25), date(2025, 11, 24), 17),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
    ],
)
def test_age_is_counted_in_full_years(born: date, day: date, years: int) -> None:
    assert age_on(day, born) == years


def test_a_number_is_hidden_in_logs() -> None:
    number = read_identity("11010519491231002X", TODAY)
    assert "1949" not in repr(number)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (None, None),
        ("居民身份证", DocumentKind.RESIDENT_ID),
        ("身份证号", DocumentKind.RESIDENT_ID),
        (" 港澳居民来往内地通行证（回乡证）", DocumentKind.HK_MACAO_PERMIT),
        ("臺胞證", None),
        ("台胞证", DocumentKind.TAIWAN_PERMIT),
        ("外国人永久居留身份证", DocumentKind.PERMANENT_RESIDENT),
        ("港澳台居民居住证", DocumentKind.RESIDENCE_PERMIT),
        ("Passport", DocumentKind.PASSPORT),
        ("护照号码", DocumentKind.PASSPORT),
    ],
)
def test_kinds_are_known_by_their_usual_names(written: Any, kind: DocumentKind | None) -> None:
    if written is not None and kind is None:
        with pytest.raises(CellProblem, match="id_kind_unsupported"):
            read_kind(written)
    else:
        assert read_kind(written) is kind


def test_a_number_without_a_kind_is_looked_for_under_every_kind_it_can_be() -> None:
    assert read_identity_keys("11010519491231002X", TODAY) == ("11010519491231002X",)
    assert set(read_identity_keys("H12345678", TODAY)) == {"hk_macao_permit:H12345678", "passport:H12345678"}
    assert read_identity_keys(12345678.0, TODAY, DocumentKind.TAIWAN_PERMIT) == ("taiwan_permit:12345678",)
    with pytest.raises(CellProblem, match="id_number_checksum"):
        read_identity_keys("110105194912310021", TODAY)
