"""Seals: every rule of the chain, and what a subscriber makes of it with nothing but the published words."""

import hashlib
import json
import subprocess
import sys
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given as all_of
from hypothesis import strategies as st

from examples.check_seals import faults_of_chain, faults_of_day
from services.points.seals.lines import CommunityDay
from services.points.seals.model import BEFORE_ALL, NO_LINES, SealDay
from services.points.seals.sealing import portions
from services.points.seals.views import SEALS
from shared.contracts import Event
from shared.contracts.points import LedgerSealed, SealedSum
from tests.conftest import ROOT
from tests.specification import given

COMMUNITY = "620201001004"
MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)


def seal(day: date, lines: list[str]) -> SealDay:
    sums = [SealedSum(unit="POINT", gained=len(lines), given=len(lines))] if lines else []
    text = "".join(f"{line}\n" for line in sorted(lines))
    return SealDay(COMMUNITY, day, len(lines), sums, hashlib.sha256(text.encode()).hexdigest())


def chain(*commands: SealDay) -> list[LedgerSealed]:
    events: list[Event] = []
    for command in commands:
        events += SEALS.decide(SEALS.fold(events), command)
    return [event for event in events if isinstance(event, LedgerSealed)]


def told(events: list[LedgerSealed]) -> list[dict[str, Any]]:
    return [json.loads(event.model_dump_json()) for event in events]


def test_the_first_seal_follows_on_nothing() -> None:
    (first,) = chain(seal(MONDAY, ["a"]))
    assert (first.sequence, first.revision, first.previous_sha256) == (1, 1, BEFORE_ALL)


def test_each_seal_names_the_one_before_it() -> None:
    first, second = chain(seal(MONDAY, ["a"]), seal(TUESDAY, ["b"]))
    assert second.previous_sha256 == first.seal_sha256
    assert (second.sequence, second.revision) == (2, 1)


def test_a_day_that_is_sealed_as_it_is_is_not_sealed_again() -> None:
    given(SEALS, *chain(seal(MONDAY, ["a"]))).when(seal(MONDAY, ["a"])).then_nothing()


def test_a_day_without_lines_is_not_sealed() -> None:
    given(SEALS).when(seal(MONDAY, [])).then_nothing()
    assert seal(MONDAY, []).lines_sha256 == NO_LINES


def test_what_became_known_later_is_sealed_in_the_next_revision() -> None:
    _, _, again = chain(seal(MONDAY, ["a"]), seal(TUESDAY, ["b"]), seal(MONDAY, ["a", "c"]))
    assert (again.day, again.revision, again.sequence, again.lines) == (MONDAY, 2, 3, 2)


def test_a_day_that_turned_out_empty_is_sealed_as_empty() -> None:
    _, again = chain(seal(MONDAY, ["a"]), seal(MONDAY, []))
    assert (again.revision, again.lines, again.lines_sha256) == (2, 0, NO_LINES)


def test_the_published_example_can_be_checked() -> None:
    golden = ROOT / "shared" / "contracts" / "golden" / "points" / "LedgerSealed.v1.json"
    assert faults_of_chain([json.loads(golden.read_text(encoding="utf-8"))["body"]]) == []


_DAYS = st.dates(date(2026, 1, 1), date(2026, 1, 5))
_LINES = st.lists(st.text("abc|", min_size=1, max_size=4), unique=True, max_size=4)


@all_of(st.lists(st.tuples(_DAYS, _LINES), max_size=12))
def test_a_subscriber_finds_every_chain_whole_and_every_copy_right(sealed: list[tuple[date, list[str]]]) -> None:
    seals = told(chain(*(seal(day, lines) for day, lines in sealed)))
    assert faults_of_chain(seals) == []
    for day, lines in dict(sealed).items():
        assert faults_of_day(seals, day.isoformat(), lines) == []
        assert faults_of_day(seals, day.isoformat(), [*lines, "x"])


@all_of(st.lists(st.tuples(_DAYS, _LINES.filter(bool)), min_size=2, max_size=8), st.data())
def test_a_subscriber_finds_whatever_is_changed_in_a_chain(
    sealed: list[tuple[date, list[str]]], data: st.DataObject
) -> None:
    seals = told(chain(*(seal(day, lines) for day, lines in sealed)))
    changed = data.draw(st.sampled_from(seals))
    name = data.draw(st.sampled_from(sorted(changed)))
    match changed[name]:
        case int(value):
            changed[name] = value + 1
        case str(value):
            changed[name] = ("1" if value[0] == "0" else "0") + value[1:]
        case sums:
            sums[0]["gained"] += 1
    assert faults_of_chain(seals)


@all_of(st.dictionaries(st.tuples(st.sampled_from(["620201001004", "620201001005"]), _DAYS), st.integers(0, 1_500_000)))
def test_portions_hold_every_day_once_in_order_and_undivided(found: dict[tuple[str, date], int]) -> None:
    changed = {CommunityDay(*key): transfers for key, transfers in found.items()}
    made = portions(changed)
    assert sorted(of for portion in made for of in portion) == sorted(changed)
    days = [{of.day for of in portion} for portion in made]
    assert all(max(before) < min(after) for before, after in pairwise(days))
    assert all(
        len(of_portion) == 1 or sum(changed[of] for of in portion) <= 2_000_000
        for of_portion, portion in zip(days, made, strict=True)
    )


def test_the_program_says_what_it_has_checked_and_takes_nothing_for_right(tmp_path: Path) -> None:
    golden = ROOT / "shared" / "contracts" / "golden" / "points" / "LedgerSealed.v1.json"
    published = json.loads(golden.read_text(encoding="utf-8"))["body"]
    foreign = {**published, "community": "620201001005"}

    def checked(seals: list[dict[str, Any]]) -> tuple[int, str]:
        (tmp_path / "seals.json").write_text(json.dumps(seals))
        program = [sys.executable, str(ROOT / "examples" / "check_seals.py"), str(tmp_path / "seals.json")]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    code, said = checked([published])
    assert (code, published["seal_sha256"] in said) == (0, True), "what is missing at the end is seen by the head only"
    assert checked([])[0] == 1, "an empty copy proves nothing"
    code, said = checked([published, foreign])
    assert (code, "每个社区一条链" in said) == (1, True)
    bare = [sys.executable, str(ROOT / "examples" / "check_seals.py")]
    done = subprocess.run(bare, capture_output=True, text=True, check=False)
    assert (done.returncode, "SEALS.json" in done.stdout) == (2, True)
