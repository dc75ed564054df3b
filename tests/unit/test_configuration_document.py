"""docs/configuration.md names every setting with its default, its bounds and the meaning that stands in the code."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from services.grid_patrol.settings import GridPatrolSettings
from services.mediation.settings import MediationSettings
from services.points.settings import PointsSettings
from services.registry.settings import RegistrySettings
from shared.settings import Settings
from tests.conftest import ROOT

CHAPTERS: dict[str, type[Settings]] = {
    "每个服务 Every service": Settings,
    "grid_patrol": GridPatrolSettings,
    "mediation": MediationSettings,
    "points": PointsSettings,
    "registry": RegistrySettings,
}

Row = tuple[str, str, str]
"""Variable, default and range, as the document writes them."""


def rows(settings: type[Settings]) -> Iterator[Row]:
    """The settings that a class itself declares."""
    for name in settings.__annotations__:
        field = settings.model_fields.get(name)
        if field is not None:
            yield f"`{name.upper()}`", _default(field), _range(field)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "必需 required"
    value = field.default
    if value is None:
        return "—"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _range(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return " ".join(f"`{value}`" for value in get_args(field.annotation))
    bounds: dict[str, Any] = {
        kind: value
        for item in field.metadata
        for kind in ("ge", "le", "pattern")
        if (value := getattr(item, kind, None)) is not None
    }
    if "pattern" in bounds:
        return f"`{bounds['pattern']}`"
    if "le" in bounds:
        return f"{bounds['ge']}–{bounds['le']}"
    return f"≥ {bounds['ge']}" if bounds else ""


def meanings(settings: type[Settings]) -> dict[str, str]:
    """What stands under a setting in the code, by variable."""
    [body] = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for line, following in zip(body.body, body.body[1:], strict=False):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and isinstance(following, ast.Expr):
            assert isinstance(following.value, ast.Constant)
            found[f"`{line.target.id.upper()}`"] = " ".join(str(following.value.value).replace("``", "`").split())
    return found


def documented() -> dict[str, dict[Row, str]]:
    """The document's tables by chapter: what each row says a setting means."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    chapters = {}
    for chapter in text.split("\n## ")[1:]:
        title, _, body = chapter.partition("\n")
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\| `.*$", body, re.M)]
        chapters[title] = {(cell[0], cell[1], cell[2]): cell[3] for cell in cells}
    return chapters


def test_every_setting_is_documented_with_its_default_and_its_range() -> None:
    assert {title: list(table) for title, table in documented().items()} == {
        title: list(rows(settings)) for title, settings in CHAPTERS.items()
    }


def test_the_meaning_is_the_one_that_stands_in_the_code_in_chinese_first() -> None:
    tables = documented()
    for title, settings in CHAPTERS.items():
        known = meanings(settings)
        for (variable, _, _), meaning in tables[title].items():
            assert re.search(r"[一-鿿]", meaning[:12]), f"{variable} is not explained in Chinese"
            assert meaning.endswith(known.get(variable, "")), f"{variable}: {known[variable]}"
