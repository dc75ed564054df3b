"""What the demo says of a year: examples are called examples, and what was kept can be opened again."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from deploy.demo import __main__ as demo
from deploy.demo.report import explained


def line(number: int, reason: str, amount: int, balance: int) -> dict[str, object]:
    day = f"2026-03-{number:02}T10:00:00Z"
    return {
        "id": number, "reason": reason, "amount": amount, "balance_after": balance,
        "occurred_at": day, "text": f"第 {number} 笔",
    }  # fmt: skip


def test_lines_picked_out_are_called_examples_and_not_a_statement() -> None:
    newest_first = [line(3, "redemption", -15, 62), line(2, "rate", 37, 77), line(1, "rate", 40, 40)]
    console = Console(file=io.StringIO(), width=120)
    explained(console, {"holder": "someone", "text": "余额 62 积分。", "items": newest_first}, {"someone": "000118"})
    shown = console.file.getvalue()
    assert "每种原因各举一例" in shown
    assert "从 3 笔中挑出的例子，不是连续的流水" in shown
    assert "第 1 笔" not in shown, "of each reason the latest"


def test_a_year_that_was_kept_says_how_to_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIULING_DATA", str(tmp_path / "usual"))
    assert demo._to_look_at(tmp_path / "usual") == "make up"
    assert demo._to_look_at(tmp_path / "a year") == f"LIULING_DATA='{tmp_path / 'a year'}' make up"
