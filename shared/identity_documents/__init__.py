"""Identity documents (身份证件): their kinds, and whether a number can be one's. Pure, and never repeats a number.

Sources: GB 11643-1999 with ISO 7064 MOD 11-2 (18 digits); 国办发〔2018〕81号 on residence permits of people from
Hong Kong, Macao and Taiwan (area codes 810000, 820000, 830000); 国家移民管理局 on the permanent resident's card of 2023
(18 digits that begin with 9; earlier ones have 15 characters: nationality, four digits of area, YYMMDD, a sequence
digit and the check digit of ICAO Doc 9303-3); 公安部, 港澳居民来往内地通行证号码规则 (H or M and eight digits for
life, then two that count the cards); 公安部 on 台胞证 since 2008-09-25 (eight digits for life; earlier, two that count
and the issuer in brackets); ICAO Doc 9303-4 (passports: up to nine letters and digits).
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path

_WORDS: Mapping[str, Mapping[str, str]] = {
    language: json.loads((Path(__file__).parent / f"{language}.json").read_text(encoding="utf-8"))
    for language in ("zh", "en")
}
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = "10X98765432"
# GB/T 2260 provinces.
_PROVINCES = frozenset(
    str(code)
    for codes in ((11, 16), (21, 24), (31, 38), (41, 47), (50, 55), (61, 66), (71, 72))
    for code in range(*codes)
)
_RESIDENCE_AREAS = frozenset({"810000", "820000", "830000"})
_GB_LENGTH = 18
_GB_FORM = re.compile(r"[0-9]{17}[0-9X]")
_EARLIER_RESIDENT = re.compile(r"[A-Z]{3}[0-9]{12}")
_HK_MACAO = re.compile(r"([HM][0-9]{8})(?:[0-9]{2})?")
_TAIWAN = re.compile(r"([0-9]{8})(?:[0-9]{2}(?:\([0-9A-Z]\))?)?")
_PASSPORT = re.compile(r"(?=.*[0-9])[A-Z0-9]{5,9}")
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?E\+?[0-9]{1,2}")
_DASHES = re.compile(r"[-‐‑–—−]")
# What people and input methods write in the place of the X: multiplication signs, Greek and Cyrillic letters.
_LOOKS_LIKE_X = str.maketrans("×✕╳ΧХхχ", "XXXXXXX")
_OLDEST_BIRTH_YEAR = 1880


class DocumentKind(StrEnum):
    """证件类型 the kinds by which somebody is registered."""

    RESIDENT_ID = "resident_id"
    """居民身份证"""
    RESIDENCE_PERMIT = "residence_permit"
    """港澳台居民居住证"""
    PERMANENT_RESIDENT = "permanent_resident"
    """外国人永久居留身份证"""
    HK_MACAO_PERMIT = "hk_macao_permit"
    """港澳居民来往内地通行证"""
    TAIWAN_PERMIT = "taiwan_permit"
    """台湾居民来往大陆通行证"""
    PASSPORT = "passport"
    """护照"""


class NumberWrong(Exception):
    """A number that cannot be right, or a birth date that is missing or differs. Carries the code of the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Numbered:
    """A number that has passed the checks of its kind, in its one form. The ``repr`` hides it."""

    kind: DocumentKind
    number: str = field(repr=False)
    born_on: date | None = field(repr=False)
    """As far as the number tells it."""

    @property
    def key(self) -> str:
        """Under which somebody is found again; the same digits on documents of two kinds are two people's."""
        return key_of(self.kind, self.number)


@dataclass(frozen=True, slots=True)
class Document:
    """A document whose number is checked, and when its holder was born. The ``repr`` hides both."""

    kind: DocumentKind
    number: str = field(repr=False)
    born_on: date = field(repr=False)

    @property
    def key(self) -> str:
        """Under which the holder is found again."""
        return key_of(self.kind, self.number)


def key_of(kind: DocumentKind, number: str) -> str:
    """A number of 18 digits is nobody else's, whatever the kind."""
    return number if len(number) == _GB_LENGTH else f"{kind.value}:{number}"


def reason(code: str) -> tuple[str, str]:
    """Why a number is wrong, in Chinese and in English."""
    return _WORDS["zh"][code], _WORDS["en"][code]


def all_reasons(language: str) -> Mapping[str, str]:
    """The sentences of a language by code."""
    return _WORDS[language]


def masked(number: str) -> str:
    """For display: four characters at each end of a long number, two of a shorter one; of a very short one, stars."""
    shown = 4 if len(number) >= 12 else 2 if len(number) >= 8 else 0
    return number[:shown] + "*" * (len(number) - 2 * shown) + (number[-shown:] if shown else "")


def check_character(first_17: str) -> str:
    """Check character of 17 digits (GB 11643-1999 §4.3)."""
    total = sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True))
    return _CHECK_CHARACTERS[total % 11]


def icao_check_digit(text: str) -> str:
    """Check digit of digits and capital letters (ICAO Doc 9303-3 §4.9): weights 7, 3, 1, modulo 10."""
    return str(sum(int(character, 36) * (7, 3, 1)[place % 3] for place, character in enumerate(text)) % 10)


def read_number(text: str, today: date, kind: DocumentKind | None = None) -> Numbered:
    """A checked number. Without a kind it has to be one of 18 digits, which say themselves what they are.

    Raises `NumberWrong`; the cheapest reason to understand comes first.
    """
    number = _tidied(text)
    if not number:
        raise NumberWrong("id_number_missing")
    if kind is DocumentKind.PERMANENT_RESIDENT and len(number) != _GB_LENGTH:
        return _earlier_resident(number, today)
    by_form = _BY_FORM.get(kind) if kind is not None else None
    if kind is None or by_form is None:
        return _gb11643(number, today)
    form, code = by_form
    match = form.fullmatch(number)
    if match is None:
        raise NumberWrong(code)
    return Numbered(kind, match[form.groups], None)


def read_document(text: str, today: date, kind: DocumentKind | None = None, born_on: date | None = None) -> Document:
    """A checked document. A birth date is needed where the number tells none, and must not differ from one it tells.

    Raises `NumberWrong`.
    """
    numbered = read_number(text, today, kind)
    born = born_on or numbered.born_on
    if born is None:
        raise NumberWrong("born_on_missing")
    if numbered.born_on is not None and born_on not in (None, numbered.born_on):
        # Two digits of the year on earlier cards leave the century to whoever enters it.
        century = len(numbered.number) != _GB_LENGTH and f"{born:%y%m%d}" == f"{numbered.born_on:%y%m%d}"
        if not century:
            raise NumberWrong("born_on_differs")
    if born > today or born.year < _OLDEST_BIRTH_YEAR:
        raise NumberWrong("born_on_wrong")
    return Document(numbered.kind, numbered.number, born)


def keys_to_find(text: str, today: date, kind: DocumentKind | None = None) -> tuple[str, ...]:
    """Under which keys the holder may be registered: several where nobody says the kind and several have such numbers.

    Raises `NumberWrong` where it is a number of none.
    """
    if kind is not None:
        return (read_number(text, today, kind).key,)
    keys = []
    for one in (DocumentKind.RESIDENT_ID, DocumentKind.PERMANENT_RESIDENT, *_BY_FORM):
        try:
            keys.append(read_number(text, today, one).key)
        except NumberWrong:
            continue
    if not keys:
        read_number(text, today)
    return tuple(dict.fromkeys(keys))


def of_number(number: str) -> Document:
    """What 18 digits that were checked before tell of themselves."""
    return Document(_kind(number), number, date(int(number[6:10]), int(number[10:12]), int(number[12:14])))


_BY_FORM: Mapping[DocumentKind, tuple[re.Pattern[str], str]] = {
    DocumentKind.HK_MACAO_PERMIT: (_HK_MACAO, "hk_macao_permit_form"),
    DocumentKind.TAIWAN_PERMIT: (_TAIWAN, "taiwan_permit_form"),
    DocumentKind.PASSPORT: (_PASSPORT, "passport_form"),
}
"""Kinds whose numbers have a form and nothing to check beyond; the group, where there is one, stays for life."""


def _tidied(text: str) -> str:
    """In narrow capitals, without spaces, hyphens and characters of no width."""
    narrow = unicodedata.normalize("NFKC", text).translate(_LOOKS_LIKE_X)
    seen = "".join(character for character in narrow if unicodedata.category(character) != "Cf")
    return _DASHES.sub("", "".join(seen.split())).upper()


def _gb11643(number: str, today: date) -> Numbered:
    if _SCIENTIFIC.fullmatch(number):
        raise NumberWrong("id_number_damaged_by_spreadsheet")
    if len(number) == 15 and number.isascii() and number.isdigit():
        raise NumberWrong("id_number_15_digits")
    if len(number) != _GB_LENGTH:
        raise NumberWrong("id_number_length")
    if not _GB_FORM.fullmatch(number):
        raise NumberWrong("id_number_characters")
    _check_area(number)
    born = _day(number[6:10], number[10:14])
    if born is None or born.year < _OLDEST_BIRTH_YEAR:
        raise NumberWrong("id_number_birth_date")
    if born > today:
        raise NumberWrong("id_number_birth_in_future")
    if check_character(number[:17]) != number[17]:
        raise NumberWrong("id_number_checksum")
    return Numbered(_kind(number), number, born)


def _kind(number: str) -> DocumentKind:
    if number[0] == "9":
        return DocumentKind.PERMANENT_RESIDENT
    return DocumentKind.RESIDENCE_PERMIT if number[:6] in _RESIDENCE_AREAS else DocumentKind.RESIDENT_ID


def _check_area(number: str) -> None:
    if number[:6] in _RESIDENCE_AREAS:
        return
    # Permanent residents' numbers start with 9, the province that received the application, and the nationality.
    province, rest = (number[1:3], number[3:6]) if number[0] == "9" else (number[:2], number[2:6])
    if province not in _PROVINCES or not rest.strip("0"):
        raise NumberWrong("id_number_area")


def _earlier_resident(number: str, today: date) -> Numbered:
    if not _EARLIER_RESIDENT.fullmatch(number):
        raise NumberWrong("permanent_resident_form")
    # The latest that it can be: the cards of 15 characters began in 2004, and few holders are a hundred years old.
    born = next(
        (day for century in ("20", "19") if (day := _day(century + number[7:9], number[9:13])) and day <= today), None
    )
    if born is None or number[3:5] not in _PROVINCES or icao_check_digit(number[:14]) != number[14]:
        raise NumberWrong("permanent_resident_wrong")
    return Numbered(DocumentKind.PERMANENT_RESIDENT, number, born)


def _day(year: str, month_and_day: str) -> date | None:
    try:
        return date(int(year), int(month_and_day[:2]), int(month_and_day[2:]))
    except ValueError:
        return None
