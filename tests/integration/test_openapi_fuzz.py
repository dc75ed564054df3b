"""Hostile and half-right requests against all four documents: a problem with a reason, never a 500."""

import asyncio
import contextlib
import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
import uvicorn

from deploy.local.ports import free_port
from tests.conftest import DISTRICT, ROOT, until
from tests.services import ALL

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"

OPERATIONS_AT_ONCE = 64
"""What one case walks at most: few enough to come nowhere near its limit, and to say where something is wrong; many
enough that reading the document, which takes as long as fifty requests, is not most of it.
"""


def rooms_of(name: str) -> list[list[str]]:
    """The first parts of a service's paths, `/v1/<room>`, in groups of about `OPERATIONS_AT_ONCE` operations.

    Read from the committed document, which a test compares with the service: what is not in it is not forgotten.
    """
    paths = json.loads((ROOT / f"docs/api/openapi-{name}.json").read_text())["paths"]
    operations = Counter[str]()
    for path, methods in paths.items():
        operations["/".join(path.split("/")[:3])] += len(methods)
    groups: list[list[str]] = [[]]
    for room, count in sorted(operations.items()):
        if groups[-1] and sum(operations[one] for one in groups[-1]) + count > OPERATIONS_AT_ONCE:
            groups.append([])
        groups[-1].append(room)
    return groups


CASES = [
    pytest.param(name, rooms, id=f"{name}-{number}")
    for name in ALL
    for number, rooms in enumerate(rooms_of(name), start=1)
]


@pytest.mark.timeout(480)
@pytest.mark.parametrize(("name", "rooms"), CASES)
async def test_no_request_is_answered_with_a_500(start, issuer, name: str, rooms: list[str], tmp_path: Path) -> None:
    build, settings = ALL[name]
    # Invented volunteers are never heard of: no use in waiting for news of them.
    running = await start(build, settings=settings, working=False, volunteer_wait_max_ms=0)
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(running.service.app, host="127.0.0.1", port=port, log_level="warning", loop="none")
    )
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await until(started)
    # As a file: over HTTP it has to be there within ten seconds, also on a machine that has more to do.
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(running.service.app.openapi()))
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        str(document),
        *("--url", f"http://127.0.0.1:{port}"),
        *("--header", f"Authorization: Bearer {issuer.token('district', DISTRICT)}"),
        *("--checks", CHECKS),
        *("--phases", "examples,coverage,fuzzing"),
        *("--include-path-regex", f"^({'|'.join(map(re.escape, rooms))})(/.*)?$"),
        *("--max-examples", "6", "--seed", "6", "--suppress-health-check", "all", "--no-color"),
        "--continue-on-failure",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )
    output, _ = await process.communicate()
    server.should_exit = True
    await serving
    assert process.returncode == 0, output.decode()[-6000:]
