"""Documents that repeat what the code knows are compared with it."""

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
