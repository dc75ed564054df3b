"""Documents that repeat what the code knows are compared with it."""

import json
import re
from pathlib import Path

import pytest

from shared import metrics
from tests.conftest import ROOT


def metric_rows() -> list[str]:
    rows = []
    for family in metrics.REGISTRY.collect():
        kind = {"counter": "_total"}.get(family.type, "")
        labels = {
            name
            for collector in [getattr(metrics, attribute) for attribute in dir(metrics) if attribute.isupper()]
            if getattr(collector, "_name", None) == family.name
            for name in collector._labelnames
        }
        rows.append(
            f"| `{family.name}{kind}` | {family.type} | {', '.join(sorted(labels)) or '—'} | {family.documentation} |"
        )
    return rows


def test_the_metrics_document_is_the_closed_list() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    listed = [line for line in text.splitlines() if line.startswith("| `liuling_")]
    assert listed == metric_rows()


DOCUMENTS = [ROOT / "README.md", ROOT / "deploy" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMED_PATH = re.compile(r"(?:(GET|POST|PUT|DELETE) )?(/v1/[^\s`?，。；、）(]+)")


def served() -> set[tuple[str, str]]:
    """Method and path, with parameters as a pattern."""
    documents = [json.loads(path.read_text("utf-8")) for path in (ROOT / "docs" / "api").glob("openapi-*.json")]
    return {
        (method.upper(), re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)))
        for document in documents
        for path, methods in document["paths"].items()
        for method in methods
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_document_names_is_served(document: Path) -> None:
    named = NAMED_PATH.findall(document.read_text(encoding="utf-8"))
    routes = served()
    missing = [
        f"{method} {path}"
        for method, path in named
        if not any(re.fullmatch(pattern, path) and method in ("", served_by) for served_by, pattern in routes)
    ]
    assert not missing


def test_every_metric_that_the_operations_document_names_exists() -> None:
    listed = {name for row in metric_rows() for name in re.findall(r"`(liuling_[a-z_]+)`", row)}
    named = set(re.findall(r"liuling_[a-z_]+", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
    assert named <= listed
