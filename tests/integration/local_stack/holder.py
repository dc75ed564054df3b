"""A process that holds a stack until it is killed: `python -m tests.integration.local_stack.holder FOLDER BROKER`.

It prints one JSON line with the processes and addresses, and then waits for the end of its standard input.
"""

import json
import os
import sys
from pathlib import Path

import psutil

from deploy.local.stack import LocalStack


def main() -> None:
    folder, broker = Path(sys.argv[1]), sys.argv[2]
    with LocalStack(folder, broker=broker) as stack:  # type: ignore[arg-type]
        tree = psutil.Process().children(recursive=True)
        print(
            json.dumps(
                {
                    "pids": [process.pid for process in tree],
                    "warden": next(p.pid for p in tree if any("warden_main" in part for part in p.cmdline())),
                    "user": os.geteuid(),
                    "broker": stack.broker_kind,
                    "bootstrap": stack.kafka_bootstrap,
                    "database_url": stack.create_database("kept"),
                }
            ),
            flush=True,
        )
        sys.stdin.read()


if __name__ == "__main__":
    main()
