"""Files into rows: whatever the file, the header is found, or the file is refused with a reason."""

import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.registry.importing import refusals, workbook_guard
from services.registry.importing.layouts import ROSTER_LAYOUT
from services.registry.importing.limits import Limits
from services.registry.importing.refusals import SheetRefused
from services.registry.importing.sheet import Sheet, read_sheet
from tests.unit.registry.importing.files import ROSTER_HEADER, id_number, person, repacked, text_file, workbook

ROWS = [ROSTER_HEADER, person(), person(姓名="李秀英", 身份证号=id_number(sequence=14))]
SHEET_PART = "xl/worksheets/sheet1.xml"


def refused(content: bytes, limits: Limits | None = None) -> SheetRefused:
    with pytest.raises(SheetRefused) as caught:
        read_sheet(content, ROSTER_LAYOUT, limits)
    assert type(caught.value) is not SheetRefused
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


def names(sheet: Sheet) -> list[tuple[int, Any]]:
    return [(row.number, sheet.value(row, "name")) for row in sheet.rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_text_file_is_read_in_every_usual_encoding_and_with_every_delimiter(encoding: str, delimiter: str) -> None:
    assert names(read_sheet(text_file(ROWS, encoding, delimiter), ROSTER_LAYOUT)) == [(2, "王建国"), (3, "李秀英")]


def test_a_text_file_may_be_typed_with_full_width_commas_or_carry_a_hint() -> None:
    assert names(read_sheet("姓名，身份证号，电话\n王建国，1，2\n".encode(), ROSTER_LAYOUT)) == [(2, "王建国")]
    assert names(read_sheet("sep=;\r\n姓名;身份证号;电话\r\n王建国;1;2\r\n".encode(), ROSTER_LAYOUT)) == [(2, "王建国")]


def test_a_line_break_within_a_cell_does_not_shift_the_row_numbers() -> None:
    content = text_file([["姓名", "身份证号", "电话", "备注"], ["甲", "1", "2", "两\n行"], [], ["乙", "1", "2", ""]])
    assert names(read_sheet(content, ROSTER_LAYOUT)) == [(2, "甲"), (4, "乙")]


@pytest.mark.parametrize("make", [workbook, text_file])
def test_rows_carry_the_numbers_that_the_clerk_sees(make: Any) -> None:
    titles = [["祁连社区志愿者名册(合成)"], ["填表单位:居委会", None, "2015年9月"], []]
    sheet = read_sheet(make([*titles, *ROWS[:2], [], [None, " "], ROWS[2]]), ROSTER_LAYOUT)
    assert names(sheet) == [(5, "王建国"), (8, "李秀英")]


@pytest.mark.parametrize(
    ("field", "titles"),
    [
        ("name", ["姓名", "姓 名", "*姓名", "志愿者姓名", "姓名(必填)", "姓\n名", "名字", "【必填】姓名"]),
        (
            "id_number",
            ["身份证号", "身份证号码", "证件号码", "身份证", "公民身份号码", "身份证号码\n(18位)", "居民身份证号码:"],
        ),
        ("phone", ["手机", "联系电话", "电话", "手机号码", "联系方式", "联系电话(手机)", "本人电话", "手 机 号"]),
        ("political_status", ["政治面貌", "政治 面貌", "政治面貌(必填)"]),
        ("work_unit", ["工作单位", "单位", "所在单位", "工作单位及职务"]),
        ("teams", ["服务队", "队伍", "所属队伍", "所属服务队", "志愿服务队", "服务队1"]),
        ("skills", ["特长", "专长", "特长/爱好", "服务技能"]),
        ("registered_on", ["入队时间", "注册日期", "加入时间", "入队时间(年/月/日)"]),
    ],
)
def test_columns_are_known_under_the_names_that_people_use(field: str, titles: list[str]) -> None:
    needed = {"name": "姓名", "id_number": "身份证号", "phone": "手机"}
    for title in titles:
        for spelled in (title, title.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})):
            header = [spelled, "序号", "备注", *(name for other, name in needed.items() if other != field)]
            sheet = read_sheet(workbook([header, ["甲", 1, "乙", "丙", "丁", "戊"]]), ROSTER_LAYOUT)
            assert sheet.header.positions[field] == (0,), spelled


@pytest.mark.parametrize("title", ["监护人姓名", "紧急联系人电话", "编号", "身份证地址", "介绍人", "性别"])
def test_similar_titles_are_not_mistaken(title: str) -> None:
    sheet = read_sheet(workbook([[title, *ROSTER_HEADER], ["甲", *person()]]), ROSTER_LAYOUT)
    assert all(0 not in places for places in sheet.header.positions.values())


@given(st.permutations(range(len(ROSTER_HEADER))))
@settings(max_examples=20)
def test_columns_come_in_any_order(order: list[int]) -> None:
    sheet = read_sheet(text_file([[row[place] for place in order] for row in ROWS]), ROSTER_LAYOUT)
    assert sheet.value(sheet.rows[0], "id_number") == id_number()
    assert sheet.value(sheet.rows[1], "name") == "李秀英"


def test_a_header_may_span_two_rows_under_group_headings() -> None:
    rows: list[list[str | None]] = [
        ["名册"],
        ["姓名", "身份证号", "联系信息", None],
        [None, None, "手机", "住址"],
        ["甲", "1", "2", "3"],
    ]
    sheet = read_sheet(workbook(rows), ROSTER_LAYOUT)
    assert sheet.header.titles == ("姓名", "身份证号", "手机", "住址")
    assert names(sheet) == [(4, "甲")]


def test_a_header_repeated_on_every_page_is_no_person() -> None:
    sheet = read_sheet(workbook([ROSTER_HEADER, person(), ROSTER_HEADER, person(姓名="乙")]), ROSTER_LAYOUT)
    assert names(sheet) == [(2, "王建国"), (4, "乙")]


def test_a_team_merged_over_its_members_belongs_to_each_of_them() -> None:
    rows: list[list[str | None]] = [
        ["服务队", "姓名", "身份证号", "手机"],
        [None, "甲", "1", "2"],
        [None, "乙", "1", "2"],
        [None, "丙", "1", "2"],
    ]
    content = workbook(rows, lambda book, sheet: sheet.merge_range(1, 0, 2, 0, "巡逻队"))
    sheet = read_sheet(content, ROSTER_LAYOUT)
    assert [sheet.value(row, "teams") for row in sheet.rows] == ["巡逻队", "巡逻队", None]


def test_two_columns_of_one_field_are_read_together() -> None:
    content = workbook(
        [["姓名", "身份证号", "手机", "联系电话", "服务队1", "服务队2"], ["甲", "1", None, "2", "a队", "b队"]]
    )
    sheet = read_sheet(content, ROSTER_LAYOUT)
    assert sheet.value(sheet.rows[0], "phone") == "2"
    assert sheet.values(sheet.rows[0], "teams") == ["a队", "b队"]


def test_a_missing_column_is_named_beside_the_ones_that_were_found() -> None:
    refusal = refused(workbook([["志愿者名册"], ["姓名", "手机", "住址"], ["王建国", "15400000001", "某处"]]))
    assert refusal.code == "sheet_columns_missing"
    assert refusal.params == {"row": 2, "missing": "身份证号", "found": "姓名、手机、住址"}


def test_without_a_header_nothing_of_the_people_is_quoted() -> None:
    for content in (workbook([person(), person()]), text_file([person(), person()])):
        refusal = refused(content)
        assert refusal.code == "sheet_header_not_found"
        assert "王建国" not in str(refusal) + repr(refusal.params)


def test_one_list_among_other_worksheets_is_found_and_hidden_ones_are_not_looked_at() -> None:
    def add(book: Any, sheet: Any) -> None:
        sheet.set_first_sheet()
        hidden = book.add_worksheet("旧")
        hidden.write_row(0, 0, ROSTER_HEADER)
        hidden.hide()
        listed = book.add_worksheet("名册")
        for number, row in enumerate(ROWS):
            listed.write_row(number, 0, row)

    assert names(read_sheet(workbook([["填写说明"]], add), ROSTER_LAYOUT)) == [(2, "王建国"), (3, "李秀英")]


def test_several_lists_in_one_workbook_are_refused_since_one_would_be_lost() -> None:
    refusal = refused(workbook(ROWS, lambda book, _: book.add_worksheet().write_row(0, 0, ROSTER_HEADER)))
    assert (refusal.code, refusal.params) == ("sheet_several_lists", {"count": 2, "places": "1、2"})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "sheet_empty"),
        (b" \r\n ", "sheet_empty"),
        (b"%PDF-1.4 ...", "sheet_not_a_spreadsheet"),
        (b"\x89PNG\r\n\x1a\n....", "sheet_not_a_spreadsheet"),
        (b"<html><table><tr><td>x</td></tr></table></html>", "sheet_web_page"),
        ("\ufeff\n<table><tr><td>姓名</td><td>电话</td></tr></table>".encode(), "sheet_web_page"),
        (b'<?xml version="1.0"?><Workbook/>', "sheet_web_page"),
        (b"PK\x03\x04 and nothing more", "sheet_not_a_spreadsheet"),
        (b"\x00\x01\x02\x03" * 20, "sheet_not_a_spreadsheet"),
        (b"\xff\xff\xff\xff", "sheet_not_a_spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, "sheet_old_format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "sheet_password_protected"),
        ("今天天气很好".encode(), "sheet_header_not_found"),
        ('姓名,身份证号,电话\n"'.encode() + b"x" * 200_000, "sheet_quotes_unpaired"),
        ('姓名,身份证号,电话\n甲,1,2\n乙,1,"2\n丙,1,3'.encode(), "sheet_quotes_unpaired"),
    ],
)
def test_what_is_no_list_is_refused_with_its_own_reason(content: bytes, code: str) -> None:
    assert refused(content).code == code


def test_another_archive_is_not_a_spreadsheet() -> None:
    for parts in (
        {"word/document.xml": "<w/>"},
        {"xl/workbook.bin": "x", "xl/workbook.xml": "x"},
        {"content.xml": "<o/>"},
    ):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for name, text in parts.items():
                archive.writestr(name, text)
        assert refused(target.getvalue()).code == "sheet_not_a_spreadsheet"


def test_limits_hold_for_bytes_rows_and_columns() -> None:
    many = [ROSTER_HEADER, *[person()] * 60]
    wide = [[*ROSTER_HEADER, *["备注"] * 100], person()]
    for make in (workbook, text_file):
        assert refused(make(many), Limits(file_bytes_max=100)).code == "sheet_too_large"
        assert refused(make(many), Limits(rows_max=59)).code == "sheet_too_many_rows"
        assert refused(make(many), Limits(rows_max=5)).code == "sheet_too_many_rows"
        assert len(read_sheet(make(many), ROSTER_LAYOUT, Limits(rows_max=60)).rows) == 60
        assert refused(make(wide)).code == "sheet_too_many_columns"


def test_a_cell_in_the_far_corner_does_not_take_all_memory() -> None:
    far_down = workbook(ROWS, lambda book, sheet: sheet.write(1_048_575, 0, "x"))
    far_right = workbook(ROWS, lambda book, sheet: sheet.write(0, 16_383, "x"))
    assert refused(far_down).code == "sheet_too_many_rows"
    assert refused(far_right).code == "sheet_too_many_columns"


def test_a_coloured_but_empty_column_is_harmless() -> None:
    def colour(book: Any, sheet: Any) -> None:
        sheet.write_blank(900_000, 3, None, book.add_format({"bg_color": "yellow"}))

    assert len(read_sheet(workbook(ROWS, colour), ROSTER_LAYOUT).rows) == 2


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    bomb = repacked(workbook(ROWS), {"xl/media/image1.png": b"\0" * 3_000_000})
    assert len(bomb) < 20_000
    assert refused(bomb, Limits(unpacked_bytes_max=2_000_000)).code == "sheet_too_large"
    many = repacked(workbook(ROWS), {f"xl/media/{number}": b"" for number in range(600)})
    assert refused(many).code == "sheet_not_a_spreadsheet"


def test_one_long_text_shown_in_every_cell_is_refused() -> None:
    rows = [ROSTER_HEADER, *[["x" * 30_000] * 10 for _ in range(50)]]
    assert refused(workbook(rows), Limits(characters_max=1_000_000)).code == "sheet_too_large"


def test_merges_without_end_are_refused() -> None:
    def overlay(part: bytes) -> bytes:
        merges = b'<mergeCell ref="A1:A60"/>' * 200
        return part.replace(b"<pageMargins", b'<mergeCells count="200">' + merges + b"</mergeCells><pageMargins")

    content = repacked(workbook([ROSTER_HEADER, *[person()] * 59]), {SHEET_PART: overlay})
    assert refused(content, Limits(cells_max=5_000)).code == "sheet_not_a_spreadsheet"


@pytest.mark.parametrize(
    "change",
    [
        lambda part: part.replace(b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet', 1),
        lambda part: part.replace(b'r="A1"', b'r="1A"', 1),
        lambda part: part.replace(b'<row r="1"', b'<row r="-1"', 1),
        lambda part: part.replace(b"<v>0</v>", b"<v>99999</v>", 1),
        lambda part: part.replace(b"<v>0</v>", b"<v>+0</v>", 1),
        lambda part: part.replace(b"</worksheet>", b""),
        lambda part: part.decode().encode("utf-16"),
    ],
)
def test_tampered_worksheets_are_refused(change: Any) -> None:
    assert refused(repacked(workbook(ROWS), {SHEET_PART: change})).code == "sheet_not_a_spreadsheet"


def test_cells_without_references_are_counted_where_the_reader_puts_them() -> None:
    cells = b"<row>" + b'<c t="inlineStr"><is><t>x</t></is></c>' * 101 + b"</row>"
    part = b"<sheetData>" + cells + b"</sheetData>"

    def replace(before: bytes) -> bytes:
        head, _, rest = before.partition(b"<sheetData>")
        return head + part + rest.partition(b"</sheetData>")[2]

    assert refused(repacked(workbook(ROWS), {SHEET_PART: replace})).code == "sheet_too_many_columns"


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_and_never_break_the_reader(content: bytes) -> None:
    refused(content)


@given(st.text(max_size=300), st.sampled_from(["utf-8", "gb18030", "utf-16"]))
def test_arbitrary_text_under_a_header_never_breaks_the_reader(text: str, encoding: str) -> None:
    with suppress(SheetRefused):
        read_sheet(("姓名,身份证号,电话\n" + text).encode(encoding, "ignore"), ROSTER_LAYOUT)


DAMAGED = workbook(ROWS)


@given(
    st.lists(st.tuples(st.integers(0, len(DAMAGED) - 1), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, 400),
)
@settings(max_examples=200)
def test_a_damaged_workbook_is_read_or_refused_and_nothing_else(flips: list[tuple[int, int]], cut: int) -> None:
    content = bytearray(DAMAGED)
    for place, value in flips:
        content[place] = value
    with suppress(SheetRefused):
        read_sheet(bytes(content[: len(content) - cut]), ROSTER_LAYOUT)


@given(st.binary(max_size=200), st.integers(0, 2_000), st.integers(0, 200))
@settings(max_examples=200)
def test_a_damaged_worksheet_in_a_sound_archive_is_read_or_refused(junk: bytes, place: int, cut: int) -> None:
    def damage(part: bytes) -> bytes:
        return part[:place] + junk + part[place + cut :]

    with suppress(SheetRefused):
        read_sheet(repacked(DAMAGED, {SHEET_PART: damage}), ROSTER_LAYOUT)


def test_every_refusal_has_a_sentence_in_both_languages() -> None:
    folder = Path(workbook_guard.__file__).parent.parent / "locales"
    codes = {kind.code for kind in vars(refusals).values() if isinstance(kind, type) and issubclass(kind, SheetRefused)}
    for language in ("zh", "en"):
        assert set(json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))) >= codes
