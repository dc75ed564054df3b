"""A patrol grid on a fresh database with a few known volunteers, and shortcuts to its routes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.grid_patrol.app import build
from services.grid_patrol.settings import GridPatrolSettings
from shared.service import Service
from shared.settings import Settings
from tests.conftest import COMMUNITY, Running, Start
from tests.integration.grid_patrol.telling import registered, tell

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
"""20:00 in Jiayuguan."""


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
class Grid:
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

    def at(self, minutes: float) -> str:
        return (self.clock.now + timedelta(minutes=minutes)).isoformat()

    async def cells(self, *codes: str) -> None:
        await self.post("/v1/cells", community=COMMUNITY, cells=[{"cell": c, "area_m2": 10_000} for c in codes])

    async def crew(self, *members: UUID, kind: str = "volunteer") -> str:
        body = {"community": COMMUNITY, "name": "样例一组", "kind": kind, "members": [str(m) for m in members]}
        return (await self.ok(self.clerk.post("/v1/crews", json=body), 201))["crew_id"]

    def shift_body(self, crew: str, members: list[UUID], begins: float, minutes: float, cells: tuple[str, ...]) -> Any:
        return {
            "crew_id": crew,
            "cells": list(cells),
            "members": [str(member) for member in members],
            "planned_start": self.at(begins),
            "planned_end": self.at(begins + minutes),
        }

    async def shift(
        self, crew: str, members: list[UUID], begins: float = -120, minutes: float = 120, cells: Any = ("A", "B")
    ) -> str:
        """Plan a shift that begins so many minutes from now."""
        body = self.shift_body(crew, members, begins, minutes, cells)
        return (await self.ok(self.clerk.post("/v1/shifts", json=body), 201))["shift_id"]

    def scan(self, who: UUID, cell: str = "A", at: float = -60, device: str = "device-1") -> dict[str, str]:
        return {"cell": cell, "volunteer_id": str(who), "device_id": device, "device_time": self.at(at)}

    async def events(self, name: str) -> list[dict[str, Any]]:
        rows = await self.running.rows(
            "SELECT data FROM events WHERE type = :type ORDER BY position", type=f"liuling.grid_patrol.{name}.v1"
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
async def grid(start: Start) -> AsyncIterator[Grid]:
    clock = TestClock()

    def at_our_time(settings: Settings) -> Service:
        return build(settings, clock)

    running = await start(at_our_time, working=False, settings=GridPatrolSettings, volunteer_wait_max_ms=0)
    people = sorted(uuid4() for _ in range(4))
    await tell(running.service, *(registered(person) for person in people))
    ready = Grid(running, clock, running.client(), people)
    yield ready
    await ready.verify()
