"""The committed documents follow from the classes, and the classes keep to everything that was ever released."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import AwareDatetime

from shared.contracts.catalogue import Catalogue, documents, problems, write
from shared.contracts.event import Event, event_types
from shared.contracts.guide import with_generated_parts
from shared.contracts.schema import FOLDER, as_json, published_types, schema_of
from tests.conftest import ROOT

TODAY = Catalogue(published_types())


def test_everything_committed_is_up_to_date_and_compatible_with_every_release() -> None:
    """If this fails: run `make contracts`, and read what it says."""
    assert problems(TODAY, documents(TODAY)) == []


def test_all_four_contexts_are_in_the_catalogue() -> None:
    assert {event_type.CONTEXT for event_type in TODAY.types.values()} == {
        "registry",
        "points",
        "grid_patrol",
        "mediation",
    }


def test_every_schema_carries_the_name_that_the_envelope_points_to() -> None:
    for name, schema in TODAY.schemas.items():
        assert schema["$id"] == f"urn:liuling:schema:{name.removeprefix('liuling.')}"
        assert schema["title"]
        assert schema["description"]


def test_enumerations_are_published_as_open() -> None:
    schema = schema_of(TODAY.types["liuling.registry.ActivityCompleted.v1"])
    assert "enum" not in json.dumps(schema).replace("x-extensible-enum", "")
    assert "scanned" in schema["$defs"]["Evidence"]["x-extensible-enum"]


def test_the_command_says_that_all_is_well() -> None:
    command = [sys.executable, "-m", "shared.contracts.catalogue", "check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "事件契约一致" in done.stdout


# --- a small catalogue of its own: what a release holds people to ----------------------------------------------------


def bell(version: int = 1, **fields: Any) -> type[Event]:
    """A class `BellRung` with these fields, outside the common register."""
    name = "BellRung" if version == 1 else f"BellRungV{version}"
    annotations = {key: value[0] if isinstance(value, tuple) else value for key, value in fields.items()}
    defaults = {key: value[1] for key, value in fields.items() if isinstance(value, tuple)}
    known = f"liuling.registry.BellRung.v{version}"
    body = {"__annotations__": annotations, "__doc__": "A bell rang.", "__module__": __name__, **defaults}
    try:
        made: type[Event] = type(Event)(name, (Event,), body, context="registry", version=version)
    finally:
        from shared.contracts import event

        event._REGISTER.pop(known, None)
    return made


def catalogue(folder: Path, *types: type[Event]) -> Catalogue:
    return Catalogue({f"liuling.registry.{kind.NAME}.v{kind.VERSION}": kind for kind in types}, folder)


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A folder in which `BellRung` with a moment and an optional count was released as 0.1.0."""
    first = catalogue(tmp_path, bell(rung_at=AwareDatetime, strokes=(int, 1)))
    write_files(first)
    assert first.release("0.1.0") is not None
    return tmp_path


def write_files(some: Catalogue) -> None:
    for path, text in some.files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def test_a_test_of_ours_leaves_the_register_as_it_was() -> None:
    before = dict(event_types())
    bell(rung_at=AwareDatetime)
    assert event_types() == before


def test_the_released_class_keeps_to_itself(released: Path) -> None:
    assert catalogue(released, bell(rung_at=AwareDatetime, strokes=(int, 1))).incompatibilities() == []


def test_optional_fields_may_come_and_go(released: Path) -> None:
    assert catalogue(released, bell(rung_at=AwareDatetime, tower=(str | None, None))).incompatibilities() == []


def test_a_required_field_may_not_come(released: Path) -> None:
    found = catalogue(released, bell(rung_at=AwareDatetime, strokes=(int, 1), tower=str)).incompatibilities()
    assert [(release, broken.code) for release, _, broken in found] == [("0.1.0", "field_added_required")]


def test_a_released_event_type_may_not_go(released: Path) -> None:
    found = catalogue(released).incompatibilities()
    assert [broken.code for _, _, broken in found] == ["event_type_removed"]


def test_every_release_counts_not_only_the_last(released: Path) -> None:
    """A field that went and comes back as something else fits the last release, and not the first."""
    without = catalogue(released, bell(rung_at=AwareDatetime))
    assert without.release("0.2.0") is not None
    back = catalogue(released, bell(rung_at=AwareDatetime, strokes=(str | None, None)))
    assert {(release, broken.code) for release, _, broken in back.incompatibilities()} == {
        ("0.1.0", "type_changed"),
        ("0.1.0", "default_changed"),
        ("0.1.0", "nullable_added"),
    }


def test_a_release_holds_only_what_is_new(released: Path) -> None:
    old = bell(rung_at=AwareDatetime, strokes=(int, 1))
    assert catalogue(released, old).release("0.2.0") is None
    path = catalogue(released, upcasting(old), bell(2, rung_at=AwareDatetime, tower=str)).release("0.2.0")
    assert path is not None
    assert list(json.loads(path.read_text("utf-8"))) == ["liuling.registry.BellRung.v2"]


@pytest.mark.parametrize("name", ["0.1.0", "0.0.9", "1", "../0.2.0", "0.2.0-rc1"])
def test_a_release_comes_after_the_last_one(released: Path, name: str) -> None:
    with pytest.raises(ValueError):
        catalogue(released, bell(rung_at=AwareDatetime)).release(name)


def test_ten_comes_after_nine(released: Path) -> None:
    catalogue(released, bell(rung_at=AwareDatetime)).release("0.9.0")
    assert catalogue(released, bell(rung_at=AwareDatetime, a=(int, 1))).release("0.10.0") is not None
    assert list(catalogue(released).releases) == ["0.1.0", "0.9.0", "0.10.0"]


def upcasting(event_type: type[Event]) -> type[Event]:
    event_type.upcast = lambda self: self  # type: ignore[method-assign]
    return event_type


def test_a_superseded_version_needs_an_upcast_and_the_newest_must_not_have_one(tmp_path: Path) -> None:
    old, new = bell(rung_at=AwareDatetime), bell(2, rung_at=AwareDatetime, tower=str)
    assert catalogue(tmp_path, old, new).unlinked() == [old]
    assert catalogue(tmp_path, old, upcasting(new)).unlinked() == [old, new]
    assert catalogue(tmp_path, upcasting(old), new).unlinked() == [new]


def test_the_golden_file_of_a_released_type_is_never_written_again(released: Path) -> None:
    grown = catalogue(released, bell(rung_at=AwareDatetime, strokes=(int, 1), tower=(str | None, None)))
    paths = {path.relative_to(released).as_posix() for path in grown.files()}
    assert paths == {"schemas/registry/BellRung.v1.json"}


def test_files_of_a_class_that_is_gone_are_strays_unless_it_was_released(tmp_path: Path) -> None:
    write_files(catalogue(tmp_path, bell(rung_at=AwareDatetime)))
    assert [path.name for path in catalogue(tmp_path).strays()] == ["BellRung.v1.json", "BellRung.v1.json"]
    catalogue(tmp_path, bell(rung_at=AwareDatetime)).release("0.1.0")
    assert catalogue(tmp_path).strays() == []


def test_a_change_that_was_not_written_down_is_told_in_two_languages(tmp_path: Path) -> None:
    sentences = problems(catalogue(tmp_path, bell(rung_at=AwareDatetime)), {})
    assert any("运行 `make contracts`" in s and "run `make contracts`" in s for s in sentences)
    assert any("titles_zh.json" in sentence for sentence in sentences)


def test_an_incompatible_change_is_told_with_its_remedy(released: Path) -> None:
    sentences = problems(catalogue(released, bell(rung_at=AwareDatetime, strokes=int)), {})
    (told,) = [sentence for sentence in sentences if "不兼容" in sentence]
    assert "strokes" in told
    assert "upcast" in told


def test_writing_twice_changes_nothing() -> None:
    assert write(TODAY, documents(TODAY)) == []


def test_only_what_stands_between_marks_is_generated() -> None:
    text = "before\n<!-- generated: topics -->\nof yesterday\n<!-- end -->\nafter\n"
    made = with_generated_parts(text, TODAY.types)
    assert made.startswith("before\n")
    assert made.endswith("after\n")
    assert "of yesterday" not in made
    assert with_generated_parts(made, TODAY.types) == made


def test_documents_are_written_the_same_way_everywhere() -> None:
    for path in FOLDER.glob("schemas/*/*.json"):
        text = path.read_text("utf-8")
        assert text == as_json(json.loads(text)), path.name
