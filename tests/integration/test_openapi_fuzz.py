"""Hostile and half-right requests against all four documents: a problem with a reason, never a 500."""

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest
import uvicorn

from deploy.local.ports import free_port
from tests.conftest import DISTRICT, until
from tests.services import ALL

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ALL)
async def test_no_request_is_answered_with_a_500(start, issuer, name: str, tmp_path: Path) -> None:
    build, settings = ALL[name]
    running = await start(build, settings=settings, working=False)
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(running.service.app, host="127.0.0.1", port=port, log_level="warning", loop="none")
    )
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(server.serve())

    async def started() -> bool:
        return server.started

    await until(started)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        f"http://127.0.0.1:{port}/openapi.json",
        *("--header", f"Authorization: Bearer {issuer.token('district', DISTRICT)}"),
        *("--checks", CHECKS),
        *("--phases", "examples,coverage,fuzzing"),
        *("--max-examples", "12", "--seed", "6", "--suppress-health-check", "all", "--no-color"),
        "--continue-on-failure",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
    )
    output, _ = await process.communicate()
    server.should_exit = True
    await serving
    assert process.returncode == 0, output.decode()[-6000:]
