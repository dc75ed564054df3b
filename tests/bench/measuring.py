"""What the benchmarks share: a stack of their own, percentiles, memory, and the one line each prints."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from deploy.local.stack import LocalStack


@contextmanager
def stack(*services: str, **settings: str) -> Iterator[LocalStack]:
    """A fresh stack with these services, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="liuling-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with LocalStack(Path(folder), services=services, settings=settings) as running:
            yield running


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB (10^6 bytes)."""
    return psutil.Process(pid).memory_info().rss / 1e6


def report(bench: str, **figures: Any) -> None:
    """The one JSON line."""
    rounded = {name: round(value, 2) if isinstance(value, float) else value for name, value in figures.items()}
    print(json.dumps({"bench": bench, **rounded}), flush=True)
