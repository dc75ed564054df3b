"""Memory of each service at rest, and how soon it is ready. Floors: 150 MB, 3 s.

The start is measured from the process's first instruction to the first 200 of ``/health/ready``; the median of five.
"""

import statistics
import time

from deploy.local.stack import SERVICES
from tests.bench.measuring import report, rss_mb, stack

RUNS = 5
SETTLE_S = 5.0


def main() -> None:
    with stack() as running:
        for name in SERVICES:
            running.migrate(name)
        figures: dict[str, float] = {}
        for name in SERVICES:
            starts = []
            for _ in range(RUNS):
                started = time.perf_counter()
                handle = running.start_service(name)
                starts.append(time.perf_counter() - started)
                if len(starts) < RUNS:
                    handle.stop()
            time.sleep(SETTLE_S)  # what start-up needed for a moment is given back
            figures[f"{name}_ready_s"] = statistics.median(starts)
            figures[f"{name}_rss_mb"] = rss_mb(handle.pid)
            handle.stop()
        worst = {
            "ready_s_max": max(v for k, v in figures.items() if k.endswith("_ready_s")),
            "rss_mb_max": max(v for k, v in figures.items() if k.endswith("_rss_mb")),
        }
        report("idle_service", **worst, **figures)


if __name__ == "__main__":
    main()
