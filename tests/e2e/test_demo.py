"""The main job, as a person runs it: its last line, its exit code, and that nothing personal got out."""

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

LAST_LINE = re.compile(
    r"^demo: ok — volunteers 940, events (\d+), transfers (\d+), ledger sum 0, rebuild identical, (\d+) s$"
)


@pytest.mark.timeout(900)
def test_a_communitys_year_ends_in_a_ledger_that_is_proven() -> None:
    """The demo itself greps every topic and every log for the names and numbers of its register, and fails on one."""
    done = subprocess.run([sys.executable, "-m", "deploy.demo"], cwd=ROOT, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    match = LAST_LINE.match(lines[-1])
    assert match is not None, lines[-1]
    events, transfers = int(match[1]), int(match[2])
    assert events > 5_000
    assert transfers > 5_000
    for shown in (
        "已授予 granted",
        "未受理 refused",
        "核验页可打开",
        "(confirmed)",
        "已排除 dismissed",
        "一日时长过多",
        "活动中发给居民 handed out",
    ):
        assert shown in done.stdout, shown
    assert "no name, ID number or phone in topics or logs: True" in done.stdout.replace("\n", " ").replace("  ", " ")
