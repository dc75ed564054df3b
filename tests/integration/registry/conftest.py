"""A registry on a fresh database with the organisation tree in it, and shortcuts to its routes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.registry.app import build
from services.registry.importing.identity import check_character
from services.registry.settings import RegistrySettings
from shared.service import Service
from shared.settings import Settings
from tests.conftest import COMMUNITY, DISTRICT, Running, Start

DIVISIONS = Path("services/registry/organisation/data/jiayuguan-divisions.csv").read_bytes()
NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)


class TestClock:
    """A clock that stands still until it is moved."""

    __test__ = False

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


def id_number(sequence: int, born: date = date(1985, 6, 14)) -> str:
    """A synthetic ID number of the community's county that passes the checks; the sequence makes it unique."""
    day = born - timedelta(days=sequence // 1000)
    first = f"620201{day:%Y%m%d}{sequence % 1000:03d}"
    return first + check_character(first)


@dataclass
class Registry:
    running: Running
    clock: TestClock
    clerk: httpx.AsyncClient

    async def ok(self, response: Any, status: int | None = None) -> Any:
        answer = await response
        assert answer.status_code == status if status else answer.status_code < 300, answer.text
        return answer.json()

    async def refused(self, response: Any, status: int, code: str) -> Any:
        answer = await response
        assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
        assert "{" not in answer.json()["detail"], answer.text
        return answer.json()

    async def volunteer(self, sequence: int = 1, client: httpx.AsyncClient | None = None, **body: Any) -> Any:
        """Register a synthetic person."""
        return await self.ok((client or self.clerk).post("/v1/volunteers", json=self.person(sequence, **body)), 201)

    def person(self, sequence: int = 1, **body: Any) -> dict[str, Any]:
        return {
            "community": COMMUNITY,
            "name": "样例甲",
            "id_number": id_number(sequence),
            "phone": f"139{sequence:08d}",
            "consent": True,
            **body,
        }

    async def team(self, name: str = "样例巾帼队", **body: Any) -> Any:
        return await self.ok(
            self.clerk.post("/v1/teams", json={"community": COMMUNITY, "name": name, "kind": "women", **body}), 201
        )

    async def activity(self, start: float = -3, hours: float = 2, **body: Any) -> Any:
        """Publish an activity that starts so many hours from now."""
        begin = self.clock.now + timedelta(hours=start)
        return await self.ok(
            self.clerk.post(
                "/v1/activities",
                json={
                    "community": COMMUNITY,
                    "title": "样例活动",
                    "category": "environment",
                    "planned_start": begin.isoformat(),
                    "planned_end": (begin + timedelta(hours=hours)).isoformat(),
                    **body,
                },
            ),
            201,
        )

    def at(self, hours: float) -> str:
        return (self.clock.now + timedelta(hours=hours)).isoformat()

    async def post(self, path: str, **body: Any) -> Any:
        return await self.ok(self.clerk.post(path, json=body))

    def client(self, role: str = "community", node: str = COMMUNITY, subject: str | None = None) -> httpx.AsyncClient:
        return self.running.client(role, node, subject)

    async def verify(self) -> None:
        """Every read table is what the events give."""
        service = self.running.service

        async def rows(connection: Any) -> dict[str, list[str]]:
            return {
                table.name: sorted(
                    row[0] for row in await connection.exec_driver_sql(f"SELECT t::text FROM {table.name} t")
                )
                for table in service.views.tables
            }

        async with service.database.reading() as connection:
            before = await rows(connection)
            await service.views.rebuild(connection)
            after = await rows(connection)
            await connection.rollback()
        assert after == before


@pytest.fixture
async def registry(start: Start) -> AsyncIterator[Registry]:
    clock = TestClock()

    def at_our_time(settings: Settings) -> Service:
        return build(settings, clock)

    running = await start(at_our_time, working=False, settings=RegistrySettings)
    district = running.client("district", DISTRICT)
    answer = await district.post(
        "/v1/organisation/imports", files={"file": ("divisions.csv", DIVISIONS)}, data={"source": "test"}
    )
    assert answer.status_code == 201, answer.text
    ready = Registry(running, clock, running.client())
    yield ready
    await ready.verify()
