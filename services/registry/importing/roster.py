"""A community's register of volunteers (志愿者名册): rows of a sheet into people that can be registered."""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from services.registry.importing.cells import (
    Cell,
    CellProblem,
    is_blank,
    narrow,
    text_of,
    tidy,
    without_spaces,
)
from services.registry.importing.dates import read_date
from services.registry.importing.identity import read_identity, read_kind
from services.registry.importing.layouts import ROSTER_LAYOUT
from services.registry.importing.phone import read_phone
from services.registry.importing.reading import RowReading
from services.registry.importing.reasons import RowProblem
from services.registry.importing.sheet import Sheet, SheetRow, read_sheet
from services.registry.volunteers.model import AGE_OF_MAJORITY, AGE_OWN_LABOUR, AGE_SEPARATE_CONSENT, age_on
from shared.identity_documents import Document

_NAME_LENGTH_MAX = 50
_TEXT_LENGTH_MAX = 200
_TEAM_NAME_LENGTH_MAX = 60
_TEAMS_MAX = 20


class PoliticalStatus(StrEnum):
    """政治面貌, after GB/T 4762 with the eight democratic parties as one."""

    PARTY_MEMBER = "party_member"
    """中共党员"""
    PROBATIONARY_PARTY_MEMBER = "probationary_party_member"
    """中共预备党员"""
    YOUTH_LEAGUE_MEMBER = "youth_league_member"
    """共青团员"""
    DEMOCRATIC_PARTY_MEMBER = "democratic_party_member"
    """民主党派成员"""
    NON_PARTISAN = "non_partisan"
    """无党派人士"""
    MASSES = "masses"
    """群众"""
    NOT_STATED = "not_stated"
    """The cell is empty. Never guessed."""

    @property
    def counts_as_party_member(self) -> bool:
        """Members and probationary members: the latter have the same duties (党章 art. 7) and report in as well."""
        return self in (PoliticalStatus.PARTY_MEMBER, PoliticalStatus.PROBATIONARY_PARTY_MEMBER)


_STATUS_NAMES = {
    PoliticalStatus.PARTY_MEMBER: (
        "中共党员 党员 共产党员 中国共产党党员 中共正式党员 正式党员 在职党员 退休党员 离退休党员 流动党员 中共"
    ),
    PoliticalStatus.PROBATIONARY_PARTY_MEMBER: "预备党员 中共预备党员 中国共产党预备党员",
    PoliticalStatus.YOUTH_LEAGUE_MEMBER: "共青团员 团员 中国共青团员 共青团 中国共产主义青年团团员",
    PoliticalStatus.DEMOCRATIC_PARTY_MEMBER: (
        "民主党派 民主党派成员 民革 民革党员 民革会员 民盟 民盟盟员 民建 民建会员 民进 民进会员 "
        "农工党 农工党员 农工党党员 致公党 致公党员 致公党党员 九三 九三学社 九三学社社员 台盟 "
        "台盟盟员"
    ),
    PoliticalStatus.NON_PARTISAN: "无党派 无党派人士 无党派民主人士",
    PoliticalStatus.MASSES: "群众 普通群众 一般群众 普通公民 普通居民",
}
_STATUS_BY_NAME = {name: status for status, names in _STATUS_NAMES.items() for name in names.split()}
_YES = frozenset([*"是有√✓✔☑y1", "同意", "已同意", "已签", "已签字", "已签署", "已签订", "yes", "true"])
_NO = frozenset([*"否无×✗✘xn0/", "没有", "不同意", "未签", "未同意", "未签字", "no", "false"])
_MONTH = re.compile(r"[0-9]{4}[年./-][0-9]{1,2}月?")
_MIDDLE_DOTS = str.maketrans("•・.‧∙●", "······")
_FOOTNOTE = re.compile(r"(备注|附注|注:|说明|填表|制表|审核|合计|总计|共计|小计|单位负责人|联系人)")
_EXAMPLES = ("示例", "样例", "范例", "例:", "例如")
_LONG_NUMBER = re.compile(r"[0-9]{5}")
_TEAM_ENDINGS = ("队", "班", "社", "组", "团", "站", "之家", "课堂", "会", "岗")


class Eligibility(StrEnum):
    """On what ground a person may register (志愿服务记录与注册: 18+, or younger on conditions)."""

    ADULT = "adult"
    OWN_LABOUR = "own_labour"
    """16 or 17, living on own labour (民法典 art. 18)."""
    GUARDIAN_CONSENT = "guardian_consent"
    """14 to 17, with a guardian's consent."""


@dataclass(frozen=True, slots=True)
class RosterRow:
    """A person as the register lists them, checked. The ``repr`` shows nothing that names the person."""

    row_number: int
    name: str = field(repr=False)
    document: Document
    phone: str | None = field(repr=False)
    """11 digits or area-number; None for people without a telephone."""
    political_status: PoliticalStatus = field(repr=False)
    work_unit: str | None = field(repr=False)
    teams: tuple[str, ...]
    skills: tuple[str, ...]
    registered_on: date | None
    """None where the list does not say."""
    eligibility: Eligibility

    @property
    def party_member(self) -> bool:
        """Whether the person counts as a party member."""
        return self.political_status.counts_as_party_member


@dataclass(frozen=True, slots=True)
class Roster:
    """What came out of a register: who can be registered, and what is wrong with the other rows."""

    rows: tuple[RosterRow, ...]
    problems: tuple[RowProblem, ...]
    """Several for one row where several things are wrong, so that all can be put right at once."""
    skipped_rows: tuple[int, ...]
    """Rows that are no people: footnotes, the form's example, rows with nothing but a running number."""

    @property
    def bad_rows(self) -> tuple[int, ...]:
        """Numbers of the rows that were not taken."""
        return tuple(sorted({problem.row_number for problem in self.problems}))

    @property
    def team_names(self) -> tuple[str, ...]:
        """All teams named by the good rows, sorted."""
        return tuple(sorted({team for row in self.rows for team in row.teams}))


def read_roster(content: bytes, today: date) -> tuple[Sheet, Roster]:
    """The register in a file, with the sheet it was read from (for the file to hand back).

    Raises SheetRefused where the file as a whole cannot be read; ``today`` decides ages.
    """
    sheet = read_sheet(content, ROSTER_LAYOUT)
    return sheet, parse_roster(sheet, today)


def parse_roster(sheet: Sheet, today: date) -> Roster:
    """Every row: as a person, as problems, or skipped. Never raises for what stands in a cell."""
    rows: list[RosterRow] = []
    problems: list[RowProblem] = []
    skipped: list[int] = []
    first_by_key: dict[str, RosterRow] = {}
    for row in sheet.rows:
        if _is_no_person(sheet, row):
            skipped.append(row.number)
            continue
        reading = RowReading(sheet, row, ROSTER_LAYOUT)
        person = _read_person(reading, today)
        if person is not None and (first := first_by_key.get(person.document.key)) is not None:
            same = first.name == person.name
            code = "duplicate_person" if same else "duplicate_person_other_name"
            reading.refuse("id_number", CellProblem(code, row=first.row_number))
        elif person is not None:
            first_by_key[person.document.key] = person
            rows.append(person)
        problems.extend(reading.problems)
    return Roster(tuple(rows), tuple(problems), tuple(skipped))


def _read_person(reading: RowReading, today: date) -> RosterRow | None:
    name = reading.read("name", read_name)
    document = _read_document(reading, today)
    phone = reading.read("phone", read_phone)
    status = reading.read("political_status", read_political_status)
    work_unit = reading.read("work_unit", _read_work_unit)
    teams = _read_teams(reading)
    skills = reading.listed("skills")
    if sum(len(skill) for skill in skills) > _TEXT_LENGTH_MAX:
        reading.refuse("skills", CellProblem("text_too_long", limit=_TEXT_LENGTH_MAX))
    registered_on = reading.read("registered_on", lambda cell: _read_registration(cell, document, today))
    eligibility = _eligibility(reading, document, today) if document else None
    if reading.problems or name is None or document is None or status is None or eligibility is None:
        return None
    return RosterRow(
        row_number=reading.row.number,
        name=name,
        document=document,
        phone=phone,
        political_status=status,
        work_unit=work_unit,
        teams=teams,
        skills=skills,
        registered_on=registered_on,
        eligibility=eligibility,
    )


def read_name(cell: Cell) -> str:
    """A person's name: inner spaces of Chinese names closed, one kind of middle dot.

    Characters from the private use area pass: older systems keep rare characters of names there.
    Raises CellProblem ``name_missing`` or ``name_invalid``.
    """
    text = tidy(cell).translate(_MIDDLE_DOTS)
    if not text:
        raise CellProblem("name_missing")
    if not text.isascii():
        text = text.replace(" ", "")
    letters = [character for character in text if character not in "·.-' "]
    proper = all(
        unicodedata.category(character)[0] in "LM" or "\ue000" <= character <= "\uf8ff" for character in letters
    )
    if not letters or not proper or len(text) > _NAME_LENGTH_MAX:
        raise CellProblem("name_invalid")
    return text


def read_political_status(cell: Cell) -> PoliticalStatus:
    """政治面貌 under any of its names. Raises CellProblem ``political_status_unknown``."""
    text = re.sub(r"[()]", "", without_spaces(cell))
    if not text:
        return PoliticalStatus.NOT_STATED
    if text not in _STATUS_BY_NAME:
        raise CellProblem("political_status_unknown")
    return _STATUS_BY_NAME[text]


def read_answer(cell: Cell) -> bool:
    """是 or 否 in any of their forms; empty means no. Raises CellProblem ``answer_unreadable``."""
    text = without_spaces(cell).lower()
    if text in _YES:
        return True
    if not text or text in _NO:
        return False
    raise CellProblem("answer_unreadable")


def _read_document(reading: RowReading, today: date) -> Document | None:
    """The document; a birth date beside it is read only where the number tells none."""
    so_far = len(reading.problems)
    kind = reading.read("id_kind", read_kind)
    if len(reading.problems) > so_far:
        return None  # by the rules of which kind, nobody knows
    cell = reading.sheet.value(reading.row, "id_number")
    try:
        return read_identity(cell, today, kind)
    except CellProblem as problem:
        if problem.code != "born_on_missing":
            reading.refuse("id_number", problem)
            return None
    born_on = reading.read("born_on", _read_birth_date)
    if born_on is None:
        return None
    return reading.read("born_on", lambda _: read_identity(cell, today, kind, born_on))


def _read_birth_date(cell: Cell) -> date:
    if is_blank(cell):
        raise CellProblem("born_on_missing")
    if _MONTH.fullmatch(without_spaces(cell)):
        raise CellProblem("date_unreadable")  # elsewhere a month is its first day; nobody is born "in December"
    return read_date(cell)


def _read_work_unit(cell: Cell) -> str | None:
    text = tidy(cell)
    if len(text) > _TEXT_LENGTH_MAX:
        raise CellProblem("text_too_long", limit=_TEXT_LENGTH_MAX)
    return text or None


def _read_teams(reading: RowReading) -> tuple[str, ...]:
    names: list[str] = []
    for item in reading.listed("teams"):
        words = item.split()
        # A space separates teams only where each part is one; otherwise it strayed into a name.
        apart = len(words) > 1 and all(len(word) > 2 and word.endswith(_TEAM_ENDINGS) for word in words)
        names.extend(words if apart else ["".join(words)])
    teams = tuple(dict.fromkeys(names))
    if any(_LONG_NUMBER.search(team) for team in teams):
        # Names of teams are told to everybody; a telephone in the wrong column is not.
        reading.refuse("teams", CellProblem("team_name_invalid"))
    if len(teams) > _TEAMS_MAX:
        reading.refuse("teams", CellProblem("too_many_teams", limit=_TEAMS_MAX))
    if any(len(team) > _TEAM_NAME_LENGTH_MAX for team in teams):
        reading.refuse("teams", CellProblem("text_too_long", limit=_TEAM_NAME_LENGTH_MAX))
    return teams


def _read_registration(cell: Cell, document: Document | None, today: date) -> date | None:
    if cell is None:
        return None
    day = read_date(cell)
    if day > today:
        raise CellProblem("date_in_future")
    if document is not None and day < document.born_on:
        raise CellProblem("date_before_birth")
    return day


def _eligibility(reading: RowReading, document: Document, today: date) -> Eligibility | None:
    age = age_on(today, document.born_on)
    if age >= AGE_OF_MAJORITY:
        return Eligibility.ADULT
    if age < AGE_SEPARATE_CONSENT:
        reading.refuse("id_number", CellProblem("under_14"))
        return None
    if age >= AGE_OWN_LABOUR and reading.read("own_labour", read_answer):
        return Eligibility.OWN_LABOUR
    consent = reading.read("guardian_consent", read_answer)
    if consent is False:
        reading.refuse("guardian_consent", CellProblem("guardian_consent_missing"))
    return Eligibility.GUARDIAN_CONSENT if consent else None


def _is_no_person(sheet: Sheet, row: SheetRow) -> bool:
    filled = {known.field for known in ROSTER_LAYOUT.columns if sheet.values(row, known.field)}
    if not filled:
        return True
    texts = [narrow(text_of(cell)).strip("([【* \n") for cell in row.cells if not is_blank(cell)]
    if texts[0].startswith(_EXAMPLES) or any(text.rstrip(")]】:") in _EXAMPLES for text in texts):
        return True
    # Somebody whose numbers are all missing is still a person with problems; a remark is short of everything.
    # A line that begins as one may go on with the telephone of whoever filled in the form.
    short = len(filled) <= 2 and "phone" not in filled
    return "id_number" not in filled and any(map(_FOOTNOTE.match, texts if short else texts[:1]))
