"""祁连社区's register as a clerk might keep it: a synthetic, reproducible, realistically messy `.xlsx`.

Of 940 volunteers 715 are party members: 693 中共党员 and 22 中共预备党员, who report in and serve like members
(党章 art. 7). On top stand rows with known faults, so that an import has something to hand back.
"""

import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from deploy.demo.people import SyntheticPerson, make_person
from deploy.demo.teams import TEAMS, TeamSeed

__all__ = ["TEAMS", "RegisterFacts", "TeamSeed", "write_register"]

VOLUNTEERS = 940
FULL_MEMBERS = 693
PROBATIONARY_MEMBERS = 22
OTHER_STATUSES = ("群众", "群众", "群众", "群众", "共青团员", "民主党派", "无党派人士")
DEFAULT_SEED = 20150930
MARK = "合成数据 SYNTHETIC"

_TITLES = (
    "序号",
    "姓 名",
    "身份证号码(18位)",
    "联系电话",
    "政治面貌",
    "工作单位",
    "所属服务队",
    "特长",
    "入队时间",
    "备注",
)
_FULL_WIDTH = {ord(character): chr(ord(character) + 0xFEE0) for character in "0123456789X"}
_STATUS_SPELLINGS = {
    "中共党员": ("中共党员", "中共党员", "党员", " 中共党员", "中国共产党党员"),
    "中共预备党员": ("中共预备党员", "预备党员"),
    "共青团员": ("共青团员", "团员"),
    "民主党派": ("民盟盟员", "九三学社", "民主党派"),
    "无党派人士": ("无党派人士",),
    "群众": ("群众", "群众 ", "普通群众", ""),
}
Cells = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RegisterFacts:
    """What a correct import of the written register must find."""

    volunteers: int
    party_members: int
    """Full and probationary members together."""
    probationary_members: int
    teams: tuple[TeamSeed, ...]
    team_sizes: dict[str, int]
    """Members per team; people in several teams count in each."""
    bad_rows: tuple[tuple[int, str], ...]
    """Row number and code of the reason, in sheet order."""
    header_row: int
    last_row: int


def write_register(path: Path, seed: int = DEFAULT_SEED) -> RegisterFacts:
    """Write the register; the same seed gives the same bytes."""
    source = random.Random(seed)
    people = _people(source)
    lines: list[tuple[Cells, str | None]] = [(_mess_up(source, person), None) for person in people]
    _insert_faulty(source, lines, people)
    titles = list(_TITLES[1:-1])
    source.shuffle(titles)
    titles = [_TITLES[0], *titles, _TITLES[-1]]
    header_row = 4
    _write(path, titles, header_row, [cells for cells, _ in lines])
    bad = tuple((number, code) for number, (_, code) in enumerate(lines, start=header_row + 1) if code)
    return RegisterFacts(
        volunteers=len(people),
        party_members=sum(person.status in ("中共党员", "中共预备党员") for person in people),
        probationary_members=sum(person.status == "中共预备党员" for person in people),
        teams=TEAMS,
        team_sizes=dict(Counter(team for person in people for team in person.teams)),
        bad_rows=bad,
        header_row=header_row,
        last_row=header_row + len(lines),
    )


def _people(source: random.Random) -> list[SyntheticPerson]:
    others = VOLUNTEERS - FULL_MEMBERS - PROBATIONARY_MEMBERS
    statuses = ["中共党员"] * FULL_MEMBERS + ["中共预备党员"] * PROBATIONARY_MEMBERS
    statuses += [source.choice(OTHER_STATUSES) for _ in range(others)]
    source.shuffle(statuses)
    return [make_person(source, number, status, _teams_of(source)) for number, status in enumerate(statuses, start=1)]


def _teams_of(source: random.Random) -> tuple[str, ...]:
    names, weights = [team.name for team in TEAMS], [team.weight for team in TEAMS]
    wanted = source.choices((1, 2, 3), (72, 22, 6))[0]
    chosen: list[str] = []
    while len(chosen) < wanted:
        team = source.choices(names, weights)[0]
        if team not in chosen:
            chosen.append(team)
    return tuple(chosen)


def _mess_up(source: random.Random, person: SyntheticPerson) -> Cells:
    """A person as a hurried clerk enters one: everything still there, little of it tidy."""
    name = person.name
    if len(name) == 2 and source.random() < 0.5:
        name = f"{name[0]} {name[1]}"
    elif source.random() < 0.1:
        name = f" {name}　"
    id_number = source.choices(
        (
            person.id_number,
            person.id_number.lower(),
            f"{person.id_number[:6]} {person.id_number[6:14]} {person.id_number[14:]}",
            person.id_number.translate(_FULL_WIDTH),
            f"'{person.id_number}",
        ),
        (80, 5, 6, 6, 3),
    )[0]
    phone: str | int = source.choices(
        (
            person.phone,
            int(person.phone),
            f"{person.phone[:3]}-{person.phone[3:7]}-{person.phone[7:]}",
            f"{person.phone[:3]} {person.phone[3:7]} {person.phone[7:]}",
            person.phone.translate(_FULL_WIDTH),
            f"+86 {person.phone}",
        ),
        (50, 25, 8, 8, 6, 3),
    )[0]
    separator = source.choice(("、", "、", "，", ",", "；", "/", "、 "))
    return {
        "姓 名": name,
        "身份证号码(18位)": id_number,
        "联系电话": phone,
        "政治面貌": source.choice(_STATUS_SPELLINGS[person.status]),
        "工作单位": person.work_unit,
        "所属服务队": separator.join(person.teams),
        "特长": separator.join(person.skills),
        "入队时间": _date_as_kept(source, person.registered_on),
        "备注": "合成",
    }


def _date_as_kept(source: random.Random, day: date) -> str | int | date | None:
    ways: tuple[Callable[[], str | int | date | None], ...] = (
        lambda: day,
        lambda: day,
        lambda: f"{day.year}年{day.month}月{day.day}日",
        lambda: f"{day.year}.{day.month}.{day.day}",
        lambda: f"{day.year}/{day.month}/{day.day}",
        lambda: f"{day:%Y%m%d}",
        lambda: day.isoformat(),
        lambda: int(f"{day:%Y%m%d}"),
        lambda: (day - date(1899, 12, 30)).days,  # a date cell that lost its format
        lambda: f"{day.year}年{day.month}月".translate(_FULL_WIDTH),
        lambda: None,
    )
    return source.choice(ways)()


def _insert_faulty(
    source: random.Random, lines: list[tuple[Cells, str | None]], people: Sequence[SyntheticPerson]
) -> None:
    """Put rows with known faults among the good ones; rows that repeat somebody stand below the first."""
    number = len(people)

    def stranger() -> Cells:
        nonlocal number
        number += 1
        return _mess_up(source, make_person(source, number, "群众", _teams_of(source)))

    faults: list[tuple[Cells, str]] = []
    for fault, code, times in _FAULTS:
        for _ in range(times):
            cells = stranger()
            fault(cells)
            faults.append((cells, code))
    for cells, code in faults:
        lines.insert(source.randrange(len(lines) // 10, len(lines)), (cells, code))
    for person in source.sample(people[: len(people) // 2], 3):
        lines.insert(source.randrange(len(lines) * 3 // 4, len(lines)), (_mess_up(source, person), "duplicate_person"))
    namesake = people[source.randrange(len(people) // 2)]
    other = _mess_up(source, namesake) | {"姓 名": "佚名"}
    lines.append((other, "duplicate_person_other_name"))


def _wrong_digit(cells: Cells) -> None:
    plain = "".join(character for character in cells["身份证号码(18位)"] if character.isalnum())
    digits = plain.translate({ord(wide): chr(narrow) for narrow, wide in _FULL_WIDTH.items()})
    cells["身份证号码(18位)"] = digits[:15] + str((int(digits[15]) + 1) % 10) + digits[16:]


def _drop(title: str) -> Callable[[Cells], None]:
    def fault(cells: Cells) -> None:
        cells[title] = None

    return fault


def _put(title: str, value: Any) -> Callable[[Cells], None]:
    def fault(cells: Cells) -> None:
        cells[title] = value

    return fault


_FAULTS: tuple[tuple[Callable[[Cells], None], str, int], ...] = (
    (_wrong_digit, "id_number_checksum", 3),
    (_drop("姓 名"), "name_missing", 2),
    (_put("联系电话", "154000012"), "phone_invalid", 3),
    (_drop("身份证号码(18位)"), "id_number_missing", 1),
    # 18 digits in a numeric cell: the spreadsheet keeps 15 of them.
    (_put("身份证号码(18位)", 620299198001010000), "id_number_damaged_by_spreadsheet", 1),
    (_put("身份证号码(18位)", "620299800101123"), "id_number_15_digits", 1),
    (_put("政治面貌", "先进分子"), "political_status_unknown", 1),
    (_put("入队时间", "去年春天"), "date_unreadable", 1),
)


def _write(path: Path, titles: Sequence[str], header_row: int, lines: Sequence[Cells]) -> None:
    with xlsxwriter.Workbook(path, {"in_memory": True}) as workbook:
        # A fixed date of making keeps the file the same byte for byte.
        workbook.set_properties({"title": f"{MARK} 祁连社区志愿者名册", "created": datetime(2015, 9, 30)})  # noqa: DTZ001
        title = workbook.add_format({"bold": True, "font_size": 16, "align": "center"})
        bold = workbook.add_format({"bold": True, "border": 1, "text_wrap": True})
        text = workbook.add_format({"num_format": "@"})
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        sheet = workbook.add_worksheet("志愿者名册(合成)")
        width = len(titles)
        sheet.merge_range(0, 0, 0, width - 1, f"雄关区祁连社区志愿者名册({MARK})", title)
        sheet.merge_range(1, 0, 1, width - 1, "本表人员、证件号码、电话均为合成数据,不对应任何真实的人", text)
        sheet.write_string(2, 0, "填表单位:祁连社区居民委员会")
        sheet.write_string(2, width - 2, "2015年9月30日")
        for column, name in enumerate(titles):
            sheet.write_string(header_row - 1, column, _as_printed(name), bold)
            sheet.set_column(column, column, 8 if name == "序号" else 20)
        for line, cells in enumerate(lines, start=1):
            row = header_row - 1 + line
            sheet.write_number(row, 0, line)
            for column, name in enumerate(titles):
                match cells.get(name):
                    case date() as value:
                        sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), day)  # noqa: DTZ001
                    case int() as value:
                        sheet.write_number(row, column, value)
                    case str() as value if value:
                        sheet.write_string(row, column, value, text)
        sheet.write_string(header_row + len(lines) + 1, 0, f"备注:本表为{MARK},仅供演示")


def _as_printed(title: str) -> str:
    """Header as the form has it: with marks and line breaks that are no part of the name."""
    return {"身份证号码(18位)": "身份证号码\n(18位)", "联系电话": "联系电话(必填)", "政治面貌": "*政治面貌"}.get(
        title, title
    )


def main(arguments: Sequence[str]) -> int:
    """`python -m deploy.demo.register OUT.xlsx`."""
    if len(arguments) != 1:
        print("用法 usage: python -m deploy.demo.register OUT.xlsx", file=sys.stderr)
        return 2
    facts = write_register(Path(arguments[0]))
    print(
        f"{MARK}: 志愿者 volunteers {facts.volunteers}, 党员 party members {facts.party_members} "
        f"(预备 probationary {facts.probationary_members}), 服务队 teams {len(facts.teams)}, "
        f"有误的行 bad rows {len(facts.bad_rows)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
