"""A patrol grid on a fresh database with a few known volunteers, and shortcuts to its routes."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.conftest import COMMUNITY, Start
from tests.integration.office import Office


class Grid(Office):
    people: list[UUID]

    async def cells(self, *codes: str) -> None:
        await self.post("/v1/cells", community=COMMUNITY, cells=[{"cell": c, "area_m2": 10_000} for c in codes])

    async def crew(self, *members: UUID, kind: str = "volunteer") -> str:
        """Form a crew under a name of its own."""
        name = f"样例{uuid4().hex[:6]}组"
        body = {"community": COMMUNITY, "name": name, "kind": kind, "members": [str(m) for m in members]}
        return (await self.ok(self.clerk.post("/v1/crews", json=body), 201))["crew_id"]

    def shift_body(self, crew: str, members: list[UUID], begins: float, minutes: float, cells: tuple[str, ...]) -> Any:
        return {
            "crew_id": crew,
            "cells": list(cells),
            "members": [str(member) for member in members],
            "planned_start": self.at(minutes=begins),
            "planned_end": self.at(minutes=begins + minutes),
        }

    async def shift(
        self, crew: str, members: list[UUID], begins: float = -120, minutes: float = 120, cells: Any = ("A", "B")
    ) -> str:
        """Plan a shift that begins so many minutes from now."""
        body = self.shift_body(crew, members, begins, minutes, cells)
        return (await self.ok(self.clerk.post("/v1/shifts", json=body), 201))["shift_id"]

    def scan(self, who: UUID, cell: str = "A", at: float = -60, device: str = "device-1") -> dict[str, str]:
        return {"cell": cell, "volunteer_id": str(who), "device_id": device, "device_time": self.at(minutes=at)}


@pytest.fixture
async def grid(start: Start) -> AsyncIterator[Grid]:
    ready = await Grid.opened(start, "grid_patrol", volunteer_wait_max_ms=0)
    ready.people = await ready.hear_of(4)
    yield ready
    await ready.verify()
