"""`make bench`: every benchmark in a process of its own, one JSON line each; a name as argument runs only that."""

import subprocess
import sys

BENCHES = ("points_ingest", "points_reads", "click_to_balance", "idle_service", "dry_run", "redeem_race")


def main(only: list[str]) -> int:
    unknown = set(only) - set(BENCHES)
    if unknown:
        print(f"没有这个基准 no such benchmark: {', '.join(sorted(unknown))}; 有 there are: {', '.join(BENCHES)}")
        return 2
    codes = [
        subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False).returncode
        for name in only or BENCHES
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
