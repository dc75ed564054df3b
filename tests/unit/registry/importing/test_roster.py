"""Registers into people: good rows go in, each bad row says why it does not."""

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.registry.importing.headers import find_header
from services.registry.importing.layouts import ROSTER_LAYOUT
from services.registry.importing.roster import Eligibility, PoliticalStatus, Roster, parse_roster, read_roster
from services.registry.importing.sheet import Sheet, SheetRow
from tests.unit.registry.importing.files import ROSTER_HEADER, TODAY, id_number, person, workbook
from tests.unit.registry.importing.test_cells import ANY_CELL


def read(*rows: list[Any]) -> Roster:
    return read_roster(workbook([ROSTER_HEADER, *rows]), TODAY)[1]


def codes(roster: Roster) -> list[tuple[int, str]]:
    return [(problem.row_number, problem.code) for problem in roster.problems]


def test_a_good_row_becomes_a_person() -> None:
    roster = read(
        person(姓名=" 王 建国 ", 服务队="巾帼志愿服务队、 文体队", 特长="剪纸,书法", 入队时间=date(2015, 4, 1))
    )
    (row,) = roster.rows
    assert (row.row_number, row.name, row.document.number) == (2, "王建国", id_number())
    assert (row.phone, row.work_unit, row.registered_on) == ("15400000001", "长城医院", date(2015, 4, 1))
    assert (row.teams, row.skills) == (("巾帼志愿服务队", "文体队"), ("剪纸", "书法"))
    assert row.political_status is PoliticalStatus.MASSES
    assert row.eligibility is Eligibility.ADULT
    assert roster.problems == ()


@pytest.mark.parametrize(
    ("written", "status"),
    [
        ("中共党员", PoliticalStatus.PARTY_MEMBER),
        ("党 员", PoliticalStatus.PARTY_MEMBER),
        ("中共党员(正式)", None),
        ("党员(中共)", None),
        ("中共(预备)党员", PoliticalStatus.PROBATIONARY_PARTY_MEMBER),
        ("预备党员", PoliticalStatus.PROBATIONARY_PARTY_MEMBER),
        ("团员", PoliticalStatus.YOUTH_LEAGUE_MEMBER),
        ("九三学社", PoliticalStatus.DEMOCRATIC_PARTY_MEMBER),
        ("农工党党员", PoliticalStatus.DEMOCRATIC_PARTY_MEMBER),
        ("无党派人士", PoliticalStatus.NON_PARTISAN),
        ("群众", PoliticalStatus.MASSES),
        (None, PoliticalStatus.NOT_STATED),
        ("先进分子", None),
        (1, None),
    ],
)
def test_political_status_is_known_under_its_names_and_never_guessed(
    written: Any, status: PoliticalStatus | None
) -> None:
    roster = read(person(政治面貌=written))
    if status is None:
        assert codes(roster) == [(2, "political_status_unknown")]
    else:
        assert [row.political_status for row in roster.rows] == [status]


def test_members_and_probationary_members_count_as_party_members() -> None:
    assert {status for status in PoliticalStatus if status.counts_as_party_member} == {
        PoliticalStatus.PARTY_MEMBER,
        PoliticalStatus.PROBATIONARY_PARTY_MEMBER,
    }


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("王 小 二", "王小二"),
        ("阿不都·克里木", "阿不都·克里木"),
        ("阿不都•克里木", "阿不都·克里木"),
        ("John  Smith", "John Smith"),
        ("\u4dae", "\u4dae"),
        ("王\U00020bb7", "王\U00020bb7"),
        ("王\ue863", "王\ue863"),
    ],
)
def test_names_keep_their_characters(name: str, kept: str) -> None:
    assert [row.name for row in read(person(姓名=name)).rows] == [kept]


@pytest.mark.parametrize(
    ("changes", "code", "column"),
    [
        ({"姓名": None}, "name_missing", "姓名"),
        ({"姓名": "王建国2"}, "name_invalid", "姓名"),
        ({"姓名": "=cmd()"}, "name_invalid", "姓名"),
        ({"姓名": "王" * 51}, "name_invalid", "姓名"),
        ({"姓名": "··"}, "name_invalid", "姓名"),
        ({"身份证号": None}, "id_number_missing", "身份证号"),
        ({"身份证号": "620299198001010000"}, "id_number_checksum", "身份证号"),
        ({"身份证号": 620299198001010000}, "id_number_damaged_by_spreadsheet", "身份证号"),
        ({"手机": "154000012"}, "phone_invalid", "手机"),
        ({"手机": 154000012}, "phone_invalid", "手机"),
        ({"入队时间": "去年"}, "date_unreadable", "入队时间"),
        ({"入队时间": 2015.1}, "date_ambiguous", "入队时间"),
        ({"入队时间": "2025-11-25"}, "date_in_future", "入队时间"),
        ({"入队时间": "1979-12-31"}, "date_before_birth", "入队时间"),
        ({"工作单位": "某" * 201}, "text_too_long", "工作单位"),
        ({"特长": "某" * 201}, "text_too_long", "特长"),
        ({"服务队": "队" * 61}, "text_too_long", "服务队"),
        ({"服务队": "、".join(f"{n}队" for n in range(21))}, "too_many_teams", "服务队"),
    ],
)
def test_a_bad_row_is_reported_with_its_number_column_and_reason(
    changes: dict[str, Any], code: str, column: str
) -> None:
    roster = read(person(身份证号=id_number(sequence=14)), person(**changes))
    (problem,) = roster.problems
    assert (problem.row_number, problem.code, problem.column) == (3, code, column)
    assert problem.zh
    assert problem.en
    assert [row.row_number for row in roster.rows] == [2]


def test_everything_wrong_with_a_row_is_told_at_once() -> None:
    assert codes(read(person(姓名=None, 身份证号="123", 手机="1", 政治面貌="?", 入队时间="?"))) == [
        (2, "name_missing"),
        (2, "id_number_length"),
        (2, "phone_invalid"),
        (2, "political_status_unknown"),
        (2, "date_unreadable"),
    ]


@pytest.mark.parametrize(
    ("born", "consent", "own_labour", "outcome"),
    [
        ("20071124", None, None, Eligibility.ADULT),
        ("20071125", None, None, "guardian_consent_missing"),
        ("20071125", "是", None, Eligibility.GUARDIAN_CONSENT),
        ("20071125", "√", None, Eligibility.GUARDIAN_CONSENT),
        ("20071125", "否", "是", Eligibility.OWN_LABOUR),
        ("20091124", None, "是", Eligibility.OWN_LABOUR),
        ("20091125", None, "是", "guardian_consent_missing"),
        ("20111124", "同意", None, Eligibility.GUARDIAN_CONSENT),
        ("20111124", "不同意", None, "guardian_consent_missing"),
        ("20111124", "问问看", None, "answer_unreadable"),
        ("20111125", "同意", None, "under_14"),
    ],
)
def test_the_young_need_consent_and_children_another_procedure(
    born: str, consent: str | None, own_labour: str | None, outcome: Eligibility | str
) -> None:
    roster = read(person(身份证号=id_number(born), 入队时间=None, 监护人同意=consent, 自食其力=own_labour))
    if isinstance(outcome, Eligibility):
        assert [row.eligibility for row in roster.rows] == [outcome]
    else:
        assert codes(roster) == [(2, outcome)]


def test_other_documents_than_identity_cards_need_their_kind_and_a_birth_date() -> None:
    header = [*ROSTER_HEADER, "证件类型", "出生日期"]
    rows = [
        [*person(), "居民身份证", None],
        [*person(身份证号="E12345678"), "护照", "1990-12-31"],
        [*person(身份证号="H1234567801"), "港澳居民来往内地通行证", "1990年12月31日"],
        [*person(身份证号="01234567"), "台胞证", date(1990, 12, 31)],
        [*person(身份证号="KAZ110090123105"), "外国人永久居留身份证", None],
        [*person(身份证号=id_number("19901231", area="830000")), "台湾居民居住证", "1990年12月"],
        [*person(身份证号="E12345679"), None, "1990-12-31"],
        [*person(身份证号="E12345679"), "护照", None],
        [*person(身份证号="E12345679"), "护照", "1990年12月"],
        [*person(身份证号="E12345679"), "军官证", "1990-12-31"],
        [*person(身份证号="H12345678"), "回乡证", "1990-12-31"],
        [*person(身份证号="E1234567X9"), "护照", "1990-12-31"],
        [*person(身份证号="E12345670", 监护人同意="否"), "护照", "2010-12-31"],
    ]
    roster = read_roster(workbook([header, *rows]), TODAY)[1]
    assert [(row.document.kind.value, row.document.number) for row in roster.rows] == [
        ("resident_id", id_number()),
        ("passport", "E12345678"),
        ("hk_macao_permit", "H12345678"),
        ("taiwan_permit", "01234567"),
        ("permanent_resident", "KAZ110090123105"),
        ("residence_permit", id_number("19901231", area="830000")),
    ]
    assert {row.document.born_on for row in roster.rows[1:]} == {date(1990, 12, 31)}
    assert codes(roster) == [
        (8, "id_number_length"),
        (9, "born_on_missing"),
        (10, "date_unreadable"),
        (11, "id_kind_unsupported"),
        (12, "duplicate_person"),
        (13, "passport_form"),
        (14, "guardian_consent_missing"),
    ]


def test_the_same_person_twice_is_reported_and_not_doubled() -> None:
    number = id_number("19800229")
    roster = read(
        person(身份证号=number),
        person(身份证号=number.lower(), 姓名="王 建国", 服务队="文体队"),
        person(身份证号=f"{number[:6]} {number[6:]}", 姓名="李四"),
    )
    assert [row.row_number for row in roster.rows] == [2]
    assert codes(roster) == [(3, "duplicate_person"), (4, "duplicate_person_other_name")]
    assert all("第2行" in problem.zh and "row 2" in problem.en for problem in roster.problems)


def test_a_row_that_was_refused_does_not_stand_in_the_way_of_its_correction() -> None:
    roster = read(person(手机="1"), person())
    assert [row.row_number for row in roster.rows] == [3]
    assert codes(roster) == [(2, "phone_invalid")]


@pytest.mark.parametrize("nothing", [None, "无", "暂无", "-", "——", "／", "无 手机"])
def test_people_without_telephone_team_or_date_are_taken(nothing: str | None) -> None:
    titles = ("手机", "政治面貌", "服务队", "特长", "入队时间", "工作单位")
    (row,) = read(person(**dict.fromkeys(titles, nothing))).rows
    assert (row.phone, row.teams, row.skills, row.registered_on, row.work_unit) == (None, (), (), None, None)
    assert row.political_status is PoliticalStatus.NOT_STATED


def test_what_looks_like_a_number_of_somebody_never_becomes_the_name_of_a_team() -> None:
    assert codes(read(person(服务队="15400000001"))) == [(2, "team_name_invalid")]


@pytest.mark.parametrize(
    ("written", "teams"),
    [
        ("巾帼志愿服务队 文化体育服务队", ("巾帼志愿服务队", "文化体育服务队")),
        ("巾帼 志愿服务队", ("巾帼志愿服务队",)),
        ("巾帼志愿服务队、巾帼志愿服务队", ("巾帼志愿服务队",)),
        ("巾帼志愿服务队\n流动儿童之家", ("巾帼志愿服务队", "流动儿童之家")),
        ("无", ()),
    ],
)
def test_teams_are_told_apart(written: str, teams: tuple[str, ...]) -> None:
    assert [row.teams for row in read(person(服务队=written)).rows] == [teams]


def test_footnotes_examples_and_numbered_empty_lines_are_no_people() -> None:
    header = ["序号", *ROSTER_HEADER]
    rows = [
        ["示例", *person()],
        [1, *person()],
        [2, *[None] * len(ROSTER_HEADER)],
        ["备注:本表一式两份", *[None] * len(ROSTER_HEADER)],
        [None, "填表人:", None, None, None, "审核人:"],
        ["合计", "1人"],
        ["审核人:", "李主任", None, "联系电话:6220000"],
    ]
    roster = read_roster(workbook([header, *rows]), TODAY)[1]
    assert [row.row_number for row in roster.rows] == [3]
    assert roster.problems == ()
    assert roster.skipped_rows == (2, 4, 5, 6, 7, 8)


def test_a_person_whose_numbers_are_missing_is_reported_and_not_skipped() -> None:
    assert codes(read(person(身份证号=None, 手机=None))) == [(2, "id_number_missing")]
    assert codes(read(["王建国"])) == [(2, "id_number_missing")]


def test_nothing_that_is_shown_in_logs_names_a_person() -> None:
    sheet, roster = read_roster(
        workbook(
            [ROSTER_HEADER, person(工作单位="某单位"), person(), person(姓名="赵钱孙", 手机="99999", 身份证号="777")]
        ),
        TODAY,
    )
    shown = repr(sheet) + repr(roster) + "".join(problem.zh + problem.en for problem in roster.problems)
    for private in ("王建国", "赵钱孙", id_number(), "15400000001", "99999", "777", "某单位"):
        assert private not in shown


def _sheet(rows: list[list[Any]]) -> Sheet:
    header = find_header([ROSTER_HEADER], ROSTER_LAYOUT)
    assert header is not None
    return Sheet(header, tuple(SheetRow(number, tuple(cells)) for number, cells in enumerate(rows, start=2)))


ROWS_OF_ANYTHING = st.lists(
    st.one_of(
        st.lists(ANY_CELL, max_size=12),
        st.builds(
            lambda place, cell: [*(before := person())[:place], cell, *before[place + 1 :]],
            st.integers(0, len(ROSTER_HEADER) - 1),
            ANY_CELL,
        ),
    ),
    max_size=6,
)


@given(ROWS_OF_ANYTHING)
@settings(max_examples=300)
def test_every_row_of_anything_is_a_person_a_problem_or_skipped(rows: list[list[Any]]) -> None:
    sheet = _sheet(rows)
    roster = parse_roster(sheet, TODAY)
    good, bad, skipped = {row.row_number for row in roster.rows}, set(roster.bad_rows), set(roster.skipped_rows)
    assert good | bad | skipped == {row.number for row in sheet.rows}
    assert not good & bad
    assert not good & skipped
    assert not bad & skipped
    assert len({row.document.number for row in roster.rows}) == len(roster.rows)


def test_reading_the_same_file_twice_gives_the_same() -> None:
    content = workbook([ROSTER_HEADER, person(入队时间=datetime(2015, 4, 1, 8)), person(手机="1")])  # noqa: DTZ001 - cells know no zone
    assert read_roster(content, TODAY) == read_roster(content, TODAY)
