"""Mediation on a fresh database with a few known volunteers, and shortcuts to its routes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.mediation.app import build
from services.mediation.settings import MediationSettings
from shared.service import Service
from shared.settings import Settings
from tests.conftest import COMMUNITY, Running, Start
from tests.integration.grid_patrol.telling import registered, tell

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


@dataclass
class Committee:
    running: Running
    clock: TestClock
    clerk: httpx.AsyncClient
    people: list[UUID]

    async def ok(self, response: Any, status: int | None = None) -> Any:
        answer = await response
        assert answer.status_code == status if status else answer.status_code < 300, answer.text
        return answer.json()

    async def refused(self, response: Any, status: int, code: str) -> Any:
        answer = await response
        assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
        assert "{" not in answer.json()["detail"], answer.text
        return answer.json()

    async def post(self, path: str, **body: Any) -> Any:
        return await self.ok(self.clerk.post(path, json=body))

    async def get(self, path: str, **params: Any) -> Any:
        return await self.ok(self.clerk.get(path, params=params))

    def client(self, role: str = "community", node: str = COMMUNITY, subject: str | None = None) -> httpx.AsyncClient:
        return self.running.client(role, node, subject)

    def at(self, hours: float) -> str:
        return (self.clock.now + timedelta(hours=hours)).isoformat()

    def body(self, **changes: Any) -> dict[str, Any]:
        return {
            "community": COMMUNITY,
            "kind": "neighbour",
            "risk": "yellow",
            "parties": [
                {"name": "样例申请人", "phone": "139 0000 1234", "role": "applicant"},
                {"name": "样例被申请人", "address": "样例小区1号楼", "role": "respondent"},
            ],
            "account": "样例：楼道堆放杂物引起争执",
            "filed_at": self.at(-48),
            **changes,
        }

    async def case(self, *mediators: UUID, **changes: Any) -> str:
        """File a case two days ago and assign these mediators."""
        filed = await self.ok(self.clerk.post("/v1/cases", json=self.body(**changes)), 201)
        case: str = filed["case_id"]
        for mediator in mediators:
            await self.post(f"/v1/cases/{case}/mediators", mediator_id=str(mediator), assigned_at=self.at(-47))
        return case

    async def hold(self, case: str, at: float = -24, minutes: int = 60, **body: Any) -> Any:
        """Enter a session that began so many hours from now."""
        return await self.post(
            f"/v1/cases/{case}/sessions", started_at=self.at(at), minutes=minutes, **{"record_signed": True, **body}
        )

    async def events(self, name: str) -> list[dict[str, Any]]:
        rows = await self.running.rows(
            "SELECT data FROM events WHERE type = :type ORDER BY position", type=f"liuling.mediation.{name}.v1"
        )
        return [row[0] for row in rows]

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
async def committee(start: Start) -> AsyncIterator[Committee]:
    clock = TestClock()

    def at_our_time(settings: Settings) -> Service:
        return build(settings, clock)

    running = await start(at_our_time, working=False, settings=MediationSettings, volunteer_wait_max_ms=0)
    people = sorted(uuid4() for _ in range(4))
    await tell(running.service, *(registered(person) for person in people))
    ready = Committee(running, clock, running.client(), people)
    yield ready
    await ready.verify()
