"""The plan of the house, checked: the same rooms in every service, and pure models."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.web.problems import Texts
from tests.conftest import ROOT

SERVICES = ("registry", "points", "grid_patrol", "mediation")
MODELS = sorted(ROOT.glob("services/*/**/model.py"))


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    house = ROOT / "services" / service
    for room in ("__main__.py", "app.py", "settings.py", "migrations", "locales"):
        assert (house / room).exists(), f"services/{service}/{room} is missing"
    assert list(house.glob("*/model.py")), "a service has aggregates"


@pytest.mark.parametrize("model", MODELS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_model_imports_contracts_and_the_standard_library_only(model: Path) -> None:
    to_check, seen = [model], set()
    while to_check:
        path = to_check.pop()
        seen.add(path)
        for name in imports_of(path):
            top = name.partition(".")[0]
            if top in sys.stdlib_module_names or name.startswith("shared.contracts"):
                continue
            sibling = ROOT / Path(*name.split(".")).with_suffix(".py")
            within = name.startswith("services.") and sibling.exists() and sibling.is_relative_to(path.parent.parent)
            assert within, f"{path.relative_to(ROOT)} imports {name}"
            if sibling not in seen:
                to_check.append(sibling)


def test_files_and_functions_keep_to_one_room() -> None:
    """About 400 lines a file and 70 a function; a tenth more is tolerated, so that nobody counts lines."""
    too_long = []
    for path in [*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py"), *ROOT.glob("deploy/**/*.py")]:
        if "migrations" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 440:
            too_long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > 77 and not any(isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) for n in node.body):
                    too_long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines")
    assert too_long == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_refusal_has_a_text_in_both_languages(service: str) -> None:
    import importlib
    import pkgutil

    from shared.contracts import Refusal

    package = importlib.import_module(f"services.{service}")
    for module in pkgutil.walk_packages(package.__path__, f"services.{service}."):
        if not module.name.endswith((".__main__", ".env")) and ".migrations" not in module.name:
            importlib.import_module(module.name)
    texts = Texts([ROOT / "shared" / "locales", ROOT / "services" / service / "locales"])

    def all_below(kind: type[Refusal]) -> set[type[Refusal]]:
        return {kind} | {found for child in kind.__subclasses__() for found in all_below(child)}

    own = [
        kind
        for kind in all_below(Refusal)
        if kind.__module__.startswith((f"services.{service}.", "shared.")) and kind.code != "refused"
    ]
    missing = sorted({kind.code for kind in own} - (texts.codes("zh") & texts.codes("en")))
    assert missing == []


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_text_says_what_it_is_and_not_that_something_was_refused(service: str, language: str) -> None:
    """An empty one, too: there are words that a sentence is complete without."""
    texts = Texts([ROOT / "shared" / "locales", ROOT / "services" / service / "locales"])
    refused = texts.get(language, "refused", {"code": "?"})
    assert [code for code in texts.codes(language) if texts.get(language, code, {"code": "?"}) == refused] == [
        "refused"
    ]


def loaded(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is loaded: everything but the bodies of its functions."""
    yield node
    if isinstance(node, ast.Lambda):
        return
    function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in [*node.decorator_list, node.args] if function else ast.iter_child_nodes(node):
        yield from loaded(child)


def test_a_test_takes_the_day_when_it_runs() -> None:
    """A day that a module took when it was loaded is over when the clock strikes twelve before its tests are done."""
    clocks = {"now", "today", "system_clock", "morning"}
    taken = []
    for path in ROOT.glob("tests/**/*.py"):
        for node in loaded(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
                if name in clocks:
                    taken.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert taken == []
