"""The file that is handed back: the clerk's own bad rows with reasons, harmless to open, ready to upload again."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

import services.registry.importing
from services.registry.importing.problems import write_problem_file
from services.registry.importing.reasons import RowProblem, known_codes, row_problem
from services.registry.importing.roster import read_roster
from tests.unit.registry.importing.files import ROSTER_HEADER, TODAY, id_number, person, workbook

ROOM = Path(services.registry.importing.__file__).parent
SECOND, THIRD = id_number(sequence=14), id_number(sequence=16)


def handed_back(content: bytes) -> bytes:
    sheet, roster = read_roster(content, TODAY)
    return write_problem_file(sheet, roster.problems)


def lines(content: bytes) -> list[list[Any]]:
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    return sheet.to_python(skip_empty_area=False)


def test_only_the_bad_rows_come_back_with_number_and_reasons() -> None:
    rows = [person(), person(身份证号=SECOND, 手机="15", 政治面貌="?"), person(身份证号=THIRD)]
    header, line = lines(handed_back(workbook([["名册"], [*ROSTER_HEADER, "备注"], *[[*row, "x"] for row in rows]])))
    assert header == ["原行号 Row", "原因", "Reason", *ROSTER_HEADER, "备注"]
    assert line[0] == "4"
    assert [part.split("：")[0] for part in line[1].split("\n")] == ["手机", "政治面貌"]
    assert line[2].startswith("手机: Not a phone number")
    assert line[3:6] == ["王建国", SECOND, "15"]
    assert line[-1] == "x"


def test_a_reason_that_is_of_no_column_stands_for_itself() -> None:
    sheet, _ = read_roster(workbook([ROSTER_HEADER, person()]), TODAY)
    _, line = lines(write_problem_file(sheet, [RowProblem(2, "", "x", "已撤回同意", "withdrawn")]))
    assert line[1:3] == ["已撤回同意", "withdrawn"]


@pytest.mark.parametrize(
    "evil", ["=1+1", "+cmd|' /C calc'!A0", "-1", "@SUM(A1)", "{=1}", "http://example.com", '=HYPERLINK("x")']
)
def test_what_looks_like_a_formula_stays_text(evil: str) -> None:
    content = handed_back(workbook([ROSTER_HEADER, person(姓名=evil, 工作单位=evil, 手机="15")]))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        assert not any("externalLink" in name or name.endswith("sheet1.xml.rels") for name in archive.namelist())
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet
    assert set(re.findall(r'<c r="\w+"(?: s="\d+")?(?: t="(\w+)")?>', sheet)) == {"s"}
    assert lines(content)[1][3] == evil


def test_the_corrected_file_can_be_uploaded_as_it_is() -> None:
    content = handed_back(workbook([ROSTER_HEADER, person(), person(身份证号=SECOND, 手机="15")]))
    header, line = lines(content)
    line[header.index("手机")] = "15400000002"
    _, roster = read_roster(workbook([header, line]), TODAY)
    assert roster.problems == ()
    assert [(row.document.number, row.phone) for row in roster.rows] == [(SECOND, "15400000002")]


def test_uncorrected_rows_are_refused_again_for_the_same_reasons() -> None:
    content = workbook(
        [
            ROSTER_HEADER,
            person(姓名=None),
            person(身份证号=620299198001010000, 姓名="甲"),
            person(手机=15),
            person(入队时间=2015.1),
        ]
    )
    before = [problem.code for problem in read_roster(content, TODAY)[1].problems]
    assert before == ["name_missing", "id_number_damaged_by_spreadsheet", "phone_invalid", "date_ambiguous"]
    assert [problem.code for problem in read_roster(handed_back(content), TODAY)[1].problems] == before


def test_without_problems_the_file_holds_the_header_only() -> None:
    assert len(lines(handed_back(workbook([ROSTER_HEADER, person()])))) == 1


def test_every_reason_has_a_sentence_in_both_languages_that_can_be_filled_in() -> None:
    used = {
        code
        for module in ROOM.glob("*.py")
        for code in re.findall(r'CellProblem\(\s*"(\w+)"', module.read_text(encoding="utf-8"))
    }
    assert used <= known_codes()
    zh, en = (
        json.loads((ROOM / "locales" / "rows" / f"{name}.json").read_text(encoding="utf-8")) for name in ("zh", "en")
    )
    assert zh.keys() == en.keys()
    for code in known_codes():
        problem = row_problem(3, "姓名", "name", code, row=2, limit=5)
        assert "{" not in problem.zh + problem.en
