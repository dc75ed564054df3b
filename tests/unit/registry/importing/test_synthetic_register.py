"""The demo's register of 祁连社区: as large as the mission document says, and read to exactly what was written."""

import io
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from deploy.demo.people import AREAS, PHONE_PREFIX
from deploy.demo.register import TEAMS, RegisterFacts, write_register
from services.registry.importing.roster import Eligibility, PoliticalStatus, Roster, read_roster
from tests.unit.registry.importing.files import TODAY


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, RegisterFacts, Roster]:
    path = tmp_path_factory.mktemp("register") / "register.xlsx"
    facts = write_register(path)
    content = path.read_bytes()
    return content, facts, read_roster(content, TODAY)[1]


def test_it_holds_940_volunteers_of_whom_715_are_party_members(register: tuple[bytes, RegisterFacts, Roster]) -> None:
    _, facts, roster = register
    assert len(roster.rows) == facts.volunteers == 940
    assert sum(row.party_member for row in roster.rows) == facts.party_members == 715
    probationary = [row for row in roster.rows if row.political_status is PoliticalStatus.PROBATIONARY_PARTY_MEMBER]
    assert len(probationary) == facts.probationary_members == 22
    assert all(row.eligibility is Eligibility.ADULT for row in roster.rows)


def test_it_names_the_25_teams_and_every_one_has_members(register: tuple[bytes, RegisterFacts, Roster]) -> None:
    _, facts, roster = register
    assert len({team.name for team in TEAMS}) == len(TEAMS) == 25
    assert set(roster.team_names) == {team.name for team in TEAMS}
    sizes = {team.name: sum(team.name in row.teams for row in roster.rows) for team in TEAMS}
    assert sizes == facts.team_sizes
    assert min(sizes.values()) >= 10
    assert sum(len(row.teams) > 1 for row in roster.rows) > 100


def test_its_known_faults_are_found_with_the_right_reasons(register: tuple[bytes, RegisterFacts, Roster]) -> None:
    _, facts, roster = register
    assert [(problem.row_number, problem.code) for problem in roster.problems] == list(facts.bad_rows)
    assert len(facts.bad_rows) == 17
    assert {code for _, code in facts.bad_rows} >= {
        *("id_number_checksum", "name_missing", "phone_invalid", "duplicate_person", "duplicate_person_other_name"),
    }


def test_it_is_marked_as_synthetic_and_can_belong_to_nobody(register: tuple[bytes, RegisterFacts, Roster]) -> None:
    content, _, roster = register
    assert all(
        row.document.number.startswith(AREAS) and (row.phone or "").startswith(PHONE_PREFIX) for row in roster.rows
    )
    assert len({row.document.number for row in roster.rows}) == len({row.phone for row in roster.rows}) == 940
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    assert "合成数据 SYNTHETIC" in str(sheet.to_python()[0][0])
    assert "合成" in sheet.name


def test_it_is_as_untidy_as_registers_are(register: tuple[bytes, RegisterFacts, Roster]) -> None:
    content, facts, _ = register
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    header, *people = rows[facts.header_row - 1 : facts.last_row]
    kinds = [{type(row[place]) for row in people} for place in range(len(header))]
    assert any({str, float, date} <= kind for kind in kinds), "dates as text, as numbers and as cells"
    text = "".join(cell for row in people for cell in row if isinstance(cell, str))
    assert any(0xFF10 <= ord(character) <= 0xFF19 for character in text), "full-width digits"
    assert any(cell != cell.strip() for row in people for cell in row if isinstance(cell, str)), "stray spaces"


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first, second, other = tmp_path / "a.xlsx", tmp_path / "b.xlsx", tmp_path / "c.xlsx"
    assert write_register(first) == write_register(second)
    facts = write_register(other, seed=7)
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()
    _, roster = read_roster(other.read_bytes(), TODAY)
    assert (len(roster.rows), sum(row.party_member for row in roster.rows)) == (940, 715)
    assert [(problem.row_number, problem.code) for problem in roster.problems] == list(facts.bad_rows)


def test_the_command_writes_it_and_says_what_is_in_it(tmp_path: Path) -> None:
    target = tmp_path / "out.xlsx"
    done = subprocess.run(
        [sys.executable, "-m", "deploy.demo.register", str(target)], capture_output=True, text=True, check=True
    )
    assert target.exists()
    assert "940" in done.stdout
    assert "715" in done.stdout
