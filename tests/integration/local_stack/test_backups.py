"""`deploy/backup.sh` on a real PostgreSQL; a stand-in for docker runs here what it runs in the containers."""

import os
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from tests.conftest import ROOT

_DOCKER = """#!/usr/bin/env bash
shift 3
if [ "$1" = exec ]; then shift 3; exec "$@"; fi
echo "$@" >>"$DOCKER_LOG"
"""


@pytest.fixture
def backup(stack: Any, tmp_path: Path) -> Any:
    if not hasattr(stack.postgres, "_binaries"):
        pytest.skip("the server is somebody else's, and so are its programs")
    docker, log = tmp_path / "bin" / "docker", tmp_path / "log"
    docker.parent.mkdir()
    docker.write_text(_DOCKER)
    docker.chmod(stat.S_IRWXU)
    admin = make_url(stack.postgres.admin_url())

    def run(*arguments: str) -> tuple[str, list[str]]:
        environment = {
            "PATH": f"{docker.parent}:{stack.postgres._binaries}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(admin.port),
            "PGPASSWORD": str(admin.password),
            "DOCKER_LOG": str(log),
            "LIULING_BACKUPS": str(tmp_path / "backups"),
        }
        done = subprocess.run(
            ["bash", ROOT / "deploy" / "backup.sh", *arguments], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, log.read_text().splitlines() if log.exists() else []

    return run


async def test_a_dump_takes_the_place_of_a_database_which_stays_under_another_name(
    stack: Any, backup: Any, tmp_path: Path
) -> None:
    url = stack.create_database("mediation")

    async def numbers(*statements: str) -> list[int]:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
            return [row[0] for row in await connection.fetch("SELECT n FROM numbers ORDER BY n")]
        finally:
            await connection.close()

    # As migrations do: an extension that owners of databases may make.
    make = ("CREATE EXTENSION btree_gist", "CREATE TABLE numbers (n int PRIMARY KEY)", "INSERT INTO numbers VALUES (1)")
    assert await numbers(*make) == [1]
    old = {"20250103T010000Z": 365, "20260103T010000Z": 3, "20260103T020000Z": 3, "20260104T010000Z": 2}
    folder = tmp_path / "backups"
    folder.mkdir()
    for moment, days in old.items():
        file = folder / f"mediation-{moment}.dump"
        file.touch()
        os.utime(file, (time.time() - days * 86400 - 60,) * 2)
    told, _ = backup("mediation")
    *first_of_days, dump = sorted(folder.iterdir())
    assert [file.name for file in first_of_days] == [f"mediation-2026010{day}T010000Z.dump" for day in (3, 4)]
    assert str(dump) in told
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    assert await numbers("INSERT INTO numbers VALUES (2)") == [1, 2]
    told, commands = backup("restore", "mediation", str(dump))
    assert "mediation_before_" in told
    assert commands == [
        "stop mediation",
        "up -d --wait postgres kafka",
        "run --rm mediation-migrate",
        "run --rm --no-deps mediation python -m services.mediation recover",
        "up -d --wait mediation",
    ]
    assert await numbers("INSERT INTO numbers VALUES (3)") == [1, 3], "its owner may write"
