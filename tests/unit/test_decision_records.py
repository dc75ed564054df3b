"""Decision records: each number names one record, the index lists them all, and what the code refers to exists."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))


def places() -> Iterator[Path]:
    yield ROOT / "README.md"
    yield from (ROOT / "docs").rglob("*.md")
    for folder in ("shared", "services", "deploy", "tests", "docs"):
        yield from (ROOT / folder).rglob("*.py")


def test_each_number_is_used_once_and_stands_in_the_heading() -> None:
    numbers = [record.name[:4] for record in RECORDS]
    assert numbers == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]
    for record in RECORDS:
        assert record.read_text(encoding="utf-8").startswith(f"# {record.name[:4]} ")


def test_the_index_lists_every_record_with_a_line() -> None:
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| \S", index, re.M) == [(r.name[:4], r.name) for r in RECORDS]


def test_records_that_code_and_documents_refer_to_exist() -> None:
    names = {record.stem for record in RECORDS}
    for place in places():
        for reference in re.findall(r"decisions/(\d{4}[\w-]*)", place.read_text(encoding="utf-8")):
            assert any(name.startswith(reference) for name in names), f"{place.relative_to(ROOT)}: {reference}"
